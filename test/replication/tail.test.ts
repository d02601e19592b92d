import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { changeUser, removeUser } from '../../server/accounts/users.ts'
import { answerLines } from '../../server/replication/master.ts'
import type { Db } from '../../server/store/db.ts'
import { emptyTail } from '../../server/store/tail.ts'
import { commit } from '../../server/store/write.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

describe('a delta that is answered from memory', () => {
  let db: Db
  let close: () => Promise<void>
  before(async () => {
    const store = await aMasterStore()
    db = store.db
    close = store.close
  })
  after(() => close())

  const text = async (since: number): Promise<string> => {
    let all = ''
    for await (const lines of answerLines(db, since)) all += lines
    return all
  }

  /** From memory, and from the store. */
  async function bothAfter(since: number): Promise<[string, string]> {
    const { tail } = db
    const fromMemory = await text(since)
    db.tail = emptyTail(Number.POSITIVE_INFINITY)
    const fromStore = await text(since)
    db.tail = tail
    return [fromMemory, fromStore]
  }

  test('is, byte for byte, what the store would answer', async () => {
    const began = db.position.seq
    const people: { id: string }[] = []
    for (let number = 0; number < 5; number++) people.push(await aUser(db))
    const [one, two, three] = people as [{ id: string }, { id: string }, { id: string }]
    await changeUser(db, me, one.id, { first: 'Änne' })
    await removeUser(db, me, two.id)
    await changeUser(db, me, one.id, { last: 'Once more' })
    // Some that share a commit, one of which fails after it has moved something.
    await Promise.allSettled([
      changeUser(db, me, three.id, { first: 'Before' }),
      commit(db, me, async (change) => {
        await change.remove('user', one.id)
        throw new Error('taken back')
      }),
      changeUser(db, me, three.id, { last: 'After' }),
    ])
    assert.ok(db.tail.from <= began)
    for (let since = began; since <= db.position.seq; since++) {
      const [fromMemory, fromStore] = await bothAfter(since)
      assert.equal(fromMemory, fromStore)
    }
  })

  test('begins behind a commit that moved very much, and leaves what is before it to the store', async () => {
    const began = db.position.seq
    await commit(db, me, async (change) => {
      for (let at = 0; at < 3000; at += 250)
        await change.move(
          Array.from({ length: 250 }, (_, number) => ({ kind: 'later', id: `n${at + number}`, body: `{"n":${at}}` })),
        )
    })
    const middle = db.position.seq
    assert.equal(db.tail.rows.size, 0)
    await aUser(db)
    const [whole, sameWhole] = await bothAfter(began)
    assert.equal(whole, sameWhole)
    const [late, sameLate] = await bothAfter(middle)
    assert.equal(late, sameLate)
    assert.ok(late.split('\n').length < 20)
  })

  test('keeps a bounded number of rows', async () => {
    for (let turn = 0; turn < 12; turn++)
      await commit(db, me, async (change) => {
        await change.move(Array.from({ length: 250 }, (_, n) => ({ kind: 'later', id: `t${turn}n${n}`, body: '{}' })))
      })
    assert.ok(db.tail.rows.size <= 2000)
    const [fromMemory, fromStore] = await bothAfter(db.tail.from)
    assert.equal(fromMemory, fromStore)
  })
})
