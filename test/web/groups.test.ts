import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { extensionList } from '../../server/accounts/extensions.ts'
import { groupByName } from '../../server/accounts/groups.ts'
import { pluginList } from '../../server/accounts/plugins.ts'
import { aUser } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let admin: Browser

before(async () => {
  store = await aMasterStore()
  admin = await signedIn(await aWebApp(store.db))
  await aUser(store.db, { username: 'aek', first: 'Åsa', last: 'Ek' })
  await aUser(store.db, { username: 'gek', first: 'Gösta', last: 'Ek' })
})
after(() => store.close())

test('a group is added, gets members by search, loses them, is renamed and removed', async () => {
  assert.equal(
    (await admin.post('/groups/new', { name: 'site_malmo', description: 'Malmö' })).headers.location,
    '/groups/site_malmo',
  )
  const found = await admin.part('/groups/site_malmo?part=found&add=ek')
  assert.match(found.text, /^<div id="found"/)
  assert.match(textOf(found.text), /Åsa Ek aek.*Add/)
  await admin.post('/groups/site_malmo/members/add', { usernames: ['aek', 'gek'] })
  assert.match(textOf((await admin.get('/groups/site_malmo')).text), /2 people added to site_malmo\..*Members 2/)
  assert.match(textOf((await admin.get('/groups/site_malmo?add=asa')).text), /already in it/)
  assert.match(textOf((await admin.part('/groups/site_malmo?search=gosta')).text), /1–1 of 1/)
  await admin.post('/groups/site_malmo/members/remove', { usernames: 'gek' })
  assert.match(textOf((await admin.get('/groups/site_malmo')).text), /1 person removed from site_malmo\./)
  assert.equal(
    (await admin.post('/groups/site_malmo', { name: 'malmo', description: 'New' })).headers.location,
    '/groups/malmo',
  )
  assert.equal((await admin.post('/groups/malmo/remove')).status, 303)
  await assert.rejects(groupByName(store.db, 'malmo'))
})

test('a group with several members is removed only after its name is typed', async () => {
  await admin.post('/groups/new', { name: 'folders', description: '' })
  await admin.post('/groups/folders/members/add', { usernames: ['aek', 'gek'] })
  assert.equal((await admin.post('/groups/folders/remove', { name: 'folder' })).status, 422)
  assert.equal((await admin.post('/groups/folders/remove', { name: 'folders' })).status, 303)
})

test('a name that cannot be is said at its field, with what was typed', async () => {
  const { status, text } = await admin.post('/groups/new', { name: 'with space', description: 'Kept' })
  assert.equal(status, 422)
  assert.match(text, /id="f-name-problem"/)
  assert.match(text, /value="with space"/)
  assert.match(text, /value="Kept"/)
})

test('the built-in group has its members and no way to change them', async () => {
  const { text } = await admin.get('/groups/allusers')
  assert.match(textOf(text), /3 people/)
  assert.doesNotMatch(text, /members\/add|members\/remove" method="post" data-bulk><div class="bulk|Save group/)
  assert.equal((await admin.post('/groups/allusers/members/add', { usernames: 'aek' })).status, 403)
})

test('a plugin is enabled and disabled for people from its own page', async () => {
  await admin.post('/plugins/ftp/users/add', { usernames: 'aek' })
  const page = textOf((await admin.get('/plugins/ftp')).text)
  assert.match(page, /FTP Server enabled for 1 person\./)
  assert.match(page, /Ek, Åsa aek/)
  await admin.post('/plugins/ftp/users/remove', { usernames: 'aek' })
  assert.match(textOf((await admin.get('/plugins/ftp')).text), /Nobody has it yet/)
  const unknown = await admin.post('/plugins/ftp/users/add', { usernames: 'nobody' })
  assert.equal(unknown.status, 422)
  assert.match(textOf(unknown.text), /There is no user “nobody”/)
})

test('extensions and plugins are turned off and on for everyone; off takes them from the form', async () => {
  await admin.post('/extensions/contact', { on: 'no', back: '/extensions' })
  assert.equal((await extensionList(store.db)).find(({ name }) => name === 'contact')?.on, false)
  assert.doesNotMatch((await admin.get('/users/aek')).text, /contact\.city/)
  await admin.post('/extensions/contact', { on: 'yes', back: '/extensions' })
  await admin.post('/plugins/smtp', { on: 'no', back: '/plugins' })
  assert.equal((await pluginList(store.db)).find(({ name }) => name === 'smtp')?.on, false)
  assert.doesNotMatch((await admin.get('/users/aek')).text, /smtp_plugin/)
})
