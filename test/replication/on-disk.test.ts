import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Unavailable } from '../../server/errors.ts'
import { standing } from '../../server/replication/connection.ts'
import type { Db } from '../../server/store/db.ts'
import { commit } from '../../server/store/write.ts'
import { me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

describe('I2: where a node stands is told once it is on the disk', () => {
  let db: Db
  let close: () => Promise<void>
  before(async () => ({ db, close } = await aMasterStore()))
  after(() => close())

  /** The same store on a disk that refuses. */
  const refusing = () => ({ ...db, dir: `${db.dir}-is-gone` })
  const synchronous = async () => (await db.writer.raw('pragma synchronous'))[0].synchronous
  const apply = (lazily: boolean) =>
    commit(db, me, (change) => change.move([{ kind: 'later', id: `n${db.position.seq}`, body: '{}' }]), { lazily })

  test('what an earlier process committed is waited for as well', async () => {
    await assert.rejects(standing(refusing()), Unavailable)
    assert.match(await standing(db), new RegExp(`since=${db.position.seq}&`))
    await standing(refusing())
  })

  test('what was applied is not told where the disk refuses, and is told when it does not', async () => {
    await apply(true)
    assert.equal(await synchronous(), 1)
    for (let turn = 0; turn < 2; turn++) await assert.rejects(standing(refusing()), /refuses to write/)
    assert.match(await standing(db), new RegExp(`since=${db.position.seq}&`))
  })

  test('a change that somebody waits for ends on the disk, whatever shares its commit', async () => {
    await Promise.all([apply(true), apply(true), apply(false)])
    await apply(false)
    assert.equal(await synchronous(), 2)
  })
})
