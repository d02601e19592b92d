import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { routes } from '../../server/api/routes.ts'
import { anApi } from '../support/api.ts'
import { aUser } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

const whos = ['helpdesk', 'auditor', 'administrator'] as const
type Who = (typeof whos)[number]

const readers = whos
const auditors: readonly Who[] = ['auditor', 'administrator']
const helpers: readonly Who[] = ['helpdesk', 'administrator']
const admins: readonly Who[] = ['administrator']

/** Which tokens may ask for what. A route that is not here fails the test. */
const table: [string, readonly Who[]][] = [
  ['GET /status', readers],
  ['POST /check', auditors],
  ['GET /devices', auditors],
  ['GET /devices/{device}', auditors],
  ['DELETE /devices/{device}', admins],
  ['GET /settings', auditors],
  ['PATCH /settings', admins],

  ['GET /devices/{device}/lag', auditors],
  ['PUT /devices/{device}/scope', admins],
  ['POST /devices/{device}/stolen', admins],
  ['GET /join-codes', admins],
  ['POST /join-codes', admins],
  ['DELETE /join-codes/{name}', admins],
  ['POST /master/recovery-code', admins],
  ['POST /master/hand-over', admins],
  ['GET /master/promotion', admins],
  ['POST /master/promote', admins],
  ['POST /master/follow', admins],
  ['POST /master/detach', admins],
  ['POST /master/rejoin', admins],
  ['GET /master/unshipped', admins],
  ['DELETE /master/unshipped/{file}', admins],
  ['GET /receipts', readers],
  ['GET /receipts/{row}', readers],

  ['GET /file-sets', auditors],
  ['POST /file-sets', admins],
  ['GET /file-sets/{name}', auditors],
  ['PATCH /file-sets/{set}', admins],
  ['DELETE /file-sets/{name}', admins],
  ['GET /file-sets/{set}/files', auditors],
  ['GET /file-sets/{set}/versions', auditors],
  ['GET /file-sets/{set}/diff', auditors],
  ['POST /file-sets/{set}/restore', admins],
  ['PUT /file-sets/{set}/place', admins],
  ['DELETE /file-sets/{set}/place', admins],
  ['GET /file-places', auditors],
  ['POST /certificates/renew', admins],

  ['GET /users', readers],
  ['POST /users', admins],
  ['GET /users/{name}', readers],
  ['PATCH /users/{name}', admins],
  ['DELETE /users/{name}', admins],
  ['PUT /users/{name}/password', helpers],
  ['POST /users/{name}/invitation', helpers],
  ['DELETE /users/{name}/invitation', helpers],
  ['PUT /users/{name}/status', helpers],
  ['GET /users/{name}/policy', readers],
  ['GET /users/{name}/plugins/{plugin}', readers],

  ['GET /groups', readers],
  ['POST /groups', admins],
  ['GET /groups/{name}', readers],
  ['PATCH /groups/{group}', admins],
  ['DELETE /groups/{name}', admins],
  ['GET /groups/{group}/members', readers],
  ['POST /groups/{group}/members', admins],
  ['POST /groups/{group}/members/remove', admins],

  ['GET /plugins', readers],
  ['POST /plugins', admins],
  ['GET /plugins/{name}', readers],
  ['PATCH /plugins/{name}', admins],
  ['DELETE /plugins/{name}', admins],
  ['GET /plugins/{name}/users', readers],
  ['POST /plugins/{name}/users', admins],
  ['POST /plugins/{name}/users/remove', admins],

  ['GET /extensions', readers],
  ['POST /extensions', admins],
  ['GET /extensions/{name}', readers],
  ['PATCH /extensions/{name}', admins],
  ['DELETE /extensions/{name}', admins],
  ['GET /extensions/{name}/declaration', readers],
  ['PUT /extensions/{name}/declaration', admins],
  ['GET /extensions/{name}/misfits', readers],
  ['DELETE /extensions/{name}/values', admins],

  ['GET /profiles', readers],
  ['POST /profiles', admins],
  ['GET /profiles/{name}', readers],
  ['PATCH /profiles/{profile}', admins],
  ['DELETE /profiles/{name}', admins],

  ['GET /policies', readers],
  ['GET /policies/everyone', readers],
  ['PATCH /policies/everyone', admins],
  ['GET /policies/groups/{group}', readers],
  ['PATCH /policies/groups/{group}', admins],
  ['DELETE /policies/groups/{group}', admins],

  ['GET /bin', readers],
  ['GET /bin/{id}', readers],
  ['POST /bin/{id}/undelete', admins],
  ['DELETE /bin/{id}', admins],

  ['GET /imports', admins],
  ['POST /imports', admins],
  ['GET /imports/{id}', admins],
  ['GET /imports/{id}/rows', admins],
  ['POST /imports/{id}/passwords', admins],
  ['POST /imports/{id}/stop', admins],
  ['POST /imports/{id}/undo', admins],
  ['GET /import-template.csv', readers],
  ['GET /export/users.csv', auditors],
  ['GET /export/accounts.ldif', auditors],

  ['GET /audit', auditors],
  ['GET /audit/verify', auditors],
  ['GET /audit/{id}', auditors],
  ['POST /audit/{id}/undo', admins],
  ['POST /audit/batches/{batch}/undo', admins],

  ['GET /clients', auditors],
  ['POST /clients', admins],
  ['GET /clients/{name}', auditors],
  ['PATCH /clients/{client}', admins],
  ['DELETE /clients/{name}', admins],
  ['POST /clients/{name}/password', admins],
  ['GET /clients/{name}/misses', auditors],
  ['DELETE /clients/{name}/misses', admins],
  ['GET /tokens', auditors],
  ['POST /tokens', admins],
  ['GET /tokens/{name}', auditors],
  ['DELETE /tokens/{name}', admins],
]

let store: Awaited<ReturnType<typeof aMasterStore>>
let api: Awaited<ReturnType<typeof anApi>>
before(async () => {
  store = await aMasterStore()
  api = await anApi(store.db)
  for (const role of ['person', 'helpdesk', 'auditor', 'administrator'] as const)
    await aUser(store.db, { username: `the-${role}`, role })
})
after(async () => {
  await api.close()
  await store.close()
})

const fill = (path: string): string => path.replace('{id}', '1').replace(/\{\w+\}/g, 'the-person')

describe('what a token may do', { concurrency: false }, () => {
  test('every route is in the table', () => {
    assert.deepEqual(routes.map(({ method, path }) => `${method} ${path}`).sort(), table.map(([route]) => route).sort())
  })

  for (const who of whos)
    test(`${who}: what is not theirs is 403 and changes nothing; what is theirs is not refused`, async () => {
      const token = await api.as(who)
      const ask = (route: string) => {
        const [method = '', path = ''] = route.split(' ')
        if (route === 'POST /imports') return token(method, path, 'x', { 'content-type': 'text/csv' })
        return token(method, fill(path), method === 'GET' || method === 'DELETE' ? undefined : {})
      }
      const { seq } = store.db.position
      for (const [route, may] of table) {
        if (may.includes(who)) continue
        const { status, text } = await ask(route)
        assert.equal(status, 403, `${route} gave ${status}: ${text}`)
      }
      assert.equal(store.db.position.seq, seq)
      for (const [route, may] of table) {
        if (!may.includes(who)) continue
        const { status, text, body } = await ask(route)
        assert.equal(body?.code !== 'role' && status < 500, true, `${route} gave ${status}: ${text}`)
      }
    })

  for (const [method, path, body] of [
    ['PUT', 'password', { generate: true }],
    ['PUT', 'password', { password: 'long-enough-2', mustChange: false }],
    ['POST', 'invitation', {}],
    ['PUT', 'status', { status: 'locked' }],
    ['PUT', 'status', { status: 'disabled' }],
  ] as const)
    test(`helpdesk: ${method} ${path} ${JSON.stringify(body)} is for people without a role`, async () => {
      const desk = await api.as('helpdesk')
      for (const role of ['helpdesk', 'auditor', 'administrator'])
        assert.equal((await desk(method, `/users/the-${role}/${path}`, body)).status, 403, role)
    })

  test('helpdesk: no more than a password comes in with a password', async () => {
    const desk = await api.as('helpdesk')
    for (const more of [{ role: 'administrator' }, { by: 'self' }, { id: '1' }, { username: 'admin' }])
      assert.equal((await desk('PUT', '/users/the-person/password', { generate: true, ...more })).status, 400)
    assert.equal((await desk('PUT', '/users/the-person/status', { status: 'locked', role: 'auditor' })).status, 400)
  })
})
