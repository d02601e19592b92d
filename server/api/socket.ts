import { chmodSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { socketPath } from '../socket-path.ts'
import type { Db } from '../store/db.ts'

/** Serves the commands on DATA/admin.sock until `close`. */
export async function openAdminSocket(db: Db): Promise<{ close(): Promise<void> }> {
  const { path, done } = socketPath(join(db.dir, 'admin.sock'))
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

/** Loaded with the first command: nobody who signs in waits for it when the node starts. */
function adminApi(db: Db): RequestListener {
  let loaded: Promise<RequestListener> | undefined
  return (req, res) => {
    loaded ??= import('./app.ts').then(({ createAdminApp }) => createAdminApp(db))
    loaded.then(
      (app) => app(req, res),
      (error) => res.destroy(error),
    )
  }
}
