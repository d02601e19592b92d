import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { undelete } from '../../server/accounts/bin.ts'
import { addMembers, nestedGroups, removeMembers } from '../../server/accounts/group-members.ts'
import { addGroup, changeGroup, groupsPage, ownsGroup, removeGroup } from '../../server/accounts/groups.ts'
import { type Invalid, Refused } from '../../server/errors.ts'
import type { Db } from '../../server/store/db.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

describe('groups within groups', () => {
  let db: Db
  let close: () => Promise<void>
  before(async () => ({ db, close } = await aMasterStore()))
  after(() => close())

  const aGroup = (name: string) => addGroup(db, me, { name, description: '' })
  const membersOf = async (name: string) =>
    (await groupsPage(db, { search: name })).rows.find((group) => group.name === name)?.members

  test('people of an inner group count in the outer one, once', async () => {
    const [outer, inner] = [await aGroup('europe'), await aGroup('malmo')]
    const [both, one] = [await aUser(db), await aUser(db)]
    await addMembers(db, me, inner.id, { usernames: [both.username, one.username] })
    const before = db.position.seq
    await addMembers(db, me, outer.id, { usernames: [both.username], groups: ['malmo'] })
    // A person, a group, and the revision of the list that both are on.
    assert.equal(db.position.seq - before, 3, 'a group within a group is one row, whatever is in it')
    assert.equal(await membersOf('europe'), 2)
    assert.deepEqual(
      (await nestedGroups(db, outer.id)).map(({ name }) => name),
      ['malmo'],
    )
    await removeMembers(db, me, outer.id, { groups: ['malmo'] })
    assert.equal(await membersOf('europe'), 1)
  })

  test('a circle is refused with the way it would close, at any depth', async () => {
    const [a, b, c] = [await aGroup('aa'), await aGroup('bb'), await aGroup('cc')]
    await addMembers(db, me, a.id, { groups: ['bb'] })
    await addMembers(db, me, b.id, { groups: ['cc'] })
    const refused = (work: Promise<unknown>, pattern: RegExp) =>
      assert.rejects(work, (error: Invalid) => pattern.test(error.problems.members ?? ''))
    await refused(addMembers(db, me, c.id, { groups: ['aa'] }), /cc is in aa already, and that would be a circle/)
    await refused(addMembers(db, me, a.id, { groups: ['aa'] }), /a member of itself/)
    await refused(addMembers(db, me, a.id, { groups: ['allusers'] }), /holds everyone/)
    await removeGroup(db, me, a.id)
    await addMembers(db, me, c.id, { groups: ['bb'] }).then(
      () => assert.fail('it closed a circle'),
      () => {},
    )
    await undelete(db, me, a.id)
  })

  test('a group that comes back from the bin does not close a circle', async () => {
    const [x, y] = [await aGroup('xx'), await aGroup('yy')]
    await addMembers(db, me, x.id, { groups: ['yy'] })
    await removeGroup(db, me, y.id)
    // While yy is away nothing speaks against the other direction, except that xx keeps yy in mind.
    await addMembers(db, me, y.id, { groups: ['xx'] }).catch(() => {})
    await undelete(db, me, y.id)
    const below = (await nestedGroups(db, x.id)).map(({ name }) => name)
    assert.deepEqual(below, ['yy'])
  })

  test('owners change the members of their group, and nothing else', async () => {
    const group = await addGroup(db, me, { name: 'band', description: '', owners: [] })
    const [owner, other] = [await aUser(db), await aUser(db)]
    const actor = { name: owner.username, via: 'web', id: owner.id, role: 'person' } as const
    await assert.rejects(addMembers(db, actor, group.id, { usernames: [other.username] }), Refused)
    await changeGroup(db, me, group.id, { owners: [owner.username] })
    assert.equal(await ownsGroup(db, owner.id, group.id), true)
    assert.deepEqual(await addMembers(db, actor, group.id, { usernames: [other.username] }), {
      added: [other.username],
    })
    await assert.rejects(changeGroup(db, actor, group.id, { description: 'Ours' }), Refused)
    await assert.rejects(removeGroup(db, actor, group.id), Refused)
    const foreign = await aGroup('orchestra')
    await assert.rejects(addMembers(db, actor, foreign.id, { usernames: [other.username] }), Refused)
    await assert.rejects(
      addMembers(db, actor, group.id, { groups: ['orchestra'] }),
      Refused,
      'a group brings everybody in it, now and later',
    )
  })
})
