import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { addGroup } from '../../server/accounts/groups.ts'
import { addUser, changeUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { auditPage, verifyAudit } from '../../server/audit/audit.ts'
import { Invalid } from '../../server/errors.ts'
import { canonical } from '../../server/store/canonical.ts'
import { closeDb, type Db, onChanges, openDb } from '../../server/store/db.ts'
import { feedRows } from '../../server/store/objects.ts'
import { countIn, emptyHash, hashHex, objectDigest, stateHash } from '../../server/store/position.ts'
import { write } from '../../server/store/write.ts'
import { aUser, me, somebody } from '../support/people.ts'
import { aMasterStore, aStore } from '../support/store.ts'

/** The state hash as it would be counted from nothing. */
async function hashFromRows(db: Db): Promise<{ hash: string; objects: number }> {
  const state = stateHash(emptyHash)
  let objects = 0
  for await (const rows of feedRows(db.reader, 0))
    for (const { kind, id, body } of rows)
      if (body !== undefined) {
        countIn(state, 1, objectDigest(kind, id, body))
        objects++
      }
  return { hash: hashHex(state), objects }
}

describe('the write door', () => {
  let db: Db
  let close: () => Promise<void>
  before(async () => ({ db, close } = await aMasterStore()))
  after(() => close())

  test('a change moves its object to the head of the feed and keeps the hash and the count true', async () => {
    const user = await aUser(db)
    // Behind the person comes the roster of everybody: its list of members is another one now.
    assert.ok(user.seq < db.position.seq)
    const changed = await changeUser(db, me, user.id, { first: 'Other' })
    assert.ok(changed.seq > user.seq)
    assert.equal(changed.seq, db.position.seq)
    await removeUser(db, me, user.id)
    assert.deepEqual(await hashFromRows(db), { hash: db.position.hash, objects: db.position.objects })
  })

  test('a change that changes nothing moves nothing', async () => {
    const user = await aUser(db)
    const before = db.position
    await changeUser(db, me, user.id, { first: user.first })
    assert.deepEqual(db.position, before)
  })

  test('parallel writers share commits, and one that fails takes back only its own part', async () => {
    const before = db.position.objects
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) =>
        write(db, me, async (change) => {
          await change.put('group', `0000-${index}`, {
            name: `parallel${index}`,
            description: '',
            gidNumber: 70_000 + index,
            type: 'normal',
            added: '',
            changed: '',
          })
          if (index % 4 === 3) throw new Invalid({ '': 'not this one' })
        }),
      ),
    )
    assert.equal(results.filter((result) => result.status === 'rejected').length, 10)
    assert.equal(db.position.objects, before + 30)
    assert.deepEqual(await hashFromRows(db), { hash: db.position.hash, objects: db.position.objects })
  })

  test('listeners hear of a change before its writer is answered', async () => {
    const heard: string[] = []
    const stop = onChanges(db, (changes) => {
      if (changes !== 'all') for (const { body } of changes) if (body && 'username' in body) heard.push(body.username)
    })
    const { username } = await aUser(db)
    assert.ok(heard.includes(username))
    stop()
  })

  test('two people cannot take one name at the same moment', async () => {
    const results = await Promise.allSettled([
      addUser(db, me, somebody({ username: 'twin' })),
      addUser(db, me, somebody({ username: ' TWIN ' })),
      addGroup(db, me, { name: 'Twin', description: '' }),
    ])
    assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1)
    for (const result of results) if (result.status === 'rejected') assert.ok(result.reason instanceof Invalid)
  })

  test('the audit row is in the same transaction, in order, and a changed row breaks the chain', async () => {
    const user = await aUser(db, { username: 'audited', first: 'Ada', last: 'Audit' })
    const { rows } = await auditPage(db, { size: 1 })
    assert.equal(rows[0]?.sentence, 'Added Ada Audit')
    assert.equal(rows[0]?.seq, user.seq)
    const whole = await verifyAudit(db)
    assert.equal(whole.brokenAt, undefined)
    await db.writer('audit').where({ id: 2 }).update({ sentence: 'Nothing happened' })
    assert.equal((await verifyAudit(db)).brokenAt, 2)
  })

  test('a change whose row in the audit cannot be written is not made', async () => {
    const { position } = db
    await db.writer.raw(`CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END`)
    await assert.rejects(aUser(db, { username: 'unwritten' }), /full/)
    await db.writer.raw('DROP TRIGGER no_audit')
    assert.deepEqual(db.position, position)
    await assert.rejects(userByUsername(db, 'unwritten'))
    assert.deepEqual(await hashFromRows(db), { hash: db.position.hash, objects: db.position.objects })
    await aUser(db, { username: 'written' })
  })

  test('what the store says of a failed statement holds none of its values', async () => {
    const failed = write(db, me, (change) => change.trx('names').insert([{ name: 'admin', owner: 'a-secret-value' }]))
    await assert.rejects(failed, (error: Error) => /UNIQUE/.test(error.message) && !/secret/.test(error.message))
  })

  test('a number is never given twice, even after its owner is gone', async () => {
    const first = await aUser(db)
    await removeUser(db, me, first.id)
    const second = await aUser(db)
    assert.ok(second.uidNumber > first.uidNumber)
  })
})

test('the database and its folder belong to their owner alone', async () => {
  const { db, close } = await aStore()
  assert.equal(statSync(db.dir).mode & 0o777, 0o700)
  for (const file of ['accounts.db', 'audit.key']) assert.equal(statSync(join(db.dir, file)).mode & 0o777, 0o600, file)
  await close()
})

test('a store of a newer version is refused and left alone', async () => {
  const { db, close } = await aStore()
  await db.writer('knex_migrations').insert({ name: '999-from-the-future', batch: 9, migration_time: new Date() })
  await db.writer('local').where({ name: 'writtenBy' }).update({ value: '"99.0.0"' })
  await closeDb(db)
  await assert.rejects(openDb(db.dir), /written by version 99\.0\.0; this is .* older\. Nothing was changed/)
  await close().catch(() => {})
})

test('what was answered is there after the store is opened again', async () => {
  const { db, close } = await aMasterStore()
  await aUser(db, { username: 'kept' })
  const { position } = db
  await closeDb(db)
  const again = await openDb(db.dir)
  assert.deepEqual(again.position, position)
  assert.equal((await userByUsername(again, 'kept')).username, 'kept')
  await closeDb(again)
  await close().catch(() => {})
})

describe('canonical JSON', () => {
  test('two ways to write one value give one text', () => {
    const value = fc.jsonValue({ noUnicodeString: false, depthSize: 'small' }).map(wholeNumbers)
    fc.assert(
      fc.property(value, (value) => {
        const text = canonical(value)
        assert.equal(canonical(JSON.parse(text)), text)
        assert.equal(canonical(shuffled(value)), text)
      }),
    )
  })
  test('strings are kept in NFC', () => assert.equal(canonical('A\u030a'), '"Å"'))
})

const wholeNumbers = (value: unknown): unknown => {
  if (typeof value === 'number') return Math.trunc(value) % 1e9 || 0
  if (Array.isArray(value)) return value.map(wholeNumbers)
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, wholeNumbers(member)]))
  return value
}

const shuffled = (value: unknown): unknown =>
  value && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([name, member]) => [name, shuffled(member)]),
      )
    : value

test('a data directory that cannot be made, and a file that is no database, are one clear sentence each', async () => {
  await assert.rejects(
    openDb('/proc/no-such-folder'),
    /^Error: The data directory \/proc\/no-such-folder cannot be written/,
  )
  const { db, close } = await aStore()
  await closeDb(db)
  writeFileSync(join(db.dir, 'accounts.db'), 'this is no database, however long one looks at it')
  await assert.rejects(openDb(db.dir), /accounts\.db is damaged: file is not a database/)
  await close().catch(() => {})
})
