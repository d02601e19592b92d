import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { clientList } from '../../server/accounts/clients.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { synchronizationKey } from '../../server/mode/key.ts'
import { password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let admin: Browser

before(async () => {
  store = await aMasterStore()
  admin = await signedIn(await aWebApp(store.db))
})
after(() => store.close())

test('the Synchronization Key is hidden until the password is typed again, and showing it is recorded', async () => {
  const key = await synchronizationKey(store.db)
  assert.ok(!(await admin.get('/mode')).text.includes(key))
  const wrong = await admin.post('/mode/key', { password: 'not it' })
  assert.equal(wrong.status, 422)
  assert.ok(!wrong.text.includes(key))
  const shown = await admin.post('/mode/key', { password })
  assert.ok(shown.text.includes(key))
  assert.match(shown.headers.refresh ?? '', /^60; url=\/mode$/)
  assert.equal(shown.headers['cache-control'], 'no-store')
  const { rows } = await auditPage(store.db, { size: 1 })
  assert.equal(rows[0]?.sentence, 'Revealed the Synchronization Key')
  assert.equal(rows[0]?.actor, 'admin')
})

test('a new key takes the place of the old one', async () => {
  const before = await synchronizationKey(store.db)
  assert.match(textOf((await admin.get('/mode/key/new')).text), /Make a new Synchronization Key\?/)
  await admin.post('/mode/key/new')
  assert.notEqual(await synchronizationKey(store.db), before)
})

test('a master becomes standalone, which has no key, and a master again', async () => {
  assert.match(textOf((await admin.get('/mode/become/standalone')).text), /Become standalone\?/)
  await admin.post('/mode/become/standalone')
  assert.equal(store.db.local.mode, 'standalone')
  const page = await admin.get('/mode')
  assert.match(textOf(page.text), /This node is standalone now\./)
  assert.doesNotMatch(textOf(page.text), /your password, to reveal it/i)
  assert.equal((await admin.post('/mode/key', { password })).status, 404)
  assert.equal((await admin.get('/mode/become/standalone')).status, 404)
  await admin.post('/mode/become/master')
  assert.equal(store.db.local.mode, 'master')
})

test('an LDAP client is added with a password that is shown once', async () => {
  const made = await admin.post('/clients', { name: 'squid-malmo', role: 'auth' })
  const secret = /id="made-password" value="([^"]+)"/.exec(made.text)?.[1] ?? ''
  assert.ok(secret.length > 12)
  assert.match(made.text, /cn=squid-malmo,ou=Internal,dc=example,dc=lan/)
  const list = await admin.get('/clients')
  assert.ok(!list.text.includes(secret))
  assert.match(textOf(list.text), /squid-malmo/)
  const again = await admin.post('/clients', { name: 'squid-malmo', role: 'auth' })
  assert.equal(again.status, 422)
  await admin.post('/clients/squid-malmo/remove')
  assert.deepEqual(await clientList(store.db), [])
})
