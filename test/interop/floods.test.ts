import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { type Answer, bindRequest, type Client, connectTo, controls, message, searchRequest } from '../ldap/client.ts'
import { pageControl, pageCookie, sortControl } from '../ldap/list-controls.ts'
import {
  aDirectory,
  aGroup,
  aUser,
  base,
  change,
  groups,
  ids,
  organisation,
  reader,
  type Started,
  startServer,
  users,
  uuid,
} from '../ldap/sample.ts'
import { until } from '../support/node.ts'

// Much of what is allowed once: the process lives, others are answered, memory has a bound. Times are generous.

const mb = 1024 * 1024
const memory = (): number => {
  const { rss } = process.memoryUsage()
  return rss
}

const persist = controls(['1.3.6.1.4.1.4203.1.9.1.1', true, tlv(0x30, integerTlv(3, 0x0a))])
const whoAmI = tlv(0x77, tlv(0x80, '1.3.6.1.4.1.4203.1.11.3'))
const cancelOf = (id: number): Buffer => tlv(0x77, tlv(0x80, '1.3.6.1.1.8'), tlv(0x81, tlv(0x30, integerTlv(id))))
const within = <T>(ms: number, what: Promise<T>): Promise<T | 'too late'> =>
  Promise.race([what, sleep(ms, 'too late' as const, { ref: false })])

describe('floods', () => {
  let server: Started
  const people = Array.from({ length: 3000 }, (_, i) =>
    change('user', uuid(5000 + i), aUser({ username: `m${i}`, uidNumber: 5000 + i, first: 'x'.repeat(100) })),
  )
  before(async () => {
    server = await startServer({
      directory: aDirectory([...organisation(), ...people]),
      limits: { stalledMs: 700, maxKeptEntries: 20_000 },
      feed: { position: () => ({ epochNo: 1, epochId: 'one', horizon: 0 }), goneSince: async () => [] },
    })
  })
  after(() => server.close())

  const othersAreServed = async (): Promise<void> => {
    const other = connectTo(server.port)
    assert.equal(await within(5000, other.bind(reader, 'reader')), 0)
    assert.equal(
      ((await within(5000, other.search({ base: users, filter: '(uid=karl)' }))) as Answer).entries.length,
      1,
    )
    other.end()
  }

  /** Sends again and again until the server takes no more, or a lot has gone. */
  async function pour(client: Client, bytes: Buffer, most: number): Promise<number> {
    const start = client.socket.bytesWritten
    while (
      client.socket.bytesWritten - start < most &&
      client.socket.writable &&
      client.socket.writableLength < 4 * mb
    ) {
      client.send(bytes)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return client.socket.bytesWritten - client.socket.writableLength - start
  }

  for (const [what, request] of [
    ['cancels', cancelOf(4711)],
    ['questions', whoAmI],
    ['searches', searchRequest({ base: users, filter: '(uid=karl)' })],
  ] as const)
    it(`of ${what} from a client that does not read are not answered without bound`, async () => {
      const c = connectTo(server.port)
      await c.bind(reader, 'reader')
      c.socket.pause()
      const before = memory()
      const taken = await pour(
        c,
        Buffer.concat(Array.from({ length: 2000 }, (_, i) => message(i + 1, request))),
        60 * mb,
      )
      assert.ok(taken < 50 * mb, `${Math.round(taken / mb)} MB were taken in`)
      assert.ok(memory() - before < 150 * mb, `${Math.round((memory() - before) / mb)} MB more`)
      await othersAreServed()
      await until(() => server.connections() === 0, 10_000)
      c.end()
    })

  it('of news for who does not read ends, whatever else that client sends', async () => {
    const c = connectTo(server.port)
    await c.bind(reader, 'reader')
    c.send(message(7, searchRequest({ base: groups }), persist))
    await until(() => server.directory.followers === 1)
    c.socket.pause()
    const before = memory()
    const isOpen = (): boolean => server.directory.followers === 1
    // Everybody is a member: one such entry has some 200 kB.
    for (let i = 0; i < 2000 && isOpen(); i++) {
      server.directory.apply([
        change(
          'group',
          ids.allusers,
          aGroup({ name: 'allusers', description: `${i}`, gidNumber: 63000, type: 'builtin' }),
        ),
      ])
      if (i % 20 === 0) c.send(message(9, tlv(0x50, Buffer.of(99))))
      await sleep(5)
    }
    assert.equal(isOpen(), false)
    assert.ok(memory() - before < 150 * mb)
    c.end()
  })

  it('of cancels and abandons, each for what is under way, what waits and what is not there', async () => {
    const c = connectTo(server.port)
    await c.bind(reader, 'reader')
    for (let round = 0; round < 20; round++) {
      const requests = Array.from({ length: 60 }, (_, i) => message(i + 1, searchRequest({ base })))
      const abandons = Array.from({ length: 120 }, (_, i) =>
        message(500 + i, i % 2 ? cancelOf(i) : tlv(0x50, Buffer.of(i))),
      )
      c.send(Buffer.concat([...requests, ...abandons]))
    }
    await othersAreServed()
    assert.equal(await within(20_000, c.whoAmI()), `dn:${reader}`)
    c.end()
  })

  it('of large requests behind a bind wait outside', async () => {
    const slow = await startServer({ verify: () => sleep(8000, false) })
    const before = memory()
    const clients = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const c = connectTo(slow.port)
        c.send(message(1, bindRequest(reader, 'x')))
        const filler = message(
          2,
          tlv(0x6e, tlv(0x04, 'x'.repeat(240 * 1024)), tlv(0x30, tlv(0x04, 'cn'), tlv(0x04, 'x'))),
        )
        for (let i = 0; i < 60; i++) c.send(filler)
        return c
      }),
    )
    await sleep(3500)
    // What the clients here have not got rid of is memory of this process as well.
    const inClients = clients.reduce((sum, { socket }) => sum + socket.writableLength, 0)
    assert.ok(inClients > 30 * 8 * mb, `${Math.round(inClients / mb)} MB are still with the clients`)
    assert.ok(memory() - before - inClients < 200 * mb)
    for (const c of clients) c.end()
    await slow.close()
  })

  it('of paged searches that nobody takes further hold no more than the limit', async () => {
    const c = connectTo(server.port)
    await c.bind(reader, 'reader')
    const cookies: Buffer[] = []
    for (let i = 0; i < 16; i++) {
      const sorted = i % 2 ? [sortControl([{ attribute: 'cn' }])] : []
      const answer = await c.search({ base: users, attributes: ['1.1'], controls: controls(pageControl(5), ...sorted) })
      cookies.push(pageCookie(answer)!)
    }
    const next = async (cookie: Buffer): Promise<number> =>
      (await c.search({ base: users, attributes: ['1.1'], controls: controls(pageControl(5, cookie)) })).code
    assert.equal(await next(cookies[0]!), 53, 'the oldest was given up')
    assert.equal(await next(cookies.at(-1)!), 0)
    c.end()
  })

  it('of connections beyond the limit do not stay open, though the clients hold on to them', async () => {
    const own = await startServer({ limits: { maxConnections: 2 } })
    const held = [connectTo(own.port), connectTo(own.port)]
    for (const each of held) assert.equal(await each.bind('', ''), 0)
    const extras = Array.from({ length: 150 }, () =>
      connect({ port: own.port, host: '127.0.0.1', allowHalfOpen: true }),
    )
    const ended = extras.map(
      (socket) =>
        new Promise<void>((resolve) => {
          // What is written to a socket that is gone is answered with a reset.
          const poke = setInterval(() => socket.writable && socket.write('x'), 50)
          socket.on('error', () => {}).resume()
          socket.once('close', () => {
            clearInterval(poke)
            resolve()
          })
        }),
    )
    assert.notEqual(await within(10_000, Promise.all(ended)), 'too late')
    for (const each of held) each.end()
    await own.close()
  })
})
