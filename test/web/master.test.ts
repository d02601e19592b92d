import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeUser } from '../../server/accounts/users.ts'
import { makeRecoveryCode } from '../../server/mode/recovery.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { objectsOf } from '../../server/store/objects.ts'
import { caughtUp, isEqual, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
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
  assert.match(textOf((await here.get('/mode')).text), /Take the master’s place/)

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

const usernames = async (node: TestNode) =>
  new Set((await objectsOf(node.db.reader, 'user')).map(({ body }) => body.username))

test('a lost master is replaced in the pages, comes back as a slave there, and what only it had is made again', async () => {
  const master = await startMaster()
  const slave = await startSlave(master, 'gw-malmo')
  const moved = await aUser(master.db, { username: 'moved', last: 'Before' })
  const admin = await signedIn(urlOf(master))
  assert.match(textOf((await admin.get('/')).text), /There is no recovery code/)
  assert.match(textOf((await admin.post('/mode/recovery', { password: 'not it' })).text), /This is not your password/)
  const made = await admin.post('/mode/recovery', { password })
  const code = /id="the-code">([^<]+)</.exec(made.text)?.[1] ?? ''
  assert.match(code, /^arc1-/)
  assert.ok(!(await admin.get('/mode/recovery')).text.includes(code))
  await caughtUp(slave, master)
  await workerOf(slave.db)?.stop()
  await aUser(master.db, { username: 'only-there' })
  await changeUser(master.db, me, moved.id, { last: 'After' })
  const port = `${master.ports().sync}`
  await master.stop()
  workerOf(slave.db)?.start()
  await until(() => workerOf(slave.db)?.line.reachable === false)

  const malmo = await signedIn(urlOf(slave))
  assert.equal((await malmo.post('/mode/promote', { code })).status, 303)
  await aUser(slave.db, { username: 'new-number' })

  const back = await startNode(master.dir, { 'sync-port': port })
  await until(() => back.db.local.newer?.url !== undefined, 20_000)
  const old = await signedIn(urlOf(back))
  assert.match(textOf((await old.get('/users')).text), /gw-malmo is master now/)
  assert.match(textOf((await old.get('/')).text), /gw-malmo is master now/)
  assert.equal((await old.post('/users/new', { username: 'x' })).status, 409)
  assert.equal((await old.get('/mode/hand-over')).status, 409)
  assert.match(textOf((await old.get('/mode/stay')).text), /begins an epoch above that of gw-malmo/)
  assert.match(textOf((await old.get('/mode/rejoin')).text), /Become a slave of gw-malmo/)
  const nowhere = await old.post('/mode/rejoin', { master: '127.0.0.1:9' })
  assert.equal(nowhere.status, 422)
  assert.match(textOf(nowhere.text), /Nothing answers at 127.0.0.1:9/)
  assert.equal((await old.post('/mode/rejoin', { master: '' })).status, 303)
  await until(() => isEqual(back, slave), 20_000)

  assert.match(textOf((await old.get('/mode')).text), /never got some changes of this node/)
  const page = await old.get('/mode/unshipped')
  assert.match(textOf(page.text), /Added user only-there/)
  assert.match(textOf(page.text), /Changed user moved last: Before at the master, After here/)
  assert.doesNotMatch(page.text, /argon2/)
  const chosen = [...page.text.matchAll(/name="change" value="([^"]+)"/g)].map(([, value]) => value as string)
  const wrong = await old.post('/mode/unshipped', { change: chosen, authority: 'not it' })
  assert.match(textOf(wrong.text), /This is not your password/)
  const done = await old.post('/mode/unshipped', { change: chosen, authority: password })
  assert.equal(done.status, 303, textOf(done.text))
  assert.ok((await usernames(back)).has('only-there'))
  const users = await objectsOf(slave.db.reader, 'user')
  assert.equal(users.find(({ body }) => body.username === 'moved')?.body.last, 'After')
  const numbers = users.map(({ body }) => body.uidNumber)
  assert.equal(new Set(numbers).size, numbers.length, 'no number is given twice')
  await old.post('/mode/unshipped/forget')
  assert.match(textOf((await old.get('/mode/unshipped')).text), /The master got everything/)
  await Promise.all([back.close(), slave.close()])
})

test('only administrators change which node is master, and a slave is detached in its pages', async () => {
  const master = await startMaster()
  await aUser(master.db, { username: 'auditor', role: 'auditor', password })
  const slave = await startSlave(master, 'gw-malmo')
  const auditor = await signedIn(urlOf(slave), 'auditor')
  for (const path of ['promote', 'detach', 'follow', 'unshipped'])
    assert.equal((await auditor.post(`/mode/${path}`)).status, 403, path)
  const admin = await signedIn(urlOf(slave))
  assert.match(textOf((await admin.get('/mode/promote')).text), /It should not be done now/)
  assert.match(textOf((await admin.post('/mode/promote', { code: 'arc1-abcde' })).text), /Hand over from there/)
  const elsewhere = await admin.post('/mode/follow', { master: '127.0.0.1:9' })
  assert.match(textOf(elsewhere.text), /Nothing answers at 127.0.0.1:9/)
  assert.equal((await admin.post('/mode/detach', { name: 'gw-oslo' })).status, 422)
  assert.equal((await admin.post('/mode/detach', { name: 'gw-malmo' })).status, 303)
  assert.equal(slave.db.local.mode, 'standalone')
  assert.match(textOf((await admin.get('/mode')).text), /This node is standalone now/)
  await Promise.all([master.close(), slave.close()])
})
