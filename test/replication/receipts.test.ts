import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setStatus } from '../../server/accounts/user-status.ts'
import { removeUser, setPassword } from '../../server/accounts/users.ts'
import { auditPage, verifyAudit } from '../../server/audit/audit.ts'
import { revokeDevice } from '../../server/replication/devices.ts'
import { latestReceipts, openReceipts, receiptOfUser, tellReceipts } from '../../server/replication/receipts.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { signedIn, textOf } from '../support/web.ts'

describe('who has confirmed that somebody is shut out', () => {
  let master: TestNode
  let near: TestNode
  let far: TestNode
  before(async () => {
    master = await startMaster()
    near = await startSlave(master, 'gw-malmo')
    far = await startSlave(master, 'gw-lagos')
  })
  after(async () => {
    await near?.close()
    await far?.close()
    await master?.close()
  })

  const rowsAbout = async (id: string) => (await auditPage(master.db, { object: id })).rows.map((row) => row.sentence)
  const pages = () => `http://127.0.0.1:${master.ports().web}`

  test('every slave confirms by its next request, and the record says that all have', async () => {
    const anna = await aUser(master.db, { first: 'Anna', last: 'Lind', password })
    await setStatus(master.db, me, anna.id, 'disabled')
    await until(async () => (await receiptOfUser(master.db, anna.id))?.isDone === true)
    await until(async () => (await rowsAbout(anna.id)).includes('2 of 2 nodes confirmed: Disabled Anna Lind'))
    const [row] = (await auditPage(master.db, { object: anna.id })).rows
    assert.match(String(row?.changes.find(({ field }) => field === 'gw-malmo')?.after), /^confirmed after \d+\.\d s$/)
    assert.equal((await verifyAudit(master.db)).fault, undefined)
  })

  test('a slave that is away is named with the moment since when, and confirms when it is back', async () => {
    const bo = await aUser(master.db, { first: 'Bo', last: 'Berg', password })
    await workerOf(far.db)?.stop()
    await setPassword(master.db, me, bo.id, 'another-long-one-7')
    await until(async () => (await receiptOfUser(master.db, bo.id))?.having === 1)
    const receipt = await receiptOfUser(master.db, bo.id)
    assert.equal(receipt?.of, 2)
    assert.deepEqual(
      receipt?.nodes.filter(({ has }) => !has).map(({ name }) => name),
      ['gw-lagos'],
    )
    await tellReceipts(master.db, Date.now() + 31_000)
    assert.ok((await rowsAbout(bo.id)).includes('1 of 2 nodes confirmed: Set the password of Bo Berg'))
    workerOf(far.db)?.start()
    await until(async () => (await rowsAbout(bo.id)).includes('2 of 2 nodes confirmed: Set the password of Bo Berg'))
  })

  test('a page shows it live after the act, to the help desk too, and later from the record', async () => {
    await aUser(master.db, { username: 'hedda', role: 'helpdesk', password })
    const carl = await aUser(master.db, { username: 'carl', first: 'Carl', last: 'Dahl', password })
    const helpdesk = await signedIn(pages(), 'hedda')
    const done = await helpdesk.post('/users/carl/status', { status: 'locked' })
    assert.equal(done.status, 303)
    const after = await helpdesk.get('/users/carl')
    assert.match(textOf(after.text), /Locked Carl Dahl carl, by hedda at .* [012] of 2 nodes confirmed/)
    const receipt = await receiptOfUser(master.db, carl.id)
    const live = await helpdesk.part(`/receipts/${receipt?.id}`)
    assert.match(live.text, /^\s*<section class="card receipt"/)
    const admin = await signedIn(pages())
    assert.match((await admin.get('/audit')).text, new RegExp(`href="/receipts/${receipt?.id}">Receipt`))
    assert.equal((await admin.get('/receipts/999999')).status, 404)
    assert.equal((await admin.get('/receipts/x')).status, 404)
  })

  test('a bulk edit has one receipt, for everybody in it', async () => {
    for (const username of ['dora', 'edda']) await aUser(master.db, { username, password })
    const admin = await signedIn(pages())
    const before = (await latestReceipts(master.db)).length
    await admin.post('/selected-users', { action: 'disable', usernames: ['dora', 'edda'], back: '/users' })
    const receipts = await latestReceipts(master.db)
    assert.equal(receipts.length, before + 1)
    assert.equal(receipts[0]?.people, 2)
    assert.match(textOf((await admin.get('/users')).text), /and 1 more/)
  })

  test('it is followed on after a restart', async () => {
    const finn = await aUser(master.db, { first: 'Finn', last: 'Falk', password })
    await workerOf(far.db)?.stop()
    await removeUser(master.db, me, finn.id)
    await until(async () => (await receiptOfUser(master.db, finn.id))?.having === 1)
    await tellReceipts(master.db)
    await openReceipts(master.db)
    assert.equal((await receiptOfUser(master.db, finn.id))?.having, 1)
    workerOf(far.db)?.start()
    await until(async () => (await rowsAbout(finn.id)).includes('2 of 2 nodes confirmed: Removed Finn Falk'))
  })

  test('a slave that is revoked is not waited for', async () => {
    const gerd = await aUser(master.db, { first: 'Gerd', last: 'Gran', password })
    await workerOf(far.db)?.stop()
    await setStatus(master.db, me, gerd.id, 'locked')
    await revokeDevice(master.db, me, far.db.local.deviceId)
    await until(async () => (await rowsAbout(gerd.id)).includes('1 of 1 node confirmed: Locked Gerd Gran'), 8000)
  })
})

test('a master without slaves keeps no receipts', async () => {
  const store = await aMasterStore()
  await openReceipts(store.db)
  const user = await aUser(store.db, { password })
  await setStatus(store.db, me, user.id, 'disabled')
  assert.equal(await receiptOfUser(store.db, user.id), undefined)
  await store.close()
})
