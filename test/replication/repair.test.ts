import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup, groupByName } from '../../server/accounts/groups.ts'
import { signIn } from '../../server/accounts/sign-in.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { changeUser, userByUsername } from '../../server/accounts/users.ts'
import { Refused } from '../../server/errors.ts'
import { lastScrub, scrub } from '../../server/replication/scrub.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { nodeStatus } from '../../server/replication/status.ts'
import { canonical } from '../../server/store/canonical.ts'
import type { Db } from '../../server/store/db.ts'
import { caughtUp, silent, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { ldapSignIn } from '../support/process.ts'

const tables = [
  'objects',
  'users',
  'names',
  'memberships',
  'groups',
  'nestings',
  'owners',
  'devices',
  'removed',
] as const

const everything = async (db: Db): Promise<Record<string, unknown>> =>
  Object.fromEntries(
    await Promise.all(
      tables.map(async (table) => {
        const rows: object[] = await (table === 'objects'
          ? db.reader(table).where({ deleted: false })
          : db.reader(table))
        return [table, rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort()] as const
      }),
    ),
  )

describe('I6: what differs is detected, and repaired by bucket', () => {
  let master: TestNode
  let slave: TestNode
  let full = 0
  before(async () => {
    master = await startMaster()
    for (const name of ['anna', 'bruno', 'clara', 'dora']) await aUser(master.db, { username: name, password })
    for (let number = 0; number < 40; number++) await aUser(master.db)
    const { id } = await addGroup(master.db, me, { name: 'sales', description: 'Who sells' })
    await addMembers(master.db, me, id, { usernames: ['clara'] })
    slave = await startSlave(master)
    const { line } = workerOf(slave.db) ?? assert.fail()
    // The mode of each answer that is applied passes through the phase of the line.
    let phase = line.phase
    Object.defineProperty(line, 'phase', {
      get: () => phase,
      set: (next: typeof phase) => {
        if (next === 'full') full++
        phase = next
      },
    })
  })
  after(async () => {
    await slave.close()
    await master.close()
  })

  const idOf = async (username: string) => (await userByUsername(master.db, username)).id

  const damages: Record<string, (db: Db) => Promise<unknown>> = {
    'a byte of a body': async (db) =>
      db.writer.raw(`update objects set body = replace(body, '"first":"', '"first":"X') where id = ?`, [
        await idOf('anna'),
      ]),
    'the password of another in a body': async (db) => {
      const [from] = await db.writer('objects').where({ id: await idOf('bruno') })
      const [to] = await db.writer('objects').where({ id: await idOf('anna') })
      const body = { ...JSON.parse(to.body), password: JSON.parse(from.body).password }
      await db
        .writer('objects')
        .where({ id: to.id })
        .update({ body: canonical(body) })
    },
    'a body that is no JSON any more': async (db) =>
      db
        .writer('objects')
        .where({ id: await idOf('clara') })
        .update({ body: '\u0000\u0001' }),
    'the id of a row': async (db) =>
      db
        .writer('objects')
        .where({ id: await idOf('dora') })
        .update({ id: '00000000-0000-4000-8000-000000000000' }),
    'the kind of a row': async (db) =>
      db
        .writer('objects')
        .where({ id: await idOf('dora') })
        .update({ kind: 'usfr' }),
    'what is said of a group under its id': async (db) => {
      const group = await db.writer('groups').where({ name: 'sales' }).first('id')
      assert.ok(await db.writer('objects').where({ kind: 'revision', id: group.id }).update({ body: '{}' }))
    },
    'the digest of a row': async (db) =>
      db
        .writer('objects')
        .where({ id: await idOf('bruno') })
        .update({ digest: Buffer.alloc(16, 7) }),
    'the mark of what is removed': async (db) =>
      db
        .writer('objects')
        .where({ id: await idOf('bruno') })
        .update({ deleted: true }),
    'a row that is gone': async (db) =>
      db
        .writer('objects')
        .where({ id: await idOf('bruno') })
        .delete(),
    'a row too many': async (db) =>
      db.writer('objects').insert({
        seq: 1_000_000,
        kind: 'user',
        id: 'ffffffff-0000-4000-8000-000000000000',
        deleted: false,
        body: '{"username":"mallory"}',
      }),
    'the hash of the position': async (db) => {
      await db.writer('position').update({ hash: 'f'.repeat(32) })
      db.position = { ...db.position, hash: 'f'.repeat(32) }
    },
    'the name of a person in the table': async (db) =>
      db.writer('users').where({ username: 'anna' }).update({ username: 'bruno2' }),
    'a name that leads to somebody else': async (db) =>
      db
        .writer('names')
        .where({ name: 'anna' })
        .update({ owner: await idOf('bruno') }),
    'a membership that nobody gave': async (db) =>
      db.writer('memberships').insert({ of: (await db.reader('groups').first('id')).id, user_id: await idOf('anna') }),
  }

  for (const [what, damage] of Object.entries(damages))
    test(`found by the scrub, and both are equal afterwards: ${what}`, async () => {
      await caughtUp(slave, master)
      full = 0
      await damage(slave.db)
      const found = await scrub(slave.db, silent)
      assert.ok(found.damaged > 0 || !found.isProven || found.mended.length > 0, 'it was found')
      await until(async () => {
        const now = await scrub(slave.db, silent)
        return now.damaged === 0 && now.isProven && now.mended.length === 0
      })
      await caughtUp(slave, master)
      assert.deepEqual(await everything(slave.db), await everything(master.db))
      assert.equal(full, 0, 'no full copy was needed')
      assert.equal(await ldapSignIn(slave.ports().ldap ?? 0, 'anna', password), true)
    })

  test('under a load of changes the repair succeeds as well, without a full copy', async () => {
    await caughtUp(slave, master)
    full = 0
    const anna = await userByUsername(master.db, 'anna')
    let isOver = false
    const load = (async () => {
      for (let number = 0; !isOver; number++) await changeUser(master.db, me, anna.id, { first: `Name ${number}` })
    })()
    await slave.db
      .writer('objects')
      .where({ id: await idOf('bruno') })
      .update({ body: '{}' })
    await scrub(slave.db, silent)
    await until(async () => (await scrub(slave.db, silent)).damaged === 0)
    isOver = true
    await load
    await caughtUp(slave, master)
    assert.equal(full, 0)
    assert.deepEqual(await everything(slave.db), await everything(master.db))
  })

  test('a damaged row that the next change touches is repaired without waiting for the scrub', async () => {
    await caughtUp(slave, master)
    await slave.db
      .writer('objects')
      .where({ id: await idOf('clara') })
      .update({ body: '{"username":"clara"}' })
    await slave.db
      .writer('objects')
      .where({ id: await idOf('dora') })
      .delete()
    await changeUser(master.db, me, await idOf('clara'), { first: 'Found' })
    await caughtUp(slave, master)
    assert.deepEqual(await everything(slave.db), await everything(master.db))
  })

  test('the status says what the scrub has found', async () => {
    await scrub(slave.db, silent)
    const { scrub: said } = await nodeStatus(slave.db)
    assert.deepEqual(said, lastScrub(slave.db))
    assert.equal(said?.isProven, true)
    assert.equal(said?.seq, slave.db.position.seq)
  })
})

describe('I9: with the master away, a damaged row serves nobody, and everybody else is served', () => {
  test('somebody else’s password opens nothing, at the pages and over LDAP, also after a restart', async () => {
    const master = await startMaster()
    const anna = await aUser(master.db, { username: 'anna', password: 'annas-own-password' })
    await aUser(master.db, { username: 'bruno', password: 'brunos-own-password' })
    let slave = await startSlave(master)
    const { sync } = master.ports()
    await master.stop()
    const [bruno] = await slave.db.writer('objects').where({ id: (await userByUsername(slave.db, 'bruno')).id })
    const [row] = await slave.db.writer('objects').where({ id: anna.id })
    const stolen = canonical({ ...JSON.parse(row.body), password: JSON.parse(bruno.body).password })
    await slave.db.writer('objects').where({ id: anna.id }).update({ body: stolen })
    await slave.stop()
    slave = await startNode(slave.dir)
    const { ldap = 0 } = slave.ports()
    assert.equal(await ldapSignIn(ldap, 'anna', 'brunos-own-password'), false)
    await assert.rejects(signIn(slave.db, 'anna', 'brunos-own-password'), Refused)
    assert.equal(await ldapSignIn(ldap, 'bruno', 'brunos-own-password'), true)
    // What was read at the start had a hole, so that the scrub begins at once.
    await until(() => lastScrub(slave.db)?.damaged === 1)

    const back = await startNode(master.dir, { 'sync-port': `${sync}` })
    await caughtUp(slave, back)
    await until(() => ldapSignIn(ldap, 'anna', 'annas-own-password'), 20_000)
    assert.equal(await ldapSignIn(ldap, 'anna', 'brunos-own-password'), false)
    await slave.close()
    await back.close()
  })

  test('a name that leads to the wrong person signs nobody in', async () => {
    const master = await startMaster()
    const anna = await aUser(master.db, { username: 'anna', password: 'annas-own-password' })
    await aUser(master.db, { username: 'bruno', password: 'brunos-own-password' })
    await master.db.writer('users').where({ username: 'bruno' }).update({ username: 'gone' })
    await master.db.writer('users').where({ id: anna.id }).update({ username: 'bruno' })
    await assert.rejects(signIn(master.db, 'bruno', 'annas-own-password'), Refused)
    await master.close()
  })

  test('a master with a damaged row says so, lets nobody in by it, and its slaves keep the right one', async () => {
    const master = await startMaster()
    const slave = await startSlave(master)
    const anna = await aUser(master.db, { username: 'anna', password })
    await caughtUp(slave, master)
    await master.db.writer('objects').where({ id: anna.id }).update({ body: '{"username":"anna"}' })
    const found = await scrub(master.db, silent)
    assert.equal(found.damaged, 1)
    assert.equal(found.isProven, false)
    await aUser(master.db, { username: 'later' })
    await caughtUp(slave, master)
    assert.equal((await userByUsername(slave.db, 'anna')).id, anna.id)
    assert.equal(await ldapSignIn(slave.ports().ldap ?? 0, 'anna', password), true)
    await slave.close()
    await master.close()
  })

  test('what is damaged of an object under its id takes nothing of it away', async () => {
    const master = await startMaster()
    const { id } = await addGroup(master.db, me, { name: 'sales', description: 'Who sells' })
    await addMembers(master.db, me, id, { usernames: ['admin'] })
    assert.ok(await master.db.writer('objects').where({ kind: 'revision', id }).update({ body: '{}' }))
    await aUser(master.db, { username: 'anna' })
    await addMembers(master.db, me, id, { usernames: ['anna'] })
    assert.equal((await groupByName(master.db, 'sales')).id, id)
    assert.equal((await usersPage(master.db, { group: 'sales' })).total, 2)
    assert.deepEqual((await scrub(master.db, silent)).mended, [])
    await master.close()
  })
})
