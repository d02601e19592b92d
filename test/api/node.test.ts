import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addToken, removeToken } from '../../server/accounts/tokens.ts'
import { caughtUp, startMaster, startSlave, type TestNode } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'

let master: TestNode
let slave: TestNode
let token: string

before(async () => {
  master = await startMaster()
  await aUser(master.db, { username: 'gek', first: 'Gösta', last: 'Ek' })
  token = (await addToken(master.db, me, { name: 'report', role: 'administrator' })).token
  slave = await startSlave(master)
})
after(async () => {
  await slave?.close()
  await master?.close()
})

// biome-ignore lint/suspicious/noExplicitAny: what an answer is, each test says
const bodyOf = (answer: Response): Promise<any> => answer.json()

const ask = (node: TestNode, method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`http://127.0.0.1:${node.ports().web}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

test('a node has its API beside its pages, on the same port', async () => {
  const found = await ask(master, 'GET', '/api/v1/users/gek')
  assert.deepEqual([found.status, (await bodyOf(found)).first], [200, 'Gösta'])
  assert.match((await ask(master, 'GET', '/api')).headers.get('content-type') ?? '', /^application\/problem\+json/)
  assert.match((await ask(master, 'GET', '/login')).headers.get('content-type') ?? '', /^text\/html/)
})

test('a slave answers what only reads, with the same token', async () => {
  const found = await ask(slave, 'GET', '/api/v1/users/gek')
  assert.deepEqual([found.status, (await bodyOf(found)).first], [200, 'Gösta'])
  assert.equal((await bodyOf(await ask(slave, 'GET', '/api/v1/status'))).mode, 'slave')
})

test('a slave refuses a change and names its master', async () => {
  for (const [method, path, body] of [
    ['PATCH', '/api/v1/users/gek', { first: 'No' }],
    ['DELETE', '/api/v1/users/gek', undefined],
    ['POST', '/api/v1/imports', {}],
    ['POST', '/api/v1/tokens', { name: 'x', role: 'auditor' }],
  ] as const) {
    const refused = await ask(slave, method, path, body)
    const problem = await bodyOf(refused)
    assert.deepEqual([refused.status, problem.code, problem.master], [409, 'read-only', 'master.example.lan'])
  }
})

test('a token that is removed on the master opens nothing on the slave', async () => {
  await removeToken(master.db, me, 'report')
  await caughtUp(slave, master)
  assert.equal((await ask(slave, 'GET', '/api/v1/users/gek')).status, 401)
  assert.equal((await ask(master, 'GET', '/api/v1/users/gek')).status, 401)
})
