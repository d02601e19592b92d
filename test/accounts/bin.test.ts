import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { binned, binnedByName, binPage, purge, purgeExpired, undelete } from '../../server/accounts/bin.ts'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { addMembers, membersPage } from '../../server/accounts/group-members.ts'
import { addGroup, changeGroup, groupByName, ownsGroup, removeGroup } from '../../server/accounts/groups.ts'
import { addProfile, profileByName } from '../../server/accounts/profiles.ts'
import { signIn } from '../../server/accounts/sign-in.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { addUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { type Invalid, NotFound, Refused } from '../../server/errors.ts'
import type { Db } from '../../server/store/db.ts'
import { aUser, me, password, somebody } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

describe('the recycle bin', () => {
  let db: Db
  let close: () => Promise<void>
  before(async () => ({ db, close } = await aMasterStore()))
  after(() => close())

  test('who is removed cannot sign in, and comes back with everything', async () => {
    const group = await addGroup(db, me, { name: 'sales', description: '' })
    const anna = await aUser(db, {
      username: 'anna',
      password,
      groups: ['sales'],
      plugins: ['ftp'],
      extensions: { contact: { city: 'Malmö' } },
    })
    await removeUser(db, me, anna.id)
    await assert.rejects(signIn(db, 'anna', password), Refused)
    await assert.rejects(userByUsername(db, 'anna'), NotFound)
    const { rows } = await binPage(db, { search: 'anna' })
    assert.deepEqual(
      rows.map(({ kind, name, by }) => ({ kind, name, by })),
      [{ kind: 'user', name: 'anna', by: me.name }],
    )
    assert.deepEqual(await undelete(db, me, anna.id), { kind: 'user', name: 'anna', left: [] })
    const back = await userByUsername(db, 'anna')
    assert.equal(back.id, anna.id)
    assert.equal(back.uidNumber, anna.uidNumber)
    assert.deepEqual(back.groups, [group.id])
    assert.deepEqual(back.plugins, ['ftp'])
    assert.deepEqual(back.extensions.contact, { city: 'Malmö' })
    assert.equal((await signIn(db, 'anna', password)).id, anna.id)
  })

  test('a name that is taken meanwhile asks for another', async () => {
    const first = await aUser(db, { username: 'bruno' })
    await removeUser(db, me, first.id)
    const second = await aUser(db, { username: 'bruno' })
    assert.notEqual(second.uidNumber, first.uidNumber)
    await assert.rejects(undelete(db, me, first.id), (error: Invalid) =>
      /already exists/.test(error.problems.name ?? ''),
    )
    assert.equal((await undelete(db, me, first.id, { name: 'bruno2' })).name, 'bruno2')
    assert.equal((await userByUsername(db, 'bruno2')).uidNumber, first.uidNumber)
  })

  test('an alias that somebody else took stays with them', async () => {
    await setExtensionOn(db, me, 'mail', true)
    const clara = await aUser(db, { username: 'clara', extensions: { mail: { aliases: 'info, clara.b' } } })
    await removeUser(db, me, clara.id)
    await aUser(db, { username: 'dora', extensions: { mail: { aliases: 'info' } } })
    assert.deepEqual((await undelete(db, me, clara.id)).left, ['info'])
    assert.deepEqual((await userByUsername(db, 'clara')).extensions.mail, { aliases: ['clara.b'] })
  })

  test('a removed group is one change, and brings its members back', async () => {
    const group = await addGroup(db, me, { name: 'workshop', description: 'Everyone with a hammer' })
    const people = await Promise.all([1, 2, 3].map(() => aUser(db)))
    await addMembers(db, me, group.id, { usernames: people.map(({ username }) => username) })
    const before = db.position.seq
    await removeGroup(db, me, group.id)
    // The group, what the bin keeps of it, and its revision: none of its members.
    assert.equal(db.position.seq - before, 3)
    await assert.rejects(groupByName(db, 'workshop'), NotFound)
    assert.deepEqual(
      (await usersPage(db, { search: people[0]?.username ?? '' })).rows.map(({ groupNames }) => groupNames),
      [[]],
    )
    await undelete(db, me, (await binnedByName(db, 'group', 'workshop')).id)
    const back = await groupByName(db, 'workshop')
    assert.equal(back.gidNumber, group.gidNumber)
    assert.equal((await membersPage(db, back.id, {})).total, 3)
  })

  test('editing a member while the group is in the bin does not take them out of it', async () => {
    const group = await addGroup(db, me, { name: 'choir', description: '' })
    const user = await aUser(db, { groups: ['choir', 'sales'] })
    await removeGroup(db, me, group.id)
    const { changeUser } = await import('../../server/accounts/users.ts')
    await changeUser(db, me, user.id, { groups: ['sales'] })
    await undelete(db, me, group.id)
    assert.equal((await membersPage(db, group.id, {})).total, 1)
  })

  test('an owner in the bin owns the group again, also when the group was changed meanwhile', async () => {
    const [one, two] = [await aUser(db), await aUser(db)]
    const group = await addGroup(db, me, { name: 'owned', description: '', owners: [one.username, two.username] })
    await removeUser(db, me, one.id)
    await changeGroup(db, me, group.id, { owners: [two.username], description: 'Still ours' })
    await undelete(db, me, one.id)
    assert.equal(await ownsGroup(db, one.id, group.id), true)
  })

  test('nothing keeps the id of what went for good', async () => {
    const [owner, away] = [await aUser(db), await aUser(db)]
    const outer = await addGroup(db, me, { name: 'harbour', description: '' })
    const inner = await addGroup(db, me, { name: 'pier', description: '', owners: [owner.username] })
    await addMembers(db, me, outer.id, { groups: ['pier'], usernames: [away.username] })
    await addProfile(db, me, { name: 'Docker', groups: ['harbour'] })
    await removeUser(db, me, away.id)
    await removeUser(db, me, owner.id)
    await removeGroup(db, me, outer.id)
    await purge(db, me, owner.id)
    await purge(db, me, outer.id)
    await undelete(db, me, away.id)
    const { groups, owners } = await groupByName(db, inner.name)
    assert.deepEqual([groups, owners], [[], []])
    assert.deepEqual((await profileByName(db, 'Docker')).groups, [])
    assert.deepEqual((await userByUsername(db, away.username)).groups, [])
  })

  test('after its days it goes for good, and its number is not given again', async () => {
    const emil = await aUser(db, { username: 'emil' })
    const group = await addGroup(db, me, { name: 'rowing', description: '' })
    await addMembers(db, me, group.id, { usernames: ['emil'] })
    await removeGroup(db, me, group.id)
    const inDays = (days: number) => new Date(Date.now() + days * 86_400_000)
    assert.equal(await purgeExpired(db, me, inDays(29)), 0)
    await purgeExpired(db, me, inDays(31))
    await assert.rejects(binned(db, group.id), NotFound)
    assert.deepEqual((await userByUsername(db, 'emil')).groups, [])
    await removeUser(db, me, emil.id)
    await purge(db, me, emil.id)
    await assert.rejects(undelete(db, me, emil.id), NotFound)
    const next = await addUser(db, me, somebody())
    assert.equal(next.uidNumber > emil.uidNumber, true)
  })
})
