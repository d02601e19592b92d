import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { isConfidential, newSession } from '../../server/ldap/who.ts'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { firstRunPair } from '../../server/mode/ca.ts'
import { until } from '../support/node.ts'
import { aFolder } from '../support/store.ts'
import { bindRequest, type Client, connectTo, controls, message, searchRequest } from './client.ts'
import {
  aDirectory,
  aUser,
  base,
  change,
  organisation,
  reader,
  type Started,
  startServer,
  users,
  uuid,
} from './sample.ts'

// How one comes in: in the clear, by TLS from the first byte or from StartTLS on, by the Unix socket.

const startTls = tlv(0x77, tlv(0x80, '1.3.6.1.4.1.1466.20037'))
const external = (mechanism = 'EXTERNAL', credentials?: string) =>
  tlv(
    0x60,
    integerTlv(3),
    tlv(0x04, ''),
    tlv(0xa3, tlv(0x04, mechanism), ...(credentials === undefined ? [] : [tlv(0x04, credentials)])),
  )

describe('doors', () => {
  let server: Started
  const path = join(aFolder(), 'ldapi')
  const rootDse = async (client: Client) =>
    (await client.search({ base: '', scope: 'base', attributes: ['+'] })).entries[0]!.attributes
  const onSocket = () => connectTo(0, connect(path))

  before(async () => {
    const pair = await firstRunPair('127.0.0.1')
    const context = () => ({ cert: pair.certificate, key: pair.key })
    server = await startServer({ tls: { host: '127.0.0.1', port: 0, context }, unix: { path } })
  })
  after(() => server?.close())

  /** Asks for TLS and goes on in it. */
  async function secured(port: number): Promise<Client> {
    const plain = connectTo(port)
    assert.equal((await plain.request(startTls)).code, 0)
    plain.socket.removeAllListeners('data')
    const socket = connectTls({ socket: plain.socket, rejectUnauthorized: false })
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
    return connectTo(0, socket)
  }

  describe('StartTLS', () => {
    it('protects the connection, and is announced where it can be asked for', async () => {
      const plain = connectTo(server.port)
      assert.ok((await rootDse(plain)).supportedExtension!.includes('1.3.6.1.4.1.1466.20037'))
      plain.end()
      const client = await secured(server.port)
      assert.equal((await rootDse(client)).supportedExtension!.includes('1.3.6.1.4.1.1466.20037'), false)
      assert.equal(await client.bind(reader, 'reader'), 0)
      assert.equal((await client.search({ base: users, scope: 'one' })).entries.length, 5)
      assert.equal((await client.request(startTls)).code, 1)
      client.end()
    })

    it('throws away what was sent in the clear behind it', async () => {
      const plain = connectTo(server.port)
      // All in one packet: somebody on the way could have put the bind and the search there.
      plain.send(
        Buffer.concat([
          message(1, startTls),
          message(2, bindRequest(reader, 'reader')),
          message(3, searchRequest({ base: users })),
        ]),
      )
      await new Promise((resolve) => plain.socket.once('data', resolve))
      plain.socket.removeAllListeners('data')
      const socket = connectTls({ socket: plain.socket, rejectUnauthorized: false })
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
      const client = connectTo(0, socket)
      assert.equal(await client.whoAmI(), '')
      client.end()
    })

    it('takes no value, and leaves a connection alone that talks on in the clear', async () => {
      const plain = connectTo(server.port)
      assert.equal((await plain.request(tlv(0x77, tlv(0x80, '1.3.6.1.4.1.1466.20037'), tlv(0x81, 'x')))).code, 2)
      assert.equal(await plain.bind(reader, 'reader'), 0)
      assert.equal((await plain.request(startTls)).code, 0)
      plain.send(message(9, searchRequest({ base: users })))
      await plain.closed
    })

    it('on a connection that came by TLS there is nothing to start', async () => {
      const socket = connectTls({ host: '127.0.0.1', port: server.ports.tls!, rejectUnauthorized: false })
      const client = connectTo(0, socket)
      assert.equal((await client.request(startTls)).code, 1)
      client.end()
    })
  })

  it('asks a client that has long said nothing whether it is still there', async () => {
    // The timer of a connection in the kernel: 2 is that of keep-alive.
    const timerOf = (port: number, to: number): string | undefined => {
      const hex = (number: number) => number.toString(16).toUpperCase().padStart(4, '0')
      const row = new RegExp(`:${hex(port)} [0-9A-F]+:${hex(to)} 01 [0-9A-F:]+ (0[0-9]):`)
      return row.exec(readFileSync('/proc/net/tcp', 'utf8'))?.[1]
    }
    const plain = connectTo(server.port)
    assert.equal(await plain.whoAmI(), '')
    await until(() => timerOf(server.port, plain.socket.localPort!) === '02')
    const socket = connectTls({ host: '127.0.0.1', port: server.ports.tls!, rejectUnauthorized: false })
    const inTls = connectTo(0, socket)
    assert.equal(await inTls.whoAmI(), '')
    await until(() => timerOf(server.ports.tls!, socket.localPort!) === '02')
    plain.end()
    inTls.end()
  })

  it('a password in the clear is taken over loopback only', () => {
    assert.equal(isConfidential(newSession('127.0.0.1', 'plain')), true)
    assert.equal(isConfidential(newSession('::1', 'plain')), true)
    assert.equal(isConfidential(newSession('::ffff:127.0.0.1', 'plain')), true)
    assert.equal(isConfidential(newSession('10.1.2.3', 'plain')), false)
    assert.equal(isConfidential(newSession('::ffff:10.1.2.3', 'plain')), false)
    assert.equal(isConfidential(newSession('10.1.2.3', 'tls')), true)
    assert.equal(isConfidential(newSession('', 'unix')), true)
  })

  describe('the Unix socket', () => {
    it('offers EXTERNAL, and whoever can open it is the machine itself', async () => {
      const client = onSocket()
      assert.deepEqual((await rootDse(client)).supportedSASLMechanisms, ['EXTERNAL'])
      assert.equal((await client.search({ base: users })).code, 50)
      assert.equal((await client.request(external())).code, 0)
      assert.equal(await client.whoAmI(), 'u:this machine')
      const { entries } = await client.search({ base: `uid=karl,${users}`, scope: 'base', attributes: ['*', '+'] })
      assert.equal(entries[0]!.attributes.userPassword, undefined)
      assert.equal(await client.bind('', ''), 0)
      assert.equal(await client.whoAmI(), '')
      assert.equal(await client.bind(reader, 'reader'), 0)
      client.end()
    })

    it('takes nobody else’s name, and no other mechanism', async () => {
      const client = onSocket()
      assert.equal((await client.request(external('EXTERNAL', `dn:uid=boss,${users}`))).code, 49)
      assert.equal((await client.request(external('PLAIN', '\0a\0b'))).code, 7)
      assert.equal((await client.request(external(''))).code, 7)
      client.end()
      const tcp = connectTo(server.port)
      assert.equal((await rootDse(tcp)).supportedSASLMechanisms, undefined)
      assert.equal((await tcp.request(external())).code, 7)
      tcp.end()
    })
  })

  describe('cancel', () => {
    const cancel = (id: number) => tlv(0x77, tlv(0x80, '1.3.6.1.1.8'), tlv(0x81, tlv(0x30, integerTlv(id))))

    it('ends a search with a word to both', async () => {
      const many = aDirectory([
        ...organisation(),
        ...Array.from({ length: 3000 }, (_, i) =>
          change('user', uuid(5000 + i), aUser({ username: `u${i}`, uidNumber: 5000 + i, first: 'x'.repeat(100) })),
        ),
      ])
      const mine = await startServer({ directory: many })
      const c = connectTo(mine.port)
      await c.bind(reader, 'reader')
      // The ids of this client begin at 10,000: the bind was the first.
      const search = c.search({ base })
      const canceled = c.request(cancel(10_001))
      assert.equal((await canceled).code, 0)
      assert.equal((await search).code, 118)
      assert.equal((await c.request(cancel(10_001))).code, 119)
      assert.equal((await c.search({ base: users, scope: 'base' })).code, 0)
      c.end()
      await mine.close()
    })

    it('does not end a bind, nor what is not there', async () => {
      const c = connectTo(server.port)
      const bind = c.bind(reader, 'reader')
      assert.equal((await c.request(cancel(10_000))).code, 121)
      assert.equal(await bind, 0)
      assert.equal((await c.request(cancel(77))).code, 119)
      c.end()
    })

    it('is refused with a control that it must obey and does not know', async () => {
      const c = connectTo(server.port)
      const bind = c.bind(reader, 'reader')
      const search = c.search({ base: users, scope: 'base' })
      assert.equal((await c.request(cancel(10_001), controls(['1.2.3.4', true]))).code, 12)
      assert.equal(await bind, 0)
      assert.equal((await search).code, 0)
      c.end()
    })
  })
})
