import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { addGroup } from '../../server/accounts/groups.ts'
import { aUser, me } from '../support/people.ts'
import { type LdapNode, startLdapNode } from './node.ts'
import { base, groups, users } from './sample.ts'
import { encodeWish, type Modification, type Wish } from './wishes.ts'

const anna = `uid=anna,${users}`
const sales = `cn=sales,${groups}`

describe('what cannot be changed', () => {
  let node: LdapNode
  before(async () => {
    node = await startLdapNode()
    await aUser(node.db, { username: 'anna', extensions: { contact: { title: 'Clerk' } } })
    await aUser(node.db, { username: 'berit' })
    await addGroup(node.db, me, { name: 'sales', description: '' })
  })
  after(() => node.close())

  const change = (kind: Modification['kind'], attribute: string, ...values: string[]): Modification => ({
    kind,
    attribute,
    values,
  })
  const code = async (wish: Wish): Promise<number> => (await node.admin.request(encodeWish(wish))).code
  const modify = (dn: string, ...modifications: Modification[]): Promise<number> =>
    code({ kind: 'modify', dn, modifications })
  const rename = (rdn: string, superior?: string, keepsOld = false): Promise<number> =>
    code({ kind: 'rename', dn: anna, rdn, keepsOld, ...(superior !== undefined && { superior }) })

  it('is refused inside a transaction as well, and the node lives', async () => {
    assert.equal(await modify(anna, change('add', 'title', 'clerk')), 20)
    assert.equal(await modify(sales, change('delete', 'memberUid', 'anna')), 16)
    assert.equal(await modify(sales, change('add', 'memberUid', 'anna')), 0)
    assert.equal(await modify(sales, change('add', 'memberUid', 'anna')), 20)
    // Two that share a commit: one of them fails.
    const two = await Promise.all([
      modify(anna, change('add', 'title', 'clerk')),
      modify(anna, change('replace', 'l', 'Lund')),
    ])
    assert.deepEqual(two, [20, 0])
  })

  const rows: [what: string, modifications: Modification[], expected: number][] = [
    ['a value that is gone', [change('delete', 'title', 'Head')], 16],
    ['an attribute that is not there', [change('delete', 'mobile')], 16],
    ['a value that is there', [change('add', 'title', 'CLERK')], 20],
    ['the same value twice', [change('replace', 'title', 'a', 'A')], 20],
    ['an attribute that nobody knows', [change('replace', 'nonsense', 'x')], 17],
    ['a value outside the syntax', [change('replace', 'telephoneNumber', 'å')], 21],
    ['a class that nobody knows', [change('add', 'objectClass', 'nonsense')], 21],
    ['what the directory keeps itself', [change('replace', 'entryUUID', '00000000-0000-4000-8000-000000000001')], 19],
    ['a second value of a field that has one', [change('add', 'title', 'Head')], 19],
    ['an increment of what is no number', [change('increment', 'title', '1')], 19],
    ['an increment by nothing', [change('increment', 'uidNumber')], 2],
    ['nothing to add', [change('add', 'title')], 2],
    ['the name of the entry', [change('replace', 'uid', 'other')], 67],
  ]
  for (const [what, modifications, expected] of rows)
    it(`${what}: ${expected}`, async () => assert.equal(await modify(anna, ...modifications), expected))

  it('what is wrong with the request is said before what is wrong with the entry', async () => {
    const nobody = `uid=nobody,${users}`
    assert.equal(await modify(nobody, change('replace', 'title', 'x')), 32)
    assert.equal(await modify(nobody, change('delete', 'nonsense')), 17)
    assert.equal(await modify(anna, change('delete', 'mobile'), change('replace', 'nonsense', 'x')), 17)
    assert.equal(await modify(anna, change('delete', 'mobile'), change('add', 'title')), 2)
    assert.equal(await modify('nonsense', change('add', 'title')), 2)
    assert.equal(await modify('nonsense', change('replace', 'nonsense', 'x')), 34)
  })

  it('all of a request or nothing', async () => {
    assert.equal(await modify(anna, change('replace', 'title', 'Head'), change('delete', 'mobile')), 16)
    const { entries } = await node.admin.search({ base: anna, scope: 'base' })
    assert.deepEqual(entries[0]!.attributes.title, ['Clerk'])
  })

  it('what is to go may be named twice', async () => {
    assert.equal(await modify(anna, change('replace', 'roomNumber', '7')), 0)
    assert.equal(await modify(anna, change('delete', 'roomNumber', '7', '7')), 0)
  })

  it('says one value where there is one', async () => {
    const { message } = await node.admin.request(
      encodeWish({ kind: 'modify', dn: anna, modifications: [change('replace', 'title', 'a', 'b')] }),
    )
    assert.match(message, /title takes one value here/)
  })

  it('renaming: to a name that is taken 68, to no name 34, elsewhere 71, nowhere 32', async () => {
    assert.equal(await rename('uid=BERIT'), 68)
    assert.equal(await rename('nonsense=x'), 34)
    assert.equal(await rename('no rdn'), 34)
    assert.equal(await rename('cn=anna'), 64)
    assert.equal(await rename('uid=anna2', 'dc=other'), 71)
    assert.equal(await rename('uid=anna2', groups), 71)
    assert.equal(await rename('uid=anna2', `ou=Nowhere,${base}`), 32)
    assert.equal(await rename('uid=anna2', undefined, true), 53)
    assert.equal(await rename('uid=ANNA', users.toUpperCase()), 0)
  })

  it('removing what others stand below: 66', async () => {
    for (const dn of [base, users, `ou=Accounts,${base}`]) assert.equal(await code({ kind: 'remove', dn }), 66)
    assert.equal(await code({ kind: 'remove', dn: `ou=Computers,ou=Accounts,${base}` }), 53)
    assert.equal(await code({ kind: 'remove', dn: `uid=nobody,${users}` }), 32)
  })

  it('adding: what is wrong with the entry is said before its name is looked up', async () => {
    const person: [string, string[]][] = [
      ['objectClass', ['inetOrgPerson']],
      ['sn', ['Berg']],
      ['givenName', ['Carla']],
    ]
    const add = (dn: string, ...more: [string, string[]][]): Promise<number> =>
      code({ kind: 'add', dn, attributes: [...person, ...more] })
    assert.equal(await add(anna), 68)
    assert.equal(await add(anna, ['title', ['a', 'A']]), 20)
    assert.equal(await add(anna, ['nonsense', ['x']]), 17)
    assert.equal(await add(anna, ['entryUUID', ['x']]), 21)
    assert.equal(await add(anna, ['createTimestamp', ['20260101000000Z']]), 19)
    assert.equal(await add(anna, ['title', []]), 2)
    assert.equal(await code({ kind: 'add', dn: `uid=carla,${users}`, attributes: [['sn', ['x']]] }), 65)
    assert.equal(await add(''), 68)
    assert.equal(await add(`uid=x,ou=Nowhere,${base}`), 32)
    assert.equal(await add(`uid=x,${anna}`), 53)
    assert.equal(await add(`uid=carla,${users}`, ['title', ['Head']]), 0)
  })
})
