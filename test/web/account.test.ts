import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { changePolicy } from '../../server/accounts/policy-changes.ts'
import { changeSettings } from '../../server/accounts/settings.ts'
import { addUser, setPassword, userByUsername } from '../../server/accounts/users.ts'
import type { UserBody } from '../../server/store/bodies.ts'
import { objectById } from '../../server/store/objects.ts'
import { commit } from '../../server/store/write.ts'
import { aUser, me, password, somebody } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aBrowser, aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
})
after(() => store.close())

const chosen = 'green-harbour-lamp'
const key = (name: string) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ${name.padEnd(40, 'x')} ${name}@laptop`

const change = (id: string, values: Partial<UserBody>): Promise<void> =>
  commit(store.db, me, async ({ trx, put }) => {
    const object = await objectById(trx, 'user', id)
    if (object) await put('user', id, { ...object.body, ...values })
  })

const page = async (browser: Browser): Promise<string> => textOf((await browser.get('/account')).text)

test('the rules of a password are told before one is typed, and its problems keep the page', async () => {
  await aUser(store.db, { username: 'rules1', password })
  await changePolicy(store.db, me, { minLength: '12' })
  const browser = await signedIn(app, 'rules1')
  assert.match(await page(browser), /At least 12 characters.*Differs from the last 5/)
  const short = await browser.post('/account/password', {
    current: password,
    password: 'short-1234',
    password2: 'short-1234',
  })
  assert.equal(short.status, 422)
  assert.match(textOf(short.text), /at least 12 characters; this one has 10/)
  const same = await browser.post('/account/password', { current: password, password, password2: password })
  assert.match(textOf(same.text), /This is your password already/)
  await changePolicy(store.db, me, { minLength: '8' })
})

test('people change the fields that the settings name, and a form that sends others changes nothing of them', async () => {
  const user = await addUser(store.db, me, somebody({ username: 'fields1', password }))
  const browser = await signedIn(app, 'fields1')
  assert.match(await page(browser), /About you.*Telephone number.*Mobile number/)
  const saved = await browser.post('/account/fields', {
    'contact.mobile': '+46 70 555 01 14',
    'contact.mail': 'mallory@example.lan',
    'shell.loginShell': '/bin/bash',
    role: 'administrator',
    status: 'enabled',
    username: 'root2',
    groups: 'europe',
    plugins: 'ftp',
  })
  assert.equal(saved.status, 303)
  const now = await userByUsername(store.db, 'fields1')
  assert.equal(now.extensions.contact?.mobile, '+46 70 555 01 14')
  assert.equal(now.extensions.contact?.mail, undefined)
  assert.deepEqual(
    [now.role, now.extensions.shell?.loginShell, now.plugins, now.groups],
    [user.role, user.extensions.shell?.loginShell, user.plugins, user.groups],
  )
  const wrong = await browser.post('/account/fields', { 'contact.mobile': 'call <b>me</b>' })
  assert.equal(wrong.status, 422)
  assert.match(wrong.text, /value="call &lt;b&gt;me&lt;\/b&gt;"/)
  await changeSettings(store.db, me, { ownFields: [] })
  assert.doesNotMatch(await page(browser), /About you/)
  await browser.post('/account/fields', { 'contact.mobile': '+46 1' })
  assert.equal((await userByUsername(store.db, 'fields1')).extensions.contact?.mobile, '+46 70 555 01 14')
})

test('people see the groups that they are in, also through others', async () => {
  const outer = await addGroup(store.db, me, { name: 'outer', description: '' })
  await addGroup(store.db, me, { name: 'inner', description: '' })
  await addMembers(store.db, me, outer.id, { groups: ['inner'] })
  await aUser(store.db, { username: 'member1', password, groups: ['inner'] })
  assert.match(await page(await signedIn(app, 'member1')), /Groups allusers, inner, outer/)
})

test('people add and remove their SSH keys one by one, where the settings let them', async () => {
  await aUser(store.db, { username: 'keys1', password })
  const browser = await signedIn(app, 'keys1')
  assert.doesNotMatch(await page(browser), /SSH keys/)
  assert.equal((await browser.post('/account/keys', { 'shell.sshKeys': key('a') })).status, 403)
  await changeSettings(store.db, me, { ownFields: ['shell.sshKeys'] })
  for (const name of ['one', 'two'])
    assert.equal((await browser.post('/account/keys', { 'shell.sshKeys': `${key(name)}\n` })).status, 303)
  assert.match(await page(browser), /one@laptop ssh-ed25519 ….*two@laptop/)
  const twice = await browser.post('/account/keys', { 'shell.sshKeys': key('one') })
  assert.match(textOf(twice.text), /in the list already/)
  const wrong = await browser.post('/account/keys', { 'shell.sshKeys': '-----BEGIN OPENSSH PRIVATE KEY-----' })
  assert.equal(wrong.status, 422)
  assert.match(textOf(wrong.text), /Paste the whole line of the \.pub file/)
  assert.equal((await browser.post('/account/keys/remove', { key: key('one') })).status, 303)
  assert.deepEqual((await userByUsername(store.db, 'keys1')).extensions.shell?.sshKeys, [key('two')])
  assert.equal((await browser.post('/account/keys/remove', { key: key('one') })).status, 404)
})

test('two keys that are added at once are both there', async () => {
  await changeSettings(store.db, me, { ownFields: ['shell.sshKeys'] })
  await aUser(store.db, { username: 'keys2', password })
  const browser = await signedIn(app, 'keys2')
  await Promise.all(['left', 'right'].map((name) => browser.post('/account/keys', { 'shell.sshKeys': key(name) })))
  const { extensions } = await userByUsername(store.db, 'keys2')
  assert.deepEqual(new Set(extensions.shell?.sshKeys as string[]), new Set([key('left'), key('right')]))
})

test('people see where they are signed in, and sign out one session or all others', async () => {
  await aUser(store.db, { username: 'places1', password })
  await aUser(store.db, { username: 'places2', password })
  const [here, there, third, other] = [
    await signedIn(app, 'places1'),
    await signedIn(app, 'places1'),
    await signedIn(app, 'places1'),
    await signedIn(app, 'places2'),
  ]
  const shown = (await here.get('/account')).text
  assert.match(textOf(shown), /Where you are signed in.*this one/)
  const ids = [...shown.matchAll(/name="id" value="([0-9a-f]{64})"/g)].map((match) => match[1] as string)
  assert.equal(ids.length, 2)
  assert.equal((await here.post('/account/sessions/end', { id: ids[0] as string })).status, 303)
  const alive = await Promise.all([there, third].map(async (one) => (await one.get('/account')).status))
  assert.deepEqual(alive.sort(), [200, 303])
  // Somebody else cannot end it by its name.
  await other.post('/account/sessions/end', { id: ids[1] as string })
  const still = await Promise.all([there, third].map(async (one) => (await one.get('/account')).status))
  assert.equal(still.filter((status) => status === 200).length, 1)
  await here.post('/account/sessions/end')
  for (const one of [there, third]) assert.equal((await one.get('/account')).status, 303)
  assert.equal((await here.get('/account')).status, 200)
  assert.equal((await other.get('/account')).status, 200)
})

test('with a password that somebody else has set, only a new one can be set', async () => {
  const user = await aUser(store.db, { username: 'first1', role: 'administrator' })
  await setPassword(store.db, me, user.id, chosen, { mustChange: true })
  const browser = aBrowser(app)
  const answer = await browser.post('/login', { username: 'first1', password: chosen, next: '/users' })
  assert.equal(answer.headers.location, '/account/new-password')
  for (const path of ['/', '/users', '/account', '/audit', '/password-policy', '/help/keys'])
    assert.equal((await browser.get(path)).headers.location, '/account/new-password', path)
  assert.equal((await browser.part('/users')).headers['hx-redirect'], '/account/new-password')
  assert.equal((await browser.post('/users/new', { username: 'x1' })).headers.location, '/account/new-password')
  assert.match(textOf((await browser.get('/account/new-password')).text), /Somebody else has set the password/)
  const same = await browser.post('/account/new-password', { password: chosen, password2: chosen })
  assert.equal(same.status, 422)
  assert.match(textOf(same.text), /This is your password already/)
  const set = await browser.post('/account/new-password', {
    password: 'brown-harbour-lamp',
    password2: 'brown-harbour-lamp',
  })
  assert.equal(set.headers.location, '/')
  assert.equal((await browser.get('/users')).status, 200)
  assert.equal((await browser.get('/account/new-password')).headers.location, '/account')
})

test('an old password is told with its last day, and one that has ended leads to a new one in the middle of a session', async () => {
  const user = await aUser(store.db, { username: 'old1', password })
  await changePolicy(store.db, me, { maxAgeDays: '30', graceDays: '5' })
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()
  await change(user.id, { passwordChanged: daysAgo(31) })
  const browser = await signedIn(app, 'old1')
  assert.match(await page(browser), /Your password is old\. It still signs in until/)
  await changePolicy(store.db, me, { maxAgeDays: '20' })
  assert.equal((await browser.get('/account')).headers.location, '/account/new-password')
  assert.match(textOf((await browser.get('/account/new-password')).text), /The password has ended on/)
  await changePolicy(store.db, me, { maxAgeDays: '0' })
})

test('wrong tries of the own password lock the account, and the session with it', async () => {
  await aUser(store.db, { username: 'tries1', password })
  const browser = await signedIn(app, 'tries1')
  for (let i = 0; i < 10; i++) {
    const answer = await browser.post('/account/password', {
      current: `wrong ${i}`,
      password: chosen,
      password2: chosen,
    })
    assert.equal(answer.status, 422)
  }
  assert.equal((await browser.get('/account')).status, 303)
})

test('on a slave the page shows the account and where to change it', async () => {
  const mine = await aMasterStore()
  await aUser(mine.db, { username: 'slave1', password })
  const slave = await aWebApp(mine.db)
  const browser = await signedIn(slave, 'slave1')
  Object.assign(mine.db.local, {
    mode: 'slave',
    masterName: 'master.example.lan',
    masterWeb: 'https://master.example.lan:8081',
  })
  const shown = (await browser.get('/account')).text
  assert.match(textOf(shown), /slave of master\.example\.lan/)
  assert.match(shown, /href="https:\/\/master\.example\.lan:8081\/account"/)
  assert.doesNotMatch(shown, /action="\/account\/(password|fields|keys)/)
  for (const [path, fields] of [
    ['/account/password', { current: password, password: chosen, password2: chosen }],
    ['/account/fields', { 'contact.mobile': '+46 1' }],
    ['/account/keys', { 'shell.sshKeys': key('a') }],
  ] as const)
    assert.equal((await browser.post(path, fields)).status, 409, path)
  assert.equal((await browser.post('/account/sessions/end')).status, 303)
  await mine.close()
})

test('roles: who may open which page', async () => {
  const pages: [string, string[]][] = [
    ['/', ['helpdesk', 'auditor', 'administrator']],
    ['/users', ['helpdesk', 'auditor', 'administrator']],
    ['/users/admin', ['helpdesk', 'auditor', 'administrator']],
    ['/groups', ['helpdesk', 'auditor', 'administrator']],
    ['/extensions', ['helpdesk', 'auditor', 'administrator']],
    ['/plugins', ['helpdesk', 'auditor', 'administrator']],
    ['/password-policy', ['helpdesk', 'auditor', 'administrator']],
    ['/audit', ['auditor', 'administrator']],
    ['/clients', ['auditor', 'administrator']],
    ['/mode', ['auditor', 'administrator']],
    ['/users/role-person/password', ['helpdesk', 'administrator']],
    ['/users/role-administrator/password', ['administrator']],
    ['/users/new', ['administrator']],
    ['/groups/new', ['administrator']],
    ['/password-policy/new', ['administrator']],
    ['/import', ['administrator']],
    ['/account', ['person', 'helpdesk', 'auditor', 'administrator']],
  ]
  for (const role of ['person', 'helpdesk', 'auditor', 'administrator'] as const) {
    await aUser(store.db, { username: `role-${role}`, role, password })
  }
  for (const role of ['person', 'helpdesk', 'auditor', 'administrator'] as const) {
    const browser = await signedIn(app, `role-${role}`)
    for (const [path, who] of pages) {
      const { status } = await browser.get(path)
      const isHome = path === '/' && role === 'person'
      assert.equal(status, who.includes(role) ? 200 : isHome ? 303 : 403, `${role} ${path}`)
    }
  }
})

test('a help desk finds fields to type a new password into', async () => {
  await aUser(store.db, { username: 'typed1' })
  await aUser(store.db, { username: 'desk2', role: 'helpdesk', password })
  const desk = await signedIn(app, 'desk2')
  const { text } = await desk.get('/users/typed1/password')
  for (const name of ['password', 'password2'])
    assert.match(text, new RegExp(`<input [^>]*name="${name}" type="password"`))
  assert.equal((await desk.post('/users/typed1/password', { password: chosen, password2: chosen })).status, 303)
})

test('a help desk unlocks a person and changes nothing else', async () => {
  const user = await aUser(store.db, { username: 'helped1', password, status: 'locked' })
  await aUser(store.db, { username: 'desk1', role: 'helpdesk', password })
  const desk = await signedIn(app, 'desk1')
  assert.equal((await desk.post('/users/helped1/status', { status: 'enabled' })).status, 303)
  assert.equal((await userByUsername(store.db, 'helped1')).status, 'enabled')
  await desk.post('/users/helped1/status', { status: 'disabled' })
  assert.equal((await userByUsername(store.db, 'helped1')).status, 'enabled')
  for (const [path, fields] of [
    ['/users/helped1', { username: 'helped1', first: 'New', last: 'Name', role: 'administrator' }],
    ['/users/new', { username: 'made1', first: 'New', last: 'Name' }],
    ['/users/helped1/remove', {}],
    ['/users/admin/password', { password: chosen, password2: chosen }],
    ['/users/admin/password/generate', {}],
    ['/users/admin/password/invite', {}],
    ['/users/admin/status', { status: 'locked' }],
    ['/password-policy', { minLength: '8' }],
    ['/settings', { binDays: '1' }],
  ] as const)
    assert.equal((await desk.post(path, fields)).status, 403, path)
  assert.deepEqual(await userByUsername(store.db, 'helped1').then(({ first, role }) => [first, role]), [
    user.first,
    'person',
  ])
})

test('what a person cannot change is told in words, not in codes', async () => {
  await aUser(store.db, { username: 'words1', password, extensions: { contact: { country: 'SE', city: 'Malmö' } } })
  assert.match(await page(await signedIn(app, 'words1')), /City Malmö Country Sweden \(SE\)/)
})
