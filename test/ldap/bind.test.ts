import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Unavailable } from '../../server/errors.ts'
import type { BindReport } from '../../server/ldap/operations.ts'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { bindRequest, type Client, connectTo, controls, message, searchRequest } from './client.ts'
import {
  aDirectory,
  aUser,
  base,
  change,
  ids,
  organisation,
  reader,
  type Started,
  startServer,
  users,
  verify,
} from './sample.ts'

const frida = `uid=fnystrom,${users}`

describe('bind', () => {
  let server: Started
  const reports: BindReport[] = []
  const checked: (string | undefined)[] = []
  const clients: Client[] = []
  const client = (): Client => {
    const made = connectTo(server.port)
    clients.push(made)
    return made
  }

  before(async () => {
    server = await startServer({
      onBind: (report) => reports.push(report),
      verify: async (hash, password) => {
        checked.push(hash)
        if (password === 'too many') throw new Unavailable('Too many sign-ins at once. Try again in a moment.')
        return verify(hash, password)
      },
    })
  })
  after(async () => {
    for (const each of clients) each.end()
    await server.close()
  })

  it('lets in who has the right password, under any spelling of the name', async () => {
    const c = client()
    assert.equal(await c.bind(frida, 'secret'), 0)
    assert.equal(await c.whoAmI(), `dn:${frida}`)
    assert.equal(await c.bind('UID=FNYSTROM, OU=users ,ou=accounts,DC=Example,dc=LAN', 'secret'), 0)
    assert.equal(await c.whoAmI(), `dn:${frida}`)
    assert.equal(await c.bind(reader, 'reader'), 0)
    assert.equal(await c.whoAmI(), `dn:${reader}`)
  })

  const refused: [string, string, string, number, string?][] = [
    ['a wrong password', frida, 'wrong', 49, 'wrong password'],
    ['an unknown name', `uid=nobody,${users}`, 'secret', 49, 'unknown name'],
    ['a name elsewhere', 'cn=admin,dc=other', 'secret', 49, 'unknown name'],
    ['a group', `cn=sales,ou=Groups,ou=Accounts,${base}`, 'secret', 49, 'unknown name'],
    ['a container', base, 'secret', 49, 'unknown name'],
    ['a disabled account with the right password', `uid=anna,${users}`, 'secret', 49, 'Account is disabled'],
    ['an account without password', `uid=olle,${users}`, 'undefined', 49, 'no password is set'],
    ['no name with a password', '', 'secret', 49, 'unknown name'],
    ['a password of 64 kB', frida, 'x'.repeat(65_536), 49, 'wrong password'],
    ['a name that is no DN', 'fnystrom', 'secret', 34],
    ['a DN with a loop-maker of other servers', 'cn=#0403666f6f x', 'secret', 34],
    ['when too many are being checked', frida, 'too many', 51, 'busy'],
    ['a name without password', frida, '', 53],
  ]
  for (const [what, dn, password, code, reason] of refused) {
    it(`refuses ${what} with ${code}`, async () => {
      const c = client()
      reports.length = 0
      assert.equal(await c.bind(dn, password), code)
      assert.deepEqual(
        reports.map((report) => [report.ok, report.reason, report.address]),
        reason ? [[false, reason, '127.0.0.1']] : [],
      )
      assert.equal(await c.whoAmI(), '')
    })
  }

  it('says no more about a disabled account than about a wrong password', async () => {
    const c = client()
    const answers = await Promise.all(
      [`uid=anna,${users}`, frida].map((dn) => c.request(bindRequest(dn, dn === frida ? 'wrong' : 'secret'))),
    )
    assert.deepEqual(answers.map(({ code, message: text, matchedDn }) => [code, text, matchedDn])[0], [49, '', ''])
    assert.equal(answers[0]!.message, answers[1]!.message)
  })

  it('checks something for an unknown name too, so that it takes as long as a wrong password', async () => {
    checked.length = 0
    await client().bind(`uid=nobody,${users}`, 'x')
    assert.deepEqual(checked, [undefined])
  })

  it('answers an anonymous bind with success, and anonymous it is', async () => {
    const c = client()
    assert.equal(await c.bind('', ''), 0)
    assert.equal(await c.whoAmI(), '')
  })

  it('speaks version 3 only', async () => {
    for (const version of [1, 2, 4])
      assert.equal((await client().request(bindRequest(frida, 'secret', version))).code, 2)
  })

  it('refuses SASL and unknown ways to authenticate with 7', async () => {
    for (const way of [tlv(0xa3, tlv(0x04, 'PLAIN')), tlv(0xa3, tlv(0x04, '')), tlv(0x85, 'x')]) {
      assert.equal((await client().request(tlv(0x60, integerTlv(3), tlv(0x04, ''), way))).code, 7)
    }
  })

  it('leaves the connection anonymous when it fails', async () => {
    for (const bad of [
      bindRequest(frida, 'wrong'),
      bindRequest(frida, ''),
      bindRequest('x', 'y'),
      bindRequest(frida, 'secret', 2),
    ]) {
      const c = client()
      assert.equal(await c.bind(reader, 'reader'), 0)
      assert.notEqual((await c.request(bad)).code, 0)
      assert.equal(await c.whoAmI(), '')
      assert.equal((await c.search({ base })).code, 50)
    }
  })

  it('leaves it anonymous as well when a control of it is refused', async () => {
    const policy: [string, boolean] = ['1.3.6.1.4.1.42.2.27.8.5.1', false]
    for (const [given, code] of [
      [controls(['1.2.3.4', true]), 12],
      [controls(['2.16.840.1.113730.3.4.2', true]), 12],
      [controls(policy, policy), 2],
    ] as const) {
      const c = client()
      assert.equal(await c.bind(reader, 'reader'), 0)
      assert.equal((await c.request(bindRequest(frida, 'secret'), given)).code, code)
      assert.equal(await c.whoAmI(), '')
    }
  })

  it('makes requests behind it wait, and never serves them with another identity', async () => {
    for (let i = 0; i < 50; i++) {
      const c = client()
      const isRight = i % 2 === 0
      const [bound, found] = await Promise.all([
        c.bind(reader, isRight ? 'reader' : 'wrong'),
        c.search({ base: users, filter: '(uid=karl)' }),
      ])
      assert.equal(bound, isRight ? 0 : 49)
      assert.equal(found.code, isRight ? 0 : 50)
      assert.equal(found.entries.length, isRight ? 1 : 0)
      c.end()
    }
  })

  it('works byte by byte', async () => {
    const c = client()
    const answer = new Promise<Buffer>((resolve) => c.socket.once('data', resolve))
    for (const byte of message(77, bindRequest(reader, 'reader'))) {
      c.send(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(await answer, message(77, tlv(0x61, tlv(0x0a, Buffer.of(0)), tlv(0x04), tlv(0x04))))
  })

  it('who is disabled, locked or removed is anonymous from the next request on', async () => {
    const directory = aDirectory(organisation())
    const own = await startServer({ directory })
    const c = connectTo(own.port)
    for (const body of [aUser({ status: 'disabled' }), aUser({ status: 'locked' }), undefined]) {
      directory.apply([change('user', ids.frida, aUser())])
      assert.equal(await c.bind(frida, 'secret'), 0)
      assert.equal((await c.search({ base: frida })).code, 0)
      directory.apply([change('user', ids.frida, body)])
      assert.equal((await c.search({ base: frida })).code, 50)
      assert.equal(await c.whoAmI(), '')
    }
    c.end()
    await own.close()
  })

  it('a password that is changed while it is being checked does not let in', async () => {
    const directory = aDirectory(organisation())
    const own = await startServer({
      directory,
      async verify(hash, password) {
        directory.apply([change('user', ids.frida, aUser({ password: 'hash:other' }))])
        return verify(hash, password)
      },
    })
    const c = connectTo(own.port)
    assert.equal(await c.bind(frida, 'secret'), 49)
    c.end()
    await own.close()
  })

  it('a bind behind a bind counts: the last one decides', async () => {
    const c = client()
    c.send(Buffer.concat([message(900, bindRequest(reader, 'reader')), message(901, bindRequest('', ''))]))
    const found = await c.request(searchRequest({ base }))
    assert.equal(found.code, 50)
  })
})
