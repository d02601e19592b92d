import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type SecureContextOptions, type Server as TlsServer } from 'node:tls'
import type { Logger } from 'pino'
import { type Connection, serveConnection } from './connection.ts'
import type { Directory } from './directory.ts'
import { defaultLimits, type Limits } from './limits.ts'
import type { BindReport, Judge, Services } from './operations.ts'
import { createOutput } from './wire/output.ts'
import { encodeNotice, resultCode } from './wire/result.ts'

export type LdapOptions = {
  directory: Directory
  /** True when the password is right for the stored hash; rejects with Unavailable when too many wait already. */
  verify: (storedHash: string | undefined, password: string) => Promise<boolean>
  onBind?: (report: BindReport) => void
  judge?: Judge
  /** Offered on loopback only: a simple bind over it sends the password in the clear. */
  plain?: { host: string; port: number }
  tls?: { host: string; port: number; context: () => SecureContextOptions }
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

const handshakeMs = 10_000
const lastWordsMs = 500

export async function startLdap(options: LdapOptions): Promise<LdapServer> {
  const { directory, verify, onBind, judge, plain, tls, log } = options
  const limits = { ...defaultLimits, ...options.limits }
  const services: Services = { directory, verify, onBind, judge, log }
  const connections = new Map<Socket, Connection>()
  const perAddress = new Map<string, number>()
  const sockets = new Set<Socket>()
  const output = createOutput()
  if (plain && !isLoopback(plain.host)) {
    throw new Error(`LDAP without TLS is offered on loopback only, and ${plain.host} is not: use LDAPS there.`)
  }

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

  function serve(socket: Socket): void {
    connections.set(socket, serveConnection(socket, services, limits, output))
    socket.once('close', () => connections.delete(socket))
  }

  const plainServer = plain && createServer({ noDelay: true })
  plainServer?.on('connection', (socket) => {
    if (admit(socket)) {
      serve(socket)
      return
    }
    socket.on('error', () => socket.destroy())
    socket.end(encodeNotice(resultCode.busy, 'Too many connections.'))
  })

  const secured = (): SecureContextOptions => ({ ...tls!.context(), minVersion: 'TLSv1.2' })
  const tlsServer: TlsServer | undefined = tls && createTlsServer({ ...secured(), handshakeTimeout: handshakeMs })
  tlsServer?.prependListener('connection', (socket: Socket) => {
    if (!admit(socket)) socket.destroy()
  })
  tlsServer?.on('secureConnection', serve)
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

  const servers = [plainServer, tlsServer].filter((server) => server !== undefined)
  // After listening this is a failed accept (no file descriptors left, say): it is over when connections close.
  for (const server of servers)
    server.on('error', (error) => log.warn({ err: error }, 'LDAP: a connection was not accepted'))
  const ports: LdapServer['ports'] = {}
  try {
    if (plainServer) ports.plain = await listen(plainServer, plain)
    if (tlsServer) ports.tls = await listen(tlsServer, tls!)
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
    renewTls: () => tlsServer?.setSecureContext(secured()),
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

const closeServer = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(host)
