import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { closeDb, openDb } from '../../server/store/db.ts'
import { aUser } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { run } from './run.ts'

test('check says that everything is as it was written, and fails when a row is not', async () => {
  const { db } = await aMasterStore()
  const { id } = await aUser(db)
  await closeDb(db)
  const good = await run(db.dir, ['check'])
  assert.equal(good.code, 0)
  assert.match(good.out, /objects at change \d+: as they were written\./)

  const again = await openDb(db.dir)
  await again.writer('objects').where({ id }).update({ body: '{}' })
  await closeDb(again)
  const bad = await run(db.dir, ['check', '--json'])
  assert.equal(bad.code, 1)
  assert.equal(JSON.parse(bad.out).damaged, 1)
  rmSync(db.dir, { recursive: true })
})
