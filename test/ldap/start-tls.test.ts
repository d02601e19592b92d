import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { tlv } from '../../server/ldap/wire/ber.ts'
import { aCertificate } from './certificate.ts'
import { bindRequest, type Client, connectTo, controls, message, searchRequest } from './client.ts'
import { reader, type Started, startServer } from './sample.ts'

const startTls = tlv(0x77, tlv(0x80, '1.3.6.1.4.1.1466.20037'))
const whoAmI = tlv(0x77, tlv(0x80, '1.3.6.1.4.1.4203.1.11.3'))

describe('StartTLS in the wrong hands', () => {
  let server: Started
  let pair: { key: string; cert: string }
  before(async () => {
    pair = await aCertificate()
    server = await startServer({
      startTls: () => pair,
      tls: { host: '127.0.0.1', port: 0, context: () => pair },
      limits: { handshakeMs: 400, stalledMs: 1000 },
      feed: { position: () => ({ epochNo: 1, epochId: 'one', horizon: 0 }), goneSince: async () => [] },
    })
  })
  after(() => server.close())

  /** The client's side of the handshake, over a connection that has asked for it. */
  function secured(plain: Client): Promise<Client> {
    plain.socket.removeAllListeners('data')
    return new Promise((resolve, reject) => {
      const socket = connectTls({ socket: plain.socket, ca: pair.cert, servername: 'localhost' }, () =>
        resolve(connectTo(0, socket)),
      )
      socket.once('error', reject)
    })
  }

  const othersAreServed = async (): Promise<void> => {
    const other = connectTo(server.port)
    assert.equal(await other.bind(reader, 'reader'), 0)
    other.end()
  }

  it('what was sent in the clear behind the request is thrown away', async () => {
    const c = connectTo(server.port)
    const answered = new Promise<Buffer>((resolve) => c.socket.once('data', resolve))
    // A bind that somebody on the way has put there, whole and in part.
    c.send(
      Buffer.concat([message(1, startTls), message(2, bindRequest(reader, 'reader')), Buffer.of(0x30, 0x20, 0x02)]),
    )
    await answered
    const safe = await secured(c)
    assert.equal(await safe.whoAmI(), '', 'nobody is bound')
    assert.equal(await safe.bind(reader, 'reader'), 0)
    assert.equal(await safe.whoAmI(), `dn:${reader}`)
    assert.equal((await safe.request(startTls)).code, 1, 'a second time')
    assert.equal(await safe.whoAmI(), `dn:${reader}`)
    safe.end()
  })

  it('works behind so many requests that no more were read', async () => {
    const c = connectTo(server.port)
    const wanted = 200
    let answered = 0
    const last = new Promise<void>((resolve) =>
      c.socket.on('data', (chunk: Buffer) => {
        answered += chunk.toString('latin1').split('\x30\x0c\x02').length - 1
        if (chunk.includes('1.3.6.1.4.1.1466.20037')) resolve()
      }),
    )
    const requests = Array.from({ length: wanted }, (_, i) => message(i + 1, bindRequest('', '')))
    c.send(Buffer.concat([message(500, bindRequest(reader, 'wrong')), ...requests, message(501, startTls)]))
    await last
    assert.ok(answered > 0)
    const safe = await secured(c)
    assert.equal(await safe.bind(reader, 'reader'), 0)
    safe.end()
  })

  it('is refused while a search stays open', async () => {
    const c = connectTo(server.port)
    await c.bind(reader, 'reader')
    c.send(
      message(
        7,
        searchRequest({ base: reader }),
        controls(['1.3.6.1.4.1.4203.1.9.1.1', true, tlv(0x30, Buffer.of(10, 1, 3))]),
      ),
    )
    assert.equal((await c.request(startTls)).code, 1)
    c.send(message(8, tlv(0x50, Buffer.of(7))))
    assert.equal((await c.request(startTls)).code, 0)
    c.end()
  })

  it('is refused inside LDAPS, and with a value', async () => {
    const socket = connectTls({ port: server.ports.tls!, host: '127.0.0.1', ca: pair.cert, servername: 'localhost' })
    const c = connectTo(0, socket)
    assert.equal((await c.request(startTls)).code, 1)
    assert.equal(await c.bind(reader, 'reader'), 0)
    c.end()
    const plain = connectTo(server.port)
    assert.equal((await plain.request(tlv(0x77, tlv(0x80, '1.3.6.1.4.1.1466.20037'), tlv(0x81, 'x')))).code, 2)
    assert.equal(await plain.whoAmI(), '')
    plain.end()
  })

  for (const [what, bytes] of [
    ['garbage', Buffer.from('this is no handshake at all, not even nearly')],
    ['LDAP', message(2, whoAmI)],
    ['half a hello', Buffer.from('16030100c8', 'hex')],
    ['silence', Buffer.alloc(0)],
  ] as const)
    it(`a handshake of ${what} ends the connection and nothing else`, async () => {
      const c = connectTo(server.port)
      assert.equal((await c.request(startTls)).code, 0)
      c.socket.removeAllListeners('data')
      c.socket.on('data', () => {})
      if (bytes.length > 0) c.send(bytes)
      await c.closed
      await othersAreServed()
    })

  it('100 handshakes that are never completed are closed, on both doors', async () => {
    const sockets = Array.from({ length: 100 }, (_, i) => {
      if (i % 2) return connect(server.ports.tls!, '127.0.0.1')
      const socket = connect(server.port, '127.0.0.1')
      socket.write(message(1, startTls))
      return socket
    })
    const gone = sockets.map(
      (socket) =>
        new Promise((resolve) =>
          socket
            .on('error', () => {})
            .resume()
            .once('close', resolve),
        ),
    )
    await othersAreServed()
    await Promise.all(gone)
  })

  it('SASL EXTERNAL is for the Unix socket: over TCP, with TLS or not, it is 7', async () => {
    const external = tlv(0x60, tlv(0x02, Buffer.of(3)), tlv(0x04), tlv(0xa3, tlv(0x04, 'EXTERNAL'), tlv(0x04)))
    const plain = connectTo(server.port)
    assert.equal((await plain.request(external)).code, 7)
    const socket = connectTls({ port: server.ports.tls!, host: '127.0.0.1', ca: pair.cert, servername: 'localhost' })
    const safe = connectTo(0, socket)
    assert.equal((await safe.request(external)).code, 7)
    assert.equal(await safe.whoAmI(), '')
    plain.end()
    safe.end()
  })
})
