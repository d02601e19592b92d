import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { addClient } from '../../server/accounts/clients.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aBrowser, aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let admin: Browser

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  await addGroup(store.db, me, { name: 'sales', description: 'Who sells' })
  await addClient(store.db, me, { name: 'squid', role: 'auth' })
  await aUser(store.db, {
    username: 'fnystrom',
    first: 'Freja',
    last: '<img src=x onerror=alert(1)>',
    groups: ['sales'],
    plugins: ['ftp'],
    extensions: { contact: { title: '"><b>Lead' } },
  })
  admin = await signedIn(app)
})
after(() => store.close())

const pages = [
  '/',
  '/users',
  '/users?search=fre',
  '/users?search=nobody-at-all',
  '/users?sort=status&order=desc',
  '/users/new',
  '/users/fnystrom',
  '/users/fnystrom?plugin=smtp',
  '/users/fnystrom/password',
  '/users/fnystrom/remove',
  '/groups',
  '/groups/new',
  '/groups/sales',
  '/groups/sales?add=fre',
  '/groups/allusers',
  '/groups/sales/remove',
  '/extensions',
  '/extensions/contact',
  '/extensions/shell',
  '/plugins',
  '/plugins/ftp',
  '/plugins/ftp?who=fnystrom&add=adm',
  '/import',
  '/mode',
  '/mode/key/new',
  '/mode/become/standalone',
  '/devices',
  '/files',
  '/files/new',
  '/clients',
  '/clients/squid',
  '/clients/squid/password',
  '/clients/squid/remove',
  '/audit',
  '/audit?search=freja',
  '/account',
]

for (const path of pages) {
  test(`${path} is a whole page without inline script, inline style or a value that is missing`, async () => {
    const { status, text } = await admin.get(path)
    assert.equal(status, 200, textOf(text))
    assert.match(text, /^<!doctype html>/)
    assert.doesNotMatch(text, /<script(?![^>]* src=)|<style|\son[a-z]+=["']|\sstyle=/)
    assert.doesNotMatch(text, /<img/)
    assert.doesNotMatch(textOf(text), /\b(undefined|NaN|\[object)/)
  })
}

test('what people type is escaped wherever it is shown', async () => {
  for (const path of ['/users', '/users/fnystrom', '/groups/sales', '/plugins/ftp', '/audit']) {
    const { text } = await admin.get(path)
    assert.match(text, /&lt;img src=x onerror=alert\(1\)/, path)
  }
  assert.match((await admin.get('/users/fnystrom')).text, /value="&quot;(>|&gt;)&lt;b(>|&gt;)Lead"/)
})

test('every answer forbids inline code, framing and caching, and is marked as two answers at one address', async () => {
  const { headers } = await admin.get('/users')
  assert.match(headers['content-security-policy'] ?? '', /default-src 'none';script-src 'self';style-src 'self'/)
  assert.match(headers['content-security-policy'] ?? '', /frame-ancestors 'none'/)
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['referrer-policy'], 'same-origin')
  assert.match(headers.vary ?? '', /HX-Request, HX-Request-Type/)
  assert.equal(headers['x-powered-by'], undefined)
  assert.equal(headers['strict-transport-security'], undefined)
})

test('a form from another site is refused, and nothing is changed', async () => {
  for (const headers of [
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { Origin: 'http://evil.test' },
    {},
  ]) {
    const answer = await admin.raw.post('/users/fnystrom/status').set(headers).type('form').send('status=disabled')
    assert.equal(answer.status, 403, JSON.stringify(headers))
  }
  assert.doesNotMatch((await admin.get('/users/fnystrom')).text, /value="enabled"/)
})

test('a browser without fetch metadata is judged by its origin', async () => {
  const agent = aBrowser(app).raw
  const page = await agent.get('/login')
  const host = new URL(page.request.url).host
  const answer = await agent
    .post('/login')
    .set('Host', host)
    .set('Origin', `http://${host}`)
    .type('form')
    .send('username=x&password=y')
  assert.equal(answer.status, 422)
})

test('htmx gets the part, everyone else the page, Back included', async () => {
  const part = await admin.part('/users?search=freja')
  assert.match(part.text, /^<form id="users"/)
  assert.equal(part.headers['hx-replace-url'], '/users?search=freja')
  const back = await admin.get('/users').set({ 'HX-Request-Type': 'full', 'HX-History-Restore-Request': 'true' })
  assert.match(back.text, /^<!doctype html>/)
})

test('whoever is not signed in is asked to, and comes back to the page; htmx moves the whole page', async () => {
  const stranger = aBrowser(app)
  const page = await stranger.get('/users?group=sales')
  assert.equal(page.status, 303)
  assert.equal(page.headers.location, '/login?next=%2Fusers%3Fgroup%3Dsales')
  const part = await stranger.part('/users')
  assert.equal(part.status, 401)
  assert.equal(part.headers['hx-redirect'], '/login')
})

test('only administrators reach the pages of others; everybody has an account page', async () => {
  await aUser(store.db, { username: 'blindqvist', password: 'another-good-1' })
  const person = await signedIn(app, 'blindqvist', 'another-good-1')
  for (const path of pages.filter((path) => path !== '/account' && path !== '/'))
    assert.equal((await person.get(path)).status, 403, path)
  assert.equal((await person.get('/')).headers.location, '/account')
  assert.equal((await person.post('/users/fnystrom/status', { status: 'locked' })).status, 403)
  const own = await person.get('/account')
  assert.equal(own.status, 200)
  assert.doesNotMatch(own.text, /href="\/(users|groups|audit|settings)"/)
})

test('what is not there answers 404 in the same look', async () => {
  for (const path of [
    '/nothing',
    '/users/nobody',
    '/groups/none',
    '/plugins/none',
    '/extensions/none',
    '/devices/D-0',
    '/import/none',
  ]) {
    const { status, text } = await admin.get(path)
    assert.equal(status, 404, path)
    assert.match(text, /<h1>Not found<\/h1>/)
  }
})

test('a malformed address and an oversized form are answered, not fatal', async () => {
  assert.equal((await admin.get('/users/%ff')).status, 400)
  assert.equal((await admin.post('/groups/new', { name: 'x'.repeat(300_000) })).status, 413)
  assert.equal((await admin.get('/users?search[]=a&page=-1&page=99999999999')).status, 200)
  for (const sort of ['password_hash', 'name;drop', 'NAME'])
    assert.equal((await admin.get(`/users?sort=${encodeURIComponent(sort)}`)).status, 400)
})

test('a body that no form of a browser has is refused, and not taken for an empty form', async () => {
  for (const type of ['text/plain', 'application/json', 'application/xml', 'application/octet-stream']) {
    const post = (path: string) => admin.raw.post(path).set('Sec-Fetch-Site', 'same-origin').type(type)
    const answer = await post('/groups/new').send('{"name":"sneaked"}')
    assert.equal(answer.status, 415, type)
    assert.match(textOf(answer.text), /takes forms as a browser sends them/)
    assert.equal((await post('/users/fnystrom/remove').send('{}')).status, 415, type)
    assert.equal((await post('/login').send('username=admin')).status, 415, type)
  }
  assert.equal((await admin.get('/users/fnystrom')).status, 200)
})

test('a field that comes twice where one is read is refused', async () => {
  const { status } = await admin.post('/groups/new', { name: ['a1', 'b1'], description: '' })
  assert.equal(status, 422)
})

test('health needs no sign-in and names nobody', async () => {
  const { body } = await aBrowser(app).get('/health')
  assert.deepEqual(Object.keys(body).sort(), ['mode', 'ok', 'seq'])
  assert.equal(body.mode, 'master')
})

test('stylesheet and scripts are kept for good under names that change with them', async () => {
  const { text } = await aBrowser(app).get('/login')
  const urls = [...text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map((match) => match[1] as string)
  assert.equal(urls.length, 5)
  for (const url of urls) {
    const answer = await aBrowser(app).get(url)
    assert.equal(answer.status, 200, url)
    assert.match(answer.headers['cache-control'] ?? '', /immutable/)
  }
  assert.equal((await aBrowser(app).get('/assets/../server/main.ts')).status, 404)
})

test('metrics are in Prometheus’ form and name nobody', async () => {
  const answer = await aBrowser(app).get('/metrics')
  assert.equal(answer.status, 200)
  assert.match(answer.text, new RegExp(`^account_sync_feed_seq ${store.db.position.seq}$`, 'm'))
  assert.match(answer.text, /^account_sync_ldap_binds_total\{result="accepted"\} \d+$/m)
  assert.doesNotMatch(answer.text, /fnystrom|squid/)
})
