import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { addGroup, groupByName } from '../../server/accounts/groups.ts'
import { removeUser, userByUsername } from '../../server/accounts/users.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let admin: Browser

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  admin = await signedIn(app)
  await addGroup(store.db, me, { name: 'sales', description: 'People who sell' })
})
after(() => store.close())

test('who was removed lies in the bin, with when and by whom, and comes back with everything', async () => {
  assert.match(textOf((await admin.get('/bin')).text), /The recycle bin is empty/)
  const user = await aUser(store.db, { username: 'aek', first: 'Åsa', last: 'Ek', groups: ['sales'], plugins: ['ftp'] })
  await admin.post('/users/aek/remove')
  assert.match(textOf((await admin.get('/bin')).text), /Åsa Ek aek Person today \d\d:\d\d admin/)
  assert.match(textOf((await admin.part('/bin?search=asa&kind=user')).text), /1–1 of 1/)
  assert.match(textOf((await admin.get('/bin?kind=group')).text), /Nothing in the bin/)
  assert.equal((await admin.post(`/bin/${user.id}/restore`)).headers.location, '/users/aek')
  const back = await userByUsername(store.db, 'aek')
  assert.deepEqual([back.uidNumber, back.plugins, back.groups], [user.uidNumber, ['ftp'], user.groups])
})

test('when somebody else has the name by now, another one is asked for', async () => {
  const user = await aUser(store.db, { username: 'taken', first: 'First', last: 'Owner' })
  await removeUser(store.db, me, user.id)
  await aUser(store.db, { username: 'taken', first: 'Second', last: 'Owner' })
  const asked = await admin.post(`/bin/${user.id}/restore`)
  assert.equal(asked.status, 422)
  assert.match(textOf(asked.text), /Only the name must be another one.*A user named “taken” already exists/)
  const wrong = await admin.post(`/bin/${user.id}/restore`, { name: 'with space' })
  assert.match(wrong.text, /value="with space"/)
  assert.equal((await admin.post(`/bin/${user.id}/restore`, { name: 'taken2' })).headers.location, '/users/taken2')
  assert.equal((await userByUsername(store.db, 'taken2')).uidNumber, user.uidNumber)
})

test('a group comes back with its members', async () => {
  const { id } = await groupByName(store.db, 'sales')
  await admin.post('/groups/sales/remove', { name: 'sales' })
  await assert.rejects(groupByName(store.db, 'sales'))
  assert.equal((await admin.post(`/bin/${id}/restore`)).headers.location, '/groups/sales')
  assert.match(textOf((await admin.get('/groups/sales')).text), /Ek, Åsa aek/)
})

test('removing for good takes the typed name, and nothing comes back after it', async () => {
  const user = await aUser(store.db, { username: 'forever' })
  await removeUser(store.db, me, user.id)
  const wrong = await admin.post(`/bin/${user.id}/remove`, { name: 'for ever' })
  assert.equal(wrong.status, 422)
  assert.match(textOf(wrong.text), /Type forever to remove it for good/)
  assert.equal((await admin.post(`/bin/${user.id}/remove`, { name: 'forever' })).headers.location, '/bin')
  assert.equal((await admin.post(`/bin/${user.id}/restore`)).status, 404)
})

test('help desk sees the bin and cannot change it', async () => {
  await aUser(store.db, { username: 'desk', role: 'helpdesk', password })
  const gone = await aUser(store.db, { username: 'gone' })
  await removeUser(store.db, me, gone.id)
  const desk = await signedIn(app, 'desk')
  const { text } = await desk.get('/bin')
  assert.match(textOf(text), /gone Person/)
  assert.doesNotMatch(text, /\/restore|\/remove"/)
  assert.equal((await desk.post(`/bin/${gone.id}/restore`)).status, 403)
})
