import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Db } from '../../server/store/db.ts'
import { aStore } from '../support/store.ts'

describe('statements that a connection keeps', () => {
  let db: Db
  let close: () => Promise<void>
  before(async () => {
    const store = await aStore()
    db = store.db
    close = store.close
    await db.writer.raw('create table things (id integer primary key, name text unique)')
  })
  after(() => close())

  test('take the values of each use, also where the same text is under way several times', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, id) => db.writer.raw('insert into things values (?, ?)', [id, `n${id}`])),
    )
    const found = await Promise.all(
      Array.from({ length: 20 }, (_, id) => db.reader.raw('select name from things where id = ?', [id])),
    )
    assert.deepEqual(
      found.map(([row]) => row.name),
      Array.from({ length: 20 }, (_, id) => `n${id}`),
    )
  })

  test('are of use again after one use of them has failed, or could not be read', async () => {
    const insert = (id: number, name: string) => db.writer.raw('insert into things values (?, ?)', [id, name])
    await assert.rejects(insert(100, 'n1'), /UNIQUE/)
    await insert(100, 'n100')
    for (let turn = 0; turn < 2; turn++)
      await assert.rejects(db.writer.raw('select absent from things'), /no such column/)
  })

  test('see a table that has changed since', async () => {
    const all = () => db.writer.raw('select * from things where id = 1')
    assert.deepEqual(Object.keys((await all())[0]), ['id', 'name'])
    await db.writer.raw('alter table things add column more text')
    assert.deepEqual(Object.keys((await all())[0]), ['id', 'name', 'more'])
  })

  test('of very many texts the latest are kept, and the store still closes', async () => {
    for (let number = 0; number < 450; number++)
      assert.equal((await db.writer.raw(`select ${number} as n`))[0].n, number)
    const long = (n: number) => `select ${n} as n where ${n} in (${Array(1500).fill(n).join()})`
    for (let number = 0; number < 20; number++) assert.equal((await db.writer.raw(long(number)))[0].n, number)
    assert.equal((await db.writer.raw('select 0 as n'))[0].n, 0)
  })
})
