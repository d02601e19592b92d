import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { aUser, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
})
after(() => store.close())

test('the policy of everyone and of a group is changed in the pages, and a person is told what holds', async () => {
  const browser = await signedIn(app)
  await browser.post('/groups/new', { name: 'finance', description: '' })
  await aUser(store.db, { username: 'tried1', first: 'Ayo', last: 'Bello', groups: ['finance'], password })
  assert.match(textOf((await browser.get('/password-policy')).text), /No group has a policy of its own/)
  const rules = {
    minLength: '8',
    minStrength: '2',
    history: '5',
    minAgeDays: '0',
    maxAgeDays: '0',
    graceDays: '7',
    lockAfter: '10',
    lockWindowMinutes: '10',
    lockMinutes: '15',
    mustChange: 'yes',
  }
  const wrong = await browser.post('/password-policy', { ...rules, minLength: '4', blocklist: 'contoso\nab' })
  assert.equal(wrong.status, 422)
  assert.match(wrong.text, /name="minLength"[^>]*value="4"/)
  assert.match(textOf(wrong.text), /Least length must be a whole number from 8 to 128/)
  assert.match(wrong.text, /contoso\nab<\/textarea>/)
  assert.equal((await browser.post('/password-policy', { ...rules, blocklist: 'contoso' })).status, 303)
  const nobody = await browser.post('/password-policy/new', { ...rules, group: 'nowhere' })
  assert.match(textOf(nobody.text), /There is no group “nowhere”/)
  assert.equal(
    (await browser.post('/password-policy/new', { ...rules, group: 'finance', minLength: '15' })).status,
    303,
  )
  assert.match(textOf((await browser.get('/password-policy')).text), /finance At least 15 characters/)
  const tried = textOf((await browser.get('/password-policy?username=tried1')).text)
  assert.match(tried, /In force for Ayo Bello.*Least length 15 group finance.*Least strength Fair everyone/)
  const part = await browser.part('/password-policy?username=nobody-here')
  assert.match(textOf(part.text), /^ There is no user “nobody-here”/)
  assert.doesNotMatch(part.text, /<html/)
  const link = /href="(\/password-policy\?[^"#]*)#try"/.exec((await browser.get('/users/tried1')).text)?.[1] ?? ''
  assert.match(textOf((await browser.get(link)).text), /In force for Ayo Bello/)
  const group = { ...rules, minLength: '30', blocklist: 'ledger' }
  assert.equal((await browser.post('/password-policy/groups/finance', group)).status, 303)
  assert.match((await browser.get('/password-policy/groups/finance')).text, /ledger<\/textarea>/)
  const admin = textOf((await browser.get('/users/tried1/password')).text)
  assert.match(admin, /At least 30 characters\. Not easy to guess\. Without the words that are refused here\. The same/)
  assert.equal((await browser.post('/users/tried1/password/generate')).status, 200)
  const added = await browser.post('/users/new', {
    username: 'tried2',
    first: 'Ayo',
    last: 'Two',
    groups: 'finance',
    'first-password': 'generated',
  })
  assert.equal(added.status, 200)
  assert.match(added.text, /id="password-once">[a-z0-9-]{30,}</)
  assert.equal((await browser.post('/password-policy/groups/finance', { ...rules, minLength: '20' })).status, 303)
  assert.match((await browser.get('/password-policy/groups/finance')).text, /name="minLength"[^>]*value="20"/)
  assert.match(
    textOf((await browser.get('/password-policy/groups/finance/remove')).text),
    /Remove the password policy of finance\?/,
  )
  await browser.post('/password-policy/groups/finance/remove')
  assert.equal((await browser.get('/password-policy/groups/finance')).status, 404)
})

test('an auditor and a slave see the policy and have nothing to change it with', async () => {
  await aUser(store.db, { username: 'auditor1', role: 'auditor', password })
  const browser = await signedIn(app, 'auditor1')
  const shown = await browser.get('/password-policy')
  assert.equal(shown.status, 200)
  assert.doesNotMatch(shown.text, /name="minLength"|Save the policy|Add a policy/)
  const mode = store.db.local.mode
  store.db.local.mode = 'slave'
  const admin = await signedIn(app)
  assert.doesNotMatch((await admin.get('/password-policy')).text, /name="minLength"|Save the policy/)
  assert.equal((await admin.post('/password-policy', { minLength: '9' })).status, 409)
  store.db.local.mode = mode
})

test('two who change one policy at once: the other’s rule is taken over, the same rule shows both values', async () => {
  const browser = await signedIn(app)
  const hidden = (html: string) => /name="seq" value="(\d+)"/.exec(html)?.[1] ?? assert.fail('no seq')
  const fields = { minStrength: '2', history: '5', minAgeDays: '0', maxAgeDays: '0', graceDays: '7', lockAfter: '10' }
  const rules = { ...fields, lockWindowMinutes: '10', lockMinutes: '15', mustChange: 'yes', blocklist: '' }
  await browser.post('/groups/new', { name: 'raced', description: '' })
  const added = { ...rules, group: 'raced', minLength: '12' }
  assert.equal((await browser.post('/password-policy/new', added)).status, 303)
  const twice = await browser.post('/password-policy/new', { ...added, minLength: '9' })
  assert.equal(twice.status, 422)
  assert.match(textOf(twice.text), /The group raced has a password policy already/)
  for (const page of ['/password-policy/groups/raced', '/password-policy']) {
    await browser.post(page, { ...rules, minLength: '12' })
    const seq = hidden((await browser.get(page)).text)
    const theirs = { ...rules, minLength: '16', history: '9', blocklist: 'ledger', seq }
    assert.equal((await browser.post(page, theirs)).status, 303)
    const late = await browser.post(page, { ...rules, minLength: '14', blocklist: 'abacus', seq })
    assert.equal(late.status, 422, page)
    assert.match(textOf(late.text), /someone else changed this password policy first\. admin did/)
    assert.match(textOf(late.text), /Taken over below.*Earlier passwords that must not come back/)
    assert.match(textOf(late.text), /Least length 16 14/)
    assert.match(late.text, /name="history"[^>]*value="9"/)
    assert.match(late.text, /abacus\nledger<\/textarea>/)
    const again = { ...rules, minLength: '14', history: '9', blocklist: 'abacus\nledger', seq: hidden(late.text) }
    assert.equal((await browser.post(page, again)).status, 303)
  }
})
