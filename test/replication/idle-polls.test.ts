import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as others } from 'node:timers/promises'
import { workerOf } from '../../server/replication/serving.ts'
import { createWorker } from '../../server/replication/worker.ts'
import { silent, startMaster, startSlave } from '../support/node.ts'

test('polls that bring nothing leave nothing behind', async () => {
  const warnings: string[] = []
  const hear = ({ name }: Error) => warnings.push(name)
  process.on('warning', hear)
  const master = await startMaster()
  const slave = await startSlave(master)
  await workerOf(slave.db)?.stop()
  const worker = createWorker(slave.db, silent)
  try {
    for (let at = 0; at < 20; at++) assert.equal(await worker.pullOnce(0), false)
    await others()
    assert.deepEqual(warnings, [])
  } finally {
    process.off('warning', hear)
    await worker.stop()
    await slave.close()
    await master.close()
  }
})
