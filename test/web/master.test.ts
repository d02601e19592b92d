import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeRecoveryCode } from '../../server/mode/recovery.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'
import { signedIn, textOf } from '../support/web.ts'

const urlOf = (node: TestNode): string => `http://127.0.0.1:${node.ports().web}`

test('the Mode page hands over to a slave, and a slave’s page promotes it with the recovery code', async () => {
  const master = await startMaster()
  const code = await makeRecoveryCode(master.db, me)
  const slave = await startSlave(master, 'gw-a')
  const here = await signedIn(urlOf(master))
  await until(async () => /gw-a/.test((await here.get('/mode/hand-over')).text))
  assert.match(textOf((await here.get('/mode')).text), /Hand over…/)
  const device = slave.db.local.deviceId
  const answer = await here.post('/mode/hand-over', { device })
  assert.equal(answer.status, 303)
  assert.equal(slave.db.local.mode, 'master')
  assert.equal(master.db.local.mode, 'slave')
  await caughtUp(master, slave)
  assert.match(textOf((await here.get('/mode')).text), /Promote this node…/)

  await slave.close()
  await until(async () => /last proved equal/.test(textOf((await here.get('/mode/promote')).text)), 10_000)
  const wrong = await here.post('/mode/promote', { code: 'arc1-abcde' })
  assert.equal(wrong.status, 422)
  assert.match(textOf(wrong.text), /mistyped or not complete/)
  assert.doesNotMatch(wrong.text, /arc1-abcde/)
  assert.equal((await here.post('/mode/promote', { code })).status, 303)
  assert.equal(master.db.local.mode, 'master')
  await master.close()
})
