import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { keepClientUses } from '../../server/accounts/client-uses.ts'
import {
  addClient,
  clientByName,
  clientList,
  forgetMisses,
  removeClient,
  renewClientPassword,
} from '../../server/accounts/clients.ts'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { startMaster, type TestNode, until } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'
import { type Client, connectTo, controls } from './client.ts'
import { asserting, sortedBy } from './controls.ts'
import { base, groups, users } from './sample.ts'

describe('the lens of an LDAP client', () => {
  let node: TestNode
  const passwords: Record<string, string> = {}
  const dnOf = (name: string) => `cn=${name},ou=Internal,${base}`
  const bound = async (name: string): Promise<Client> => {
    const c = connectTo(node.ports().ldap ?? 0)
    assert.equal(await c.bind(dnOf(name), passwords[name] ?? ''), 0)
    return c
  }
  const missesOf = async (name: string) => (await clientByName(node.db, name)).misses
  const seen = async (name: string) => (await missesOf(name)).map(({ kind, what }) => `${kind}: ${what}`)

  before(async () => {
    node = await startMaster()
    await aUser(node.db, { username: 'anna', extensions: { contact: { city: 'Malmö' } } })
    for (const [name, role] of [
      ['squid', 'auth'],
      ['nslcd', 'read'],
      ['wiki', 'read'],
      ['flood', 'read'],
      ['gone', 'read'],
    ] as const)
      passwords[name] = (await addClient(node.db, me, { name, role })).password
  })
  after(() => node.close())

  it('knows nothing of a client that was not here', async () => {
    const { client, misses } = await clientByName(node.db, 'squid')
    assert.deepEqual([client.lastUse, client.missed, misses], [undefined, 0, []])
  })

  it('says when a client was here last, and from where', async () => {
    const from = new Date().toISOString()
    const c = await bound('wiki')
    const { client } = await clientByName(node.db, 'wiki')
    assert.equal(client.lastUse?.address, '127.0.0.1')
    const first = client.lastUse?.at ?? ''
    assert.equal(first >= from, true)
    await until(() => new Date().toISOString() > first)
    await c.search({ base })
    c.end()
    // A connection may stay open for days after its bind: what it asks for counts as well.
    await until(async () => ((await clientByName(node.db, 'wiki')).client.lastUse?.at ?? '') > first)
    assert.deepEqual(await seen('wiki'), [], 'what a client did get is nobody’s business')
  })

  const asks: [string, (c: Client) => Promise<unknown>, string[]][] = [
    [
      'attributes that nothing has, or that are not for it',
      (c) => c.search({ base, attributes: ['uid', 'sAMAccountName', 'telephoneNumber', 'userPassword', '*', '1.1'] }),
      ['hidden attribute: telephoneNumber', 'hidden attribute: userPassword', 'unknown attribute: sAMAccountName'],
    ],
    [
      'filters by such attributes, at every depth, and by classes that nothing has',
      (c) => c.search({ base, filter: '(&(objectClass=sudoRole)(|(uid=anna)(!(krbPrincipalName=x))(title=y)))' }),
      ['hidden in a filter: title', 'unknown class: sudoRole', 'unknown in a filter: krbPrincipalName'],
    ],
    [
      'a search that looks at every entry, without what it looks for',
      (c) => c.search({ base, filter: '(|(uid=a*)(cn=*b*c)(uid=d*))' }),
      ['filter without index: (|(uid=…*)(cn=*…*…))'],
    ],
    [
      'controls that are not obeyed, critical or not',
      async (c) => {
        assert.equal(
          (await c.search({ base, controls: controls(['1.3.6.1.4.1.4203.666.5.16', false, tlv(0x30)]) })).code,
          0,
        )
        assert.equal((await c.search({ base, controls: controls(['2.16.840.1.113730.3.4.18', true]) })).code, 12)
      },
      ['control: 1.3.6.1.4.1.4203.666.5.16', 'control: 2.16.840.1.113730.3.4.18'],
    ],
    [
      'operations that are not offered, or not to it',
      async (c) => {
        assert.equal((await c.request(tlv(0x77, tlv(0x80, '1.3.6.1.1.21.1')))).code, 2)
        const title = tlv(0x30, tlv(0x04, 'title'), tlv(0x31, tlv(0x04, 'x')))
        const modify = tlv(0x66, tlv(0x04, `uid=anna,${users}`), tlv(0x30, tlv(0x30, integerTlv(2, 0x0a), title)))
        assert.equal((await c.request(modify)).code, 50)
      },
      ['operation: extended 1.3.6.1.1.21.1', 'operation: modify'],
    ],
    [
      'bases that are not there or not to be seen',
      async (c) => {
        await c.search({ base: 'dc=other,dc=lan' })
        await c.search({ base: `cn=allusers,${groups}`, scope: 'base' })
      },
      [`base: cn=allusers,${groups}`, 'base: dc=other,dc=lan'],
    ],
    [
      'compares and sort keys',
      async (c) => {
        await c.compare(`uid=anna,${users}`, 'noSuchThing', 'x')
        await c.compare(`uid=anna,${users}`, 'l', 'malmö')
        await c.search({ base, controls: controls(sortedBy('objectGUID', false)) })
        await c.search({ base, controls: controls(sortedBy('roomNumber', false)) })
      },
      [
        'hidden attribute: l',
        'hidden attribute: roomNumber',
        'unknown attribute: noSuchThing',
        'unknown attribute: objectGUID',
      ],
    ],
    [
      'bounds of this node, and not those that it sets itself',
      async (c) => {
        const parts = Array.from({ length: 4100 }, () => '(uid=x)').join('')
        assert.equal((await c.search({ base, filter: `(|${parts})` })).code, 11)
        assert.equal((await c.search({ base, sizeLimit: 1 })).code, 4)
      },
      ['limit: The filter has more than 4096 parts.'],
    ],
    [
      'a bind with a wrong password',
      async (c) => assert.equal(await c.bind(dnOf('squid'), 'wrong'), 49),
      ['bind: wrong password'],
    ],
    [
      'a bind with its name and no password at all',
      async (c) => assert.equal(await c.bind(dnOf('squid'), ''), 53),
      ['bind: no password was sent'],
    ],
    [
      'what a copy is asked for by, and what is asserted',
      async (c) => {
        const copying: [string, boolean, Buffer] = ['1.3.6.1.4.1.4203.1.9.1.1', true, tlv(0x30, integerTlv(1, 0x0a))]
        assert.equal((await c.search({ base, filter: '(noSuchThing=x)', controls: controls(copying) })).code, 0)
        assert.equal((await c.search({ base, controls: controls(asserting('(roomNumber=7)')) })).code, 122)
      },
      ['hidden in a filter: roomNumber', 'unknown in a filter: noSuchThing'],
    ],
  ]
  for (const [what, ask, expected] of asks)
    it(`shows ${what}`, async () => {
      await forgetMisses(node.db, me, 'squid')
      const c = await bound('squid')
      await ask(c)
      assert.deepEqual((await seen('squid')).sort(), expected)
      c.end()
    })

  it('counts, and says what it means: what is known to be harmless comes last and counts for nothing', async () => {
    const c = await bound('nslcd')
    const ask = (...attributes: string[]) => c.search({ base, attributes })
    await ask('krbPasswordExpiration', 'clearMailAliases')
    await ask('krbPasswordExpiration')
    await ask('krbPasswordExpiration', 'exampleShoeSize')
    await c.search({ base, filter: '(objectClass=clearMailAccount)' })
    await c.search({ base, controls: controls(['1.3.6.1.4.1.4203.666.5.16', false, tlv(0x30)]) })
    c.end()
    const misses = await missesOf('nslcd')
    assert.deepEqual(misses.map(({ what, count, isHarmless }) => [what, count, isHarmless]).sort(), [
      ['1.3.6.1.4.1.4203.666.5.16', 1, true],
      ['clearMailAccount', 1, false],
      ['clearMailAliases', 1, false],
      ['exampleShoeSize', 1, false],
      ['krbPasswordExpiration', 3, true],
    ])
    assert.deepEqual(
      misses.map(({ isHarmless }) => isHarmless),
      [false, false, false, true, true],
    )
    const meant = (what: string) => misses.find((miss) => miss.what === what)?.means ?? ''
    assert.match(meant('krbPasswordExpiration'), /^Kerberos: .* nothing to do\.$/)
    assert.match(meant('1.3.6.1.4.1.4203.666.5.16'), /^Dereference: would have brought the members of a group/)
    assert.match(meant('exampleShoeSize'), /make an extension of your own with this attribute/)
    assert.match(meant('clearMailAliases'), /The Mail Extension brings it, and is off: turn it on under Extensions\./)
    assert.match(meant('clearMailAccount'), /The Mail Extension brings it, and is off/)
    assert.equal((await clientList(node.db)).find(({ name }) => name === 'nslcd')?.missed, 3)
    await setExtensionOn(node.db, me, 'mail', true)
    assert.doesNotMatch(
      (await missesOf('nslcd')).find(({ what }) => what === 'clearMailAliases')?.means ?? '',
      /is off/,
    )
  })

  it('says what is true of a name with an option, of hashes, and of a bind without a password', async () => {
    passwords.curious = (await addClient(node.db, me, { name: 'curious', role: 'read' })).password
    const c = await bound('curious')
    await c.search({ base, attributes: ['cn;lang-sv', 'sambaNTPassword', 'userPassword'] })
    const parts = Array.from({ length: 4100 }, () => '(uid=x)').join('')
    assert.equal((await c.search({ base, filter: `(|${parts})` })).code, 11)
    await c.bind(dnOf('curious'), '')
    c.end()
    const misses = await missesOf('curious')
    const meant = (what: string) => misses.find((miss) => miss.what === what)?.means ?? ''
    assert.match(meant('cn;lang-sv'), /No attribute here has the option lang-sv: let it ask for cn\./)
    assert.match(meant('sambaNTPassword'), /only Samba may read it, with a client of the role samba/)
    assert.match(meant('userPassword'), /Let the service check them by a bind as the person/)
    assert.match(meant('The filter has more than 4096 parts.'), /^The search was refused, and found nothing\./)
    assert.match(meant('no password was sent'), /has no password for it\. Give it one/)
    await removeClient(node.db, me, 'curious')
  })

  it('remembers so much and no more, and one kind does not push out another', async () => {
    const c = await bound('flood')
    await c.search({ base: 'dc=other,dc=lan' })
    for (let at = 0; at < 30; at++)
      await c.search({ base, attributes: Array.from({ length: 20 }, (_, n) => `made-up-${at}-${n}`) })
    await c.search({ base, attributes: ['x'.repeat(5000), 'a\u0000b\u202e\ud800c'] })
    const misses = await missesOf('flood')
    assert.equal(misses.length, 200)
    assert.equal(
      misses.some(({ what }) => what === 'made-up-0-0'),
      false,
      'what was not seen for the longest time went',
    )
    assert.equal(
      misses.some(({ kind }) => kind === 'base'),
      true,
    )
    assert.equal(Math.max(...misses.map(({ what }) => what.length)), 200)
    assert.equal(
      misses.some(({ what }) => what.startsWith('a�b�')),
      true,
    )
    c.end()
  })

  it('is there again after the node was started anew, and goes with the client', async () => {
    const c = await bound('gone')
    await c.search({ base: 'dc=other,dc=lan' })
    await keepClientUses(node.db)
    await removeClient(node.db, me, 'gone')
    await c.search({ base: 'dc=other,dc=lan' })
    c.end()
    const before = new Map(
      await Promise.all((await clientList(node.db)).map(async ({ name }) => [name, await missesOf(name)] as const)),
    )
    const uses = (await clientList(node.db)).map(({ lastUse }) => lastUse)
    await node.stop()
    node = await startMaster(node.dir)
    for (const [name, misses] of before) {
      const byText = (all: typeof misses) => all.map((miss) => JSON.stringify(miss)).sort()
      assert.deepEqual(byText(await missesOf(name)), byText(misses), name)
    }
    assert.deepEqual(
      (await clientList(node.db)).map(({ lastUse }) => lastUse),
      uses,
    )
    const kept: { client_id: string }[] = await node.db.reader('client_misses').distinct('client_id')
    const ids = (await clientList(node.db)).map(({ id }) => id)
    assert.deepEqual(
      kept.filter(({ client_id }) => !ids.includes(client_id)),
      [],
    )
  })

  it('what is forgotten is gone for good; the last use stays', async () => {
    await forgetMisses(node.db, me, 'flood')
    assert.deepEqual(await missesOf('flood'), [])
    assert.notEqual((await clientByName(node.db, 'flood')).client.lastUse, undefined)
    await node.stop()
    node = await startMaster(node.dir)
    assert.deepEqual(await missesOf('flood'), [])
  })

  it('does not travel: a new password moves the feed, what was seen does not', async () => {
    const { seq } = node.db.position
    const c = await bound('wiki')
    await c.search({ base: 'dc=other,dc=lan', controls: controls(asserting('(uid=x)')) })
    await keepClientUses(node.db)
    assert.equal(node.db.position.seq, seq)
    const { password } = await renewClientPassword(node.db, me, 'wiki')
    assert.equal(node.db.position.seq, seq + 1)
    assert.equal(await c.bind(dnOf('wiki'), passwords.wiki ?? ''), 49)
    assert.equal(await c.bind(dnOf('wiki'), password), 0)
    c.end()
  })

  it('people and whoever comes without a name have none', async () => {
    const c = connectTo(node.ports().ldap ?? 0)
    await c.search({ base: 'dc=other,dc=lan', attributes: ['sAMAccountName'] })
    await c.bind('cn=nobody,dc=example,dc=lan', 'x')
    c.end()
    const kinds = (await Promise.all((await clientList(node.db)).map(({ name }) => seen(name)))).flat()
    assert.doesNotMatch(kinds.join('\n'), /unknown name/)
  })
})
