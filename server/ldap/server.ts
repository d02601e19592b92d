import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import {
  createSecureContext,
  createServer as createTlsServer,
  type SecureContext,
  type SecureContextOptions,
} from 'node:tls'
import type { Logger } from 'pino'
import { type Connection, serveConnection } from './connection.ts'
import type { Directory } from './directory.ts'
import type { Forward } from './forward.ts'
import type { Lens } from './lens.ts'
import { defaultLimits, type Limits } from './limits.ts'
import type { BindReport, Judge, Services } from './operations.ts'
import { createShelf } from './shelf.ts'
import type { SyncFeed } from './sync.ts'
import type { Door } from './who.ts'
import { createOutput } from './wire/output.ts'
import { encodeNotice, resultCode } from './wire/result.ts'
import type { Writer } from './writer.ts'

export type LdapOptions = {
  directory: Directory
  /**
   * True when the password is right for the stored hash, at once where that was found out lately; rejects with Unavailable
   * when too many wait already.
   */
  verify: (storedHash: string | undefined, password: string) => true | Promise<boolean>
  onBind?: (report: BindReport) => void
  judge?: Judge
  writer?: Writer
  forward?: Forward
  feed?: SyncFeed
  lens?: Lens
  /** In the clear: over loopback as it is, from elsewhere only with StartTLS. */
  plain?: { host: string; port: number }
  tls?: { host: string; port: number; context: () => SecureContextOptions }
  /** The certificate for StartTLS; that of `tls` where it is not given. */
  startTls?: () => SecureContextOptions
  /** A Unix socket that only this user and root can open. */
  unix?: { path: string }
  limits?: Partial<Limits>
  log: Logger
}

export type LdapServer = {
  ports: { plain?: number; tls?: number }
  /** Takes the certificate from `context` again; connections that are open keep the old one. */
  renewTls: () => void
  connections: () => number
  close: () => Promise<void>
}

const lastWordsMs = 500
/** A client that is gone without a word, and waits for changes, would be waited for without end. */
const alive = { keepAlive: true, keepAliveInitialDelay: 60_000 }
const mostLeaving = 100

const secured = (context: () => SecureContextOptions): SecureContextOptions => ({ ...context(), minVersion: 'TLSv1.2' })

/** What the operations work with, whichever way a request comes in. `renew`: the certificate is another one from now on. */
export function servicesOf(options: LdapOptions): Services & { renew: () => void } {
  const { directory, verify, onBind, judge, writer, forward, feed, lens, log } = options
  const certificate = options.startTls ?? options.tls?.context
  let secureContext: SecureContext | undefined
  const limits = { ...defaultLimits, ...options.limits }
  return {
    directory,
    verify,
    onBind,
    judge,
    writer,
    forward,
    feed,
    lens,
    limits,
    shelf: createShelf(limits.maxKeptEntries),
    secureContext:
      certificate &&
      (() => {
        secureContext ??= createSecureContext(secured(certificate))
        return secureContext
      }),
    log,
    renew: () => {
      secureContext = undefined
    },
  }
}

export async function startLdap(options: LdapOptions): Promise<LdapServer> {
  const { plain, tls, unix, log } = options
  const services = servicesOf(options)
  const { limits } = services
  const connections = new Map<Socket, Connection>()
  const perAddress = new Map<string, number>()
  const sockets = new Set<Socket>()
  const output = createOutput()

  /** Counts a connection from its first packet on, before TLS; false when there are too many. */
  function admit(socket: Socket): boolean {
    const address = socket.remoteAddress ?? ''
    const fromHere = (perAddress.get(address) ?? 0) + 1
    if (sockets.size >= limits.maxConnections) return false
    if (fromHere > limits.maxConnectionsPerAddress && !isLoopback(address)) return false
    sockets.add(socket)
    perAddress.set(address, fromHere)
    socket.once('close', () => {
      sockets.delete(socket)
      const left = perAddress.get(address)! - 1
      if (left > 0) perAddress.set(address, left)
      else perAddress.delete(address)
    })
    return true
  }

  const serve =
    (door: Door) =>
    (socket: Socket): void => {
      connections.set(socket, serveConnection(socket, door, services, limits, output))
      socket.once('close', () => connections.delete(socket))
    }

  const takeIn =
    (door: Door) =>
    (socket: Socket): void => {
      if (admit(socket)) {
        serve(door)(socket)
        return
      }
      sendAway(socket)
    }

  let leaving = 0
  /** Says why; but who does not go is not waited for, and of very many nobody is told. */
  function sendAway(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    if (leaving >= mostLeaving) {
      socket.destroy()
      return
    }
    leaving++
    socket.end(encodeNotice(resultCode.busy, 'Too many connections.'))
    const cut = setTimeout(() => socket.destroy(), lastWordsMs)
    socket.once('close', () => {
      clearTimeout(cut)
      leaving--
    })
  }

  const plainServer = plain && createServer({ noDelay: true, ...alive }, takeIn('plain'))
  const unixServer = unix && createServer(takeIn('unix'))
  const tlsServer = tls && createTlsServer({ ...secured(tls.context), handshakeTimeout: limits.handshakeMs, ...alive })
  tlsServer?.prependListener('connection', (socket: Socket) => {
    if (!admit(socket)) socket.destroy()
  })
  tlsServer?.on('secureConnection', serve('tls'))
  // Scanners and clients that do not trust us: their side knows more than we do.
  tlsServer?.on('tlsClientError', (error, socket) => {
    log.debug({ address: socket.remoteAddress, reason: error.message }, 'LDAPS handshake failed')
    socket.destroy()
  })

  const sweep = setInterval(
    () => {
      const now = performance.now()
      for (const connection of connections.values()) connection.checkIdle(now)
    },
    Math.min(5000, limits.messageMs / 2, limits.stalledMs / 2),
  )
  sweep.unref()

  const servers = [plainServer, tlsServer, unixServer].filter((server) => server !== undefined)
  // After listening this is a failed accept (no file descriptors left, say): it is over when connections close.
  for (const server of servers)
    server.on('error', (error) => log.warn({ err: error }, 'LDAP: a connection was not accepted'))
  const ports: LdapServer['ports'] = {}
  try {
    if (plainServer) ports.plain = await listen(plainServer, plain)
    if (tlsServer) ports.tls = await listen(tlsServer, tls!)
    if (unixServer) await listenUnix(unixServer, unix.path)
  } catch (error) {
    clearInterval(sweep)
    for (const server of servers) server.close()
    throw error
  }

  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= closeAll()
    return closing
  }

  async function closeAll(): Promise<void> {
    clearInterval(sweep)
    const closed = servers.map(closeServer)
    for (const connection of connections.values())
      connection.disconnect(resultCode.unavailable, 'The server is stopping.')
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, lastWordsMs)
    await Promise.all(closed)
    clearTimeout(cut)
    connections.clear()
  }

  return {
    ports,
    renewTls: () => {
      services.renew()
      if (tls) tlsServer?.setSecureContext(secured(tls.context))
    },
    connections: () => connections.size,
    close,
  }
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 511 }, () => {
      server.removeListener('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })
}

/** Whoever holds the data directory is the only one to listen there: what lies at the path was left by a process that is gone. */
function listenUnix(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    rmSync(path, { force: true })
    server.once('error', reject)
    const before = process.umask(0o177)
    // Bound before listen returns, so that nobody can open it in between.
    server.listen(path, () => {
      server.removeListener('error', reject)
      chmodSync(path, 0o600)
      resolve()
    })
    process.umask(before)
  })
}

const closeServer = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '' || host === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(host)
