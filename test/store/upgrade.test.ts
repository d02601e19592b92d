import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { binPage } from '../../server/accounts/bin.ts'
import { addMembers, nestedGroups } from '../../server/accounts/group-members.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { removeUser } from '../../server/accounts/users.ts'
import { setUpOwn } from '../../server/mode/set-up.ts'
import { scrub } from '../../server/replication/scrub.ts'
import { closeDb, openDb } from '../../server/store/db.ts'
import { aUser, me, password } from '../support/people.ts'
import { aFolder } from '../support/store.ts'

test('what an older version only kept is in the pages after the upgrade', async () => {
  const dir = aFolder()
  const old = await openDb(dir)
  await setUpOwn(old, me, { mode: 'master', domain: 'example.lan', admin: 'admin', password, name: 'master' })
  const outer = await addGroup(old, me, { name: 'outer', description: '' })
  await addGroup(old, me, { name: 'inner', description: '' })
  await addMembers(old, me, outer.id, { groups: ['inner'] })
  const gone = await aUser(old)
  await removeUser(old, me, gone.id)
  await aUser(old, { validUntil: '2020-01-01', extensions: { contact: { city: 'Malmö' } } })
  const position = { ...old.position }
  // As a version leaves it that keeps such objects and knows nothing of them.
  for (const table of ['nestings', 'owners', 'removed', 'memberships']) await old.writer(table).delete()
  await old.writer('users').update({ valid_until: '' })
  await old.writer('local').where({ name: 'writtenBy' }).update({ value: '"0.1.0"' })
  await closeDb(old)

  const db = await openDb(dir)
  assert.deepEqual(db.position, position, 'an upgrade changes nothing that travels')
  assert.deepEqual(
    (await nestedGroups(db, outer.id)).map(({ name }) => name),
    ['inner'],
  )
  assert.equal((await binPage(db, {})).total, 1)
  assert.equal((await usersPage(db, { status: 'expired' })).total, 1)
  assert.equal((await usersPage(db, {})).total, 2)
  await closeDb(db)
  rmSync(dir, { recursive: true })
})

test('rows of a version that kept no digests are given theirs, and are as sound as they were', async () => {
  const dir = aFolder()
  const old = await openDb(dir)
  await setUpOwn(old, me, { mode: 'master', domain: 'example.lan', admin: 'admin', password, name: 'master' })
  for (let number = 0; number < 5; number++) await aUser(old)
  const gone = await aUser(old)
  await removeUser(old, me, gone.id)
  const position = { ...old.position }
  await old.writer.schema.alterTable('objects', (table) => table.dropColumn('digest'))
  await old.writer('knex_migrations').where({ name: '006-row-digests' }).delete()
  await closeDb(old)

  const db = await openDb(dir)
  assert.deepEqual(db.position, position)
  const found = await scrub(db)
  assert.deepEqual([found.damaged, found.isProven, found.mended], [0, true, []])
  await aUser(db)
  assert.equal((await scrub(db)).isProven, true)
  await closeDb(db)
  rmSync(dir, { recursive: true })
})
