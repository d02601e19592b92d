import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Refused } from '../errors.ts'
import { whenGone } from '../gone.ts'
import type { Db } from '../store/db.ts'
import type { Call, Progress } from './command.ts'
import { runCommand } from './commands.ts'
import { problemOf, problemType } from './problem.ts'
import { callerHeader, lines } from './socket-words.ts'

// Twice the largest file of an import in base64: its own reader then says what is too much.
const maxBytes = 56 * 1024 * 1024

/**
 * What the command line asks: `POST /v1/<command>` with JSON, answered with JSON, with lines, or with a problem (RFC 9457).
 * One route on a private socket needs no framework, and so the first command of a node that starts does not load one.
 */
export function createAdminApp(db: Db): RequestListener {
  return (req, res) => {
    answer(db, req, res).catch((error) => {
      if (res.headersSent) res.destroy()
      else sendProblem(res, error)
    })
  }
}

async function answer(db: Db, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const [, name] = /^\/v1\/([a-z-]+)$/.exec(req.url ?? '') ?? []
  if (req.method !== 'POST' || !name) throw Object.assign(new Error('There is nothing here.'), { status: 404 })
  const args = await readJson(req)
  const call: Call = {
    db,
    actor: { name: callerOf(req.headers[callerHeader]), via: 'command line' },
    signal: whenGone(res).signal,
    progress: () => {},
  }
  if (req.headers.accept !== lines) {
    const result = (await runCommand(name, call, args)) ?? {}
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify(result))
    return
  }
  res.setHeader('content-type', lines)
  const say = (line: { progress: Progress } | { result: unknown } | { problem: unknown }) =>
    void res.write(`${JSON.stringify(line)}\n`)
  call.progress = (progress) => say({ progress })
  try {
    say({ result: (await runCommand(name, call, args)) ?? {} })
  } catch (error) {
    say({ problem: problemOf(error) })
  }
  res.end()
}

async function readJson(req: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of req) {
    length += part.length
    if (length > maxBytes) throw Object.assign(new Error('The request is too large.'), { status: 413 })
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString())
  } catch {
    throw Object.assign(new Error('The request is not JSON.'), { status: 400 })
  }
}

function callerOf(header: string | string[] | undefined): string {
  try {
    return decodeURIComponent(String(header ?? '')).slice(0, 128) || 'unknown'
  } catch {
    throw new Refused('The caller’s name cannot be read.', 'caller')
  }
}

function sendProblem(res: ServerResponse, error: unknown): void {
  const problem = problemOf(error)
  res.writeHead(problem.status, { 'content-type': problemType })
  res.end(JSON.stringify(problem))
}
