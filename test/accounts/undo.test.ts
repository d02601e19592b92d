import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { purge, undelete } from '../../server/accounts/bin.ts'
import { addClient, clientList } from '../../server/accounts/clients.ts'
import { declared } from '../../server/accounts/declarations.ts'
import { addMembers, membersPage, removeMembers } from '../../server/accounts/group-members.ts'
import { addGroup, changeGroup, groupByName, removeGroup } from '../../server/accounts/groups.ts'
import {
  addOwnExtension,
  changeOwnExtension,
  ownExtension,
  removeOwnExtension,
} from '../../server/accounts/own-extensions.ts'
import { addOwnPlugin, removeOwnPlugin } from '../../server/accounts/own-plugins.ts'
import { disablePlugin, enablePlugin } from '../../server/accounts/plugins.ts'
import { policies } from '../../server/accounts/policies.ts'
import { changePolicy, removePolicy } from '../../server/accounts/policy-changes.ts'
import { addProfile, changeProfile, profileByName, removeProfile } from '../../server/accounts/profiles.ts'
import { changeSettings, settings } from '../../server/accounts/settings.ts'
import { addToken, tokenActor } from '../../server/accounts/tokens.ts'
import { undoBatch, undoChange } from '../../server/accounts/undo.ts'
import { addUser, changeUser, removeUser, setPassword, userByUsername } from '../../server/accounts/users.ts'
import { auditPage, auditRow } from '../../server/audit/audit.ts'
import { type Invalid, NotFound, type Refused } from '../../server/errors.ts'
import type { Db } from '../../server/store/db.ts'
import { commit } from '../../server/store/write.ts'
import { aUser, me, password, somebody } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

describe('undo', () => {
  let db: Db
  let close: () => Promise<void>
  before(async () => ({ db, close } = await aMasterStore()))
  after(() => close())

  const last = async () => (await auditPage(db, { size: 1 })).rows[0] ?? assert.fail('the audit is empty')

  test('an edit gets its old values back, and what others changed meanwhile stays', async () => {
    const anna = await aUser(db, { username: 'anna', extensions: { contact: { city: 'Malmö', unit: 'Sales' } } })
    await changeUser(db, me, anna.id, { last: 'Ek', extensions: { contact: { city: 'Lund', mobile: '+46 70 1' } } })
    const { id } = await last()
    await changeUser(db, me, anna.id, { extensions: { contact: { unit: 'Stores' } } })
    await undoChange(db, me, id)
    const now = await userByUsername(db, 'anna')
    assert.equal(now.last, anna.last)
    assert.deepEqual(now.extensions.contact, { city: 'Malmö', unit: 'Stores' })
    const rows = (await auditPage(db, { size: 3 })).rows
    assert.match(rows[0]?.sentence ?? '', /Undid a change of/)
    assert.equal(rows[2]?.undoneBy, rows[0]?.id)
    assert.equal(rows[2]?.undoable, false)
    await assert.rejects(undoChange(db, me, id), (error: Refused) => error.code === 'undone')
  })

  test('of two who take the same back at once, in one commit, the second is told that it is undone', async () => {
    const bea = await aUser(db, { username: 'bea', extensions: { contact: { city: 'Malmö' } } })
    await changeUser(db, me, bea.id, { extensions: { contact: { city: 'Lund' } } })
    const { id } = await last()
    // A commit that is under way until both wait behind it.
    const before = commit(db, me, async () => {
      while (db.queue.length < 2) await new Promise((resolve) => setTimeout(resolve, 1))
    })
    const outcomes = await Promise.allSettled([undoChange(db, me, id), undoChange(db, me, id)])
    await before
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.message] : []))
    assert.deepEqual(refused, ['This change is undone already.'])
  })

  test('a value that was changed again is not overwritten', async () => {
    const user = await aUser(db, { extensions: { contact: { city: 'Oslo' } } })
    await changeUser(db, me, user.id, { extensions: { contact: { city: 'Bergen' } } })
    const { id } = await last()
    await changeUser(db, me, user.id, { extensions: { contact: { city: 'Tromsø' } } })
    await assert.rejects(undoChange(db, me, id), (error: Invalid) => /city.*changed again since/.test(error.message))
    assert.deepEqual((await userByUsername(db, user.username)).extensions.contact, { city: 'Tromsø' })
  })

  test('who was added goes to the bin, who was removed comes back, and an undo can be undone', async () => {
    const user = await aUser(db, { groups: [] })
    await undoChange(db, me, (await last()).id)
    await assert.rejects(userByUsername(db, user.username), NotFound)
    await undoChange(db, me, (await last()).id)
    assert.equal((await userByUsername(db, user.username)).id, user.id)
    await removeUser(db, me, user.id)
    await undoChange(db, me, (await last()).id)
    assert.equal((await userByUsername(db, user.username)).uidNumber, user.uidNumber)
  })

  test('members who joined together leave together', async () => {
    const group = await addGroup(db, me, { name: 'crew', description: '' })
    const people = await Promise.all([1, 2, 3].map(() => aUser(db)))
    const names = people.map(({ username }) => username)
    await addMembers(db, me, group.id, { usernames: names.slice(0, 1) })
    await addMembers(db, me, group.id, { usernames: names })
    await undoChange(db, me, (await last()).id)
    assert.deepEqual(
      (await membersPage(db, group.id, {})).rows.map(({ username }) => username),
      names.slice(0, 1),
      'who was in it before is still in it',
    )
  })

  test('groups and settings are undone as people are', async () => {
    const group = await addGroup(db, me, { name: 'kites', description: 'High' })
    await changeGroup(db, me, group.id, { name: 'dragons', description: 'Higher' })
    await undoChange(db, me, (await last()).id)
    assert.equal((await groupByName(db, 'kites')).description, 'High')
    await removeGroup(db, me, group.id)
    await undoChange(db, me, (await last()).id)
    assert.equal((await groupByName(db, 'kites')).gidNumber, group.gidNumber)
    await changeSettings(db, me, { binDays: 7 })
    await undoChange(db, me, (await last()).id)
    assert.equal((await settings(db)).binDays, 30)
  })

  test('a profile and a policy come back, and a rule of a policy gets its old value', async () => {
    const profile = await addProfile(db, me, { name: 'interns', description: 'For a summer' })
    await removeProfile(db, me, profile.id)
    await undoChange(db, me, (await last()).id)
    assert.equal((await profileByName(db, 'interns')).description, 'For a summer')
    await addGroup(db, me, { name: 'vault', description: '' })
    await changePolicy(db, me, { minLength: '20' }, 'vault')
    await changePolicy(db, me, { mustChange: false }, 'vault')
    await undoChange(db, me, (await last()).id)
    await removePolicy(db, me, 'vault')
    const { id } = await last()
    await undoChange(db, me, id)
    const { ofGroups } = await policies(db)
    assert.deepEqual(
      ofGroups.map(({ name, policy }) => [name, policy.minLength, policy.mustChange]),
      [['vault', 20, true]],
    )
  })

  test('a password is not undone, and its hash is nowhere in the audit', async () => {
    const user = await aUser(db, { password })
    await setPassword(db, me, user.id, 'another-long-one-7')
    const row = await last()
    assert.equal(row.undoable, false)
    await assert.rejects(undoChange(db, me, row.id), (error: Refused) => error.code === 'not-undoable')
    const rows = await db.reader('audit')
    assert.equal(JSON.stringify(rows).includes('argon2'), false)
  })

  test('what is gone for good does not come back with an undo', async () => {
    await addOwnPlugin(db, me, { name: 'wiki', title: 'Wiki' })
    const group = await addGroup(db, me, { name: 'gone', description: '' })
    const user = await aUser(db, { plugins: ['ftp', 'wiki'], groups: ['gone'] })
    await changeUser(db, me, user.id, { plugins: [], groups: [], last: 'Ek' })
    const edit = await last()
    await enablePlugin(db, me, 'wiki', [user.username])
    await disablePlugin(db, me, 'wiki', [user.username])
    const switched = await last()
    const profile = await addProfile(db, me, { name: 'guests', plugins: ['wiki'], groups: ['gone'] })
    await changeProfile(db, me, profile.id, { plugins: [], groups: [], description: 'Without' })
    const edited = await last()
    await removeOwnPlugin(db, me, 'wiki')
    await removeGroup(db, me, group.id)
    await purge(db, me, group.id)
    await undoChange(db, me, edit.id)
    const { plugins, groups, last: name } = await userByUsername(db, user.username)
    assert.deepEqual([plugins, groups, name], [['ftp'], [], user.last])
    await assert.rejects(undoChange(db, me, switched.id), /no plugin “wiki” any more/)
    await undoChange(db, me, edited.id)
    const now = await profileByName(db, 'guests')
    assert.deepEqual([now.plugins, now.groups, now.description], [[], [], ''])
  })

  test('a value that its field does not take any more does not come back', async () => {
    const fields = [{ name: 'card', label: 'Card', type: 'choice', options: ['blue', 'red'] }] as const
    await addOwnExtension(db, me, { name: 'staff', title: 'Staff', fields: [...fields] } as never)
    const user = await aUser(db, { extensions: { staff: { card: 'red' } } })
    await changeUser(db, me, user.id, { extensions: { staff: { card: 'blue' } } })
    const { id } = await last()
    const attribute = (await ownExtension(db, 'staff')).own.fields[0]?.attribute
    const without = [{ ...fields[0], attribute, options: ['blue', 'green'] }]
    await changeOwnExtension(db, me, 'staff', { name: 'staff', title: 'Staff', fields: without } as never)
    await assert.rejects(undoChange(db, me, id), /Not undone: Card must be one of: blue, green/)
    await removeOwnExtension(db, me, 'staff')
    await assert.rejects(undoChange(db, me, id), /was changed again since/)
    assert.equal((await userByUsername(db, user.username)).extensions.staff, undefined)
  })

  test('times that would leave no time between them do not come back', async () => {
    const user = await aUser(db, { validFrom: '2030-01-01', validUntil: '2030-12-31' })
    await changeUser(db, me, user.id, { validFrom: '2029-01-01' })
    const { id } = await last()
    await changeUser(db, me, user.id, { validUntil: '2029-06-01' })
    await assert.rejects(undoChange(db, me, id), /Not undone: .* would be valid until a moment before/)
  })

  test('who lies in the bin is taken out of a group with the others', async () => {
    const group = await addGroup(db, me, { name: 'climbers', description: '' })
    const [here, away] = [await aUser(db), await aUser(db)]
    await addMembers(db, me, group.id, { usernames: [here.username, away.username] })
    const { id } = await last()
    await removeUser(db, me, away.id)
    await undoChange(db, me, id)
    assert.match((await last()).sentence, /took 2 people out of group climbers/)
    await undelete(db, me, away.id)
    assert.equal((await membersPage(db, group.id, {})).total, 0)
  })

  test('of two who undo one change at once, one is told that it is undone', async () => {
    const user = await aUser(db, { extensions: { contact: { city: 'Kiel' } } })
    await changeUser(db, me, user.id, { extensions: { contact: { city: 'Bonn' } } })
    const { id } = await last()
    const both = await Promise.allSettled([undoChange(db, me, id), undoChange(db, me, id)])
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    assert.equal((await auditPage(db, { size: 2 })).rows[1]?.undoable, false)
  })

  test('where nothing is left to take back it is said, and the row is not marked', async () => {
    const group = await addGroup(db, me, { name: 'sailors', description: '' })
    const user = await aUser(db)
    await addMembers(db, me, group.id, { usernames: [user.username] })
    const { id } = await last()
    await removeMembers(db, me, group.id, { usernames: [user.username] })
    await assert.rejects(undoChange(db, me, id), /everything is as it was before already/)
    assert.equal((await auditPage(db, { size: 2 })).rows[1]?.undoneBy, undefined)
  })

  test('each row of a batch names the row that took it back', async () => {
    const batch = randomUUID()
    const users = [await aUser(db), await aUser(db)]
    for (const { id } of users) await changeUser(db, { ...me, batch }, id, { last: 'Batch' })
    await undoBatch(db, me, batch)
    const { rows } = await auditPage(db, { batch })
    assert.equal(new Set(rows.map(({ undoneBy }) => undoneBy)).size, 2)
    for (const row of rows) assert.equal((await auditRow(db, row.undoneBy as number)).object?.id, row.object?.id)
  })

  test('what was made and nobody uses yet is taken back; its secret is nowhere in the audit', async () => {
    await addClient(db, me, { name: 'squid', role: 'read' })
    await undoChange(db, me, (await last()).id)
    assert.deepEqual(await clientList(db), [])
    const { token } = await addToken(db, me, { name: 'hr', role: 'auditor' })
    await undoChange(db, me, (await last()).id)
    assert.equal((await last()).undoable, false)
    assert.equal(await tokenActor(db, token), undefined)
    assert.doesNotMatch(JSON.stringify(await db.reader('audit')), /argon2|tokenHash/)
    await addOwnPlugin(db, me, { name: 'jukebox', title: 'Jukebox' })
    const made = await last()
    const user = await aUser(db, { plugins: ['jukebox'] })
    await assert.rejects(undoChange(db, me, made.id), /People have it by now/)
    await changeUser(db, me, user.id, { plugins: [] })
    await undoChange(db, me, made.id)
    assert.equal((await declared(db)).plugin('jukebox'), undefined)
    const fields = [{ name: 'locker', label: 'Locker', type: 'text' }]
    await addOwnExtension(db, me, { name: 'lockers', title: 'Lockers', fields })
    await undoChange(db, me, (await last()).id)
    assert.equal((await declared(db)).extension('lockers'), undefined)
  })

  test('a batch is undone as a whole; what was changed since is named and left', async () => {
    const batch = randomUUID()
    const actor = { ...me, batch }
    const added = [await addUser(db, actor, somebody()), await addUser(db, actor, somebody())]
    const old = await aUser(db, { extensions: { contact: { city: 'Rom' } } })
    await changeUser(db, actor, old.id, { extensions: { contact: { city: 'Turin' } } })
    await changeUser(db, me, old.id, { extensions: { contact: { city: 'Bari' } } })
    const result = await undoBatch(db, me, batch)
    assert.equal(result.undone, 2)
    assert.equal(result.refused.length, 1)
    for (const { username } of added) await assert.rejects(userByUsername(db, username), NotFound)
    assert.deepEqual((await userByUsername(db, old.username)).extensions.contact, { city: 'Bari' })
  })

  test('the last administrator stays, also when an undo would take the role away', async () => {
    const admin = await userByUsername(db, 'admin')
    const second = await aUser(db, { password })
    await changeUser(db, me, second.id, { role: 'administrator' })
    const { id } = await last()
    await changeUser(db, me, admin.id, { role: 'person' })
    await assert.rejects(undoChange(db, me, id), (error: Invalid) => /last administrator/.test(error.message))
  })
})
