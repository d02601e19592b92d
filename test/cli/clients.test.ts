import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { clientLens } from '../../server/accounts/client-uses.ts'
import { clientByName } from '../../server/accounts/clients.ts'
import { connectTo } from '../ldap/client.ts'
import { startMaster, type TestNode } from '../support/node.ts'
import { run, runJson } from './run.ts'

const dn = 'cn=squid,ou=Internal,dc=example,dc=lan'

describe('LDAP clients on the command line', { concurrency: false }, () => {
  let node: TestNode
  const ok = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await run(node.dir, args)
    assert.equal(code, 0, `${args.join(' ')}: ${err}`)
    return out
  }
  const bind = async (password: string): Promise<number> => {
    const c = connectTo(node.ports().ldap ?? 0)
    const code = await c.bind(dn, password)
    c.end()
    return code
  }

  before(async () => {
    node = await startMaster()
  })
  after(() => node.close())

  test('add takes networks, and says which one is none', async () => {
    const add = ['client', 'add', 'squid', '--role', 'read', '--network', '10.1.0.0/16', '--network']
    const wrong = await run(node.dir, [...add, 'office'])
    assert.equal(wrong.code, 1)
    assert.match(wrong.err, /^networks: “office” is no network\. .* as in 10\.1\.0\.0\/16/)
    const made = await runJson(node.dir, [...add, '2001:db8::/32'])
    assert.deepEqual(Object.keys(made), ['dn', 'password'])
    assert.equal(await bind(made.password), 0)
  })

  test('list and show say when it was here last, and what it did not get', async () => {
    const { id } = (await clientByName(node.db, 'squid')).client
    const lens = clientLens(node.db)
    lens.missed(id, 'unknown attribute', 'krbPrincipalName')
    lens.missed(id, 'hidden attribute', 'userPassword')
    assert.match(await ok('client', 'list'), /squid +read +20\d\d-\S+ \S+ +127\.0\.0\.1 +1 /)
    const shown = await ok('client', 'show', 'squid')
    assert.match(shown, /^networks +10\.1\.0\.0\/16 2001:db8::\/32$/m)
    assert.match(shown, /^last used here +20\d\d-\S+ \S+ from 127\.0\.0\.1$/m)
    assert.match(shown, /\nhidden attribute: userPassword\n {2}1 time, last .*\n {2}Nobody may read passwords\./)
    assert.match(shown, /\nunknown attribute: krbPrincipalName\n {2}1 time, last .*; harmless\n/)
    const { misses, missed } = await runJson(node.dir, ['client', 'show', 'squid'])
    assert.deepEqual([misses.length, missed], [2, 1])
    await ok('client', 'forget', 'squid')
    assert.deepEqual((await runJson(node.dir, ['client', 'show', 'squid'])).misses, [])
  })

  test('change takes the whole list of networks, or any', async () => {
    const networks = async () => (await runJson(node.dir, ['client', 'show', 'squid'])).networks
    await ok('client', 'change', 'squid', '--network', '10.2.0.0/16')
    assert.deepEqual(await networks(), ['10.2.0.0/16'])
    await ok('client', 'change', 'squid', '--any-network')
    assert.deepEqual(await networks(), [])
    assert.match(await ok('client', 'show', 'squid'), /^networks +anywhere$/m)
    for (const args of [[], ['--network', '10.2.0.0/16', '--any-network']]) {
      const { code, err } = await run(node.dir, ['client', 'change', 'squid', ...args])
      assert.deepEqual([code, err], [2, 'error: name its networks, or give --any-network\n'])
    }
  })

  test('password prints the new one alone on a line, and the old one is refused', async () => {
    const { out, err } = await run(node.dir, ['client', 'password', 'squid'])
    assert.match(out, /^\S{12,}\n$/)
    assert.match(err, /^The new password of cn=squid,/)
    assert.equal(await bind(out.trim()), 0)
    const next = await runJson(node.dir, ['client', 'password', 'squid'])
    assert.equal(await bind(out.trim()), 49)
    assert.equal(await bind(next.password), 0)
    assert.equal((await run(node.dir, ['client', 'password', 'nobody'])).code, 1)
  })

  test('what people see of each other is set and shown like any setting', async () => {
    await ok('settings', 'set', 'publishedFields=contact.mail,contact.mobile')
    assert.match(await ok('settings', 'show'), /^publishedFields +contact\.mail,contact\.mobile$/m)
    await ok('settings', 'set', 'publishedFields=')
    assert.deepEqual((await runJson(node.dir, ['settings', 'show'])).publishedFields, [])
    const { code, err } = await run(node.dir, ['settings', 'set', 'publishedFields=contact.shoe'])
    assert.deepEqual([code, err], [1, 'publishedFields: There is no field “contact.shoe”.\n'])
  })

  test('with the node stopped, what it has seen is read from its store', async () => {
    await node.stop()
    const { lastAddress } = await runJson(node.dir, ['client', 'show', 'squid'])
    assert.equal(lastAddress, '127.0.0.1')
    assert.match(await ok('client', 'list'), /127\.0\.0\.1/)
  })
})
