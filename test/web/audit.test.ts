import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { addGroup, groupByName, removeGroup } from '../../server/accounts/groups.ts'
import { changePolicy, removePolicy } from '../../server/accounts/policy-changes.ts'
import { changeSettings, settings } from '../../server/accounts/settings.ts'
import { changeUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { checkChain } from '../../server/audit/check.ts'
import { objectsOf } from '../../server/store/objects.ts'
import { write } from '../../server/store/write.ts'
import { until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let admin: Browser
let auditor: Browser
let helpdesk: Browser

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  await aUser(store.db, { username: 'audra', role: 'auditor', password })
  await aUser(store.db, { username: 'hedda', role: 'helpdesk', password })
  admin = await signedIn(app)
  auditor = await signedIn(app, 'audra')
  helpdesk = await signedIn(app, 'hedda')
})
after(() => store.close())

const page = async (path: string, browser = admin) => textOf((await browser.get(path)).text)

/** The newest row of the record. */
const newest = async () => {
  const { rows } = await auditPage(store.db, { size: 1 })
  const [row] = rows
  if (!row) throw new Error('the record is empty')
  return row
}

test('each change is one sentence, with who, from where, and before and after side by side', async () => {
  const user = await aUser(store.db, { username: 'fnystrom', first: 'Freja', last: 'Nyström' })
  await admin.post('/users/fnystrom', {
    username: 'fnystrom',
    first: 'Freja',
    last: 'Nyström',
    seq: String(user.seq),
    'contact.city': 'Malmö',
  })
  const text = await page('/audit')
  assert.match(text, /admin Changed Freja Nyström/)
  assert.match(text, /Contact, City nothing Malmö/)
  assert.match(text, /web, ::ffff:127\.0\.0\.1|web, 127\.0\.0\.1/)
  assert.match(text, /Times in UTC/)
})

test('of a list only what came or went is marked; a row leads to where somebody is now', async () => {
  await addGroup(store.db, me, { name: 'stays', description: '' })
  await addGroup(store.db, me, { name: 'comes', description: '' })
  const user = await aUser(store.db, { username: 'listed', groups: ['stays'], validUntil: '2030-01-01T10:00Z' })
  await changeUser(store.db, me, user.id, { groups: ['stays', 'comes'], validUntil: '', username: 'listed2' })
  const { text } = await admin.get('/audit?search=listed2')
  assert.match(text, /<td>stays<\/td><td>(<ins>comes<\/ins>, stays|stays, <ins>comes<\/ins>)<\/td>/)
  assert.match(textOf(text), /May sign in until 1 January 2030/)
  assert.match(textOf(text), /Row \d+, change \d+/)
  assert.match((await admin.get(`/audit?search=listed&object=${user.id}`)).text, /href="\/users\/listed2">listed</)
  await removeUser(store.db, me, user.id)
  const gone = (await admin.get(`/audit?object=${user.id}`)).text
  assert.doesNotMatch(gone, /href="\/users\/listed/)
  const row = await newest()
  await admin.post(`/audit/${row.id}/undo`)
  const undoing = await newest()
  const shown = (await admin.get(`/audit?object=${user.id}`)).text
  assert.match(shown, new RegExp(`#row-${row.id}">What was undone<`))
  assert.match(shown, new RegExp(`#row-${undoing.id}">Undone<`))
})

test('secrets are named and never shown', async () => {
  await aUser(store.db, { username: 'secretive', password: 'a secret nobody sees 1' })
  const { text } = await admin.get('/audit?search=secretive')
  assert.match(textOf(text), /Password changed; never shown/)
  assert.doesNotMatch(text, /argon2|a secret nobody/)
  const csv = await admin.get('/audit/export?search=secretive')
  assert.doesNotMatch(csv.text, /argon2|a secret nobody/)
})

test('the list is narrowed by text, person, kind, way and day, and says when nothing is left', async () => {
  await addGroup(store.db, me, { name: 'narrow', description: '' })
  assert.match(await page('/audit?kind=group'), /Added group narrow/)
  assert.doesNotMatch(await page('/audit?kind=group'), /Freja/)
  assert.match(await page('/audit?actor=admin&via=web'), /Changed Freja Nyström/)
  assert.doesNotMatch(await page('/audit?actor=admin&via=web'), /narrow/)
  assert.match(await page('/audit?actor=ADM&via=web'), /Changed Freja Nyström/)
  assert.match(await page('/audit?actor=nobody'), /Nothing matches/)
  assert.match((await admin.get('/audit/export?actor=adm')).text, /Changed Freja Nyström/)
  const today = new Date()
  const text = `${today.getFullYear()}-${String(today.getMonth() + 1).padStart(2, '0')}-${String(today.getDate()).padStart(2, '0')}`
  assert.match(await page(`/audit?from=${text}&until=${text}`), /Freja/)
  assert.match(await page('/audit?until=2020-01-01'), /Nothing matches/)
  assert.match(await page('/audit?search=nobody-did-this'), /Nothing matches “nobody-did-this”/)
  const part = await admin.part('/audit?search=Freja')
  assert.match(part.text, /^\s*<div id="audit">/)
  assert.equal(part.headers['hx-replace-url'], '/audit?search=Freja')
})

test('a wrong date or number in the address narrows nothing and breaks nothing', async () => {
  for (const query of ['from=yesterday', 'until=2026-13-45', 'before=-1', 'before=abc', 'from=a&from=b'])
    assert.equal((await admin.get(`/audit?${query}`)).status, 200, query)
  assert.equal((await admin.get('/audit?kind=nothing')).status, 400)
})

test('the export has what is filtered, and no cell that a spreadsheet would run', async () => {
  await write(store.db, { ...me, name: '=cmd()' }, async (change) => change.note({ sentence: '+1 for formulas' }))
  const { text, headers } = await admin.get('/audit/export?search=formulas')
  assert.match(String(headers['content-type']), /text\/csv/)
  assert.equal(text.split('\r\n').filter(Boolean).length, 2)
  assert.match(text, /"'=cmd\(\)"/)
  assert.match(text, /"'\+1 for formulas"/)
})

test('an edit is undone from its row, after a page that says what will be undone', async () => {
  const user = await aUser(store.db, { username: 'edited', first: 'Before', last: 'Edit' })
  await changeUser(store.db, me, user.id, { first: 'After' })
  const row = await newest()
  const ask = await page(`/audit/${row.id}/undo`)
  assert.match(ask, /Undo this change\?/)
  assert.match(ask, /Now After undo First name After Before/)
  const answer = await admin.post(`/audit/${row.id}/undo`)
  assert.equal(answer.status, 303)
  assert.equal((await userByUsername(store.db, 'edited')).first, 'Before')
  assert.match(await page('/audit?search=edited'), /Undone/)
  const again = await admin.post(`/audit/${row.id}/undo`)
  assert.equal(again.status, 422)
  assert.match(textOf(again.text), /undone already/)
})

test('what somebody changed again since is not undone, and the page says so', async () => {
  const user = await aUser(store.db, { username: 'twice' })
  await changeUser(store.db, me, user.id, { first: 'One' })
  const row = await newest()
  await changeUser(store.db, me, user.id, { first: 'Two' })
  const { status, text } = await admin.post(`/audit/${row.id}/undo`)
  assert.equal(status, 422)
  assert.match(textOf(text), /was changed again since/)
  assert.equal((await userByUsername(store.db, 'twice')).first, 'Two')
})

test('who was removed comes back by undo', async () => {
  const user = await aUser(store.db, { username: 'gone' })
  await removeUser(store.db, me, user.id)
  const row = await newest()
  assert.match(await page(`/audit/${row.id}/undo`), /comes back from the recycle bin/)
  await admin.post(`/audit/${row.id}/undo`)
  assert.equal((await userByUsername(store.db, 'gone')).id, user.id)
})

test('the page before an undo names what it is about, and nothing that stays as it is', async () => {
  const { binDays } = await settings(store.db)
  await changeSettings(store.db, me, { ownFields: ['contact.mobile', 'contact.roomNumber', 'contact.telephone'] })
  await changeSettings(store.db, me, { binDays: binDays + 1, ownFields: (await settings(store.db)).ownFields.sort() })
  assert.deepEqual(
    (await newest()).changes.map(({ field }) => field),
    ['binDays'],
  )
  await addGroup(store.db, me, { name: 'auditors', description: '' })
  const asked = async () => page(`/audit/${(await newest()).id}/undo`)
  await changePolicy(store.db, me, { minLength: '9', blocklist: '' }, 'auditors')
  assert.match(await asked(), /The password policy of group auditors is removed\./)
  await changePolicy(store.db, me, { minLength: '10' })
  assert.match(await asked(), /The password policy of everyone is again what it was at first\./)
  await removePolicy(store.db, me, 'auditors')
  assert.match(await asked(), /The password policy of group auditors comes back as it was\./)
  await removeGroup(store.db, me, (await groupByName(store.db, 'auditors')).id)
  assert.match(await asked(), /Group auditors comes back from the recycle bin, with its members\./)
})

test('a list that was empty and is not kept any more is no change', async () => {
  await addGroup(store.db, me, { name: 'listless', description: '' })
  await changePolicy(store.db, me, { minLength: '9' }, 'listless')
  await write(store.db, me, async (change) => {
    const kept = (await objectsOf(change.trx, 'policy')).find(({ body }) => body.group !== undefined && !body.blocklist)
    assert.ok(kept, 'a policy without words')
    await change.put('policy', kept.id, { ...kept.body, blocklist: [] })
  })
  await changePolicy(store.db, me, { minLength: '11', blocklist: '' }, 'listless')
  assert.deepEqual(
    (await newest()).changes.map(({ field }) => field),
    ['minLength'],
  )
})

test('the note after a change offers to undo it, and leads back to where the person is then', async () => {
  const user = await aUser(store.db, { username: 'toasted', first: 'Tea' })
  await admin.post('/users/toasted', {
    username: 'toasted2',
    first: 'Tea',
    last: user.last,
    seq: String(user.seq),
  })
  const { text } = await admin.get('/users/toasted2')
  const [, action] = /<form method="post" action="(\/audit\/\d+\/undo)">/.exec(text) ?? []
  assert.ok(action, 'the note has a form that undoes')
  const answer = await admin.post(action, { back: '/users/toasted2' })
  assert.equal(answer.headers.location, '/users/toasted')
  assert.match(await page('/users/toasted'), /Undone: Changed Tea/)
})

test('a batch is found and undone as a whole', async () => {
  const batch = 'b0000000-0000-4000-8000-000000000001'
  for (const name of ['batch1', 'batch2'])
    await addGroup(store.db, { ...me, batch } as typeof me, { name, description: '' })
  const list = await page(`/audit?batch=${batch}`)
  assert.match(list, /2 rows/)
  assert.match(list, /Undo the whole batch/)
  assert.match(await page(`/audit/batch/${batch}/undo`), /Undo 2 changes\?/)
  assert.equal((await admin.post(`/audit/batch/${batch}/undo`)).headers.location, `/audit?batch=${batch}`)
  await assert.rejects(groupByName(store.db, 'batch1'))
  await assert.rejects(groupByName(store.db, 'batch2'))
})

test('an auditor reads and exports and cannot undo; the help desk does not see the record', async () => {
  await changeUser(store.db, me, (await userByUsername(store.db, 'edited')).id, { last: 'Again' })
  const row = await newest()
  const { status, text } = await auditor.get('/audit')
  assert.equal(status, 200)
  assert.doesNotMatch(text, /\/undo"/)
  assert.equal((await auditor.get('/audit/export')).status, 200)
  assert.equal((await auditor.get(`/audit/${row.id}/undo`)).status, 403)
  assert.equal((await auditor.post(`/audit/${row.id}/undo`)).status, 403)
  assert.equal((await helpdesk.get('/audit')).status, 403)
  assert.equal((await helpdesk.get('/audit/export')).status, 403)
  assert.equal((await userByUsername(store.db, 'edited')).last, 'Again')
})

test('the page says whether the chain is whole, and checks it again when asked', async () => {
  await admin.get('/audit')
  await until(async () => /Unbroken to row \d+/.test(await page('/audit')))
  await store.db.writer('audit').where({ id: 2 }).update({ sentence: 'Nothing happened' })
  assert.equal((await admin.post('/audit/check')).status, 303)
  await until(async () => /The record was tampered with\. Row 2 was altered\./.test(await page('/audit')))
  checkChain(store.db)
})
