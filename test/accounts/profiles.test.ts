import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { addGroup, changeGroup, groupByName } from '../../server/accounts/groups.ts'
import {
  addProfile,
  applyProfile,
  changeProfile,
  profileByName,
  removeProfile,
} from '../../server/accounts/profiles.ts'
import { addUser, userByUsername } from '../../server/accounts/users.ts'
import { Invalid } from '../../server/errors.ts'
import { me, somebody } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>

before(async () => {
  store = await aMasterStore()
  await addGroup(store.db, me, { name: 'sales', description: '' })
})
after(() => store.close())

const problemsOf = async (adding: Promise<unknown>) => {
  const error = await adding.then(
    () => undefined,
    (error) => error,
  )
  return error instanceof Invalid ? error.problems : error
}

test('a profile gives a new person groups, plugins and values with the names filled in', async () => {
  await addProfile(store.db, me, {
    name: 'Sales, Malmö',
    description: 'People who sell',
    groups: ['sales'],
    plugins: ['smtp'],
    extensions: { contact: { mail: '{first}.{last}@example.lan', title: 'Seller {f}. {l}.', city: 'Malmö' } },
  })
  const profile = await profileByName(store.db, ' sales, malmö')
  const person = somebody({ username: 'gek', first: 'Gösta Åke', last: 'Øst' })
  const user = await addUser(store.db, me, { ...person, ...applyProfile(profile, person) })
  assert.deepEqual(user.plugins, ['smtp'])
  assert.equal(user.groups.length, 1)
  assert.deepEqual(user.extensions.contact, { mail: 'gosta.ake.ost@example.lan', title: 'Seller G. Ø.', city: 'Malmö' })
})

test('each line of a list is filled in by itself', async () => {
  await setExtensionOn(store.db, me, 'mail', true)
  const aliases = '{first}.{last}\n{f}{last}\r\npost-{username}'
  await addProfile(store.db, me, { name: 'Aliased', extensions: { mail: { aliases } } })
  const person = somebody({ username: 'aost', first: 'Åsa', last: 'Öst' })
  const user = await addUser(store.db, me, {
    ...person,
    ...applyProfile(await profileByName(store.db, 'Aliased'), person),
  })
  assert.deepEqual(user.extensions.mail?.aliases, ['asa.ost', 'aost', 'post-aost'])
})

test('what a profile has for an extension that is off is kept, not shown, and stops nobody from being added with it', async () => {
  await addProfile(store.db, me, { name: 'Both', extensions: { contact: { city: 'Lund' }, shell: { home: '/srv' } } })
  await setExtensionOn(store.db, me, 'contact', false)
  const profile = await profileByName(store.db, 'both')
  assert.deepEqual(profile.extensions, { shell: { home: '/srv' } })
  const person = somebody()
  const user = await addUser(store.db, me, { ...person, ...applyProfile(profile, person) })
  assert.deepEqual(user.extensions, { shell: { home: '/srv' } })
  await changeProfile(store.db, me, profile.id, { description: 'Changed meanwhile', extensions: { shell: {} } })
  await setExtensionOn(store.db, me, 'contact', true)
  assert.deepEqual((await profileByName(store.db, 'both')).extensions.contact, { city: 'Lund' })
})

test('each thing wrong with a profile is a sentence at its field', async () => {
  const adding = addProfile(store.db, me, {
    name: 'SALES, MALMÖ',
    groups: ['nowhere'],
    plugins: ['teleport'],
    extensions: { contact: { mail: '{first}', title: '{nick}', telephone: 'call {first}' }, magic: {} },
  })
  assert.deepEqual(await problemsOf(adding), {
    name: 'A profile named “SALES, MALMÖ” already exists. Choose another name.',
    groups: 'There is no group “nowhere”.',
    plugins: 'There is no plugin “teleport”.',
    'contact.mail': 'E-mail must look like name@example.lan.',
    'contact.title': 'There is no placeholder {nick}. Placeholders are {first}, {last}, {username}, {f}, {l}.',
    'contact.telephone':
      'Telephone number may hold digits, spaces and + ( ) . / -, as in +46 40 555 7260. Write an extension as “ext 12”.',
    magic: 'There is no extension “magic”.',
  })
  assert.deepEqual(await problemsOf(addProfile(store.db, me, { name: ' ' })), { name: 'Name is needed.' })
})

test('a profile follows its group when that is renamed, and leaves people alone when it changes or goes', async () => {
  const { id } = await groupByName(store.db, 'sales')
  await changeGroup(store.db, me, id, { name: 'selling' })
  const profile = await profileByName(store.db, 'Sales, Malmö')
  assert.deepEqual(profile.groupNames, ['selling'])
  const changed = await changeProfile(store.db, me, profile.id, { plugins: [], extensions: { contact: { city: '' } } })
  assert.deepEqual(changed.plugins, [])
  assert.equal(changed.extensions.contact?.city, undefined)
  assert.equal(changed.extensions.contact?.title, 'Seller {f}. {l}.')
  await removeProfile(store.db, me, profile.id)
  await assert.rejects(profileByName(store.db, 'Sales, Malmö'), /There is no profile “Sales, Malmö”/)
  assert.deepEqual((await userByUsername(store.db, 'gek')).plugins, ['smtp'])
})
