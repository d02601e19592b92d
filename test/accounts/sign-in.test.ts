import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { isOurs } from '../../server/accounts/passwords.ts'
import { changePolicy } from '../../server/accounts/policy-changes.ts'
import { confirmPassword, decide, doorFor, mayNotSignIn, signIn, stateOf } from '../../server/accounts/sign-in.ts'
import { keepSignIns, rememberSignIns, signInFacts, signInsPerDay } from '../../server/accounts/sign-ins.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { userById } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { Refused, Unavailable } from '../../server/errors.ts'
import type { UserBody } from '../../server/store/bodies.ts'
import { closeDb, openDb } from '../../server/store/db.ts'
import { objectById } from '../../server/store/objects.ts'
import { commit } from '../../server/store/write.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
before(async () => {
  store = await aMasterStore()
})
after(() => store.close())

const bodyOf = async (id: string): Promise<UserBody> => {
  const object = await objectById(store.db.reader, 'user', id)
  assert.ok(object, 'the person is there')
  return object.body
}

const change = (id: string, values: Partial<UserBody>): Promise<void> =>
  commit(store.db, me, async ({ trx, put }) => {
    const object = await objectById(trx, 'user', id)
    if (object) await put('user', id, { ...object.body, ...values })
  })

const hoursFromNow = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString()

/** What came of a sign-in, in a word. */
const outcome = async (username: string, typed = password): Promise<string> => {
  try {
    const user = await signIn(store.db, username, typed)
    return user.mustSetPassword === undefined ? 'in' : 'new password'
  } catch (error) {
    if (error instanceof Refused) return 'refused'
    if (error instanceof Unavailable) return 'wait'
    throw error
  }
}

test('an account is enabled, disabled, locked, expired or waiting, and says since or until when', () => {
  const enabled = { status: 'enabled' } as const
  const [before, after] = [hoursFromNow(-1), hoursFromNow(1)]
  const cases = [
    [enabled, 'enabled', /undefined/],
    [{ status: 'disabled' }, 'disabled', /is disabled/],
    [{ status: 'locked' }, 'locked', /is locked$/],
    [{ ...enabled, lockedUntil: after }, 'locked', /is locked until 20.* UTC/],
    [{ ...enabled, lockedUntil: before }, 'enabled', /undefined/],
    [{ ...enabled, validUntil: before }, 'expired', /has ended on 20/],
    [{ ...enabled, validUntil: after }, 'enabled', /undefined/],
    [{ ...enabled, validFrom: after }, 'waiting', /begins on 20/],
    [{ ...enabled, validFrom: before }, 'enabled', /undefined/],
    [{ status: 'disabled', lockedUntil: after, validUntil: before }, 'disabled', /is disabled/],
  ] as const
  for (const [user, state, reason] of cases) {
    assert.equal(stateOf(user), state)
    assert.match(String(mayNotSignIn(user)), reason)
  }
})

test('one decision: every state is refused at the web and at LDAP alike', async () => {
  const ldap = doorFor(store.db, 'ldap')
  const user = await aUser(store.db, { username: 'states1', password })
  const cases: [Partial<UserBody>, string, RegExp | undefined][] = [
    [{}, 'in', undefined],
    [{ status: 'disabled' }, 'refused', /disabled/],
    [{ status: 'locked' }, 'refused', /locked/],
    [{ status: 'enabled', validUntil: hoursFromNow(-1) }, 'refused', /ended/],
    [{ validUntil: hoursFromNow(1), validFrom: hoursFromNow(0.5) }, 'refused', /begins/],
    [{ validFrom: hoursFromNow(-1), mustChange: true }, 'new password', /Somebody else has set/],
    [{ mustChange: false }, 'in', undefined],
  ]
  for (const [values, word, reason] of cases) {
    await change(user.id, values)
    assert.equal(await outcome('states1'), word, JSON.stringify(values))
    const refusal = await ldap.refusal(user.id)
    if (reason) assert.match(refusal?.reason ?? '', reason)
    else assert.equal(refusal, undefined)
  }
  assert.equal(await ldap.refusal('no-person'), undefined)
})

test('an old password signs in for the days of grace, and then leads to a new one only', async () => {
  await changePolicy(store.db, me, { maxAgeDays: '30', graceDays: '5' })
  const user = await aUser(store.db, { username: 'aged1', password })
  await change(user.id, { passwordChanged: hoursFromNow(-24 * 31) })
  assert.equal(await outcome('aged1'), 'in')
  await change(user.id, { passwordChanged: hoursFromNow(-24 * 36) })
  assert.equal(await outcome('aged1'), 'new password')
  assert.match((await doorFor(store.db, 'ldap').refusal(user.id))?.reason ?? '', /The password has ended on 20/)
  await changePolicy(store.db, me, { maxAgeDays: '0' })
  assert.equal(await outcome('aged1'), 'in')
})

test('wrong passwords at the web and at LDAP fill one counter, and lock the account everywhere', async () => {
  const ldap = doorFor(store.db, 'ldap')
  const user = await aUser(store.db, { username: 'counted1', first: 'Freja', last: 'Nyström', password })
  for (let i = 0; i < 5; i++) assert.equal(await outcome('counted1', `web ${i}`), 'refused')
  for (let i = 0; i < 5; i++) await ldap.failed(user.id, `ldap ${i}`)
  assert.equal(await outcome('counted1'), 'wait')
  assert.match((await ldap.refusal(user.id))?.reason ?? '', /locked until/)
  const { lockedUntil = '', status } = await bodyOf(user.id)
  assert.equal(status, 'enabled')
  const minutes = (Date.parse(lockedUntil) - Date.now()) / 60_000
  assert.equal(Math.round(minutes), 15)
  const { rows } = await auditPage(store.db, { object: user.id, size: 1 })
  assert.equal(rows[0]?.sentence, 'Locked Freja Nyström after 10 wrong passwords')
  assert.equal(rows[0]?.actor, 'this node')
  await setStatus(store.db, me, user.id, 'enabled')
  assert.equal(await outcome('counted1'), 'in')
})

test('a service that repeats one old password locks nobody out', async () => {
  const ldap = doorFor(store.db, 'ldap')
  const user = await aUser(store.db, { username: 'stale1', password })
  for (let i = 0; i < 40; i++) await ldap.failed(user.id, 'the old password')
  assert.equal((await signInFacts(store.db, user.id)).failures, 1)
  assert.equal(await outcome('stale1'), 'in')
})

test('a good sign-in forgets the wrong ones, and typing the password once more counts as well', async () => {
  const user = await aUser(store.db, { username: 'forgets1', password })
  for (let i = 0; i < 9; i++) await outcome('forgets1', `wrong ${i}`)
  assert.equal((await signInFacts(store.db, user.id)).failures, 9)
  assert.equal(await outcome('forgets1'), 'in')
  assert.equal((await signInFacts(store.db, user.id)).failures, 0)
  for (let i = 0; i < 10; i++) assert.equal(await confirmPassword(store.db, user.id, `wrong ${i}`), false)
  await assert.rejects(confirmPassword(store.db, user.id, password), Unavailable)
})

test('a policy without an end locks until somebody unlocks; the last administrator comes back after minutes', async () => {
  await changePolicy(store.db, me, { lockMinutes: '0', lockAfter: '3' })
  const user = await aUser(store.db, { username: 'endless1', password })
  for (let i = 0; i < 3; i++) await outcome('endless1', `wrong ${i}`)
  assert.equal((await bodyOf(user.id)).status, 'locked')
  assert.equal(await outcome('endless1'), 'refused')
  for (let i = 0; i < 3; i++) await outcome('admin', `wrong ${i}`)
  const admin = await signInRow('admin')
  assert.equal(admin.status, 'enabled')
  assert.equal(stateOf(admin), 'locked')
  await setStatus(store.db, me, admin.id, 'enabled')
  await changePolicy(store.db, me, { lockMinutes: '15', lockAfter: '0' })
  const free = await aUser(store.db, { username: 'free1', password })
  for (let i = 0; i < 15; i++) await outcome('free1', `wrong ${i}`)
  assert.equal(stateOf(await bodyOf(free.id)), 'enabled')
  await changePolicy(store.db, me, { lockAfter: '10' })
})

async function signInRow(username: string) {
  const row: { id: string } | undefined = await store.db.reader('users').where({ username }).first('id')
  const user = await userById(store.db, row?.id ?? '')
  assert.ok(user, 'the person is there')
  return user
}

test('a hash of another system becomes ours at the first good sign-in, and nothing else changes', async () => {
  const user = await aUser(store.db, { username: 'foreign1' })
  const foreign = '{SSHA}uNAaNLepNsYV/0eFNwnl+SPrO1xiT15n'
  await change(user.id, { password: foreign, passwordChanged: '2020-01-01T00:00:00.000Z' })
  assert.equal(await outcome('foreign1', 'wrong'), 'refused')
  assert.equal((await bodyOf(user.id)).password, foreign)
  assert.equal(await outcome('foreign1', 'secret'), 'in')
  const after = await bodyOf(user.id)
  assert.equal(isOurs(after.password ?? ''), true)
  assert.equal(after.passwordChanged, '2020-01-01T00:00:00.000Z')
  assert.equal(await outcome('foreign1', 'secret'), 'in')
  await change(user.id, { password: foreign })
  await doorFor(store.db, 'ldap').good(user.id, foreign, 'secret')
  assert.equal(isOurs((await bodyOf(user.id)).password ?? ''), true)
})

test('wrong tries, locks and days outlast a restart of the node', async () => {
  const mine = await aMasterStore()
  const user = await aUser(mine.db, { username: 'lasting1', password })
  await signIn(mine.db, 'lasting1', password, 'web')
  for (let i = 0; i < 9; i++) await signIn(mine.db, 'lasting1', `wrong ${i}`).catch(() => {})
  await keepSignIns(mine.db)
  await closeDb(mine.db)
  const db = await openDb(mine.db.dir)
  try {
    const facts = await signInFacts(db, user.id)
    assert.equal(facts.failures, 9)
    assert.equal(facts.lastDoor, 'web')
    assert.match(facts.lastGood ?? '', /^20/)
    const days = await signInsPerDay(db, 14)
    assert.equal(days.length, 14)
    assert.deepEqual({ ...days[13], day: '' }, { day: '', good: 1, refused: 9 })
    await signIn(db, 'lasting1', 'the tenth').catch(() => {})
    const object = await objectById(db.reader, 'user', user.id)
    assert.ok(object, 'the person is there')
    assert.equal('may' in (await decide(db, object)) && stateOf(object.body), 'locked')
    await keepSignIns(db)
    assert.equal((await signInsPerDay(db, 1))[0]?.refused, 10)
  } finally {
    await closeDb(db)
    rmSync(mine.db.dir, { recursive: true, force: true })
  }
})

test('a slave locks for itself, and opens when the master has a new password for the person', async () => {
  const mine = await aMasterStore()
  const user = await aUser(mine.db, { username: 'here1', password })
  mine.db.local.mode = 'slave'
  for (let i = 0; i < 10; i++) await signIn(mine.db, 'here1', `wrong ${i}`).catch(() => {})
  await assert.rejects(signIn(mine.db, 'here1', password), Unavailable)
  assert.match((await doorFor(mine.db, 'ldap').refusal(user.id))?.reason ?? '', /locked at this node until/)
  const object = await objectById(mine.db.reader, 'user', user.id)
  assert.equal(object?.body.lockedUntil, undefined)
  await commit(mine.db, me, ({ put }) =>
    put('user', user.id, { ...(object?.body as UserBody), passwordChanged: new Date().toISOString() }),
  )
  assert.equal((await signIn(mine.db, 'here1', password)).username, 'here1')
  await mine.close()
})

test('a new password opens what a slave has locked also when the slave was started anew since', async () => {
  const mine = await aMasterStore()
  const user = await aUser(mine.db, { username: 'here2', password })
  mine.db.local.mode = 'slave'
  for (let i = 0; i < 10; i++) await signIn(mine.db, 'here2', `wrong ${i}`).catch(() => {})
  await keepSignIns(mine.db)
  await closeDb(mine.db)
  const db = await openDb(mine.db.dir)
  try {
    await rememberSignIns(db)
    db.local.mode = 'slave'
    await assert.rejects(signIn(db, 'here2', password), Unavailable)
    const object = await objectById(db.reader, 'user', user.id)
    assert.ok(object, 'the person is there')
    const change = (values: Partial<UserBody>) =>
      commit(db, me, ({ put }) => put('user', user.id, { ...object.body, ...values }))
    await change({ last: 'Renamed' })
    await assert.rejects(signIn(db, 'here2', password), Unavailable, 'another change is no new password')
    await change({ passwordChanged: new Date().toISOString() })
    assert.equal((await signIn(db, 'here2', password)).username, 'here2')
  } finally {
    await closeDb(db)
    rmSync(mine.db.dir, { recursive: true, force: true })
  }
})
