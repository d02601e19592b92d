import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { claimCode } from '../../server/auth/claim.ts'
import { synchronizationKey } from '../../server/mode/key.ts'
import { password } from '../support/people.ts'
import { aStore } from '../support/store.ts'
import { aBrowser, aWebApp, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aStore>>
let app: Express

before(async () => {
  store = await aStore()
  app = await aWebApp(store.db)
})
after(() => store.close())

const details = {
  mode: 'master',
  domain: 'example.lan',
  name: 'master.example.lan',
  admin: 'onguyen',
  first: 'Olivia',
  last: 'Nguyen',
}

test('a fresh node shows nothing but its set-up', async () => {
  for (const path of ['/', '/users', '/login', '/mode', '/account'])
    assert.equal((await aBrowser(app).get(path)).headers.location, '/setup', path)
})

test('without the one-time code nobody gets further', async () => {
  const stranger = aBrowser(app)
  for (const path of ['/setup/mode', '/setup/details?mode=master', '/setup/joining', '/setup/done'])
    assert.equal((await stranger.get(path)).headers.location, '/setup', path)
  assert.equal(
    (await stranger.post('/setup/own', { ...details, password, password2: password })).headers.location,
    '/setup',
  )
  assert.equal(store.db.local.mode, undefined)
  const wrong = await stranger.post('/setup/claim', { code: 'AAAA-AAAA-AAAA' })
  assert.equal(wrong.status, 422)
  assert.match(textOf(wrong.text), /This is not the code/)
})

test('the set-up leads from the code over the mode to an administrator who is signed in, with Device ID and key', async () => {
  const browser = aBrowser(app)
  const code = claimCode(store.db.dir)
  assert.equal(
    (await browser.post('/setup/claim', { code: code.toLowerCase().replaceAll('-', ' ') })).headers.location,
    '/setup/mode',
  )
  assert.match(textOf((await browser.get('/setup/mode')).text), /What will this node be\?/)
  assert.match((await browser.get('/setup/details?mode=slave')).text, /name="key"/)
  const bad = await browser.post('/setup/own', { ...details, last: '', password, password2: 'another' })
  assert.equal(bad.status, 422)
  assert.match(bad.text, /id="f-last-problem"/)
  assert.match(bad.text, /id="f-password2-problem"/)
  assert.match(bad.text, /name="first" type="text" value="Olivia"/)
  const domain = await browser.post('/setup/own', { ...details, domain: 'nodots', password, password2: password })
  assert.match(domain.text, /id="f-domain-problem"/)
  const done = await browser.post('/setup/own', { ...details, password, password2: password })
  assert.equal(done.headers.location, '/setup/done')
  const page = await browser.get('/setup/done')
  assert.ok(page.text.includes(await synchronizationKey(store.db)))
  assert.ok(page.text.includes(store.db.local.deviceId))
  assert.equal((await browser.get('/')).status, 200)
  assert.equal(existsSync(join(store.db.dir, 'claim-code')), false)
})

test('a node that is set up cannot be set up again', async () => {
  const stranger = aBrowser(app)
  for (const path of ['/setup', '/setup/mode', '/setup/details?mode=master'])
    assert.equal((await stranger.get(path)).headers.location, '/')
  assert.equal((await stranger.post('/setup/claim', { code: 'x' })).headers.location, '/')
  assert.equal((await stranger.get('/setup/done')).headers.location, '/setup')
})
