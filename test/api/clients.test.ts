import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { clientLens, openClientUses } from '../../server/accounts/client-uses.ts'
import { clientByName } from '../../server/accounts/clients.ts'
import { anApi } from '../support/api.ts'
import { aMasterStore } from '../support/store.ts'

describe('LDAP clients by the API', { concurrency: false }, () => {
  let store: Awaited<ReturnType<typeof aMasterStore>>
  let api: Awaited<ReturnType<typeof anApi>>
  let admin: Awaited<ReturnType<typeof api.as>>
  before(async () => {
    store = await aMasterStore()
    await openClientUses(store.db)
    api = await anApi(store.db)
    admin = await api.as('administrator')
  })
  after(async () => {
    await api.close()
    await store.close()
  })

  test('one is added with networks, and shown without its password', async () => {
    const refused = await admin('POST', '/clients', { name: 'squid', role: 'read', networks: ['10.0.0.0/64'] })
    assert.equal(refused.status, 422)
    assert.match(refused.body.problems.networks, /“10\.0\.0\.0\/64” is no network/)
    const made = await admin('POST', '/clients', { name: 'squid', role: 'read', networks: ['10.1.0.0/16'] })
    assert.deepEqual([made.status, made.body.dn], [201, 'cn=squid,ou=Internal,dc=example,dc=lan'])
    const { status, body, text } = await admin('GET', '/clients/squid')
    assert.equal(status, 200)
    assert.deepEqual([body.role, body.networks, body.missed, body.lastUsed], ['read', ['10.1.0.0/16'], 0, undefined])
    assert.doesNotMatch(text, new RegExp(`${made.body.password}|argon2`))
    assert.equal((await admin('GET', '/clients/nobody')).status, 404)
  })

  test('networks are changed as a whole, and only of what the caller saw', async () => {
    const { headers } = await admin('GET', '/clients/squid')
    const changed = await admin('PATCH', '/clients/squid', { networks: ['10.2.0.0/16', '10.3.0.7'] })
    assert.deepEqual(changed.body.networks, ['10.2.0.0/16', '10.3.0.7'])
    const late = await admin('PATCH', '/clients/squid', { networks: [] }, { 'if-match': headers.etag ?? '' })
    assert.deepEqual([late.status, late.body.code], [412, 'changed'])
    const now = await admin('PATCH', '/clients/squid', {}, { 'if-match': changed.headers.etag ?? '' })
    assert.deepEqual(now.body.networks, ['10.2.0.0/16', '10.3.0.7'], 'what is not named stays')
    assert.deepEqual((await admin('PATCH', '/clients/squid', { networks: [] })).body.networks, [])
    assert.equal((await admin('PATCH', '/clients/squid', { role: 'samba' })).status, 400)
  })

  test('a new password is told once, and is another one', async () => {
    const one = await admin('POST', '/clients/squid/password')
    const other = await admin('POST', '/clients/squid/password')
    assert.match(one.body.password, /\S{12,}/)
    assert.notEqual(one.body.password, other.body.password)
    assert.equal((await admin('POST', '/clients/nobody/password')).status, 404)
  })

  test('what it asked for and did not get is listed with its meaning, and forgotten; also on a slave', async () => {
    const { id } = (await clientByName(store.db, 'squid')).client
    const { used, missed } = clientLens(store.db)
    used(id, '10.1.0.9')
    missed(id, 'unknown attribute', 'nsAccountLock')
    missed(id, 'base', 'dc=other')
    const { body } = await admin('GET', '/clients/squid')
    assert.deepEqual([body.lastAddress, body.missed], ['10.1.0.9', 1])
    const { items } = (await admin('GET', '/clients/squid/misses')).body
    assert.deepEqual(
      items.map(({ kind, what, count, isHarmless }: Record<string, unknown>) => [kind, what, count, isHarmless]),
      [
        ['base', 'dc=other', 1, false],
        ['unknown attribute', 'nsAccountLock', 1, true],
      ],
    )
    assert.match(items[1].means, /389 Directory Server/)
    const { local } = store.db
    Object.assign(local, { mode: 'slave', masterName: 'master.example.lan' })
    try {
      assert.equal((await admin('POST', '/clients/squid/password')).status, 409)
      assert.equal((await admin('DELETE', '/clients/squid/misses')).status, 204)
    } finally {
      Object.assign(local, { mode: 'master', masterName: undefined })
    }
    assert.deepEqual((await admin('GET', '/clients/squid/misses')).body.items, [])
  })

  test('what people see of each other is a setting', async () => {
    assert.deepEqual((await admin('GET', '/settings')).body.publishedFields, [])
    const changed = await admin('PATCH', '/settings', { publishedFields: ['contact.mail'] })
    assert.deepEqual(changed.body.publishedFields, ['contact.mail'])
    const refused = await admin('PATCH', '/settings', { publishedFields: ['contact.shoe'] })
    assert.deepEqual(refused.body.problems, { publishedFields: 'There is no field “contact.shoe”.' })
  })
})
