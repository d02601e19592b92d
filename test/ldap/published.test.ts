import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { changeSettings, settings } from '../../server/accounts/settings.ts'
import { setPassword } from '../../server/accounts/users.ts'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { controlOid } from '../../server/ldap/wire/controls.ts'
import { startMaster, type TestNode, until } from '../support/node.ts'
import { aUser as addAUser, me, password } from '../support/people.ts'
import { type Client, connectTo, controls, names, searchRequest } from './client.ts'
import { answered, asserting, cookieOf, paged, sortedBy, viewAt } from './controls.ts'
import { aUser, base, change, groups, ids, type Started, startServer, users, uuid } from './sample.ts'

const frida = `uid=fnystrom,${users}`
const karl = `uid=karl,${users}`
const everybody = ['anna', 'boss', 'fnystrom', 'karl', 'olle'].map((name) => `uid=${name},${users}`)

describe('what people see of each other', () => {
  let server: Started
  let c: Client
  const settle = (publishedFields: string[]): void =>
    server.directory.apply([
      change('settings', uuid(90), { binDays: 30, ownFields: [], invitationHours: 72, publishedFields }),
    ])
  const find = async (filter: string): Promise<string[]> => names(await c.search({ base: users, scope: 'one', filter }))

  before(async () => {
    server = await startServer()
    c = connectTo(server.port)
    assert.equal(await c.bind(frida, 'secret'), 0)
  })
  beforeEach(() => settle(['contact.mail', 'contact.city']))
  after(async () => {
    c.end()
    await server.close()
  })

  it('is nothing while nothing is published', async () => {
    settle([])
    assert.deepEqual(await find('(objectClass=*)'), [frida])
    assert.equal((await c.search({ base: karl, scope: 'base' })).code, 32)
  })

  it('is names and what is published; of oneself, everything', async () => {
    const { entries } = await c.search({ base: users, scope: 'one', attributes: ['*', '+'] })
    assert.deepEqual(entries.map(({ dn }) => dn).sort(), everybody)
    const of = (dn: string) => entries.find((entry) => entry.dn === dn)!.attributes
    assert.deepEqual(Object.keys(of(karl)).sort(), [
      'cn',
      'displayName',
      'entryDN',
      'entryUUID',
      'givenName',
      'l',
      'mail',
      'objectClass',
      'sn',
      'structuralObjectClass',
      'uid',
    ])
    assert.deepEqual([of(karl).l, of(karl).mail], [['Lund'], ['Karl.Berg@example.lan']])
    assert.deepEqual([of(frida).title, of(frida).uidNumber], [['Head of Sales'], ['2000']])
    const asked = await c.search({ base: karl, scope: 'base', attributes: ['uidNumber', 'memberOf', 'l'] })
    assert.deepEqual(asked.entries[0]!.attributes, { l: ['Lund'] })
  })

  it('is people only: groups and LDAP clients stay unseen', async () => {
    const { entries } = await c.search({ base })
    const leaves = entries.map(({ dn }) => dn).filter((dn) => !dn.startsWith('ou=') && dn !== base)
    assert.deepEqual(leaves.sort(), everybody)
    assert.equal((await c.search({ base: `cn=sales,${groups}`, scope: 'base' })).code, 32)
  })

  it('others are found by what is published, and by nothing else', async () => {
    assert.deepEqual(await find('(mail=karl.berg@example.lan)'), [karl])
    assert.deepEqual(await find('(l=*)'), [frida, karl])
    assert.deepEqual(await find('(cn=karl*)'), [karl])
    for (const filter of ['(uidNumber=2001)', '(uidNumber>=2001)', '(title=*)', '(memberOf=*)', '(userPassword=*)'])
      assert.deepEqual(
        (await find(filter)).filter((dn) => dn !== frida),
        [],
        filter,
      )
    for (const filter of ['(!(uidNumber=1))', '(!(title=x))', '(!(loginShell=x))', '(|(uid=zz)(!(memberOf=x)))'])
      assert.deepEqual(
        (await find(filter)).filter((dn) => dn !== frida),
        [],
        filter,
      )
    assert.deepEqual(await find('(uidNumber=2000)'), [frida], 'the own entry is found by all of its own')
  })

  it('compares and assertions about others know what is published only', async () => {
    assert.equal(await c.compare(karl, 'l', 'lund'), 6)
    assert.equal(await c.compare(karl, 'uidNumber', '2001'), 16)
    assert.equal(await c.compare(karl, 'userPassword', 'hash:secret'), 16)
    assert.equal(await c.compare(frida, 'uidNumber', '2000'), 6)
    const assert_ = async (dn: string, filter: string) =>
      (await c.search({ base: dn, scope: 'base', controls: controls(asserting(filter)) })).code
    assert.equal(await assert_(karl, '(l=lund)'), 0)
    assert.equal(await assert_(karl, '(uidNumber=2001)'), 122)
    assert.equal(await assert_(karl, '(!(uidNumber=1))'), 122)
  })

  it('a list of people is sorted by what is published only', async () => {
    const by = async (attribute: string, critical = true) =>
      c.search({ base: users, scope: 'one', controls: controls(sortedBy(attribute, critical)) })
    assert.deepEqual(
      (await by('sn')).entries.map(({ dn }) => dn.slice(4, 8)),
      ['karl', 'boss', 'olle', 'fnys', 'anna'],
    )
    assert.equal((await by('uidNumber')).code, 12)
    assert.equal((await by('title')).code, 12)
  })

  it('an attribute that was made in the pages is published like any other', async () => {
    const fields = [
      { name: 'badge', label: 'Badge', type: 'text' as const, attribute: 'exampleBadge' },
      { name: 'secret', label: 'Secret', type: 'text' as const, attribute: 'exampleSecret' },
    ]
    const own = { title: 'Desk', summary: '', objectClass: 'exampleDesk', fields }
    server.directory.apply([
      change('extension', uuid(91), { name: 'desk', on: true, own }),
      change(
        'user',
        uuid(92),
        aUser({ username: 'desk', uidNumber: 2050, extensions: { desk: { badge: 'MA1', secret: 'x' } } }),
      ),
    ])
    settle(['desk.badge'])
    const dn = `uid=desk,${users}`
    const { entries } = await c.search({ base: dn, scope: 'base' })
    assert.deepEqual([entries[0]!.attributes.exampleBadge, entries[0]!.attributes.exampleSecret], [['MA1'], undefined])
    assert.deepEqual(await find('(exampleBadge=ma1)'), [dn])
    assert.deepEqual(await find('(exampleSecret=x)'), [])
    server.directory.apply([change('extension', uuid(91), { name: 'desk', on: false, own })])
    assert.deepEqual((await c.search({ base: dn, scope: 'base' })).entries[0]!.attributes.exampleBadge, undefined)
    server.directory.apply([change('extension', uuid(91), undefined), change('user', uuid(92), undefined)])
  })

  it('is nothing again at once when it is turned off, also for who is bound', async () => {
    assert.deepEqual(await find('(objectClass=*)'), everybody)
    settle([])
    assert.deepEqual(await find('(objectClass=*)'), [frida])
    assert.equal((await c.search({ base: karl, scope: 'base' })).code, 32)
    assert.equal(await c.compare(karl, 'l', 'lund'), 32)
  })

  it('a paged search that is under way ends when something else is published', async () => {
    for (const later of [[], ['contact.mail']]) {
      settle(['contact.mail', 'contact.city'])
      const first = await c.search({ base: users, scope: 'one', controls: controls(paged(2)) })
      assert.equal(first.entries.length, 2)
      settle(later)
      const next = await c.search({ base: users, scope: 'one', controls: controls(paged(2, cookieOf(first))) })
      assert.deepEqual([next.code, next.entries.length], [53, 0])
    }
  })

  it('so does a list that is looked at through a window', async () => {
    const look = (context?: Buffer) => {
      const [oid, isCritical, value] = viewAt('berg')
      const asked = context ? tlv(0x30, value.subarray(2), tlv(0x04, context)) : value
      const view: Parameters<typeof controls>[0] = [oid, isCritical, asked]
      return c.search({ base: users, scope: 'one', attributes: ['*'], controls: controls(sortedBy('sn'), view) })
    }
    const first = await look()
    assert.deepEqual(names(first), [karl])
    const [context] = /.{12}$/s.exec(answered(first, controlOid.listViewResponse)?.toString('latin1') ?? '') ?? []
    settle([])
    const next = await look(Buffer.from(context ?? '', 'latin1'))
    assert.deepEqual(
      names(next).filter((dn) => dn !== frida),
      [],
    )
  })

  it('administrators and clients see what their role allows, whatever is published', async () => {
    const auth = connectTo(server.port)
    assert.equal(await auth.bind(`cn=finder,ou=Internal,${base}`, 'finder'), 0)
    assert.deepEqual(names(await auth.search({ base: users, scope: 'one', filter: '(l=lund)' })), [])
    const boss = connectTo(server.port)
    assert.equal(await boss.bind(`uid=boss,${users}`, 'secret'), 0)
    assert.deepEqual(names(await boss.search({ base, filter: '(uidNumber=2001)' })), [karl])
    auth.end()
    boss.end()
    server.directory.apply([change('user', ids.karl, undefined)])
    assert.deepEqual(await find('(l=lund)'), [])
  })
})

describe('what is published, settled on a node', () => {
  let node: TestNode
  let c: Client
  const dnOf = (name: string) => `uid=${name},${users}`
  before(async () => {
    node = await startMaster()
    for (const [username, city] of [
      ['anna', 'Malmö'],
      ['bert', 'Lund'],
    ] as const) {
      const { id } = await addAUser(node.db, { username, extensions: { contact: { city } } })
      await setPassword(node.db, me, id, password, { mustChange: false })
    }
    c = connectTo(node.ports().ldap ?? 0)
    assert.equal(await c.bind(dnOf('anna'), password), 0)
  })
  after(async () => {
    c.end()
    await node.close()
  })

  it('holds from the moment at which it is settled, on connections that are there', async () => {
    assert.deepEqual((await settings(node.db)).publishedFields, [])
    assert.deepEqual(names(await c.search({ base, filter: '(l=*)' })), [dnOf('anna')])
    await changeSettings(node.db, me, { publishedFields: ['contact.city'] })
    assert.deepEqual(names(await c.search({ base, filter: '(l=*)' })), [dnOf('anna'), dnOf('bert')])
    await changeSettings(node.db, me, { publishedFields: [] })
    assert.deepEqual(names(await c.search({ base, filter: '(l=*)' })), [dnOf('anna')])
  })

  it('a search that stays open tells nothing more of others once it is turned off', async () => {
    await changeSettings(node.db, me, { publishedFields: ['contact.city'] })
    const persist = tlv(0x30, integerTlv(3, 0x0a))
    const watching = connectTo(node.ports().ldap ?? 0)
    assert.equal(await watching.bind(dnOf('anna'), password), 0)
    let told = ''
    watching.socket.on('data', (chunk: Buffer) => {
      told += chunk.toString('latin1')
    })
    let code: number | undefined
    void watching
      .request(
        searchRequest({ base: users, scope: 'one', attributes: ['uid', 'l'] }),
        controls([controlOid.syncRequest, true, persist]),
      )
      .then((answer) => {
        code = answer.code
      })
    await addAUser(node.db, { username: 'seen-one' })
    await until(() => told.includes('seen-one'))
    await changeSettings(node.db, me, { publishedFields: [] })
    await addAUser(node.db, { username: 'hidden-one' })
    await until(() => code !== undefined || told.includes('hidden-one'))
    assert.equal(code, 4096)
    assert.doesNotMatch(told, /hidden-one/)
    watching.end()
  })
})
