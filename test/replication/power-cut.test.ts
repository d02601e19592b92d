import assert from 'node:assert/strict'
import { cpSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { changeUser } from '../../server/accounts/users.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { closeDb, onChanges, openDb } from '../../server/store/db.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'
import { aFolder } from '../support/store.ts'

const walHeader = 32
const frame = 24 + 4096

describe('I2: power that fails while a slave writes', () => {
  let master: TestNode
  /** The files of the slave as they lie on its disk in the middle of its work. */
  const dir = aFolder('power')
  /** Every state that the master has had. */
  const states = new Map<number, string>()
  before(async () => {
    master = await startMaster()
    onChanges(master.db, () => states.set(master.db.position.seq, master.db.position.hash))
    const slave = await startSlave(master)
    states.set(master.db.position.seq, master.db.position.hash)
    await slave.db.writer.raw('pragma wal_checkpoint(truncate)')
    for (let number = 0; number < 25; number++) {
      const { id } = await aUser(master.db)
      await changeUser(master.db, me, id, { first: `Changed ${number}` })
      await caughtUp(slave, master)
    }
    await workerOf(slave.db)?.stop()
    cpSync(slave.dir, dir, { recursive: true, filter: (path) => !statSync(path).isSocket() && !path.endsWith('-shm') })
    await slave.close()
    await aUser(master.db)
  })
  after(async () => {
    rmSync(dir, { recursive: true, force: true })
    await master?.close()
  })

  /** What the disk holds when the last writes of the log are lost, the slave that finds it, and where it then stands. */
  async function afterCut(damage: (wal: string) => void): Promise<number> {
    const copy = aFolder('after-power')
    cpSync(dir, copy, { recursive: true })
    damage(join(copy, 'accounts.db-wal'))
    const db = await openDb(copy)
    const { seq, hash } = db.position
    const [sound] = await db.reader.raw('pragma integrity_check')
    await closeDb(db)
    assert.equal(sound.integrity_check, 'ok')
    assert.equal(hash, states.get(seq), `the master was never at ${seq} with ${hash}`)
    const slave = await startNode(copy)
    try {
      await caughtUp(slave, master)
    } finally {
      await slave.close()
    }
    return seq
  }

  const size = () => statSync(join(dir, 'accounts.db-wal')).size
  const frames = () => Math.floor((size() - walHeader) / frame)

  test('the log of the store ends anywhere: the slave stands at an earlier state of the master, and catches up', async () => {
    assert.ok(frames() > 50, `only ${frames()} pages are in the log`)
    const stood = new Set<number>()
    for (const part of [0.15, 0.4, 0.55, 0.7, 0.85, 0.97])
      stood.add(await afterCut((wal) => truncateSync(wal, Math.round(size() * part))))
    assert.ok(stood.size > 3, `it stood at ${[...stood]}`)
  })

  test('pages of the log never reached the disk, and what stands behind them did', async () => {
    const whole = await afterCut(() => {})
    for (const part of [0.3, 0.6, 0.9]) {
      const at = walHeader + Math.floor(frames() * part) * frame
      const seq = await afterCut((wal) => {
        const file = openSync(wal, 'r+')
        writeSync(file, Buffer.alloc(frame), 0, frame, at)
      })
      assert.ok(seq < whole, `at ${seq} of ${whole}`)
    }
  })

  test('half of a page was written', async () => {
    const at = walHeader + Math.floor(frames() * 0.8) * frame + 1000
    const bytes = readFileSync(join(dir, 'accounts.db-wal'))
      .subarray(at, at + 500)
      .map((byte) => byte ^ 255)
    await afterCut((wal) => {
      const file = openSync(wal, 'r+')
      writeSync(file, bytes, 0, bytes.length, at)
    })
  })
})
