import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { verifyPassword } from '../../server/accounts/passwords.ts'
import { defaultPolicy } from '../../server/accounts/policies.ts'
import { doorFor } from '../../server/accounts/sign-in.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { setPassword } from '../../server/accounts/users.ts'
import { createDirectory } from '../../server/ldap/directory.ts'
import { followFeed } from '../../server/ldap/follow.ts'
import type { Judge } from '../../server/ldap/operations.ts'
import type { UserBody } from '../../server/store/bodies.ts'
import type { Db } from '../../server/store/db.ts'
import { objectById } from '../../server/store/objects.ts'
import { write } from '../../server/store/write.ts'
import { until } from '../support/node.ts'
import { me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { bindRequest, type Client, connectTo } from './client.ts'
import {
  aClient,
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
  uuid,
  verify,
} from './sample.ts'

const frida = `uid=fnystrom,${users}`
const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString()
const hour = 3_600_000

describe('when an account may bind', () => {
  let server: Started
  let read: Client
  before(async () => {
    server = await startServer({ directory: aDirectory(organisation()) })
    read = connectTo(server.port)
    await read.bind(reader, 'reader')
  })
  after(async () => {
    read.end()
    await server.close()
  })
  const put = (values: Partial<UserBody>): void => server.directory.apply([change('user', ids.frida, aUser(values))])
  const bound = async (): Promise<number> => {
    const c = connectTo(server.port)
    const code = await c.bind(frida, 'secret')
    c.end()
    return code
  }
  const expire = async (): Promise<string | undefined> =>
    (await read.search({ base: frida, scope: 'base' })).entries[0]!.attributes.shadowExpire?.[0]

  const cases: [string, Partial<UserBody>, number, string | undefined][] = [
    ['enabled', {}, 0, undefined],
    ['disabled', { status: 'disabled' }, 49, '1'],
    ['locked', { status: 'locked' }, 49, '1'],
    ['locked for a while', { lockedUntil: inMs(hour) }, 49, '1'],
    ['locked until a while ago', { lockedUntil: inMs(-hour) }, 0, undefined],
    ['not yet valid', { validFrom: inMs(hour) }, 49, '1'],
    ['valid since a while', { validFrom: inMs(-hour) }, 0, undefined],
    ['valid until then', { validUntil: '2098-12-31T23:00:00.000Z' }, 0, '47117'],
    ['ended', { validUntil: inMs(-1) }, 49, '1'],
  ]
  for (const [what, values, code, shadow] of cases) {
    it(`${what}: ${code}`, async () => {
      put(values)
      assert.equal(await bound(), code)
      assert.equal(await expire(), shadow)
    })
  }

  it('the clock alone opens and closes, also for who is bound already', async () => {
    put({ validFrom: inMs(150), validUntil: inMs(450) })
    assert.equal(await bound(), 49)
    await sleep(200)
    const c = connectTo(server.port)
    assert.equal(await c.bind(frida, 'secret'), 0)
    assert.equal((await c.search({ base: frida })).code, 0)
    await sleep(300)
    assert.equal((await c.search({ base: frida })).code, 50)
    assert.equal(await bound(), 49)
    c.end()
  })
})

describe('the domain judges a bind', () => {
  const asked: string[] = []
  let refused: string | undefined
  let server: Started
  const checked: (string | undefined)[] = []
  const judge: Judge = {
    async refusal(id) {
      asked.push(`refusal ${id}`)
      return refused === undefined ? undefined : { reason: refused }
    },
    failed: (id, typed) => asked.push(`failed ${id} ${typed}`),
    good: (id, hash, typed) => asked.push(`good ${id} ${hash} ${typed}`),
  }
  before(async () => {
    server = await startServer({
      directory: aDirectory(organisation()),
      judge,
      async verify(hash, typed) {
        checked.push(hash)
        return verify(hash, typed)
      },
    })
  })
  after(() => server.close())
  const bind = async (dn: string, typed: string) => {
    asked.length = 0
    checked.length = 0
    const c = connectTo(server.port)
    const { code, message } = await c.request(bindRequest(dn, typed))
    c.end()
    return { code, message }
  }
  const { frida: id } = ids

  it('hears of wrong and right passwords of people', async () => {
    assert.equal((await bind(frida, 'wrong')).code, 49)
    assert.deepEqual(asked, [`refusal ${id}`, `failed ${id} wrong`])
    assert.equal((await bind(frida, 'secret')).code, 0)
    assert.deepEqual(asked, [`refusal ${id}`, `refusal ${id}`, `good ${id} hash:secret secret`])
  })

  it('refuses like a wrong password, after the same work, and the right password makes no difference', async () => {
    refused = 'Account is locked'
    const right = await bind(frida, 'secret')
    assert.deepEqual(checked, [undefined])
    assert.deepEqual(asked, [`refusal ${id}`])
    refused = undefined
    assert.deepEqual(right, await bind(frida, 'wrong'))
  })

  it('has nothing to say about LDAP clients and unknown names', async () => {
    refused = 'Account is locked'
    assert.equal((await bind(reader, 'reader')).code, 0)
    assert.equal((await bind(reader, 'wrong')).code, 49)
    assert.equal((await bind(`uid=nobody,${users}`, 'x')).code, 49)
    assert.deepEqual(asked, [])
    refused = undefined
  })

  it('a lock that falls while passwords are being checked holds for those under way', async () => {
    const several = Array.from({ length: 6 }, async (_, i) => {
      const c = connectTo(server.port)
      const code = await c.bind(frida, i === 5 ? 'secret' : `wrong ${i}`)
      c.end()
      return code
    })
    setTimeout(() => {
      refused = 'Account is locked'
    }, 2)
    assert.deepEqual(await Promise.all(several), Array(6).fill(49))
    refused = undefined
  })

  it('a hash that is replaced by a better one while others bind refuses nobody', async () => {
    const directory = aDirectory(organisation())
    const own = await startServer({
      directory,
      judge: { ...judge, good: () => directory.apply([change('user', id, aUser({ password: 'better:secret' }))]) },
      verify: async (hash, typed) =>
        hash === 'better:secret' ? typed === 'secret' : sleep(20, await verify(hash, typed)),
    })
    const binds = Array.from({ length: 8 }, async (_, i) => {
      await sleep(i * 4)
      const c = connectTo(own.port)
      const code = await c.bind(frida, i % 4 === 3 ? 'wrong' : 'secret')
      c.end()
      return code
    })
    assert.deepEqual(await Promise.all(binds), [0, 0, 0, 49, 0, 0, 0, 49])
    await own.close()
  })
})

describe('one meaning with the web', () => {
  let server: Started
  let db: Db
  let end: () => Promise<void>
  const body = (): Promise<UserBody> => objectById(db.reader, 'user', uuid(900)).then((object) => object!.body)
  const put = (values: Partial<UserBody>): Promise<void> =>
    write(db, me, (change) => change.put('user', uuid(900), aUser({ username: 'anna', ...values })))
  const bind = async (typed: string, dn = `uid=anna,${users}`): Promise<number> => {
    const c = connectTo(server.port)
    const code = await c.bind(dn, typed)
    c.end()
    return code
  }

  before(async () => {
    const store = await aMasterStore('standalone')
    db = store.db
    const directory = createDirectory()
    const stop = await followFeed(db, directory, pino({ level: 'silent' }))
    server = await startServer({ directory, verify: verifyPassword, judge: doorFor(db, 'ldap') })
    end = async () => {
      await server.close()
      stop()
      await store.close()
    }
  })
  after(() => end())

  it('a hash of another system opens, and is ours after the first good bind', async () => {
    const ssha = execFileSync('/usr/sbin/slappasswd', ['-h', '{SSHA}', '-s', password], { encoding: 'utf8' }).trim()
    await put({ password: ssha })
    assert.deepEqual(
      await Promise.all([password, 'wrong', password, password].map((typed) => bind(typed))),
      [0, 49, 0, 0],
    )
    for (let i = 0; i < 100 && (await body()).password === ssha; i++) await sleep(10)
    assert.match((await body()).password!, /^\$argon2id\$/)
    assert.equal(await bind(password), 0)
  })

  it('enough wrong passwords lock the account everywhere; unlocking opens it', async () => {
    for (let i = 0; i < 10; i++) assert.equal(await bind(`wrong ${i}`), 49)
    for (let i = 0; i < 100 && !(await body()).lockedUntil; i++) await sleep(10)
    assert.notEqual((await body()).lockedUntil, undefined)
    assert.equal(await bind(password), 49)
    await setStatus(db, me, uuid(900), 'enabled')
    assert.equal(await bind(password), 0)
  })

  it('a password that has to be changed first does not bind', async () => {
    await setPassword(db, me, uuid(900), 'another-good-one-7', { mustChange: true })
    assert.equal(await bind('another-good-one-7'), 49)
    await setPassword(db, me, uuid(900), 'yet-a-better-one-8', { by: 'self' })
    assert.equal(await bind('yet-a-better-one-8'), 0)
  })

  it('nor does one that is older than the policy allows, with its days of grace', async () => {
    const { password: hash } = await body()
    const daysAgo = (days: number) => put({ password: hash, passwordChanged: inMs(-days * 24 * hour) })
    await write(db, me, (change) => change.put('policy', uuid(910), { ...defaultPolicy, maxAgeDays: 10, graceDays: 3 }))
    await daysAgo(12)
    assert.equal(await bind('yet-a-better-one-8'), 0)
    await daysAgo(14)
    assert.equal(await bind('yet-a-better-one-8'), 49)
    await write(db, me, (change) => change.remove('policy', uuid(910)))
    assert.equal(await bind('yet-a-better-one-8'), 0)
  })

  it('LDAP clients are never locked', async () => {
    await write(db, me, async (change) =>
      change.put('client', uuid(901), aClient({ password: (await body()).password! })),
    )
    for (let i = 0; i < 12; i++) assert.equal(await bind(`wrong ${i}`, reader), 49)
    assert.equal(await bind('yet-a-better-one-8', `cn=reader,ou=Internal,${base}`), 0)
  })

  it('shadowExpire follows the clock', async () => {
    const c = connectTo(server.port)
    await c.bind(reader, 'yet-a-better-one-8')
    const expire = async () =>
      (await c.search({ base: `uid=anna,${users}`, scope: 'base' })).entries[0]!.attributes.shadowExpire
    const validUntil = inMs(2500)
    await put({ validFrom: inMs(800), validUntil })
    assert.deepEqual(await expire(), ['1'])
    const day = String(Math.ceil(Date.parse(validUntil) / 86_400_000))
    await until(async () => (await expire())?.[0] === day)
    await until(async () => (await expire())?.[0] === '1')
    c.end()
  })
})
