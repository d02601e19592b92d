import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { declared } from '../../server/accounts/declarations.ts'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { pluginUsers } from '../../server/accounts/plugins.ts'
import { setStatus, userByUsername } from '../../server/accounts/users.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let admin: Browser

before(async () => {
  store = await aMasterStore()
  admin = await signedIn(await aWebApp(store.db))
  for (const username of ['aek', 'gek', 'bnystrom'])
    await aUser(store.db, { username, first: username, last: 'Test', password, mustChange: false })
  const site = await addGroup(store.db, me, { name: 'site_malmo', description: '' })
  await addMembers(store.db, me, site.id, { usernames: ['gek', 'bnystrom'] })
})
after(() => store.close())

test('people get a plugin from a pasted list or from a group, and lose it by ticks', async () => {
  await admin.post('/plugins/ftp/users/add', { usernames: 'aek, gek\r\n' })
  assert.match(textOf((await admin.get('/plugins/ftp')).text), /FTP Server enabled for 2 people\./)
  await admin.post('/plugins/ftp/users/add', { group: 'site_malmo' })
  assert.equal((await pluginUsers(store.db, 'ftp', {})).total, 3)
  await admin.post('/plugins/ftp/users/add', { usernames: 'aek' })
  assert.match(textOf((await admin.get('/plugins/ftp')).text), /All of them have it already/)

  const unknown = await admin.post('/plugins/ftp/users/add', { usernames: 'aek\nnobody_here', group: 'nowhere' })
  assert.equal(unknown.status, 422)
  assert.match(textOf(unknown.text), /There is no user “nobody_here”/)
  assert.match(unknown.text, /aek\nnobody_here<\/textarea>/)
  assert.match(unknown.text, /value="nowhere"/)
  assert.equal((await admin.post('/plugins/ftp/users/add', {})).status, 422)

  await admin.post('/plugins/ftp/users/remove', { usernames: ['aek', 'gek'] })
  assert.equal((await pluginUsers(store.db, 'ftp', {})).total, 1)
})

test('the page says for each person whether the service opens now, and for one asked about each check', async () => {
  await admin.post('/plugins/ftp/users/add', { usernames: 'aek' })
  const { id } = await userByUsername(store.db, 'aek')
  await setStatus(store.db, me, id, 'locked')
  const page = textOf((await admin.get('/plugins/ftp')).text)
  assert.match(page, /Test, aek aek No Account is locked/)
  assert.match(page, /Test, bnystrom bnystrom Yes/)
  const why = textOf((await admin.get('/plugins/ftp?who=AEK')).text)
  assert.match(why, /FTP Server is on in this network Plugin FTP Server is on Account is locked A password is set/)
  assert.match(why, /No\. May not use FTP Server now\./)
  assert.match(textOf((await admin.get('/plugins/ftp?who=gek')).text), /Plugin FTP Server is off/)
  assert.match(textOf((await admin.get('/plugins/ftp?who=nobody')).text), /There is no user “nobody”\./)
})

test('a plugin is made here, given, changed and removed from everybody', async () => {
  const refused = await admin.post('/plugins/new', { title: 'Scanner', badge: 'Scanner', name: 'ftp' })
  assert.equal(refused.status, 422)
  assert.match(textOf(refused.text), /There is a plugin “ftp” already.*Badge must not be longer than 6 characters/)
  const made = await admin.post('/plugins/new', { title: 'Scanner', badge: 'Scan', name: '', summary: 'Scans.' })
  assert.equal(made.headers.location, '/plugins/scanner')
  assert.match(textOf((await admin.get('/plugins/scanner')).text), /Scanner was made\..*scanner_plugin/)
  await admin.post('/plugins/scanner/users/add', { usernames: 'gek' })
  assert.match((await admin.get('/users/gek')).text, /value="scanner"/)
  await admin.post('/plugins/scanner/edit', { title: 'Scanners', badge: 'Scan', summary: 'Scans.' })
  assert.match(textOf((await admin.get('/extensions')).text), /Scanners Scans\. Made here\. 1 person On/)
  assert.equal((await admin.post('/plugins/scanner/remove', { name: '' })).status, 422)
  await admin.post('/plugins/scanner/remove', { name: 'scanner' })
  assert.match(textOf((await admin.get('/plugins')).text), /Scanners was removed, and taken from 1 person\./)
  assert.equal((await declared(store.db)).plugin('scanner'), undefined)
  assert.equal((await admin.get('/plugins/scanner')).status, 404)
  assert.equal((await admin.get('/plugins/ftp/edit')).status, 404)
})
