import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { isPlain, signIn } from '../../server/accounts/sign-in.ts'
import { signInFacts } from '../../server/accounts/sign-ins.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { setPassword, userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'

describe('wrong passwords at many sites', () => {
  let master: TestNode
  let malmo: TestNode
  let lagos: TestNode
  before(async () => {
    master = await startMaster()
    malmo = await startSlave(master, 'gw-malmo')
    lagos = await startSlave(master, 'gw-lagos')
  })
  after(async () => {
    await malmo?.close()
    await lagos?.close()
    await master?.close()
  })

  let number = 0
  const wrong = (node: TestNode, username: string) =>
    signIn(node.db, username, `wrong-${number++}`).then(
      () => assert.fail('a wrong password opened'),
      () => {},
    )
  const opens = (node: TestNode, username: string) =>
    signIn(node.db, username, password).then(
      () => true,
      () => false,
    )
  const person = async (username: string) => {
    const user = await aUser(master.db, { username, first: 'Some', last: username, password, mustChange: false })
    await caughtUp(malmo, master)
    await caughtUp(lagos, master)
    return user
  }
  const seenBy = async (id: string) => (await signInFacts(master.db, id)).failures
  const isLocked = async (node: TestNode, username: string) => !isPlain(await userByUsername(node.db, username))

  test('count together on the master, which locks the account at every node', async () => {
    const anna = await person('anna')
    for (let at = 1; at <= 4; at++) await wrong(malmo, 'anna')
    for (let at = 1; at <= 3; at++) await wrong(lagos, 'anna')
    await until(async () => (await seenBy(anna.id)) === 7)
    assert.equal(await opens(master, 'anna'), true, 'seven are not ten')
    await until(async () => (await seenBy(anna.id)) === 7)
    for (let at = 1; at <= 3; at++) await wrong(malmo, 'anna')
    for (const node of [master, malmo, lagos]) await until(() => isLocked(node, 'anna'))
    for (const node of [master, malmo, lagos]) assert.equal(await opens(node, 'anna'), false)
    const [row] = (await auditPage(master.db, { object: anna.id })).rows
    assert.match(
      (await auditPage(master.db, { object: anna.id })).rows.map(({ sentence }) => sentence).join(),
      /Locked Some anna after 10 wrong passwords/,
    )
    assert.ok(row)
  })

  test('an unlock reaches every node, and all begin to count anew', async () => {
    const { id } = await userByUsername(master.db, 'anna')
    await setStatus(master.db, me, id, 'enabled')
    for (const node of [malmo, lagos]) await until(async () => !(await isLocked(node, 'anna')))
    for (const node of [master, malmo, lagos]) assert.equal(await opens(node, 'anna'), true)
    assert.equal(await seenBy(id), 0)
    for (let at = 1; at <= 5; at++) await wrong(malmo, 'anna')
    await until(async () => (await seenBy(id)) === 5)
    assert.equal(await isLocked(master, 'anna'), false)
  })

  test('a good sign-in at one site ends the count of that site, and of no other', async () => {
    const bo = await person('bo')
    for (let at = 1; at <= 3; at++) await wrong(malmo, 'bo')
    for (let at = 1; at <= 2; at++) await wrong(lagos, 'bo')
    await until(async () => (await seenBy(bo.id)) === 5)
    assert.equal(await opens(malmo, 'bo'), true)
    await until(async () => (await seenBy(bo.id)) === 2)
  })

  test('a new password ends all counts', async () => {
    const carl = await person('carl')
    for (let at = 1; at <= 6; at++) await wrong(lagos, 'carl')
    await until(async () => (await seenBy(carl.id)) === 6)
    await setPassword(master.db, me, carl.id, 'quite-another-one-9', { mustChange: false })
    await caughtUp(lagos, master)
    await until(async () => (await seenBy(carl.id)) === 0)
  })

  test('what a site saw without its line is told when it is back, and the worst case wins', async () => {
    const dora = await person('dora')
    await workerOf(lagos.db)?.stop()
    const line = workerOf(lagos.db)?.line
    if (line) line.reachable = false
    for (let at = 1; at <= 6; at++) await wrong(lagos, 'dora')
    for (let at = 1; at <= 5; at++) await wrong(malmo, 'dora')
    await until(async () => (await seenBy(dora.id)) === 5)
    assert.equal(await isLocked(master, 'dora'), false)
    workerOf(lagos.db)?.start()
    for (const node of [master, malmo, lagos]) await until(() => isLocked(node, 'dora'), 8000)
  })

  test('without its line each site locks for itself after its own ten', async () => {
    const { db } = lagos
    await person('edda')
    await workerOf(db)?.stop()
    const line = workerOf(db)?.line
    if (line) line.reachable = false
    for (let at = 1; at <= 10; at++) await wrong(lagos, 'edda')
    assert.equal(await opens(lagos, 'edda'), false)
    assert.equal(await opens(malmo, 'edda'), true)
    workerOf(db)?.start()
    await until(() => isLocked(malmo, 'edda'), 8000)
  })

  test('a master that begins anew hears of everything again', async () => {
    const finn = await person('finn')
    for (let at = 1; at <= 4; at++) await wrong(malmo, 'finn')
    await until(async () => (await seenBy(finn.id)) === 4)
    const line = workerOf(malmo.db)?.line
    const { takeWrongPasswords } = await import('../../server/accounts/sign-in.ts')
    await takeWrongPasswords(master.db, malmo.db.local.deviceId, [
      { id: finn.id, against: '', tries: [], locked: false },
    ])
    assert.equal(await seenBy(finn.id), 0)
    if (line) line.since = new Date().toISOString()
    await until(async () => (await seenBy(finn.id)) === 4, 8000)
  })
})
