import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { auditPage, changesPerDay, faultSentence, verifyAudit } from '../../server/audit/audit.ts'
import { auditById, auditOfBatch, auditRows, batchCounts, firstIdAt, type Note } from '../../server/store/audit.ts'
import { closeDb, type Db, openDb } from '../../server/store/db.ts'
import { write } from '../../server/store/write.ts'
import { me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

let db: Db
let opened: Db
let close: () => Promise<void>
let first: number

const noted = (note: Partial<Note>, actor = me) =>
  write(db, actor, async (change) => change.note({ sentence: 'Did something', ...note }))

beforeEach(async () => {
  ;({ db, close } = await aMasterStore())
  opened = db
  first = db.audit.rows + 1
  for (let i = 1; i <= 6; i++) await noted({ sentence: `Did thing ${i}` })
})
afterEach(async () => {
  // Opened again meanwhile.
  if (db !== opened) await closeDb(db)
  await close()
})

describe('the chain finds', () => {
  const found = async (brokenAt: number, fault: string) => {
    const chain = await verifyAudit(db)
    assert.deepEqual({ brokenAt: chain.brokenAt, fault: chain.fault }, { brokenAt, fault })
    assert.match(faultSentence(chain) as string, /[.]$/)
  }
  const swap = async (a: number, b: number) => {
    await db.writer('audit').where({ id: a }).update({ id: 9999 })
    await db.writer('audit').where({ id: b }).update({ id: a })
    await db.writer('audit').where({ id: 9999 }).update({ id: b })
  }

  test('nothing in rows that nobody touched', async () => {
    assert.deepEqual(await verifyAudit(db), { rows: first + 5 })
  })
  test('an altered sentence', async () => {
    await db
      .writer('audit')
      .where({ id: first + 2 })
      .update({ sentence: 'Nothing' })
    await found(first + 2, 'altered')
  })
  test('steps of undo that were put under a row', async () => {
    await db
      .writer('audit')
      .where({ id: first + 2 })
      .update({ undo: '[{"kind":"user","id":"x","added":true}]' })
    await found(first + 2, 'altered')
  })
  test('a row that says it takes another one back, and does not', async () => {
    await noted({ undoes: first })
    assert.deepEqual(await verifyAudit(db), { rows: first + 6 })
    await db.writer('audit').where({ undoes: first }).update({ undoes: null })
    await found(first + 6, 'altered')
    await db
      .writer('audit')
      .where({ id: first + 6 })
      .update({ undoes: first + 1 })
    await found(first + 6, 'altered')
  })
  test('a row with another number', async () => {
    await db
      .writer('audit')
      .where({ id: first + 5 })
      .update({ id: first + 90 })
    await found(first + 90, 'numbered')
  })
  test('a row removed from the middle', async () => {
    await db
      .writer('audit')
      .where({ id: first + 2 })
      .delete()
    await found(first + 3, 'removed')
  })
  test('the first row removed', async () => {
    await db.writer('audit').where({ id: 1 }).delete()
    await found(2, 'removed')
  })
  test('two rows swapped, next to each other or not', async () => {
    await swap(first + 1, first + 2)
    await found(first + 1, 'swapped')
    await swap(first + 1, first + 2)
    await swap(first + 1, first + 4)
    await found(first + 1, 'swapped')
  })
  test('a row put in', async () => {
    const { id, ...row } = await db
      .writer('audit')
      .where({ id: first + 3 })
      .first()
    await db
      .writer('audit')
      .where('id', '>', first + 3)
      .update({ id: db.writer.raw('-id') })
    await db
      .writer('audit')
      .where('id', '<', 0)
      .update({ id: db.writer.raw('1 - id') })
    await db.writer('audit').insert({ ...row, id: id + 1, sentence: 'Put in' })
    await found(first + 4, 'inserted')
  })
  test('rows cut off the end, also after others were written and the node was started again', async () => {
    await db
      .writer('audit')
      .where('id', '>', first + 3)
      .delete()
    await found(first + 4, 'cut')
    await closeDb(db)
    db = await openDb(db.dir)
    await noted({})
    assert.equal((await verifyAudit(db)).brokenAt, first + 6)
    assert.equal((await verifyAudit(db)).fault, 'removed')
  })
  test('an end that was moved along with the cut', async () => {
    await db
      .writer('audit')
      .where('id', '>', first + 3)
      .delete()
    const last = await db.writer('audit').orderBy('id', 'desc').first()
    await db.writer('audit_head').update({ rows: first + 3, mac: last.mac })
    await found(first + 4, 'seal')
  })
  test('a seal that was taken away, for good', async () => {
    await db.writer('audit_head').delete()
    await found(first + 6, 'seal')
    await closeDb(db)
    db = await openDb(db.dir)
    await noted({})
    await found(first + 7, 'seal')
  })
})

test('a row without batch and undo has the MAC that earlier versions gave it', async () => {
  const rows = await db.reader('audit').where('id', '>=', first).orderBy('id').limit(2)
  const [before, row] = rows
  const covered = [before.mac, row.at, row.actor, row.via, row.address, row.sentence, row.kind, row.object, row.name]
  const mac = createHmac('sha256', db.auditKey)
    .update(JSON.stringify([...covered, row.changes, Number(row.seq)]))
    .digest('hex')
  assert.equal(row.mac, mac)
})

test('a change that is taken back takes its rows back from the chain too', async () => {
  const { rows } = db.audit
  await assert.rejects(
    write(db, me, async (change) => {
      change.note({ sentence: 'Never happened' })
      throw new Error('no')
    }),
  )
  await Promise.allSettled([
    noted({ sentence: 'Happened' }),
    write(db, me, async (change) => {
      change.note({ sentence: 'Never happened' })
      throw new Error('no')
    }),
    noted({ sentence: 'Happened too' }),
  ])
  assert.equal(db.audit.rows, rows + 2)
  assert.deepEqual(await verifyAudit(db), { rows: rows + 2 })
})

test('a row says whether it can be undone, and which row undid it', async () => {
  const undo = [{ kind: 'group', id: 'g1', was: { name: 'a' }, now: { name: 'b' } }]
  await noted({ undo, batch: 'b1' })
  await noted({ undo, batch: 'b1' })
  const [last, one] = (await auditPage(db, { batch: 'b1' })).rows
  assert.equal(one?.undoable, true)
  assert.deepEqual((await auditById(db.reader, one?.id as number))?.undo, undo)
  assert.deepEqual(await batchCounts(db.reader, 'b1'), { rows: 2, undoable: 2 })
  await noted({ sentence: 'Took it back', undoes: one?.id as number })
  const undone = await auditById(db.reader, one?.id as number)
  assert.equal(undone?.undoable, false)
  assert.equal((await auditById(db.reader, undone?.undoneBy as number))?.sentence, 'Took it back')
  assert.deepEqual(await batchCounts(db.reader, 'b1'), { rows: 2, undoable: 1 })
  assert.deepEqual(
    (await auditOfBatch(db.reader, 'b1', 1e9, 10)).map((row) => row.id),
    [last?.id],
  )
  assert.equal((await verifyAudit(db)).brokenAt, undefined)
})

test('rows are found by text, actor, kind, object and day, and read on from where the last page ended', async () => {
  const other = { name: 'olivia', via: 'web' as const, address: '10.1.0.44' }
  await noted({ sentence: 'Changed 100% of it', object: { kind: 'user', id: 'u1', name: 'gek' } }, other)
  const sentences = async (query: Parameters<typeof auditPage>[1]) =>
    (await auditPage(db, query)).rows.map((row) => row.sentence)
  for (const query of [
    { actor: 'olivia' },
    { via: 'web' },
    { kind: 'user', actor: 'olivia' },
    { object: 'u1' },
    { search: '100%' },
    { search: 'GEK' },
    { search: '10.1.0.44' },
  ])
    assert.deepEqual(await sentences(query), ['Changed 100% of it'], JSON.stringify(query))
  assert.deepEqual(await sentences({ search: 'nothing like it' }), [])
  const page = await auditPage(db, { size: 3 })
  assert.equal(page.rows.length, 3)
  const next = await auditPage(db, { size: 3, before: page.older as number })
  assert.equal(next.rows[0]?.id, (page.rows[2]?.id as number) - 1)
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
  assert.deepEqual(await sentences({ from: tomorrow }), [])
  assert.equal((await sentences({ until: tomorrow })).length, db.audit.rows)
  assert.deepEqual(await sentences({ until: '2020-01-01T00:00:00.000Z' }), [])
})

test('days are found without reading the rows between, and what is exported is what is filtered', async () => {
  await db.writer('audit').update({ at: db.writer.raw("'2026-01-' || substr('0' || id, -2) || 'T12:00:00.000Z'") })
  assert.equal(await firstIdAt(db.reader, '2026-01-03T00:00:00.000Z'), 3)
  assert.equal(await firstIdAt(db.reader, '2026-01-03T13:00:00.000Z'), 4)
  assert.equal(await firstIdAt(db.reader, '2027-01-01T00:00:00.000Z'), db.audit.rows + 1)
  const ids: number[] = []
  const range = { from: '2026-01-02T00:00:00.000Z', until: '2026-01-05T00:00:00.000Z' }
  for await (const rows of auditRows(db.reader, range, 2)) ids.push(...rows.map((row) => row.id))
  assert.deepEqual(ids, [2, 3, 4])
  const days = await changesPerDay(db, 5, new Date('2026-01-04T20:00:00.000Z'))
  assert.deepEqual(
    days.map((day) => day.changes),
    [0, 1, 1, 1, 1],
  )
})

test('in a long record a word that hardly occurs is answered with how far was looked', async () => {
  await db.writer.raw(
    `insert into audit (at, actor, via, sentence, changes, seq, mac)
     with recursive n(i) as (select 1 union all select i + 1 from n where i < 210000)
     select '2026-05-01T00:00:00.000Z', 'someone', 'web', 'Row ' || i, '[]', 1, '' from n`,
  )
  const page = await auditPage(db, { search: 'Did thing 1' })
  assert.deepEqual(page.rows, [])
  assert.equal(page.lookedBackTo, '2026-05-01T00:00:00.000Z')
  const further = await auditPage(db, { search: 'Did thing 1', before: page.older as number })
  assert.deepEqual(
    further.rows.map((row) => row.sentence),
    ['Did thing 1'],
  )
  assert.equal(further.older, undefined)
})
