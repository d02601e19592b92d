import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { declared } from '../../server/accounts/declarations.ts'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { pluginUsers } from '../../server/accounts/plugins.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { userByUsername } from '../../server/accounts/users.ts'
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
  assert.match(page, /Test, aek aek Locked never/)
  assert.match(page, /Test, bnystrom bnystrom Yes/)
  const why = textOf((await admin.get('/plugins/ftp?who=AEK')).text)
  assert.match(why, /FTP Server is on in this network Plugin FTP Server is on Account is locked A password is set/)
  assert.match(why, /No\. May not use FTP Server now\. Unlocking opens it at once\. Unlock aek/)
  const back = '/plugins/ftp?who=aek'
  assert.equal((await admin.post('/users/aek/status', { status: 'enabled', back })).headers.location, back)
  assert.match(textOf((await admin.get(back)).text), /Yes\. May use FTP Server now/)
  assert.match(textOf((await admin.get('/plugins/ftp?who=gek')).text), /Plugin FTP Server is off.*Enable for gek/)
  assert.match(textOf((await admin.get('/plugins/ftp?who=nobody')).text), /Nobody matches “nobody”\./)
})

test('somebody is asked about by a part of the name, and chosen where several have it', async () => {
  await aUser(store.db, { username: 'olindqvist', first: 'Örjan', last: 'Lindqvist' })
  await aUser(store.db, { username: 'blindqvist', first: 'Björn', last: 'Lindqvist' })
  assert.match(textOf((await admin.get('/plugins/ftp?who=örjan')).text), /Örjan Lindqvist olindqvist FTP Server is on/)
  const several = (await admin.get('/plugins/ftp?who=lindqvist')).text
  assert.match(textOf(several), /2 people match “lindqvist”: Björn Lindqvist blindqvist Örjan Lindqvist/)
  assert.match(several, /href="\/plugins\/ftp\?who=blindqvist#why"/)
  for (const who of ['%', '<b>', "'", 'x'.repeat(3000)])
    assert.equal((await admin.get(`/plugins/ftp?who=${encodeURIComponent(who)}`)).status, 200, who)
})

test('the list is narrowed by group and search, sorted, exported, and emptied as a whole', async () => {
  for (let nth = 0; nth < 60; nth++)
    await aUser(store.db, { username: `many${nth}`, plugins: ['smtp'], groups: ['site_malmo'] })
  await aUser(store.db, { username: 'elsewhere', plugins: ['smtp'] })
  const page = (await admin.get('/plugins/smtp?group=site_malmo')).text
  assert.match(textOf(page), /All 60 that match.*1–50 of 60 in site_malmo · 61 in all/)
  assert.match(page, /\?group=site_malmo&amp;sort=status/)
  assert.match(textOf((await admin.get('/plugins/smtp?search=many59&group=site_malmo')).text), /1–1 of 1 in site_malmo/)
  const part = await admin.part('/plugins/smtp?search=elsewhere')
  assert.equal(part.headers['hx-replace-url'], '/plugins/smtp?search=elsewhere')
  assert.doesNotMatch(part.text, /<html|many1/)
  const csv = (await admin.get('/export/users.csv?plugin=smtp&search=elsewhere')).text
  assert.deepEqual(
    csv.split('\r\n').map((line) => line.slice(0, 12)),
    ['"core.userna', '"elsewhere",', ''],
  )

  const list = '/plugins/smtp?group=site_malmo'
  const done = await admin.post('/plugins/smtp/users/remove', { everyone: 'yes', list, back: list })
  assert.equal(done.headers.location, list)
  const empty = (await admin.get(list)).text
  assert.match(textOf(empty), /SMTP disabled for 60 people\..*Nobody who has it matches in site_malmo/)
  assert.equal((await pluginUsers(store.db, 'smtp', {})).total, 1)
  const undo = /action="(\/audit\/\d+\/undo)"/.exec(empty)?.[1]
  await admin.post(undo ?? '', { back: '/' })
  assert.equal((await pluginUsers(store.db, 'smtp', {})).total, 61)
})

test('many lose it at once by a pasted list or a group; nobody named is said, and nothing else leads away', async () => {
  await admin.post('/plugins/smtp/users/remove', { usernames: 'many0, many1\nmany2', group: '' })
  assert.match(textOf((await admin.get('/plugins/smtp')).text), /SMTP disabled for 3 people\./)
  await admin.post('/plugins/smtp/users/remove', { usernames: '', group: 'site_malmo' })
  assert.equal((await pluginUsers(store.db, 'smtp', {})).total, 1)
  const nobody = await admin.post('/plugins/smtp/users/remove', { usernames: '', group: '' })
  assert.match(textOf(nobody.text), /Nobody is named/)
  const unknown = await admin.post('/plugins/smtp/users/remove', { usernames: 'nobody_here', group: 'nowhere' })
  assert.equal(unknown.status, 422)
  assert.match(unknown.text, /nobody_here<\/textarea>.*value="nowhere"/s)
  const ticked = await admin.post('/plugins/smtp/users/remove', {
    list: '/plugins/smtp',
    back: 'https://evil.example/',
  })
  assert.equal(ticked.headers.location, '/plugins/smtp')
  assert.match(textOf((await admin.get('/plugins/smtp')).text), /Nobody is selected/)
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
  const seq = /name="seq" value="(\d+)"/.exec((await admin.get('/plugins/scanner/edit')).text)?.[1] ?? assert.fail()
  await admin.post('/plugins/scanner/edit', { title: 'Scanners', badge: 'Scan', summary: 'Scans.', seq })
  const late = await admin.post('/plugins/scanner/edit', { title: 'Scanner', badge: 'Late', summary: '', seq })
  assert.equal(late.status, 422)
  assert.match(textOf(late.text), /Not saved: someone else changed the plugin Scanners first/)
  assert.match(textOf((await admin.get('/extensions')).text), /Scanners Scans\. Made here\. 1 person On/)
  assert.equal((await admin.post('/plugins/scanner/remove', { name: '' })).status, 422)
  await admin.post('/plugins/scanner/remove', { name: 'scanner' })
  assert.match(textOf((await admin.get('/plugins')).text), /Scanners was removed, and taken from 1 person\./)
  assert.equal((await declared(store.db)).plugin('scanner'), undefined)
  assert.equal((await admin.get('/plugins/scanner')).status, 404)
  assert.equal((await admin.get('/plugins/ftp/edit')).status, 404)
})
