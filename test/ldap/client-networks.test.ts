import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import pino from 'pino'
import { inNetworks, readNetworks } from '../../server/accounts/networks.ts'
import { startAfar } from './afar.ts'
import { connectTo } from './client.ts'
import { aClient, base, change, ids, reader, users } from './sample.ts'

describe('networks of a client, as they are typed', () => {
  const good: [string[], string[]][] = [
    [[' 10.1.0.0/16 ', '', '10.1.0.0/16'], ['10.1.0.0/16']],
    [['192.168.7.20'], ['192.168.7.20']],
    [
      ['2001:DB8::/32', 'fe80::1'],
      ['2001:db8::/32', 'fe80::1'],
    ],
    [
      ['0.0.0.0/0', '::/0'],
      ['0.0.0.0/0', '::/0'],
    ],
    [[], []],
  ]
  for (const [typed, networks] of good)
    it(`takes ${JSON.stringify(typed)}`, () => assert.deepEqual(readNetworks(typed), { networks }))

  for (const typed of [
    '10.1.0.0/33',
    '10.1.0/16',
    '10.1.0.0/',
    '10.1.0.0/1 6',
    '10.1.0.0/16/8',
    '2001:db8::/129',
    'office.example.lan',
    'fe80::1%eth0',
    '::ffff:10.1.0.0/112',
    '10.1.0.0/-1',
    '*',
    'a'.repeat(1000),
  ])
    it(`refuses ${typed.slice(0, 30)} with an example of what it may be`, () => {
      const read = readNetworks(['10.0.0.0/8', typed])
      assert.match('problem' in read ? read.problem : '', /^“.{1,64}” is no network\. .* as in 10\.1\.0\.0\/16/)
    })

  it('keeps the list short', () => {
    const many = Array.from({ length: 51 }, (_, n) => `10.0.0.${n}`)
    assert.deepEqual(readNetworks(many), { problem: 'There must not be more than 50 networks.' })
  })

  const inside: [string[], string, boolean][] = [
    [['10.1.0.0/16'], '10.1.200.7', true],
    [['10.1.0.0/16'], '::ffff:10.1.200.7', true],
    [['10.1.0.0/16'], '10.2.0.1', false],
    [['10.1.0.0/16'], '2001:db8::1', false],
    [['10.1.0.0/16'], '127.0.0.1', true],
    [['10.1.0.0/16'], '::1', true],
    [['10.1.0.0/16'], '', true],
    [['2001:db8::/32'], '2001:db8:7::1', true],
    [['2001:db8::/32'], '10.1.0.1', false],
    [['fe80::/10'], 'fe80::7%eth0', true],
    [['10.1.0.5'], '10.1.0.5', true],
    [['10.1.0.5'], '10.1.0.6', false],
  ]
  for (const [networks, address, isIn] of inside)
    it(`${address || 'the Unix socket'} is ${isIn ? '' : 'not '}in ${networks}`, () =>
      assert.equal(inNetworks(networks)(address), isIn))
})

describe('a client with networks', () => {
  const missed: string[] = []
  const logged: string[] = []
  let server: Awaited<ReturnType<typeof startAfar>>
  before(async () => {
    const log = pino({}, { write: (line: string) => void logged.push(line) })
    const lens = {
      used: () => {},
      missed: (_id: string, kind: string, what: string) => missed.push(`${kind}: ${what}`) === 1,
    }
    server = await startAfar({ lens, log })
    server.directory.apply([change('client', ids.reader, aClient({ networks: ['10.1.0.0/16', '2001:db8::/32'] }))])
  })
  after(() => server.close())

  const bindFrom = async (address: string) => {
    server.from.address = address
    const c = connectTo(server.port)
    const answer = await c.bind(reader, 'reader')
    return { c, answer }
  }

  it('binds from there', async () => {
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::9']) {
      const { c, answer } = await bindFrom(address)
      assert.equal(answer, 0, address)
      c.end()
    }
    assert.deepEqual(missed, [])
  })

  it('is refused from elsewhere like one with a wrong password; lens and log have the reason, the log once', async () => {
    for (const address of ['10.2.0.1', '10.2.0.1', '2001:db9::1']) {
      const { c, answer } = await bindFrom(address)
      assert.equal(answer, 49, address)
      c.end()
    }
    assert.deepEqual(missed, [
      'bind: not allowed from 10.2.0.1',
      'bind: not allowed from 10.2.0.1',
      'bind: not allowed from 2001:db9::1',
    ])
    assert.equal(logged.length, 1)
    assert.match(logged[0] ?? '', /"address":"10\.2\.0\.1","reason":"not allowed from 10\.2\.0\.1"/)
    assert.doesNotMatch(logged.join(''), /hash:|"reader"/)
  })

  it('is anonymous from its next request on when its network is taken away, and itself again when it comes back', async () => {
    const { c } = await bindFrom('10.1.2.3')
    const put = (networks?: string[]) =>
      server.directory.apply([change('client', ids.reader, aClient(networks ? { networks } : {}))])
    assert.equal((await c.search({ base })).code, 0)
    put(['10.9.0.0/16'])
    assert.equal((await c.search({ base })).code, 50)
    assert.equal(await c.whoAmI(), '')
    put()
    assert.equal((await c.search({ base })).code, 0)
    c.end()
  })

  it('a wrong password is told apart in the lens, and not on the wire', async () => {
    missed.length = 0
    server.from.address = '10.1.2.3'
    const c = connectTo(server.port)
    assert.equal(await c.bind(reader, 'wrong'), 49)
    assert.deepEqual(missed, ['bind: wrong password'])
    c.end()
  })

  it('without TLS it is told so, and so is its page', async () => {
    const refused: string[] = []
    const lens = {
      used: () => {},
      missed: (_id: string, kind: string, what: string) => refused.push(`${kind}: ${what}`) > 0,
    }
    const plain = await startAfar({ lens, door: 'plain', directory: server.directory })
    const c = connectTo(plain.port)
    assert.equal(await c.bind(reader, 'reader'), 13)
    assert.equal(await c.bind(`uid=fnystrom,${users}`, 'secret'), 13)
    assert.deepEqual(refused, ['bind: in the clear'], 'of people nothing is kept')
    c.end()
    await plain.close()
  })
})
