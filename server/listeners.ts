import { createServer as createHttp, type RequestListener, type Server } from 'node:http'
import { createServer as createHttps, type Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import { messageOf } from './errors.ts'
import { answerMalformed, wellFormed } from './malformed.ts'

export type Listener = { port: number; close: () => Promise<void>; renewTls: () => void }

/** A face of the node, and whether its mode needs it now. */
export type Face = { name: string; wanted: () => boolean; open: () => Promise<Listener> }

/** Opens and closes faces as they are wanted; one arrangement at a time. */
export function faces(all: readonly Face[]) {
  const opened = new Map<string, Listener>()
  let turn = Promise.resolve()
  let isClosed = false

  async function arrangeNow(): Promise<void> {
    for (const face of all) {
      const listener = opened.get(face.name)
      if (!listener && face.wanted() && !isClosed) opened.set(face.name, await face.open())
      else if (listener && !face.wanted()) {
        opened.delete(face.name)
        await listener.close()
      } else listener?.renewTls()
    }
  }
  const arrange = (): Promise<void> => {
    const next = turn.then(arrangeNow)
    turn = next.catch(() => {})
    return next
  }
  return {
    arrange,
    ports: (): Record<string, number | undefined> =>
      Object.fromEntries([...opened].map(([name, listener]) => [name, listener.port])),
    renewTls: (): void => {
      for (const listener of opened.values()) listener.renewTls()
    },
    close: async (): Promise<void> => {
      isClosed = true
      await turn
      await Promise.all([...opened.values()].map((listener) => listener.close()))
      opened.clear()
    },
  }
}

type Given = {
  app: RequestListener
  host: string
  port: number
  /** What to call it in messages, and the flag that moves it. */
  name: string
  flag: string
  /** HTTPS with this certificate; plain HTTP without. */
  context?: () => SecureContextOptions
  /** A long poll keeps a request open for longer than any page. */
  longPoll?: boolean
}

/** Two faces on one port: `one` answers what is under its path, `rest` everything else. */
export const beside =
  (path: string, one: RequestListener, rest: RequestListener): RequestListener =>
  (req, res) => {
    const isUnder = req.url === path || req.url?.startsWith(`${path}/`)
    return isUnder ? one(req, res) : rest(req, res)
  }

/** Opens one HTTP(S) listener with time limits that slow or silent clients cannot outlast. */
export async function listen(given: Given): Promise<Listener> {
  const { context } = given
  const app = wellFormed(given.app)
  const server: Server | HttpsServer = context
    ? createHttps({ ...context(), minVersion: 'TLSv1.2', handshakeTimeout: 10_000 }, app)
    : createHttp(app)
  answerMalformed(server)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.headersTimeout = 10_000
  server.requestTimeout = 120_000
  // Of silence in either direction, longer than any poll waits: a reader that has stopped would hold its answer for ever.
  if (given.longPoll) server.timeout = 150_000
  server.keepAliveTimeout = given.longPoll ? 90_000 : 15_000
  server.maxConnections = given.longPoll ? 5000 : 2000
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(portProblem(error, given)))
    server.listen({ host: given.host, port: given.port, backlog: 4096 }, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : given.port,
    renewTls: () => {
      if (context && 'setSecureContext' in server) server.setSecureContext({ ...context(), minVersion: 'TLSv1.2' })
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
        // What is under way may finish; a poll that waits has nothing to finish.
        setTimeout(
          () => {
            server.closeAllConnections()
            // Those whose handshake was never finished are no connections of HTTP yet, and would hold the end of the node up.
            for (const socket of sockets) socket.destroy()
          },
          given.longPoll ? 100 : 2000,
        ).unref()
      }),
  }
}

/** Why a port cannot be had, and what to do. */
export function portProblem(error: unknown, given: Pick<Given, 'host' | 'port' | 'name' | 'flag'>): Error {
  const { code, port = given.port, address = given.host } = error as { code?: string; port?: number; address?: string }
  const where = `${address.includes(':') ? `[${address}]` : address}:${port}`
  if (code === 'EADDRINUSE')
    return new Error(`${given.name}: ${where} is in use by another program. Choose another port with ${given.flag}.`)
  if (code === 'EACCES')
    return new Error(
      `${given.name}: this user may not open port ${port}. Choose one above 1023 with ${given.flag}, or give the service CAP_NET_BIND_SERVICE.`,
    )
  if (code === 'EADDRNOTAVAIL')
    return new Error(`${given.name}: ${address} is not an address of this machine. Choose another with --listen.`)
  return new Error(`${given.name}: ${where}: ${messageOf(error)}`)
}
