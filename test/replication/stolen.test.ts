import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addClient } from '../../server/accounts/clients.ts'
import { setPassword, userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { secretsHeldBy } from '../../server/replication/stolen.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { aBrowser, signedIn, textOf } from '../support/web.ts'

describe('a gateway that is stolen', () => {
  let master: TestNode
  let thief: TestNode
  let other: TestNode
  before(async () => {
    master = await startMaster()
    for (const username of ['anna', 'bruno']) await aUser(master.db, { username, password })
    await aUser(master.db, { username: 'nopass' })
    await addClient(master.db, me, { name: 'squid', role: 'read' })
    thief = await startSlave(master, 'gw-nairobi')
    other = await startSlave(master, 'gw-malmo')
  })
  after(async () => {
    await thief?.close()
    await other?.close()
    await master?.close()
  })

  const pages = (node: TestNode) => `http://127.0.0.1:${node.ports().web}`

  test('one confirmed act cuts it off, names whose secrets it held, and has them set new passwords', async () => {
    const href = `/devices/${thief.db.local.deviceId}/stolen`
    const admin = await signedIn(pages(master))
    const asked = textOf((await admin.get(href)).text)
    assert.match(asked, /3 people whose passwords it holds as hashes/)
    assert.match(asked, /the passwords of 1 LDAP client \(squid\)/)
    assert.doesNotMatch(asked, /nopass/)
    assert.equal((await admin.post(href, { name: 'gw-malmo' })).status, 422)
    assert.equal(Boolean((await userByUsername(master.db, 'anna')).mustChange), false)

    assert.equal((await admin.post(href, { name: 'gw-nairobi' })).status, 303)
    await until(() => workerOf(thief.db)?.line.stopped === true)
    for (const username of ['anna', 'bruno', 'admin'])
      assert.equal(Boolean((await userByUsername(master.db, username)).mustChange), true, username)
    assert.equal(Boolean((await userByUsername(master.db, 'nopass')).mustChange), false)
    const rows = (await auditPage(master.db, { kind: 'device' })).rows
    assert.ok(rows.some(({ sentence }) => sentence === 'Revoked device gw-nairobi: it was stolen'))
    const named = rows.find(({ sentence }) => sentence === 'Asked 3 people for a new password: gw-nairobi was stolen')
    assert.match(String(named?.changes[0]?.after), /anna/)
    // Whoever did it is asked for a new password as well.
    assert.equal((await admin.get('/users')).headers.location, '/account/new-password')
  })

  test('the others know of it, and the thief’s copy learns nothing more', async () => {
    await caughtUp(other, master)
    assert.equal(Boolean((await userByUsername(other.db, 'anna')).mustChange), true)
    assert.equal(Boolean((await userByUsername(thief.db, 'anna')).mustChange), false)
    const sent = await aBrowser(pages(other)).post('/login', { username: 'anna', password })
    assert.equal(sent.status, 303)
  })

  test('the list says who has a new password since, and leaves out who came later', async () => {
    await setPassword(master.db, me, (await userByUsername(master.db, 'admin')).id, 'quite-another-one-9', {
      mustChange: false,
    })
    await aUser(master.db, { username: 'later', password })
    const held = await secretsHeldBy(master.db, thief.db.local.deviceId)
    assert.deepEqual([held.done, held.people.length], [1, 3])
    const admin = await signedIn(pages(master), 'admin', 'quite-another-one-9')
    const href = `/devices/${thief.db.local.deviceId}`
    assert.match(textOf((await admin.get(`${href}/stolen`)).text), /1 of 3 people has a new password/)
    assert.match((await admin.get(`${href}/held.csv`)).text, /"anna","Some",".*","no"/)
    assert.match(textOf((await admin.get('/devices?state=revoked')).text), /gw-nairobi/)
  })
})
