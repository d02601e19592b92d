import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { tokenActor } from '../../server/accounts/tokens.ts'
import { aUser, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let admin: Browser

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  admin = await signedIn(app)
})
after(() => store.close())

test('the page says what tokens are for while there is none', async () => {
  assert.match(textOf((await admin.get('/tokens')).text), /No API tokens yet/)
})

test('a token is added, shown once, works, and is removed after it was asked', async () => {
  const added = await admin.post('/tokens', { name: 'staff-register', role: 'auditor', days: '30' })
  assert.equal(added.status, 200)
  const [token = ''] = /ast_[\w-]{43}/.exec(added.text) ?? []
  assert.deepEqual(await tokenActor(store.db, token), { name: 'staff-register', via: 'api', role: 'auditor' })
  const page = (await admin.get('/tokens')).text
  assert.equal(page.includes(token), false)
  assert.match(textOf(page), /staff-register .*Auditor/)
  const [, remove = ''] = /href="(\/tokens\/[^"]+\/remove)"/.exec(page) ?? []
  assert.match(textOf((await admin.get(remove)).text), /Remove staff-register\?/)
  assert.equal((await admin.post(remove)).status, 303)
  assert.equal(await tokenActor(store.db, token), undefined)
})

test('what is wrong is said beside its field, and what was typed is kept', async () => {
  const answer = await admin.post('/tokens', { name: '', role: 'helpdesk', days: 'many' })
  assert.equal(answer.status, 422)
  assert.match(textOf(answer.text), /Name is needed/)
  assert.match(textOf(answer.text), /Days must be a whole number from 1 to 3650/)
  assert.match(answer.text, /value="helpdesk" checked/)
  assert.equal((await admin.post('/tokens', { name: 'x', role: 'person', days: '1' })).status, 422)
})

test('an auditor sees the tokens and changes none; the help desk does not see them', async () => {
  await aUser(store.db, { username: 'audrey', role: 'auditor', password })
  await aUser(store.db, { username: 'helen', role: 'helpdesk', password })
  const auditor = await signedIn(app, 'audrey')
  const page = await auditor.get('/tokens')
  assert.equal(page.status, 200)
  assert.doesNotMatch(page.text, /<form[^>]*action="\/tokens"/)
  assert.equal((await auditor.post('/tokens', { name: 'x', role: 'auditor', days: '1' })).status, 403)
  assert.equal((await (await signedIn(app, 'helen')).get('/tokens')).status, 403)
})
