import { createServer } from 'node:net'
import pino from 'pino'
import { serveConnection } from '../../server/ldap/connection.ts'
import type { Directory } from '../../server/ldap/directory.ts'
import type { Lens } from '../../server/ldap/lens.ts'
import { defaultLimits } from '../../server/ldap/limits.ts'
import { createShelf } from '../../server/ldap/shelf.ts'
import type { Door } from '../../server/ldap/who.ts'
import { createOutput } from '../../server/ldap/wire/output.ts'
import { aDirectory, verify } from './sample.ts'

type Given = { directory?: Directory; lens?: Lens; log?: pino.Logger; door?: Door }

/** A server for which every client is at an address of the network: tests themselves can come from loopback only. */
export async function startAfar(given: Given = {}) {
  const { directory = aDirectory(), lens, log = pino({ level: 'silent' }), door = 'tls' } = given
  const services = {
    directory,
    verify,
    lens,
    log,
    limits: defaultLimits,
    shelf: createShelf(defaultLimits.maxKeptEntries),
    onBind: undefined,
    judge: undefined,
    writer: undefined,
    feed: undefined,
    forward: undefined,
    secureContext: undefined,
  }
  const output = createOutput()
  const from = { address: '10.1.2.3' }
  const server = createServer((socket) => {
    Object.defineProperty(socket, 'remoteAddress', { value: from.address })
    serveConnection(socket, door, services, defaultLimits, output)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return { port, directory, from, close: () => new Promise((resolve) => server.close(resolve)) }
}
