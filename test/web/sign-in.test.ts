import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { setStatus } from '../../server/accounts/user-status.ts'
import { removeUser, setPassword } from '../../server/accounts/users.ts'
import { sessionById } from '../../server/store/sessions.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aBrowser, aWebApp, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
})
after(() => store.close())

const cookieOf = (headers: Record<string, unknown>): string =>
  String((headers['set-cookie'] as string[] | undefined)?.[0] ?? '')

test('an administrator signs in and lands where they wanted to go', async () => {
  const browser = aBrowser(app)
  const answer = await browser.post('/login', { username: ' ADMIN ', password, next: '/groups?page=2' })
  assert.equal(answer.status, 303)
  assert.equal(answer.headers.location, '/groups?page=2')
  const cookie = cookieOf(answer.headers)
  assert.match(cookie, /^session-D-[^=]+=/)
  assert.match(cookie, /HttpOnly; SameSite=Lax/)
})

test('over HTTPS the browser is told to stay there', async () => {
  const secure = await aWebApp(store.db, true)
  const answer = await aBrowser(secure).raw.get('/login')
  assert.match(answer.headers['strict-transport-security'] ?? '', /max-age/)
})

test('a sign-in never leads to another site', async () => {
  for (const next of [
    '//evil.test',
    '/\\evil.test',
    'https://evil.test/',
    '/users\r\nX: y',
    'javascript:alert(1)',
    '/login',
  ])
    assert.equal(
      (await aBrowser(app).post('/login', { username: 'admin', password, next })).headers.location,
      '/',
      next,
    )
})

test('a wrong password, an unknown name and a locked account get the same answer', async () => {
  const user = await aUser(store.db, { username: 'locked1', password })
  await setStatus(store.db, me, user.id, 'locked')
  const answers = await Promise.all([
    aBrowser(app).post('/login', { username: 'admin', password: 'wrong' }),
    aBrowser(app).post('/login', { username: 'nobody', password }),
    aBrowser(app).post('/login', { username: 'locked1', password }),
    aBrowser(app).post('/login', { username: 'admin', password: '' }),
  ])
  const said = answers.map(({ text }) => textOf(text).replace(/\b(admin|nobody|locked1)\b/g, ''))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [422, 422, 422, 422],
  )
  assert.equal(new Set(said).size, 1)
  assert.match(said[0] as string, /Username and password do not match/)
  assert.match(answers[1]?.text ?? '', /name="username" value="nobody"/)
  assert.doesNotMatch(answers[1]?.text ?? '', new RegExp(password))
})

test('the session id changes at sign-in, and the old one is worth nothing', async () => {
  const browser = await signedIn(app)
  const first = cookieOf((await browser.post('/login', { username: 'admin', password })).headers)
  const second = cookieOf((await browser.post('/login', { username: 'admin', password })).headers)
  assert.notEqual(first, second)
  const old = await aBrowser(app)
    .raw.get('/')
    .set('Cookie', first.split(';')[0] as string)
  assert.equal(old.status, 303)
})

test('the store keeps a hash of the session id, never the id', async () => {
  const cookie = cookieOf((await aBrowser(app).post('/login', { username: 'admin', password })).headers)
  const sid = decodeURIComponent(cookie.split(/[=;]/)[1] as string)
    .slice(2)
    .split('.')[0] as string
  assert.equal(await sessionById(store.db, sid), undefined)
})

test('signing out ends the session on the node, not only in the browser', async () => {
  const browser = aBrowser(app)
  const cookie = cookieOf((await browser.post('/login', { username: 'admin', password })).headers).split(
    ';',
  )[0] as string
  assert.equal((await browser.post('/logout')).headers.location, '/login')
  assert.equal((await aBrowser(app).raw.get('/').set('Cookie', cookie)).status, 303)
})

test('locking, removing or a new password end the sessions of a person at once', async () => {
  for (const [name, end] of [
    ['ends1', (id: string) => setStatus(store.db, me, id, 'locked')],
    ['ends2', (id: string) => setStatus(store.db, me, id, 'disabled')],
    ['ends3', (id: string) => setPassword(store.db, me, id, 'a-new-password-1')],
    ['ends4', (id: string) => removeUser(store.db, me, id)],
  ] as const) {
    const user = await aUser(store.db, { username: name, password })
    const browser = await signedIn(app, name)
    assert.equal((await browser.get('/account')).status, 200)
    await end(user.id)
    assert.equal((await browser.get('/account')).status, 303, name)
  }
})

test('everyone changes their own password, keeps that session and loses the others', async () => {
  await aUser(store.db, { username: 'own1', password })
  const [here, there] = [await signedIn(app, 'own1'), await signedIn(app, 'own1')]
  const wrong = await here.post('/account/password', {
    current: 'not it',
    password: 'brand-new-1',
    password2: 'brand-new-1',
  })
  assert.equal(wrong.status, 422)
  assert.match(textOf(wrong.text), /This is not your password/)
  const differ = await here.post('/account/password', {
    current: password,
    password: 'brand-new-1',
    password2: 'brand-new-2',
  })
  assert.match(textOf(differ.text), /The two passwords are not the same/)
  const done = await here.post('/account/password', {
    current: password,
    password: 'brand-new-1',
    password2: 'brand-new-1',
  })
  assert.equal(done.status, 303)
  assert.match(textOf((await here.get('/account')).text), /Your password is changed/)
  assert.equal((await there.get('/account')).status, 303)
  await signedIn(app, 'own1', 'brand-new-1')
})

test('after ten wrong passwords a name has to wait, also with the right one, and whether it exists or not', async () => {
  await aUser(store.db, { username: 'guessed', password })
  for (const username of ['guessed', 'nobody-has-this']) {
    for (let i = 0; i < 10; i++) await aBrowser(app).post('/login', { username, password: `wrong ${i}` })
    const answer = await aBrowser(app).post('/login', { username: username.toUpperCase(), password })
    assert.equal(answer.status, 429, username)
    assert.ok(Number(answer.headers['retry-after']) > 0, username)
    assert.match(textOf(answer.text), /Too many wrong tries\. Wait 15 minutes/)
  }
})

test('light or dark is kept on the browser', async () => {
  const browser = await signedIn(app)
  assert.equal((await browser.post('/theme', { theme: 'dark', back: '/users' })).headers.location, '/users')
  assert.match((await browser.get('/users')).text, /<html lang="en" data-bs-theme="dark">/)
  await browser.post('/theme', { theme: 'system', back: '//evil.test' })
  assert.match((await browser.get('/users')).text, /<html lang="en">/)
})
