import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { askMaster, connectionToMaster } from '../../server/replication/connection.ts'
import { contactsOf } from '../../server/replication/contact.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { write } from '../../server/store/write.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'

describe('a device that asks for everything and reads nothing', () => {
  let master: TestNode
  let stalled: TestNode
  let other: TestNode
  const answers: Readable[] = []
  before(async () => {
    master = await startMaster()
    for (let number = 0; number < 30; number++)
      await write(master.db, me, (change) =>
        change.move(
          Array.from({ length: 10 }, (_, at) => ({
            kind: 'tomorrow',
            id: `7f-${number}-${at}`,
            body: `{"text":"${randomBytes(40_000).toString('base64')}"}`,
          })),
        ),
      )
    stalled = await startSlave(master, 'gw-stalled')
    other = await startSlave(master, 'gw-other')
    await workerOf(stalled.db)?.stop()
  })
  after(async () => {
    for (const answer of answers) answer.destroy()
    await other?.close()
    await stalled?.close()
    await master?.close()
  })

  const open = () => contactsOf(master.db)?.open.get(stalled.db.local.deviceId)?.size ?? 0

  test('holds a few answers at most, and nobody else notices', async () => {
    for (let round = 0; round < 6; round++) {
      for (let number = 0; number < 3; number++) {
        const connection = connectionToMaster(stalled.db)
        answers.push((await askMaster(connection, '/v1/changes?since=0')).body)
      }
      await aUser(master.db)
      await caughtUp(other, master)
      assert.ok(open() <= 4, `${open()} answers are open`)
    }
    assert.ok(open() > 0, 'they are not read')
  })

  test('is heard again as soon as it reads', async () => {
    workerOf(stalled.db)?.start()
    await caughtUp(stalled, master)
    for (const answer of answers) answer.destroy()
    await until(() => open() <= 1)
  })
})
