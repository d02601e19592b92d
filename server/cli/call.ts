import { existsSync, statSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import type { Progress } from '../api/command.ts'
import type { Args, CommandName, Result } from '../api/commands.ts'
import type { Problem } from '../api/problem.ts'
import { NotFound, Refused, Unavailable } from '../errors.ts'

export type Asked = {
  /** Told what a long command says on its way. */
  progress?: (progress: Progress) => void | Promise<void>
  signal?: AbortSignal
  /** The command makes the node when there is none. */
  makesNode?: boolean
}

/** Asks the node that runs on the data directory; when none runs, opens its store and does it here. */
export async function call<N extends CommandName>(
  data: string,
  name: N,
  args: Args<N>,
  asked: Asked = {},
): Promise<Result<N>> {
  const dir = resolve(data)
  if (!asked.makesNode) needNode(data, dir)
  for (const until = Date.now() + waitForLockMs; ; await wait(50)) {
    const answer = (await overSocket(dir, name, args, asked)) ?? (await inThisProcess(dir, name, args, asked))
    if (answer) return answer.result as Result<N>
    if (Date.now() > until) throw new Unavailable(`Another command is at work in ${data}. Try again when it is done.`)
  }
}

/** A node that is just starting, or another command, has the directory for a moment only. */
const waitForLockMs = 10_000

function needNode(data: string, dir: string): void {
  try {
    statSync(join(dir, 'accounts.db'))
  } catch (error) {
    if ((error as { code?: string }).code === 'EACCES')
      throw new Refused(`The node in ${data} belongs to another user; run the command as that user.`, 'not-owner')
    throw new NotFound(
      `There is no node in ${data}. Set one up with “account-sync setup”, or name its directory with --data.`,
    )
  }
}

/** The name in the audit. */
export function caller(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.()}`
  }
}

/** Undefined when nobody listens. */
export async function overSocket(
  dir: string,
  name: CommandName,
  args: unknown,
  { progress, signal }: Asked = {},
): Promise<{ result: unknown } | undefined> {
  if (!existsSync(join(dir, 'admin.sock'))) return undefined
  const { callerHeader, lines } = await import('../api/socket-words.ts')
  const { socketPath } = await import('../socket-path.ts')
  const { path, done } = socketPath(join(dir, 'admin.sock'))
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({
        socketPath: path,
        method: 'POST',
        path: `/v1/${name}`,
        signal,
        agent: false,
        headers: {
          'content-type': 'application/json',
          accept: progress ? lines : 'application/json',
          [callerHeader]: encodeURIComponent(caller()),
        },
      })
      sent.once('error', reject)
      sent.once('response', resolve)
      sent.end(JSON.stringify(args))
    })
    return { result: await read(response, progress) }
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return undefined
    if (code === 'EACCES')
      throw new Refused(`The node in ${dir} belongs to another user; run the command as that user.`, 'not-owner')
    if (code === 'ECONNRESET')
      throw new Error('The node ended before it answered. Look at its state before you try again.')
    throw error
  } finally {
    done()
  }
}

type Line = { progress?: Progress; result?: unknown; problem?: Problem }

async function read(response: IncomingMessage, progress: Asked['progress']): Promise<unknown> {
  if (response.headers['content-type']?.startsWith('application/x-ndjson')) {
    for await (const text of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      const line: Line = JSON.parse(text)
      if (line.problem) throw await thrown(line.problem)
      if (line.progress) await progress?.(line.progress)
      else return line.result
    }
    throw new Error('The node ended before it answered. Look at its state before you try again.')
  }
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part)
  const body = JSON.parse(Buffer.concat(parts).toString())
  if (response.statusCode !== 200) throw await thrown(body)
  return body
}

const thrown = async (problem: Problem): Promise<Error> => (await import('../api/problem.ts')).errorOf(problem)

/** Undefined when another process has the directory. */
async function inThisProcess(
  dir: string,
  name: CommandName,
  args: unknown,
  asked: Asked,
): Promise<{ result: unknown } | undefined> {
  // Only here: a command that goes through the socket needs none of it.
  const { lockFolder } = await import('../store/lock.ts')
  const unlock = await lockFolder(dir)
  if (!unlock) return undefined
  try {
    const { closeDb, openDb } = await import('../store/db.ts')
    const { runCommand } = await import('../api/commands.ts')
    const db = await openDb(dir)
    try {
      const actor = { name: caller(), via: 'command line' } as const
      const signal = asked.signal ?? new AbortController().signal
      const result = await runCommand(name, { db, actor, signal, progress: asked.progress ?? (() => {}) }, args)
      return { result }
    } finally {
      await closeDb(db)
    }
  } finally {
    await unlock()
  }
}
