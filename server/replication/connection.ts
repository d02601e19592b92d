import { Readable } from 'node:stream'
import { Agent, type Dispatcher, request } from 'undici'
import { messageOf, Unavailable } from '../errors.ts'
import { masterName, readCa } from '../mode/certificates.ts'
import { readCredential, refuseCredential } from '../mode/credential.ts'
import { epochName } from '../mode/epoch.ts'
import type { Db } from '../store/db.ts'
import { onDisk } from '../store/disk.ts'
import { version } from '../version.ts'
import { type Coding, codingIn, unpacked } from './coding.ts'
import { headers, type Problem, protocol } from './wire.ts'

/** A slave's line to its master: TLS to the pinned CA and to the master's own name, nothing else. */
export type Connection = {
  url: string
  agent: Agent
  headers: Record<string, string>
  /** The data directory with the credentials to ask with; undefined: it asks as nobody. */
  as: string | undefined
}

export const longPollSeconds = 30

export function openConnection(url: string, ca: string, clusterId: string, as?: string): Connection {
  return {
    url,
    agent: new Agent({
      connect: { ca, servername: masterName(clusterId), minVersion: 'TLSv1.2', timeout: 10_000 },
      connections: 2,
      pipelining: 1,
      headersTimeout: (longPollSeconds + 15) * 1000,
      bodyTimeout: 60_000,
    }),
    headers: {
      [headers.cluster]: clusterId,
      'sync-protocol': String(protocol),
      'sync-version': version,
      'accept-encoding': 'br, gzip',
    },
    as,
  }
}

/** The line of a slave that has joined. */
export function connectionToMaster(db: Db): Connection {
  const ca = readCa(db.dir)
  if (!db.local.masterUrl || !ca || !readCredential(db.dir))
    throw new Unavailable('This node has not joined a master yet.')
  return openConnection(db.local.masterUrl, ca, db.position.clusterId, db.dir)
}

/** A line to the master that is kept; another one as soon as this node has another master, or another credential. */
export function masterLine(db: Db): { open: () => Connection; close: () => Promise<void> } {
  let kept: Connection | undefined
  let to: string | undefined
  const close = async () => {
    const { agent } = kept ?? {}
    kept = undefined
    await agent?.destroy().catch(() => {})
  }
  return {
    open: () => {
      const now = `${db.local.masterUrl} ${db.local.since}`
      if (kept && to !== now) void close()
      to = now
      kept ??= connectionToMaster(db)
      return kept
    },
    close,
  }
}

/** What the master refused, by its problem code. */
export class MasterRefused extends Error {
  readonly status: number
  readonly code: string
  readonly retryAfterSeconds: number | undefined
  readonly problem: Partial<Problem>
  constructor(status: number, problem: Partial<Problem>, retryAfter?: string) {
    super(problem.detail ?? problem.title ?? `the master answered ${status}`)
    this.status = status
    this.code = problem.code ?? `http-${status}`
    this.retryAfterSeconds = retryAfter === undefined ? undefined : Number(retryAfter) || undefined
    this.problem = problem
  }
}

/** `body` as it is packed on the line. */
export type MasterAnswer = {
  status: number
  headers: Dispatcher.ResponseData['headers']
  body: Readable
  coding: Coding
}

type Given = {
  method?: 'GET' | 'POST'
  json?: unknown
  signal?: AbortSignal
  headers?: Record<string, string>
  /** Told when the line stands and `json` begins to go out: before that, the master has nothing of it. */
  onSent?: () => void
}

export async function askMaster(connection: Connection, path: string, given: Given = {}): Promise<MasterAnswer> {
  for (;;) {
    const credential = connection.as && readCredential(connection.as)
    try {
      return await askOnce(connection, path, given, credential)
    } catch (error) {
      const isStrange = error instanceof MasterRefused && error.code === 'credential'
      if (!isStrange || !credential || !refuseCredential(connection.as!, credential)) throw error
    }
  }
}

async function askOnce(
  connection: Connection,
  path: string,
  given: Given,
  credential: string | undefined,
): Promise<MasterAnswer> {
  const json = given.json === undefined ? undefined : Buffer.from(JSON.stringify(given.json))
  const answer = await request(`${connection.url}${path}`, {
    dispatcher: connection.agent,
    method: given.method ?? 'GET',
    headers: {
      ...connection.headers,
      ...(credential && { authorization: `Bearer ${credential}` }),
      ...given.headers,
      ...(json && { 'content-type': 'application/json', 'content-length': String(json.length) }),
    },
    body: json && given.onSent ? Readable.from(told(json, given.onSent)) : json,
    signal: given.signal,
  })
  if (answer.statusCode >= 300) {
    const text = await answer.body.text().catch(() => '')
    throw new MasterRefused(answer.statusCode, problemIn(text), answer.headers['retry-after'] as string | undefined)
  }
  // Whoever reads hears of a torn line; an error that comes when nobody reads any more must not end the process.
  answer.body.on('error', () => {})
  const coding = codingIn(answer.headers['content-encoding'])
  return { status: answer.statusCode, headers: answer.headers, body: answer.body, coding }
}

function* told(json: Buffer, onSent: () => void) {
  onSent()
  yield json
}

function problemIn(text: string): Partial<Problem> {
  try {
    const value = JSON.parse(text)
    return value !== null && typeof value === 'object' ? value : {}
  } catch {
    return {}
  }
}

export async function readJson<T>({ body, coding }: MasterAnswer, maxBytes = 1024 * 1024): Promise<T> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of unpacked(body, coding)) {
    parts.push(part)
    length += part.length
    if (length > maxBytes) throw new Error('the master’s answer is too long')
  }
  return JSON.parse(Buffer.concat(parts).toString())
}

/** Where this slave stands, as the master reads it and counts on it: what it says is on the disk. */
export async function standing(db: Db): Promise<string> {
  await onDisk(db)
  const { seq, hash, epochSig: sig } = db.position
  return new URLSearchParams({ since: String(seq), hash, epoch: epochName(db.position), sig }).toString()
}

/** Why the master cannot be reached, in words. */
export function reachProblem(error: unknown, where: string): string {
  const cause = (error as { cause?: { code?: string } }).cause
  const code = (error as { code?: string }).code ?? cause?.code
  if (code === 'ECONNREFUSED') return `Nothing answers at ${where}. Is the master running, and is the port right?`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `The host name in ${where} is not known.`
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return `There is no way to ${where} from here.`
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT') return `${where} did not answer in 10 seconds.`
  if (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET') return `${where} closed the connection.`
  if (/CERT|SIGNATURE|ALTNAME|VERIFY/.test(code ?? ''))
    return `What answers at ${where} is not this cluster’s master (${code}).`
  return `${where}: ${messageOf(error)}`
}

export const refusedForGood = (error: unknown): boolean => error instanceof MasterRefused && error.code === 'revoked'
