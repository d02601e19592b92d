import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import pino from 'pino'
import { userByUsername } from '../../server/accounts/users.ts'
import { readConfig } from '../../server/config.ts'
import { createWebApp } from '../../server/web/app.ts'
import { aUser } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aBrowser, aWebApp, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
})
after(() => store.close())

const chosen = 'green-harbour-lamp'

/** The path of a link as the help desk's page shows it. */
async function linkFor(username: string): Promise<string> {
  const browser = await signedIn(app)
  const shown = (await browser.post(`/users/${username}/password/invite`)).text
  assert.match(shown, /<svg [^>]*viewBox/)
  return /http:\/\/[^/]+(\/welcome\/[A-Za-z0-9_-]+)/.exec(shown)?.[1] ?? ''
}

test('an administrator makes a link, the person sets a password with it and signs in, and the link is dead', async () => {
  await aUser(store.db, { username: 'fnystrom', first: 'Freja', last: 'Nyström' })
  const link = await linkFor('fnystrom')
  const phone = aBrowser(app)
  const shown = await phone.get(link)
  assert.equal(shown.status, 200)
  assert.match(textOf(shown.text), /Welcome, Freja Nyström Your username is fnystrom/)
  assert.match(textOf(shown.text), /At least 8 characters/)
  assert.equal(shown.headers['cache-control'], 'no-store')
  assert.equal(shown.headers['referrer-policy'], 'same-origin')
  const differ = await phone.post(link, { password: chosen, password2: 'other' })
  assert.equal(differ.status, 422)
  assert.match(textOf(differ.text), /The two passwords are not the same/)
  const weak = await phone.post(link, { password: 'password123', password2: 'password123' })
  assert.equal(weak.status, 422)
  assert.match(textOf(weak.text), /too easy to guess/)
  const set = await phone.post(link, { password: chosen, password2: chosen })
  assert.equal(set.headers.location, '/login')
  assert.match(textOf((await phone.get('/login')).text), /Your password is set\. Sign in with it/)
  assert.equal((await phone.post('/login', { username: 'fnystrom', password: chosen })).headers.location, '/account')
  for (const again of [await phone.get(link), await phone.post(link, { password: chosen, password2: chosen })]) {
    assert.equal(again.status, 410)
    assert.match(textOf(again.text), /This link opens nothing.*used already/)
  }
})

test('a link that nobody made says no more than one that was used, and many tries have to wait', async () => {
  const browser = aBrowser(await aWebApp(store.db))
  const texts = new Set<string>()
  for (let i = 0; i < 60; i++) {
    const answer = await browser.get(`/welcome/${'A'.repeat(50)}${String(i).padStart(4, '0')}`)
    assert.equal(answer.status, 410)
    texts.add(textOf(answer.text))
  }
  assert.equal(texts.size, 1)
  const answer = await browser.get('/welcome/x')
  assert.equal(answer.status, 503)
  assert.match(textOf(answer.text), /Too many wrong tries/)
})

test('a password is generated, shown once and never again', async () => {
  await aUser(store.db, { username: 'generated1' })
  const browser = await signedIn(app)
  assert.match(
    textOf((await browser.get('/users/generated1/password')).text),
    /A link.*A generated password.*typed here/,
  )
  const shown = await browser.post('/users/generated1/password/generate', { mustChange: 'yes' })
  const generated = /id="password-once">([a-z0-9-]+)</.exec(shown.text)?.[1] ?? ''
  assert.match(generated, /^[a-z0-9]{5}(-[a-z0-9]{5}){3}$/)
  for (const path of ['/users/generated1', '/users/generated1/password', '/audit'])
    assert.doesNotMatch((await browser.get(path)).text, new RegExp(generated))
  assert.equal((await userByUsername(store.db, 'generated1')).mustChange, true)
  const answer = await aBrowser(app).post('/login', { username: 'generated1', password: generated })
  assert.equal(answer.headers.location, '/account/new-password')
})

test('a password is typed twice, and may be left as it is', async () => {
  await aUser(store.db, { username: 'typed1' })
  const browser = await signedIn(app)
  const weak = await browser.post('/users/typed1/password', { password: 'typed1234', password2: 'typed1234' })
  assert.equal(weak.status, 422)
  assert.equal((await browser.post('/users/typed1/password', { password: chosen, password2: chosen })).status, 303)
  assert.equal((await userByUsername(store.db, 'typed1')).mustChange, undefined)
  await signedIn(app, 'typed1', chosen)
})

test('a link is taken back on the page that made it', async () => {
  await aUser(store.db, { username: 'back1' })
  const link = await linkFor('back1')
  const browser = await signedIn(app)
  assert.match(textOf((await browser.get('/users/back1/password')).text), /A link is open until.*Take the link back/)
  await browser.post('/users/back1/password/take-back')
  assert.equal((await browser.get(link)).status, 410)
})

test('on a slave a link says where it opens', async () => {
  await aUser(store.db, { username: 'slave1' })
  const link = await linkFor('slave1')
  const mode = store.db.local.mode
  Object.assign(store.db.local, {
    mode: 'slave',
    masterName: 'master.example.lan',
    masterWeb: 'https://master.example.lan',
  })
  try {
    const shown = await aBrowser(app).get(link)
    assert.match(textOf(shown.text), /slave of master\.example\.lan\. Passwords are set there/)
    assert.match(shown.text, new RegExp(`href="https://master.example.lan${link}"`))
    assert.equal((await aBrowser(app).post(link, { password: chosen, password2: chosen })).status, 409)
  } finally {
    store.db.local.mode = mode
  }
})

test('a page that cannot be made leaves no secret of a link in the log', async () => {
  await aUser(store.db, { username: 'logged' })
  const link = await linkFor('logged')
  const lines: string[] = []
  const log = pino({}, { write: (line: string) => void lines.push(line) })
  const gone = (): never => {
    throw new Error('the store is gone')
  }
  const broken = { ...store.db, reader: gone as never }
  const config = readConfig({ data: store.db.dir }, {})
  const answer = await aBrowser(await createWebApp({ db: broken, config, log, secure: false })).get(link)
  assert.equal(answer.status, 500)
  assert.match(lines.join(''), /a page could not be made/)
  assert.doesNotMatch(lines.join(''), new RegExp(link.slice(-32)))
})
