import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import type { Db } from '../store/db.ts'
import type { Call, Progress } from './command.ts'
import { runCommand } from './commands.ts'
import { problemOf, problemType } from './problem.ts'
import { callerHeader, lines } from './socket-path.ts'

// Twice the largest file of an import in base64: its own reader then says what is too much.
const maxBody = '56mb'

/** What the command line asks: `POST /v1/<command>` with JSON, answered with JSON, with lines, or with a problem (RFC 9457). */
export function createAdminApp(db: Db): express.Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.post('/v1/:command', express.json({ limit: maxBody }), answer(db))
  app.use(answerProblem)
  return app
}

const answer =
  (db: Db): RequestHandler =>
  async (req, res) => {
    const left = new AbortController()
    res.once('close', () => left.abort())
    const call: Call = {
      db,
      actor: { name: callerOf(req.get(callerHeader)), via: 'command line' },
      signal: left.signal,
      progress: () => {},
    }
    const name = String(req.params.command)
    if (req.accepts(['json', lines]) !== lines) {
      res.json((await runCommand(name, call, req.body)) ?? {})
      return
    }
    res.type(lines)
    const say = (line: { progress: Progress } | { result: unknown } | { problem: unknown }) =>
      void res.write(`${JSON.stringify(line)}\n`)
    call.progress = (progress) => say({ progress })
    try {
      say({ result: (await runCommand(name, call, req.body)) ?? {} })
    } catch (error) {
      say({ problem: problemOf(error) })
    }
    res.end()
  }

function callerOf(header: string | undefined): string {
  try {
    return decodeURIComponent(header ?? '').slice(0, 128) || 'unknown'
  } catch {
    return 'unknown'
  }
}

const answerProblem: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) return next(error)
  const problem = problemOf(error)
  res.status(problem.status).type(problemType).send(JSON.stringify(problem))
}
