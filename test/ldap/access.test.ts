import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { whoIs } from '../../server/ldap/who.ts'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { controlOid } from '../../server/ldap/wire/controls.ts'
import { startMaster, type TestNode } from '../support/node.ts'
import { aUser as addAUser, password } from '../support/people.ts'
import { startAfar } from './afar.ts'
import { type Client, connectTo, controls, names } from './client.ts'
import { answered, asserting, reading, sortedBy, viewAt } from './controls.ts'
import { aUser, base, change, groups, ids, type Started, startServer, users, uuid } from './sample.ts'

const frida = `uid=fnystrom,${users}`
const karl = `uid=karl,${users}`
const sales = `cn=sales,${groups}`

/** Who binds, with which password, and what a search for everything gives. */
const who = {
  anonymous: ['', ''],
  person: [frida, 'secret'],
  administrator: [`uid=boss,${users}`, 'secret'],
  auth: [`cn=finder,ou=Internal,${base}`, 'finder'],
  read: [`cn=reader,ou=Internal,${base}`, 'reader'],
  samba: [`cn=samba,ou=Internal,${base}`, 'samba'],
} as const

describe('who sees what', () => {
  let server: Started
  const clients = {} as Record<keyof typeof who, Client>
  before(async () => {
    server = await startServer()
    for (const [name, [dn, password]] of Object.entries(who)) {
      const client = connectTo(server.port)
      assert.equal(await client.bind(dn, password), 0)
      clients[name as keyof typeof who] = client
    }
  })
  after(async () => {
    for (const client of Object.values(clients)) client.end()
    await server.close()
  })

  for (const name of ['administrator', 'read', 'samba'] as const) {
    it(`${name}: every entry, every attribute but secrets`, async () => {
      const { entries } = await clients[name].search({ base, attributes: ['*', '+', 'userPassword'] })
      assert.equal(entries.length, server.directory.size)
      for (const { attributes } of entries) assert.equal(attributes.userPassword, undefined)
      assert.deepEqual(entries.find(({ dn }) => dn === karl)!.attributes.mail, ['Karl.Berg@example.lan'])
    })
  }

  it('anonymous: nothing but root DSE and schema', async () => {
    const { anonymous } = clients
    for (const dn of [base, frida, 'cn=nothing,dc=here', 'ou=Users']) {
      const answer = await anonymous.search({ base: dn })
      assert.deepEqual([answer.code, answer.matchedDn], [50, ''], dn)
    }
    assert.equal((await anonymous.search({ base: '', scope: 'sub' })).code, 50)
    assert.equal(await anonymous.compare(frida, 'uid', 'fnystrom'), 50)
    assert.equal((await anonymous.search({ base: '', scope: 'base' })).entries.length, 1)
  })

  it('person: the own entry, and others are as if they did not exist', async () => {
    const { person } = clients
    assert.deepEqual(names(await person.search({ base })), [frida])
    assert.deepEqual(names(await person.search({ base, filter: '(uid=karl)' })), [])
    assert.deepEqual(names(await person.search({ base: frida, scope: 'base', attributes: ['memberOf'] })), [frida])
    const other = await person.search({ base: karl, scope: 'base' })
    const nobody = await person.search({ base: `uid=nobody,${users}`, scope: 'base' })
    assert.deepEqual([other.code, other.matchedDn], [nobody.code, nobody.matchedDn])
    assert.equal(other.code, 32)
    assert.equal((await person.search({ base: sales })).code, 32)
    const [below, belowNobody] = [
      await person.search({ base: `cn=x,${karl}` }),
      await person.search({ base: `cn=x,uid=nobody,${users}` }),
    ]
    assert.deepEqual([below.code, below.matchedDn], [belowNobody.code, belowNobody.matchedDn])
    assert.equal(await person.compare(karl, 'uid', 'karl'), 32)
    assert.equal(await person.compare(frida, 'sn', 'nyström'), 6)
    assert.equal(await person.compare(base, 'dc', 'example'), 16)
  })

  it('auth: finds people by what they sign in with, and sees no more than that', async () => {
    const { auth } = clients
    const { entries } = await auth.search({ base, filter: '(mail=frida@example.lan)', attributes: ['*', '+'] })
    assert.deepEqual(
      entries.map(({ dn }) => dn),
      [frida],
    )
    assert.deepEqual(Object.keys(entries[0]!.attributes).sort(), [
      'cn',
      'entryDN',
      'entryUUID',
      'mail',
      'objectClass',
      'structuralObjectClass',
      'uid',
    ])
    for (const filter of [
      '(title=*)',
      '(telephoneNumber=+46405557260)',
      '(uidNumber>=0)',
      '(!(title=x))',
      '(name=karl berg)',
    ]) {
      assert.deepEqual(names(await auth.search({ base: users, scope: 'one', filter })), [], filter)
    }
    assert.equal(await auth.compare(frida, 'title', 'Head of Sales'), 16)
    assert.equal((await auth.search({ base: sales })).code, 32)
    assert.deepEqual(names(await auth.search({ base: groups })), [groups])
    assert.deepEqual(names(await auth.search({ base, filter: `(memberOf=${sales})` })), [])
  })

  it('help desk and auditor: what any other person sees, for their work is done in the pages', async () => {
    for (const role of ['helpdesk', 'auditor'] as const) {
      server.directory.apply([change('user', uuid(25), aUser({ username: 'role', uidNumber: 2011, role }))])
      const client = connectTo(server.port)
      const dn = `uid=role,${users}`
      assert.equal(await client.bind(dn, 'secret'), 0)
      assert.deepEqual(names(await client.search({ base })), [dn])
      assert.equal((await client.search({ base: karl, scope: 'base' })).code, 32)
      client.end()
    }
    server.directory.apply([change('user', uuid(25), undefined)])
  })

  it('an attribute that was made in the pages is seen by who sees all, and by the person', async () => {
    const own = {
      title: 'Card',
      summary: '',
      objectClass: 'exampleCard',
      fields: [{ name: 'card', label: 'Card', type: 'text' as const, attribute: 'exampleCard' }],
    }
    const before = aUser({ extensions: { contact: { mail: 'frida@example.lan' }, card: { card: '4711' } } })
    server.directory.apply([
      change('extension', uuid(26), { name: 'card', on: true, own }),
      change('user', ids.frida, before),
    ])
    for (const name of ['administrator', 'read', 'samba', 'person'] as const) {
      assert.deepEqual(names(await clients[name].search({ base, filter: '(exampleCard=4711)' })), [frida], name)
      const { entries } = await clients[name].search({ base: frida, scope: 'base' })
      assert.deepEqual(entries[0]!.attributes.exampleCard, ['4711'], name)
    }
    const { auth } = clients
    for (const filter of ['(exampleCard=4711)', '(exampleCard=*)', '(!(exampleCard=1))'])
      assert.deepEqual(names(await auth.search({ base: users, scope: 'one', filter })), [], filter)
    assert.equal(await auth.compare(frida, 'exampleCard', '4711'), 16)
    const { entries } = await auth.search({ base: frida, scope: 'base', attributes: ['*', 'exampleCard'] })
    assert.equal(entries[0]!.attributes.exampleCard, undefined)
  })

  it('nobody reads, filters by or compares a password', async () => {
    for (const [name, client] of Object.entries(clients)) {
      if (name === 'anonymous') continue
      for (const filter of [
        '(userPassword=*)',
        '(userPassword=hash:secret)',
        '(userPassword=h*)',
        '(!(userPassword=x))',
        '(!(userPassword=*))',
        '(2.5.4.35=*)',
      ]) {
        assert.deepEqual(names(await client.search({ base, filter })), [], `${name} ${filter}`)
      }
      for (const value of ['hash:secret', 'secret', 'x'])
        assert.equal(await client.compare(frida, 'userPassword', value), 16)
      const { entries } = await client.search({ base, attributes: ['userPassword'] })
      for (const entry of entries) assert.deepEqual(entry.attributes, {})
    }
  })

  const denied: [keyof typeof who, string, string][] = [
    ['auth', 'telephoneNumber', '+46405557260'],
    ['auth', 'uidNumber', '2000'],
    ['auth', 'sn', 'nyström'],
    ['auth', 'loginShell', '/bin/bash'],
    ['auth', 'memberOf', sales],
    ['auth', 'createTimestamp', '20260504080000Z'],
    ['auth', 'userPassword', 'hash:secret'],
    ['person', 'userPassword', 'hash:secret'],
    ['read', 'userPassword', 'hash:secret'],
    ['samba', 'userPassword', 'hash:secret'],
    ['administrator', 'userPassword', 'hash:secret'],
  ]
  for (const [name, attribute, value] of denied)
    it(`${name}: ${attribute} is Undefined in filters, with and without “not”, and nothing to compare`, async () => {
      const client = clients[name]
      const found = async (filter: string) => names(await client.search({ base: frida, scope: 'base', filter }))
      for (const part of [`(${attribute}=${value})`, `(${attribute}=*)`, `(${attribute}=x*)`, `(${attribute}>=0)`]) {
        for (const filter of [part, `(!${part})`, `(&(uid=*)${part})`, `(&(uid=*)(!${part}))`, `(|(uid=zz)(!${part}))`])
          assert.deepEqual(await found(filter), [], filter)
        assert.deepEqual(await found(`(|(uid=fnystrom)${part})`), [frida], 'Undefined takes nothing away from an OR')
      }
      assert.equal(await client.compare(frida, attribute, value), 16)
      const { entries } = await client.search({ base: frida, scope: 'base', attributes: [attribute] })
      assert.deepEqual(entries[0]!.attributes, {})
    })

  it('nobody sorts by what they may not read, nor finds a place in a list by it', async () => {
    for (const [name, attribute, value] of denied) {
      const client = clients[name]
      const refused = await client.search({ base, controls: controls(sortedBy(attribute)) })
      assert.deepEqual([refused.code, refused.entries.length], [12, 0], `${name} ${attribute}`)
      assert.equal(answered(refused, controlOid.sortResponse)?.toString('latin1').includes(attribute), true)
      const unsorted = await client.search({ base, controls: controls(sortedBy(attribute, false)) })
      const plain = await client.search({ base })
      assert.deepEqual(
        unsorted.entries.map(({ dn }) => dn),
        plain.entries.map(({ dn }) => dn),
        `${name} ${attribute}`,
      )
      const placed = await client.search({ base, controls: controls(sortedBy(attribute, false), viewAt(value)) })
      assert.deepEqual([placed.code, placed.entries.length], [60, 0])
    }
    const sorted = await clients.read.search({ base: users, scope: 'one', controls: controls(sortedBy('uidNumber')) })
    assert.equal(sorted.entries[0]!.dn, frida)
  })

  it('nobody asserts what they may not read', async () => {
    for (const [name, attribute, value] of denied)
      for (const filter of [`(${attribute}=*)`, `(!(${attribute}=*))`, `(${attribute}=${value})`]) {
        const search = { base: frida, scope: 'base' as const, controls: controls(asserting(filter)) }
        assert.equal((await clients[name].search(search)).code, 122, `${name} ${filter}`)
      }
    const known = { base: frida, scope: 'base' as const, controls: controls(asserting('(uid=fnystrom)')) }
    assert.equal((await clients.auth.search(known)).code, 0)
    // Of the units a person knows the name.
    for (const filter of ['(hasSubordinates=TRUE)', '(!(hasSubordinates=FALSE))', '(objectClass=*)']) {
      const search = { base: users, controls: controls(asserting(filter)) }
      assert.equal((await clients.person.search(search)).code, 122, filter)
    }
  })

  it('samba: from afar and in the clear it sees what read sees', async () => {
    for (const [door, view] of [
      ['plain', 'read'],
      ['tls', 'samba'],
    ] as const) {
      const afar = await startAfar({ door, directory: server.directory })
      const session = { accountId: ids.samba, isMachine: false, mustChange: false, address: afar.from.address, door }
      assert.equal(whoIs(session as Parameters<typeof whoIs>[0], server.directory.tree).view.name, view)
      const client = connectTo(afar.port)
      assert.equal(await client.bind(...who.samba), door === 'tls' ? 0 : 13, 'nor is its password taken in the clear')
      client.end()
      await afar.close()
    }
  })

  it('no answer holds a hash, whoever asks for whatever', async () => {
    for (const client of Object.values(clients)) {
      let bytes = ''
      const listen = (chunk: Buffer): void => {
        bytes += chunk.toString('latin1')
      }
      client.socket.on('data', listen)
      await client.search({ base, attributes: ['*', '+'] })
      await client.search({ base, attributes: ['userPassword', 'authPassword', 'hash'] })
      client.socket.off('data', listen)
      assert.equal(bytes.includes('hash:'), false)
    }
  })
})

describe('what is read along with a change', () => {
  let node: TestNode
  before(async () => {
    node = await startMaster()
    await addAUser(node.db, { username: 'anna', password, extensions: { contact: { city: 'Malmö' } } })
  })
  after(() => node.close())

  it('never has a password or its hash in it, before or after', async () => {
    const admin = connectTo(node.ports().ldap ?? 0)
    assert.equal(await admin.bind(`uid=admin,${users}`, password), 0)
    const city = tlv(0x30, tlv(0x04, 'l'), tlv(0x31, tlv(0x04, 'Lund')))
    const secret = tlv(0x30, tlv(0x04, 'userPassword'), tlv(0x31, tlv(0x04, 'another-long-one-2')))
    for (const attribute of [city, secret]) {
      const modification = tlv(0x30, integerTlv(2, 0x0a), attribute)
      const modify = tlv(0x66, tlv(0x04, `uid=anna,${users}`), tlv(0x30, modification))
      const attributes = ['*', '+', 'userPassword', '2.5.4.35', '@simpleSecurityObject']
      const answer = await admin.request(
        modify,
        controls(reading('preRead', ...attributes), reading('postRead', ...attributes)),
      )
      assert.equal(answer.code, 0, answer.message)
      for (const oid of [controlOid.preRead, controlOid.postRead]) {
        const read = answered(answer, oid)?.toString('utf8') ?? ''
        assert.match(read, /uid=anna/)
        assert.doesNotMatch(read, /userPassword|argon2|another-long-one/i)
      }
    }
    admin.end()
  })
})
