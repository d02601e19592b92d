import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { changeMembers } from '../../server/accounts/group-members.ts'
import { addGroup, changeGroup } from '../../server/accounts/groups.ts'
import { changeSettings, settings } from '../../server/accounts/settings.ts'
import { changeUser, userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { onChanges } from '../../server/store/db.ts'
import { caughtUp, startMaster, startSlave, type TestNode } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { openRelay, type Relay } from '../support/relay.ts'
import { type Browser, signedIn, textOf } from '../support/web.ts'

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1Z2dlZC1idXQtdmFsaWQta2V5LWZvci10ZXN0cw== anna@laptop'

describe('what is one’s own is changed at a slave', () => {
  let master: TestNode
  let slave: TestNode
  let line: Relay
  let sales: string
  before(async () => {
    master = await startMaster()
    line = await openRelay(master.ports().sync ?? 0)
    for (const username of ['anna', 'bruno', 'carla', 'forced'])
      await aUser(master.db, { username, password, mustChange: username === 'forced' })
    await aUser(master.db, { username: 'boss', role: 'administrator', password, mustChange: false })
    sales = (await addGroup(master.db, me, { name: 'sales', description: 'Sales', owners: ['anna'] })).id
    await addGroup(master.db, me, { name: 'others', description: 'Others', owners: ['bruno'] })
    const { ownFields } = await settings(master.db)
    await changeSettings(master.db, me, { ownFields: [...ownFields, 'shell.sshKeys'] })
    slave = await startSlave(master, 'gw-malmo', line.port)
    await caughtUp(slave, master)
  })
  after(async () => {
    await slave?.close()
    await line?.close()
    await master?.close()
  })

  const at = (node: TestNode, username: string): Promise<Browser> =>
    signedIn(`http://127.0.0.1:${node.ports().web}`, username)
  const own = async (node: TestNode, username: string) => (await userByUsername(node.db, username)).extensions
  const rowsOf = async (object: string) =>
    (await auditPage(master.db, { object })).rows.filter(({ actor }) => actor !== 'this node')
  const idOf = async (username: string) => (await userByUsername(master.db, username)).id
  const members = async (node: TestNode, group = sales) =>
    Promise.all(
      ['anna', 'bruno', 'carla', 'boss'].map(async (name) =>
        (await userByUsername(node.db, name)).groups.includes(group) ? name : '',
      ),
    ).then((names) => names.filter(Boolean))
  /** Cuts the line when the master has done it and not yet answered. */
  function breakAnswer(): void {
    const stop = onChanges(master.db, () => {
      stop()
      line.shut(true)
      line.shut(false)
    })
  }

  test('own fields, with what is wrong said at each as at the master', async () => {
    const anna = await at(slave, 'anna')
    const page = (await anna.get('/account')).text
    assert.match(page, /action="\/account\/fields".*name="contact\.telephone".*id="f-authority"/s)
    assert.match(textOf(page), /What you change here is changed there in your name/)
    const typed = { 'contact.telephone': '+46 40 123456', 'contact.mobile': '', 'contact.roomNumber': 'B 12' }
    const empty = await anna.post('/account/fields', typed)
    assert.equal(empty.status, 422)
    assert.match(textOf(empty.text), /Type your own password/)
    assert.match(empty.text, /value="B 12"/, 'what was typed is kept')
    assert.equal((await anna.post('/account/fields', { ...typed, authority: 'wrong-one-1' })).status, 422)
    assert.equal((await own(master, 'anna')).contact?.roomNumber, undefined)

    const bad = { ...typed, 'contact.telephone': 'call me\u0007' }
    const problem = /id="f-contact-telephone-problem">.*?<\/p>/s
    const [here] = problem.exec((await anna.post('/account/fields', { ...bad, authority: password })).text) ?? []
    const [there] = problem.exec((await (await at(master, 'anna')).post('/account/fields', bad)).text) ?? []
    assert.ok(here)
    assert.equal(textOf(here), textOf(there ?? ''))

    breakAnswer()
    const saved = await anna.post('/account/fields', { ...typed, authority: password })
    assert.deepEqual([saved.status, saved.headers.location], [303, '/account'])
    for (const node of [master, slave]) assert.equal((await own(node, 'anna')).contact?.roomNumber, 'B 12')
    const rows = (await rowsOf(await idOf('anna'))).filter(({ sentence }) => sentence === 'Changed the own account')
    assert.equal(rows.length, 1)
    assert.equal(rows[0]?.actor, 'anna')
    assert.match(rows[0]?.address ?? '', /at gw-malmo$/)
  })

  test('a field that is not left to people any more is refused by the master', async () => {
    const bruno = await at(slave, 'bruno')
    const { ownFields } = await settings(master.db)
    line.shut(true)
    await changeSettings(master.db, me, { ownFields: ownFields.filter((name) => name !== 'contact.roomNumber') })
    line.shut(false)
    const refused = await bruno.post('/account/fields', { 'contact.roomNumber': 'A 1', authority: password })
    // A moment later the slave does not send it at all.
    assert.ok([403, 303].includes(refused.status), `${refused.status}`)
    assert.equal((await own(master, 'bruno')).contact?.roomNumber, undefined)
    await changeSettings(master.db, me, { ownFields })
    await caughtUp(slave, master)
  })

  test('SSH keys come and go', async () => {
    const anna = await at(slave, 'anna')
    assert.match((await anna.get('/account')).text, /action="\/account\/keys#keys".*id="f-keys-authority"/s)
    const wrong = await anna.post('/account/keys', { 'shell.sshKeys': 'no key', authority: password })
    assert.equal(wrong.status, 422)
    assert.match(wrong.text, /id="f-shell-sshKeys-problem"/)
    const without = await anna.post('/account/keys', { 'shell.sshKeys': key })
    assert.match(without.text, /href="#f-keys-authority"/)
    breakAnswer()
    const added = await anna.post('/account/keys', { 'shell.sshKeys': key, authority: password })
    assert.equal(added.status, 303, textOf(added.text))
    for (const node of [master, slave]) assert.deepEqual((await own(node, 'anna')).shell?.sshKeys, [key])

    const asked = await anna.post('/account/keys/remove', { key })
    assert.match(textOf(asked.text), /Remove the key anna@laptop\? .* Your own password/)
    assert.doesNotMatch(textOf(asked.text), /Type your own password/)
    const mistyped = await anna.post('/account/keys/remove', { key, authority: 'wrong-one-1' })
    assert.match(textOf(mistyped.text), /This is not your password/)
    assert.deepEqual((await own(master, 'anna')).shell?.sshKeys, [key])
    assert.equal((await anna.post('/account/keys/remove', { key, authority: password })).status, 303)
    assert.deepEqual((await own(slave, 'anna')).shell?.sshKeys ?? [], [])
    assert.equal((await anna.post('/account/keys/remove', { key, authority: password })).status, 404)
  })

  test('an owner of a group says who is in it', async () => {
    const anna = await at(slave, 'anna')
    assert.match(textOf((await anna.get('/my-groups')).text), /Who is in a group is changed there in your name.*sales/)
    const page = (await anna.get('/groups/sales?add=carla')).text
    assert.match(page, /name="join" value="carla"/)
    assert.match(page, /id="members-form".*name="authority"/s)
    assert.match(textOf(page), /Who is in a group is changed there in your name/)
    const without = await anna.post('/groups/sales/members', { join: 'carla' })
    assert.equal(without.status, 422)
    assert.match(without.text, /name="join" value="carla" data-pending/)
    breakAnswer()
    const joined = await anna.post('/groups/sales/members', { join: ['carla', 'bruno'], authority: password })
    assert.equal(joined.status, 303, textOf(joined.text))
    for (const node of [master, slave]) assert.deepEqual(await members(node), ['bruno', 'carla'])
    const added = (await rowsOf(sales)).filter(({ sentence }) => sentence === 'Added 2 people to group sales')
    assert.equal(added.length, 1)
    assert.equal(added[0]?.actor, 'anna')
    assert.match(added[0]?.address ?? '', /at gw-malmo$/)
    const left = await anna.post('/groups/sales/members', { leave: 'bruno', join: 'boss', authority: password })
    assert.equal(left.status, 303)
    assert.deepEqual(await members(slave), ['carla', 'boss'])
    const nobody = await anna.post('/groups/sales/members', { join: 'not-there', authority: password })
    assert.equal(nobody.status, 422)
    assert.match(nobody.text, /href="#f-members"/)
  })

  test('who owns another group, or this one no more, is refused', async () => {
    const anna = await at(slave, 'anna')
    const bruno = await at(slave, 'bruno')
    assert.equal((await bruno.post('/groups/sales/members', { join: 'bruno', authority: password })).status, 403)
    await changeMembers(master.db, me, sales, {}, { usernames: ['carla', 'boss'] })
    await caughtUp(slave, master)
    line.shut(true)
    await changeGroup(master.db, me, sales, { owners: [] })
    line.shut(false)
    assert.equal((await anna.post('/groups/sales/members', { join: 'carla', authority: password })).status, 403)
    assert.deepEqual(await members(master), [])
    await changeGroup(master.db, me, sales, { owners: ['anna'] })
    await caughtUp(slave, master)
  })

  test('who must set a new password first does nothing else', async () => {
    const forced = await at(slave, 'forced')
    for (const path of ['/account/fields', '/account/keys', '/account/keys/remove', '/groups/sales/members'])
      assert.equal((await forced.post(path, { authority: password })).headers.location, '/account/new-password', path)
    // The slave does not know yet that it is so.
    const carla = await at(slave, 'carla')
    line.shut(true)
    await changeUser(master.db, me, await idOf('carla'), { mustChange: true })
    line.shut(false)
    const refused = await carla.post('/account/fields', { 'contact.roomNumber': 'C 3', authority: password })
    assert.ok([403, 303].includes(refused.status), `${refused.status}`)
    if (refused.status === 403) assert.match(textOf(refused.text), /Set a new password of your own first/)
    assert.equal((await own(master, 'carla')).contact?.roomNumber, undefined)
  })

  test('with the master away each is refused at once, and nothing is put by', async () => {
    const anna = await at(slave, 'anna')
    const before = JSON.stringify(await own(slave, 'anna'))
    await line.close()
    await master.stop()
    for (const [path, fields] of [
      ['/account/fields', { 'contact.roomNumber': 'Z 9' }],
      ['/account/keys', { 'shell.sshKeys': key }],
      ['/groups/sales/members', { join: 'carla' }],
    ] as const) {
      const refused = await anna.post(path, { ...fields, authority: password })
      assert.equal(refused.status, 503, path)
      assert.match(textOf(refused.text), /Not changed: the master cannot be reached/, path)
    }
    assert.equal(JSON.stringify(await own(slave, 'anna')), before)
    assert.deepEqual(await members(slave), [])
  })
})
