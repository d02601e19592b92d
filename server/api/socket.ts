import { chmodSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import type { Db } from '../store/db.ts'
import type { Call, Progress } from './command.ts'
import { runCommand } from './commands.ts'
import { problemOf, problemType } from './problem.ts'
import { callerHeader, lines, socketPath } from './socket-path.ts'

// Twice the largest file of an import in base64: its own reader then says what is too much.
const maxBody = '56mb'

/** Serves the commands on DATA/admin.sock until `close`. */
export async function openAdminSocket(db: Db): Promise<{ close(): Promise<void> }> {
  const { path, done } = socketPath(db.dir)
  try {
    if (await answers(path)) throw new Error(`A node is already running on ${db.dir}.`)
    // Nobody answers: a process that was killed left it behind.
    rmSync(path, { force: true })
    const server = createServer(adminApi(db))
    // A command may take as long as it takes; its caller is a process on this machine.
    server.requestTimeout = 0
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      const before = process.umask(0o177)
      // Bound before listen returns, so that nobody can open it in between.
      server.listen(path, resolve)
      process.umask(before)
    })
    chmodSync(path, 0o600)
    const close = () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          done()
          resolve()
        })
        server.closeAllConnections()
      })
    let closed: Promise<void> | undefined
    return {
      close: () => {
        closed ??= close()
        return closed
      },
    }
  } catch (error) {
    done()
    throw error
  }
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

function adminApi(db: Db): express.Express {
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
