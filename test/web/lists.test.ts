import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { setPluginOn } from '../../server/accounts/plugins.ts'
import { changeUser, removeUser } from '../../server/accounts/users.ts'
import { holdPeople } from '../../server/store/people.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let admin: Browser

before(async () => {
  store = await aMasterStore()
  admin = await signedIn(await aWebApp(store.db))
})
after(() => store.close())

/** Usernames that a list shows, in its order. */
async function shown(path: string): Promise<string[]> {
  const { text, status } = await admin.part(path)
  assert.equal(status, 200, textOf(text))
  return Array.from(text.matchAll(/data-href="\/users\/([^"]+)"/g), ([, username]) => username as string)
}

test('a list shows each change at once, before and after everybody is held in memory', async () => {
  for (const isHeld of [false, true]) {
    if (isHeld) await holdPeople(store.db)
    const { id } = await aUser(store.db, { username: 'asjoberg', first: 'Åsa', last: 'Sjöberg' })
    assert.deepEqual(await shown('/users?search=sjob+asa'), ['asjoberg'])
    await changeUser(store.db, me, id, { username: 'aek', last: 'Ek' })
    assert.deepEqual(await shown('/users?search=sjob+asa'), [])
    assert.deepEqual(await shown('/users?search=asa&sort=username'), ['aek'])
    await changeUser(store.db, me, id, { status: 'locked' })
    assert.deepEqual(await shown('/users?status=locked'), ['aek'])
    await removeUser(store.db, me, id)
    assert.deepEqual(await shown('/users?status=locked'), [])
  }
})

test('group, service and state narrow a list together, and a group shows who is in it through others', async () => {
  const { db } = store
  await setPluginOn(db, me, 'ftp', true)
  const sales = await addGroup(db, me, { name: 'sales', description: '' })
  const nights = await addGroup(db, me, { name: 'nights', description: '' })
  await addMembers(db, me, sales.id, { groups: ['nights'] })
  await aUser(db, { username: 'both', groups: ['sales'], plugins: ['ftp'] })
  await aUser(db, { username: 'nightly', groups: ['nights'], plugins: ['ftp'] })
  await aUser(db, { username: 'plain', groups: ['sales'] })
  await aUser(db, { username: 'away', groups: [nights.name], plugins: ['ftp'], status: 'disabled' })
  await aUser(db, { username: 'other', plugins: ['ftp'] })
  for (const isHeld of [false, true]) {
    if (isHeld) await holdPeople(db)
    const all = await shown('/users?group=sales&sort=username')
    assert.deepEqual(all, ['away', 'both', 'nightly', 'plain'])
    const narrowed = await shown('/users?group=sales&plugin=ftp&status=enabled&sort=username')
    assert.deepEqual(narrowed, ['both', 'nightly'])
    assert.deepEqual(await shown('/users?group=nobody-has-it&plugin=ftp'), [])
  }
})

test('groups are sorted by everybody who is in them, as the list counts', async () => {
  const names = async (order: string) => {
    const { text } = await admin.part(`/groups?sort=members&order=${order}`)
    return Array.from(text.matchAll(/data-href="\/groups\/([^"]+)"/g), ([, name]) => name as string)
  }
  assert.deepEqual((await names('desc')).slice(0, 3), ['allusers', 'sales', 'nights'])
  assert.deepEqual((await names('asc')).slice(-3), ['nights', 'sales', 'allusers'])
})

test('past the end of a list its last page is shown, as where others have removed people meanwhile', async () => {
  const { text } = await admin.get('/users?page=99')
  assert.deepEqual(await shown('/users?page=99'), await shown('/users'))
  assert.doesNotMatch(textOf(text), /Nobody matches/)
  await removeUser(store.db, me, (await aUser(store.db, { username: 'binned' })).id)
  for (const [path, name] of [
    ['/groups?page=9', 'nights'],
    ['/groups/sales?page=9', 'both'],
    ['/groups/sales?view=all&page=9', 'nightly'],
    ['/plugins/ftp?page=9', 'nightly'],
    ['/bin?page=9', 'binned'],
  ] as const)
    assert.match(textOf((await admin.get(path)).text), new RegExp(name), path)
})
