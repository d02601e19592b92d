import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { changeSettings, settings } from '../../server/accounts/settings.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let admin: Browser

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  await aUser(store.db, { username: 'audra', role: 'auditor', password })
  await aUser(store.db, { username: 'freja', password })
  admin = await signedIn(app)
})
after(() => store.close())

test('days, hours and own fields are settled on one page', async () => {
  const answer = await admin.post('/settings', {
    binDays: '60',
    invitationHours: '24',
    ownFields: ['contact.mobile', 'contact.fax'],
  })
  assert.equal(answer.headers.location, '/settings')
  const kept = await settings(store.db)
  assert.deepEqual(kept, { ...kept, binDays: 60, invitationHours: 24, ownFields: ['contact.fax', 'contact.mobile'] })
  const { text } = await admin.get('/settings')
  assert.match(text, /name="binDays"[^>]*value="60"/)
  assert.match(text, /value="contact.fax"[^>]*checked/)
  assert.doesNotMatch(text, /value="contact.city"[^>]*checked/)
})

test('a number out of range comes back with its reason and with everything that was typed', async () => {
  const { status, text } = await admin.post('/settings', {
    binDays: '0',
    invitationHours: 'soon',
    ownFields: ['contact.city'],
  })
  assert.equal(status, 422)
  assert.match(textOf(text), /Days in the recycle bin must be a whole number from 1 to 3650\./)
  assert.match(text, /name="invitationHours"[^>]*value="soon"/)
  assert.match(text, /value="contact.city"[^>]*checked/)
  assert.equal((await settings(store.db)).binDays, 60)
})

test('what people see of each other is settled beside it, and kept apart', async () => {
  assert.deepEqual((await settings(store.db)).publishedFields, [])
  await setExtensionOn(store.db, me, 'mail', true)
  const typed = { binDays: '60', invitationHours: '24', ownFields: ['contact.mobile'] }
  await admin.post('/settings', { ...typed, publishedFields: ['contact.mail', 'mail.aliases'] })
  const kept = await settings(store.db)
  assert.deepEqual([kept.ownFields, kept.publishedFields], [['contact.mobile'], ['contact.mail', 'mail.aliases']])
  const { text } = await admin.get('/settings')
  assert.match(text, /name="publishedFields" value="contact.mail"[^>]*checked/)
  assert.doesNotMatch(text, /name="ownFields" value="contact.mail"[^>]*checked/)
  const refused = await admin.post('/settings', { ...typed, publishedFields: ['contact.shoe'] })
  assert.equal(refused.status, 422)
  assert.match(textOf(refused.text), /Published fields: There is no field “contact\.shoe”/)
  await setExtensionOn(store.db, me, 'mail', false)
  assert.doesNotMatch((await admin.get('/settings')).text, /mail\.aliases/)
  await admin.post('/settings', typed)
  assert.deepEqual((await settings(store.db)).publishedFields, ['mail.aliases'], 'what is not on the form stays')
  await changeSettings(store.db, me, { publishedFields: [] })
})

test('a change of what is published is in the record, with its undo', async () => {
  const typed = { binDays: '60', invitationHours: '24', ownFields: [] }
  await admin.post('/settings', { ...typed, publishedFields: ['contact.city'] })
  const [row] = (await auditPage(store.db, { kind: 'settings', size: 1 })).rows
  assert.match(textOf((await admin.get('/audit')).text), /Published fields/)
  await admin.post(`/audit/${row?.id}/undo`)
  assert.deepEqual((await settings(store.db)).publishedFields, [])
})

test('a field that does not exist is refused', async () => {
  const { status, text } = await admin.post('/settings', {
    binDays: '60',
    invitationHours: '24',
    ownFields: ['core.role'],
  })
  assert.equal(status, 422)
  assert.match(textOf(text), /There is no field “core\.role”/)
})

test('who may only look sees the settings and no way to change them', async () => {
  const auditor = await signedIn(app, 'audra')
  const { status, text } = await auditor.get('/settings')
  assert.equal(status, 200)
  assert.doesNotMatch(text, /Save settings|type="checkbox"/)
  assert.match(textOf(text), /You see this page and cannot change it\. Your role is Auditor/)
  assert.equal((await auditor.post('/settings', { binDays: '1', invitationHours: '1' })).status, 403)
  const person = await signedIn(app, 'freja')
  assert.equal((await person.get('/settings')).status, 403)
})

test('two who change the settings at once: the other’s are taken over, the same one shows both values', async () => {
  const seq = /name="seq" value="(\d+)"/.exec((await admin.get('/settings')).text)?.[1] ?? assert.fail('no seq')
  const was = await settings(store.db)
  const fields = { binDays: String(was.binDays), invitationHours: String(was.invitationHours), seq }
  const theirs = { ...fields, binDays: '91', invitationHours: '7', ownFields: ['contact.city', 'contact.mobile'] }
  assert.equal((await admin.post('/settings', theirs)).status, 303)
  const late = await admin.post('/settings', { ...fields, binDays: '92', ownFields: was.ownFields })
  assert.equal(late.status, 422)
  assert.match(textOf(late.text), /someone else changed the settings first\. admin did/)
  assert.match(textOf(late.text), /Days in the recycle bin 91 92/)
  assert.match(late.text, /name="invitationHours"[^>]*value="7"/)
  assert.match(late.text, /value="contact.city"[^>]*checked/)
  assert.equal((await settings(store.db)).binDays, 91)
})
