import type { IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import { setTimeout as wait } from 'node:timers/promises'
import { messageOf, Unavailable } from '../errors.ts'
import { masterName, readCa } from '../mode/certificates.ts'
import { readCredential } from '../mode/credential.ts'
import { headers, protocol } from '../replication/wire.ts'
import type { Db } from '../store/db.ts'
import type { Source } from './put.ts'
import type { States } from './states.ts'

/** A slave's line to its master for files. */
export type FileLine = { source: Source; tell: (states: States) => Promise<void>; close: () => void }

/** The master answers that this is not to be had; trying again at once is in vain. */
export class NotGiven extends Error {}

const silentMs = 30_000
export const atOnce = 8

export function openFileLine(db: Db, kilobytesPerSecond: () => number): FileLine {
  const ca = readCa(db.dir)
  const { masterUrl, masterFilesPort } = db.local
  if (!masterUrl || !ca || !readCredential(db.dir)) throw new Unavailable('This node has not joined a master yet.')
  if (!masterFilesPort) throw new Unavailable('The master gives out no files; its --files-port is 0.')
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce + 1, timeout: silentMs })
  const base: RequestOptions = {
    agent,
    hostname: new URL(masterUrl).hostname.replace(/^\[|\]$/g, ''),
    port: masterFilesPort,
    ca,
    servername: masterName(db.position.clusterId),
    minVersion: 'TLSv1.2',
  }
  const ownHeaders = () => ({
    // The worker finds out which one the master knows.
    authorization: `Bearer ${readCredential(db.dir)}`,
    [headers.cluster]: db.position.clusterId,
    'sync-protocol': String(protocol),
  })
  const pace = pacer(kilobytesPerSecond)

  function ask(options: RequestOptions, body?: string, signal?: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request({ ...base, ...options, headers: { ...ownHeaders(), ...options.headers }, signal }, resolve)
      sent.setTimeout(silentMs, () =>
        sent.destroy(Object.assign(new Error('the line is silent'), { code: 'ETIMEDOUT' })),
      )
      sent.once('error', reject)
      sent.end(body)
    })
  }

  return {
    source: async (wanted, from, signal) => {
      const answer = await ask(
        { path: `/v1/blobs/${wanted.sha256}`, headers: from > 0 ? { range: `bytes=${from}-` } : {} },
        undefined,
        signal,
      )
      const isRest = answer.statusCode === (from > 0 ? 206 : 200)
      // Packed content could unpack to anything; the bytes of the file are asked for, and nothing else.
      const isPlain = (answer.headers['content-encoding'] ?? 'identity') === 'identity'
      if (isRest && isPlain) return paced(answer, pace, signal)
      const detail = await refusal(answer)
      if (!isPlain) throw new NotGiven(`“${wanted.path}” came packed, which is not read`)
      if (answer.statusCode === 503) throw new Unavailable(detail, Number(answer.headers['retry-after']) || 1)
      throw new NotGiven(`“${wanted.path}” is not given out: ${detail}`)
    },
    tell: async (states) => {
      const body = JSON.stringify(states)
      const answer = await ask(
        {
          method: 'POST',
          path: '/v1/state',
          headers: { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) },
        },
        body,
      )
      const detail = await refusal(answer)
      if (answer.statusCode !== 200) throw new NotGiven(detail)
    },
    close: () => agent.destroy(),
  }
}

async function refusal(answer: IncomingMessage): Promise<string> {
  let text = ''
  try {
    for await (const part of answer) {
      text += part
      if (text.length > 8192) break
    }
    return JSON.parse(text).detail ?? `it answered ${answer.statusCode}`
  } catch (error) {
    return text === '' ? messageOf(error) : `it answered ${answer.statusCode}`
  }
}

type Pace = (bytes: number, signal: AbortSignal) => Promise<void> | undefined

/** Lets so much through in a second, for all transfers together. */
function pacer(kilobytesPerSecond: () => number): Pace {
  let free = performance.now()
  return (bytes, signal) => {
    const rate = kilobytesPerSecond()
    if (rate === 0) return undefined
    const now = performance.now()
    free = Math.max(free, now) + (bytes / (rate * 1024)) * 1000
    return free - now > 20 ? wait(free - now, undefined, { signal }) : undefined
  }
}

async function* paced(answer: IncomingMessage, pace: Pace, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const chunk of answer) {
    const pause = pace(chunk.length, signal)
    if (pause) await pause
    yield chunk
  }
}
