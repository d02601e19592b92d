import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { addGroup } from '../../server/accounts/groups.ts'
import { setPluginOn } from '../../server/accounts/plugins.ts'
import { changeUser, userByUsername } from '../../server/accounts/users.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, type Fields, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let admin: Browser

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  admin = await signedIn(app)
  for (const name of ['sales', 'support']) await addGroup(store.db, me, { name, description: '' })
})
after(() => store.close())

const person = (given: Fields = {}): Fields => ({ username: 'fnystrom', first: 'Freja', last: 'Nyström', ...given })

test('a person is added with groups, services and profile in one form', async () => {
  const answer = await admin.post(
    '/users/new',
    person({
      groups: ['sales'],
      'add-group': 'support',
      plugins: ['ftp', 'smtp'],
      'shown-plugins': ['ftp', 'pptpd', 'print_server', 'smtp', 'web_proxy'],
      'contact.title': 'Operations lead',
      password: 'correct horse 1',
      password2: 'correct horse 1',
    }),
  )
  assert.equal(answer.headers.location, '/users/fnystrom')
  const user = await userByUsername(store.db, 'fnystrom')
  assert.deepEqual(user.plugins, ['ftp', 'smtp'])
  assert.equal(user.groups.length, 2)
  assert.equal(user.extensions.contact?.title, 'Operations lead')
  const page = textOf((await admin.get('/users/fnystrom')).text)
  assert.match(page, /Freja Nyström was added\./)
  await signedIn(app, 'fnystrom', 'correct horse 1')
})

test('a form with problems comes back with everything that was typed, each problem at its field', async () => {
  const { status, text } = await admin.post(
    '/users/new',
    person({
      username: 'fnystrom',
      first: 'Årsa',
      'contact.telephone': '12 #3',
      'contact.city': 'Malmö',
      plugins: ['pptpd'],
      'add-group': 'nowhere',
      role: 'administrator',
    }),
  )
  assert.equal(status, 422)
  assert.match(text, /name="first" type="text" value="Årsa"/)
  assert.match(text, /name="contact.city" type="text" value="Malmö"/)
  assert.match(text, /value="pptpd" data-label="PPTP Server" checked/)
  assert.match(text, /name="role" value="administrator"[^>]* checked/)
  assert.match(text, /href="#f-contact-telephone"/)
  assert.match(
    text,
    /id="f-contact-telephone"[^>]*aria-describedby="f-contact-telephone-problem"[^>]*aria-invalid="true"/,
  )
  assert.match(text, /id="f-username-problem"/)
  assert.match(textOf(text), /There is no group “nowhere”/)
  assert.match(textOf(text), /Not added: 3 fields have problems\./)
})

test('two passwords that differ add nobody', async () => {
  const { status, text } = await admin.post(
    '/users/new',
    person({ username: 'twice', password: 'one-long-1', password2: 'one-long-2' }),
  )
  assert.equal(status, 422)
  assert.match(text, /id="f-password2-problem"/)
  assert.doesNotMatch(text, /one-long/)
  await assert.rejects(userByUsername(store.db, 'twice'))
})

test('a change is saved, a rename moves the page, and what is not on the form stays', async () => {
  const user = await aUser(store.db, { username: 'gek', first: 'Gösta', last: 'Ek', plugins: ['ftp', 'web_proxy'] })
  await setPluginOn(store.db, me, 'web_proxy', false)
  const answer = await admin.post('/users/gek', {
    ...person({ username: 'gosta.ek', first: 'Gösta', last: 'Ek' }),
    seq: String(user.seq),
    'shown-plugins': ['ftp', 'pptpd', 'print_server', 'smtp'],
    plugins: ['smtp'],
    'contact.title': 'Lead',
  })
  assert.equal(answer.headers.location, '/users/gosta.ek')
  const saved = await userByUsername(store.db, 'gosta.ek')
  assert.deepEqual(saved.plugins, ['smtp', 'web_proxy'])
  assert.equal(saved.extensions.contact?.title, 'Lead')
  await setPluginOn(store.db, me, 'web_proxy', true)
})

test('who changes a person that somebody else has changed first is told, and keeps what was typed', async () => {
  const user = await aUser(store.db, { username: 'raced' })
  await changeUser(store.db, me, user.id, { first: 'Other' })
  const { status, text } = await admin.post('/users/raced', {
    ...person({ username: 'raced', first: 'Mine' }),
    seq: String(user.seq),
  })
  assert.equal(status, 422)
  assert.match(textOf(text), /Not saved: someone else changed Other Body \d+ first/)
  assert.match(text, /value="Mine"/)
})

test('the list searches as typed, filters, sorts and pages', async () => {
  for (let i = 0; i < 60; i++)
    await aUser(store.db, {
      username: `many${i}`,
      last: `Many ${i}`,
      groups: ['support'],
      plugins: i % 2 ? ['ftp'] : [],
    })
  const first = textOf((await admin.get('/users?group=support')).text)
  assert.match(first, /1–50 of 61 in support/)
  assert.match(textOf((await admin.get('/users?group=support&page=2')).text), /51–61 of 61/)
  assert.match(textOf((await admin.part('/users?search=many+59')).text), /1–1 of 1/)
  assert.match(textOf((await admin.part('/users?search=nystrom')).text), /Nyström, Freja/)
  assert.match(textOf((await admin.get('/users?search=many&plugin=ftp')).text), /of 30/)
  const sorted = (await admin.get('/users?sort=number&order=desc')).text
  assert.match(sorted, /aria-sort="descending"/)
  assert.match(textOf((await admin.get('/users?search=zzz&group=sales')).text), /Nobody matches “zzz” in sales/)
})

test('a bar over the list locks, disables and enables several people at once', async () => {
  await aUser(store.db, { username: 'bulk1' })
  await aUser(store.db, { username: 'bulk2' })
  const answer = await admin.post('/selected-users', {
    action: 'lock',
    usernames: ['bulk1', 'bulk2', 'gone'],
    back: '/users?group=sales',
  })
  assert.equal(answer.headers.location, '/users?group=sales')
  assert.match(textOf((await admin.get('/users')).text), /2 people locked\./)
  assert.equal((await userByUsername(store.db, 'bulk2')).status, 'locked')
  await admin.post('/selected-users', { action: 'unlock', usernames: 'bulk1', back: '/users' })
  assert.equal((await userByUsername(store.db, 'bulk1')).status, 'enabled')
})

test('removing several people asks for their number, and says who they are', async () => {
  await aUser(store.db, { username: 'leaver1', first: 'Märta', last: 'One' })
  await aUser(store.db, { username: 'leaver2', first: 'Nils', last: 'Two' })
  const both = { usernames: ['leaver1', 'leaver2'], back: '/users' }
  const ask = await admin.post('/selected-users', { action: 'remove', ...both })
  assert.match(textOf(ask.text), /Remove 2 people\?.*Märta One and Nils Two can no longer sign in/)
  const wrong = await admin.post('/selected-users/remove', { ...both, count: '3' })
  assert.equal(wrong.status, 422)
  assert.match(textOf(wrong.text), /Type 2 to remove 2 people/)
  assert.equal((await userByUsername(store.db, 'leaver1')).first, 'Märta')
  assert.equal((await admin.post('/selected-users/remove', { ...both, count: '2' })).status, 303)
  await assert.rejects(userByUsername(store.db, 'leaver1'))
})

test('the last administrator cannot be locked or removed, and the page says why', async () => {
  await admin.post('/users/admin/status', { status: 'locked' })
  assert.match(textOf((await admin.get('/users/admin')).text), /is the last administrator who can sign in/)
  const { status, text } = await admin.post('/users/admin/remove')
  assert.equal(status, 422)
  assert.match(textOf(text), /last administrator/)
})

test('a password is set on a page of its own', async () => {
  await aUser(store.db, { username: 'pass1' })
  const short = await admin.post('/users/pass1/password', { password: 'x', password2: 'x' })
  assert.equal(short.status, 422)
  assert.match(textOf(short.text), /at least 8 characters/)
  await admin.post('/users/pass1/password', { password: 'good enough 1', password2: 'good enough 1' })
  await signedIn(app, 'pass1', 'good enough 1')
})

test('the page says why somebody may use a service, or not', async () => {
  await aUser(store.db, { username: 'why1', first: 'Åsa', last: 'Ek', plugins: ['ftp'] })
  const page = textOf((await admin.get('/users/why1?plugin=ftp')).text)
  assert.match(page, /Why can Åsa, or not\?/)
  assert.match(page, /No password is set yet/)
  assert.match(page, /No\. May not use FTP Server now\./)
})

test('the export has a header and everyone, and never a password', async () => {
  const { text, headers } = await admin.get('/export/users.csv')
  assert.match(headers['content-disposition'] ?? '', /users\.csv/)
  assert.match(text, /"core\.username"/)
  assert.match(text, /"fnystrom"/)
  assert.doesNotMatch(text, /argon2|core\.password/)
})
