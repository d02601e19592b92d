import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { tlv } from '../../server/ldap/wire/ber.ts'
import { type Client, connectTo, controls, message, names, searchRequest } from './client.ts'
import {
  aDirectory,
  aUser,
  base,
  change,
  groups,
  ids,
  organisation,
  reader,
  type Started,
  startServer,
  users,
  uuid,
} from './sample.ts'

const frida = `uid=fnystrom,${users}`
const karl = `uid=karl,${users}`
const people = ['anna', 'boss', 'fnystrom', 'karl', 'olle'].map((name) => `uid=${name},${users}`)

describe('search', () => {
  let server: Started
  let c: Client
  before(async () => {
    server = await startServer()
    c = connectTo(server.port)
    assert.equal(await c.bind(reader, 'reader'), 0)
  })
  after(async () => {
    c.end()
    await server.close()
  })

  const filters: [string, string[]][] = [
    ['(uid=karl)', ['karl']],
    ['(UID=KARL)', ['karl']],
    ['(0.9.2342.19200300.100.1.1=karl)', ['karl']],
    ['(userid=karl)', ['karl']],
    ['(cn=frida  NYSTRÖM)', ['fnystrom']],
    ['(cn~=karl berg)', ['karl']],
    ['(name=ek)', ['olle']],
    ['(cn=k*)', ['karl']],
    ['(cn=*berg)', ['karl']],
    ['(cn=*r*g)', ['karl']],
    ['(cn=*berg*berg*)', []],
    ['(cn=k*rl*b*g)', ['karl']],
    ['(mail=*@example.lan)', ['fnystrom', 'karl']],
    ['(mail=KARL.berg@EXAMPLE.lan)', ['karl']],
    ['(telephoneNumber=+4640-5557260)', ['fnystrom']],
    ['(telephoneNumber=*555 72*)', ['fnystrom']],
    ['(uidNumber>=2002)', ['anna', 'boss', 'olle']],
    ['(uidNumber<=2001)', ['fnystrom', 'karl']],
    ['(uidNumber=02001)', []],
    ['(!(uidNumber=02001))', []],
    ['(&(uid=*)(!(mail=å*)))', []],
    ['(&(uid=*)(!(telephoneNumber=å)))', []],
    ['(&(uid=*)(!(objectClass= top)))', []],
    ['(structuralObjectClass=2.16.840.1.113730.3.2.2)', ['anna', 'boss', 'fnystrom', 'karl', 'olle']],
    ['(!(structuralObjectClass=nonsense))', []],
    ['(cn= karl*berg )', ['karl']],
    ['(cn=karl*berg* )', ['karl']],
    ['(telephoneNumber=* *)', []],
    ['(uidNumber=abc)', []],
    ['(!(uidNumber=abc))', []],
    ['(loginShell=/bin/bash)', ['fnystrom']],
    ['(loginShell=/BIN/BASH)', []],
    ['(loginShell=/bin*)', []],
    ['(cn>=a)', []],
    ['(title=*)', ['fnystrom']],
    ['(&(objectClass=posixAccount)(!(title=*)))', ['anna', 'boss', 'karl', 'olle']],
    ['(&(objectClass=posixAccount)(!(title=head of sales)))', ['anna', 'boss', 'karl', 'olle']],
    ['(nonsense=x)', []],
    ['(!(nonsense=x))', []],
    ['(|(nonsense=x)(uid=karl))', ['karl']],
    ['(&(nonsense=x)(uid=karl))', []],
    ['(&(!(nonsense=x))(uid=karl))', []],
    ['(cn;lang-sv=karl berg)', []],
    ['(&(uid=karl)(!(cn;lang-sv=karl berg)))', ['karl']],
    ['(&(uid=karl)(!(cn;lang-sv>=karl berg)))', []],
    ['(&(uid=karl)(!(cn;x-other=karl berg)))', []],
    ['(uidNumber:integerOrderingMatch:=2002)', ['fnystrom', 'karl']],
    ['(&(uid=karl)(!(cn:caseIgnoreIA5Match:=x)))', []],
    ['(&(uid=karl)(!(cn:caseIgnoreSubstringsMatch:=x)))', []],
    ['(&(uid=karl)(!(cn:caseExactMatch:=karl berg)))', ['karl']],
    ['(&(uid=*)(|(uid=karl)(uid=anna)(uid=zzz)))', ['anna', 'karl']],
    ['(&(uid=karl)(&))', ['karl']],
    ['(|)', []],
    ['(objectClass=inetorgperson)', ['anna', 'boss', 'fnystrom', 'karl', 'olle']],
    ['(objectClass=2.5.6.6)', ['anna', 'boss', 'fnystrom', 'karl', 'olle']],
    ['(objectClass=nonsense)', []],
    [`(memberOf=cn=sales,${groups})`, ['fnystrom', 'karl']],
    [`(memberOf=CN=Sales, ${groups.toUpperCase()})`, ['fnystrom', 'karl']],
    [`(&(uid=karl)(memberOf=cn=engineers,${groups}))`, ['karl']],
    [`(&(uid=anna)(memberOf=cn=engineers,${groups}))`, []],
    [`(memberOf=cn=ftp_plugin,${groups})`, ['fnystrom', 'karl']],
    [`(memberOf=cn=smtp_plugin,${groups})`, []],
    [`(entryUUID=${ids.karl})`, ['karl']],
    [`(entryDN=${karl.toUpperCase()})`, ['karl']],
    ['(&(uid=*)(modifyTimestamp>=20260504080000Z))', ['anna', 'boss', 'fnystrom', 'karl', 'olle']],
    ['(&(uid=*)(modifyTimestamp>=20260504110000+0200))', []],
    ['(&(uid=*)(modifyTimestamp>=20260504100000+0200))', ['anna', 'boss', 'fnystrom', 'karl', 'olle']],
    ['(&(uid=*)(createTimestamp<=20260101000000Z))', []],
    ['(&(uid=*)(createTimestamp<=20271231235960Z))', ['anna', 'boss', 'fnystrom', 'karl', 'olle']],
    ['(&(uid=*)(createTimestamp<=20280229000000Z))', ['anna', 'boss', 'fnystrom', 'karl', 'olle']],
    ['(&(uid=*)(createTimestamp>=00500101000000Z))', ['anna', 'boss', 'fnystrom', 'karl', 'olle']],
    // No such month, day, hour, minute, second or offset.
    ...['20271301', '20270001', '20270230', '20270229', '20270100', '20270132'].map((day): [string, string[]] => [
      `(|(createTimestamp<=${day}000000Z)(createTimestamp>=${day}000000Z)(!(createTimestamp=${day}000000Z)))`,
      [],
    ]),
    ...['240000Z', '236000Z', '235961Z', '000000+2400', '000000+0060'].map((time): [string, string[]] => [
      `(|(createTimestamp<=20270101${time})(!(createTimestamp>=20270101${time})))`,
      [],
    ]),
    ['(&(uid=*)(hasSubordinates=FALSE))', ['anna', 'boss', 'fnystrom', 'karl', 'olle']],
    ['(shadowExpire=1)', ['anna']],
    ['(gecos=anna akesson)', ['anna']],
    ['(cn=\\00)', []],
    ['(cn=)', []],
    ['(facsimileTelephoneNumber=1)', []],
  ]
  for (const [filter, expected] of filters) {
    it(`${filter} finds ${expected.join(' ') || 'nobody'}`, async () => {
      const found = await c.search({ base, filter })
      assert.equal(found.code, 0)
      assert.deepEqual(
        names(found),
        expected.map((name) => `uid=${name},${users}`),
      )
    })
  }

  const groupFilters: [string, string[]][] = [
    ['(objectClass=posixGroup)', ['allusers', 'empty', 'engineers', 'ftp_plugin', 'sales']],
    ['(&(objectClass=posixGroup)(memberUid=karl))', ['allusers', 'engineers', 'ftp_plugin', 'sales']],
    ['(memberUid=OLLE)', ['allusers']],
    ['(memberUid=ka*)', ['allusers', 'engineers', 'ftp_plugin', 'sales']],
    [`(member=${karl})`, ['allusers', 'engineers', 'ftp_plugin', 'sales']],
    ['(member=uid=nobody,dc=example,dc=lan)', []],
    ['(&(objectClass=posixGroup)(!(member=*)))', ['empty']],
    [`(&(objectClass=posixGroup)(!(memberUid=karl)))`, ['empty']],
    ['(&(objectClass=posixGroup)(|(memberUid=anna)(gidNumber=60001)))', ['allusers', 'engineers']],
    ['(&(gidNumber=63000)(objectClass=posixGroup))', ['allusers']],
    ['(distinguishedName=cn=sales)', []],
  ]
  for (const [filter, expected] of groupFilters) {
    it(`${filter} finds ${expected.join(' ') || 'no group'}`, async () => {
      assert.deepEqual(
        names(await c.search({ base: groups, scope: 'one', filter })),
        expected.map((name) => `cn=${name},${groups}`),
      )
    })
  }

  it('reaches as far as its scope', async () => {
    assert.deepEqual(names(await c.search({ base: users, scope: 'base' })), [users])
    assert.deepEqual(names(await c.search({ base: users, scope: 'one' })), people)
    assert.deepEqual(names(await c.search({ base: users, scope: 'sub' })), [users, ...people].sort())
    assert.deepEqual(names(await c.search({ base: users, scope: 'children' })), people)
    assert.deepEqual(names(await c.search({ base: karl, scope: 'sub' })), [karl])
    assert.deepEqual(names(await c.search({ base: karl, scope: 'one' })), [])
    assert.deepEqual(names(await c.search({ base: groups, scope: 'sub', filter: '(uid=karl)' })), [])
    assert.equal((await c.search({ base })).entries.length, server.directory.size)
    assert.deepEqual(names(await c.search({ base, scope: 'one' })), [
      `ou=Accounts,${base}`,
      `ou=Idmap,${base}`,
      `ou=Internal,${base}`,
    ])
  })

  it('gives parents before their children', async () => {
    const { entries } = await c.search({ base })
    const seen = new Set<string>(['dc=lan'])
    for (const { dn } of entries) {
      assert.ok(seen.has(dn.slice(dn.indexOf(',') + 1)), dn)
      seen.add(dn)
    }
  })

  it('an entry says what DESIGN promises of a user', async () => {
    const { entries } = await c.search({ base: frida, scope: 'base' })
    assert.deepEqual(entries[0]!.attributes, {
      objectClass: ['top', 'person', 'organizationalPerson', 'inetOrgPerson', 'posixAccount', 'shadowAccount'],
      uid: ['fnystrom'],
      cn: ['Frida Nyström'],
      sn: ['Nyström'],
      givenName: ['Frida'],
      displayName: ['Frida Nyström'],
      uidNumber: ['2000'],
      gidNumber: ['63000'],
      homeDirectory: ['/srv/frida'],
      loginShell: ['/bin/bash'],
      gecos: ['Frida Nystrom'],
      shadowLastChange: ['20577'],
      mail: ['frida@example.lan'],
      telephoneNumber: ['+46 40 555 7260'],
      l: ['Malmö'],
      title: ['Head of Sales'],
      memberOf: ['allusers', 'sales', 'ftp_plugin'].map((name) => `cn=${name},${groups}`),
    })
  })

  const selections: [string[], string[]][] = [
    [['1.1'], []],
    [['cn'], ['cn']],
    [['CN', 'commonname', '2.5.4.3'], ['cn']],
    [['UIDNUMBER', 'nonsense'], ['uidNumber']],
    [['name'], ['cn', 'sn', 'givenName', 'title', 'l']],
    [['memberof'], ['memberOf']],
    [
      ['+'],
      [
        'structuralObjectClass',
        'subschemaSubentry',
        'hasSubordinates',
        'entryUUID',
        'createTimestamp',
        'modifyTimestamp',
        'entryDN',
      ],
    ],
    [['1.1', 'sn'], ['sn']],
    [['cn sn'], []],
    [[''], []],
    [['userPassword'], []],
    [['cn;binary'], []],
  ]
  for (const [attributes, expected] of selections) {
    it(`asked for ${attributes.join(' ')}, it returns ${expected.join(' ') || 'the name only'}`, async () => {
      for (const typesOnly of [false, true]) {
        const { entries } = await c.search({ base: frida, scope: 'base', attributes, typesOnly })
        const got = entries[0]!.attributes
        assert.deepEqual(Object.keys(got).sort(), [...expected].sort())
        for (const values of Object.values(got)) assert.equal(values.length > 0, !typesOnly)
      }
    })
  }

  it('names the nearest entry above one that does not exist', async () => {
    const missing: [string, string][] = [
      [`uid=nobody,${users}`, users],
      [`cn=x,cn=y,${users}`, users],
      [`cn=x,${karl}`, karl],
      [`ou=Nowhere,${base}`, base],
      ['dc=other', ''],
      ['dc=lan', ''],
      ['', ''],
    ]
    for (const [dn, matched] of missing) {
      const answer = await c.search({ base: dn, scope: 'sub' })
      assert.deepEqual([answer.code, answer.matchedDn], [32, matched], dn)
    }
  })

  it('a base that is no DN is 34', async () => {
    for (const dn of ['nonsense', ' ', 'uid="karl', 'cn=#0403666f6f x', `cn=${'a'.repeat(100_000)}`]) {
      assert.equal((await c.search({ base: dn })).code, 34)
    }
  })

  it('keeps to the size limit', async () => {
    const cut = await c.search({ base: users, scope: 'one', sizeLimit: 2 })
    assert.deepEqual([cut.code, cut.entries.length], [4, 2])
    const exact = await c.search({ base: users, scope: 'one', sizeLimit: 5 })
    assert.deepEqual([exact.code, exact.entries.length], [0, 5])
  })

  it('refuses what is critical and unknown, ignores what is unknown and not critical', async () => {
    const proxied: [string, boolean, Buffer] = ['2.16.840.1.113730.3.4.18', true, Buffer.from('u:karl')]
    assert.equal((await c.search({ base, controls: controls(proxied) })).code, 12)
    assert.equal((await c.search({ base, controls: controls([proxied[0], false, proxied[2]]) })).code, 0)
    // Known, but not for a search.
    assert.equal((await c.search({ base, controls: controls(['1.3.6.1.1.13.1', true, tlv(0x30)]) })).code, 12)
    assert.equal((await c.search({ base, controls: controls(['1.3.6.1.1.13.1', false, tlv(0x30)]) })).code, 0)
    assert.equal((await c.search({ base, controls: controls(['1.3.6.1.4.1.42.2.27.8.5.1', false]) })).code, 0)
    assert.equal((await c.search({ base, controls: controls(['2.16.840.1.113730.3.4.2', true]) })).code, 0)
  })

  it('an OR of thousands of names finds what it should, and one of too many is refused with 11', async () => {
    const wide = (count: number): string =>
      `(&(objectClass=posixAccount)(|${Array.from({ length: count }, (_, i) => `(uid=user${i})`).join('')}(uid=karl)))`
    assert.deepEqual(names(await c.search({ base, filter: wide(4000) })), [karl])
    const refused = await c.search({ base, filter: wide(5000) })
    assert.equal(refused.code, 11)
    assert.match(refused.message, /more than 4096/)
  })

  it('a filter nested too deeply is 11', async () => {
    assert.equal((await c.search({ base, filter: `${'(!'.repeat(21)}(cn=a)${')'.repeat(21)}` })).code, 11)
  })

  it('extensible matches are answered where they can be, and are no error where not', async () => {
    const match = (...parts: Buffer[]): Buffer => {
      const plain = searchRequest({ base, filter: '(cn=x)' }).subarray(2)
      const at = plain.indexOf(Buffer.of(0xa3))
      const filter = tlv(0xa9, ...parts)
      return tlv(0x63, plain.subarray(0, at), filter, plain.subarray(at + 2 + plain[at + 1]!))
    }
    const find = async (...parts: Buffer[]): Promise<string[]> => {
      const answer = await c.request(match(...parts))
      assert.equal(answer.code, 0)
      return names(answer)
    }
    assert.deepEqual(await find(tlv(0x82, 'uid'), tlv(0x83, 'KARL')), [karl])
    assert.deepEqual(await find(tlv(0x81, 'caseExactMatch'), tlv(0x82, 'uid'), tlv(0x83, 'KARL')), [])
    assert.deepEqual(await find(tlv(0x81, '2.5.13.5'), tlv(0x82, 'uid'), tlv(0x83, 'karl')), [karl])
    assert.deepEqual(await find(tlv(0x81, '1.2.3.4'), tlv(0x82, 'uid'), tlv(0x83, 'karl')), [])
    // A rule without an attribute is asked of every attribute that it is for: memberUid among them.
    const named = await find(tlv(0x81, 'caseIgnoreMatch'), tlv(0x83, 'KARL'))
    assert.ok(named.includes(karl))
    assert.ok(named.every((dn) => dn === karl || dn.startsWith('cn=')))
    assert.deepEqual(await find(tlv(0x81, 'integerBitAndMatch'), tlv(0x82, 'uid'), tlv(0x83, '1')), [])
    const inUsers = await find(tlv(0x82, 'ou'), tlv(0x83, 'users'), tlv(0x84, Buffer.of(0xff)))
    assert.deepEqual(inUsers, [users, ...people].sort())
  })

  it('is cancelled by abandon, and the connection goes on', async () => {
    const many = aDirectory([
      ...organisation(),
      ...Array.from({ length: 3000 }, (_, i) =>
        change('user', uuid(5000 + i), aUser({ username: `u${i}`, uidNumber: 5000 + i, first: 'x'.repeat(100) })),
      ),
    ])
    const own = await startServer({ directory: many })
    const d = connectTo(own.port)
    await d.bind(reader, 'reader')
    d.socket.pause()
    d.send(message(500, searchRequest({ base })))
    for (let i = 0; i < 30; i++) d.send(message(501 + i, searchRequest({ base })))
    await new Promise((resolve) => setTimeout(resolve, 100))
    for (let i = 0; i < 31; i++) d.send(message(700 + i, tlv(0x50, Buffer.of((500 + i) >> 8, (500 + i) & 0xff))))
    let received = 0
    d.socket.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    d.socket.resume()
    const after = await d.search({ base: '', scope: 'base' })
    assert.equal(after.entries.length, 1)
    assert.ok(received < 20e6, `${received} bytes came although all was abandoned`)
    d.end()
    await own.close()
  })

  it('stops at its time limit', async () => {
    const many = aDirectory([
      ...organisation(),
      ...Array.from({ length: 2000 }, (_, i) =>
        change('user', uuid(5000 + i), aUser({ username: `u${i}`, uidNumber: 5000 + i })),
      ),
    ])
    const own = await startServer({ directory: many })
    const d = connectTo(own.port)
    await d.bind(reader, 'reader')
    const slow = `(&${Array.from({ length: 4000 }, (_, i) => `(!(cn=*${i}*))`)
      .slice(0, 2000)
      .join('')})`
    const answers = await Promise.all([d.search({ base, filter: slow, timeLimit: 1 }), own.directory.size])
    assert.equal(answers[0].code, 3)
    d.end()
    await own.close()
  })
})

describe('compare', () => {
  let server: Started
  let c: Client
  before(async () => {
    server = await startServer()
    c = connectTo(server.port)
    await c.bind(reader, 'reader')
  })
  after(async () => {
    c.end()
    await server.close()
  })

  const rows: [string, string, string, number][] = [
    [karl, 'cn', 'KARL  berg', 6],
    [karl, 'cn', 'other', 5],
    [karl, 'sn', 'berg', 6],
    [karl, 'uidNumber', '2001', 6],
    [karl, 'uidNumber', 'x', 21],
    [karl, 'title', 'x', 16],
    [karl, 'nonsense', 'x', 17],
    [karl, 'userPassword', 'secret', 16],
    [karl, 'memberOf', `cn=sales,${groups}`, 6],
    [karl, 'memberOf', `cn=empty,${groups}`, 5],
    [`cn=sales,${groups}`, 'memberUid', 'karl', 6],
    [`cn=sales,${groups}`, 'memberUid', 'anna', 5],
    [`cn=sales,${groups}`, 'member', karl, 6],
    [karl, 'objectClass', 'person', 6],
    [karl, 'objectClass', 'posixGroup', 5],
    [`uid=nobody,${users}`, 'cn', 'x', 32],
    ['nonsense', 'cn', 'x', 34],
    ['', 'supportedLDAPVersion', '3', 6],
  ]
  for (const [dn, attribute, value, code] of rows) {
    it(`${attribute}=${value} in “${dn}” is ${code}`, async () =>
      assert.equal(await c.compare(dn, attribute, value), code))
  }
})

describe('what can be read of the server itself', () => {
  it('root DSE and schema are open to everyone', async () => {
    const server = await startServer()
    const c = connectTo(server.port)
    const root = await c.search({ base: '', scope: 'base', attributes: ['+'] })
    const { attributes } = root.entries[0]!
    assert.deepEqual(attributes.namingContexts, [base])
    assert.deepEqual(attributes.supportedLDAPVersion, ['3'])
    assert.deepEqual(attributes.supportedExtension, [
      '1.3.6.1.4.1.4203.1.11.3',
      '1.3.6.1.4.1.4203.1.11.1',
      '1.3.6.1.1.8',
    ])
    assert.equal(attributes.supportedSASLMechanisms, undefined)
    assert.deepEqual(attributes.subschemaSubentry, ['cn=Subschema'])
    assert.deepEqual(attributes.vendorName, ['Account Synchronization'])
    const schema = await c.search({
      base: 'CN=subschema',
      scope: 'base',
      filter: '(objectClass=subschema)',
      attributes: ['*', '+'],
    })
    const text = schema.entries[0]!.attributes
    assert.equal(
      text.attributeTypes!.some((each) => each.startsWith("( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name")),
      true,
    )
    assert.equal(
      text.objectClasses!.some((each) => each.startsWith("( 1.3.6.1.1.1.2.0 NAME 'posixAccount' SUP top AUXILIARY")),
      true,
    )
    c.end()
    await server.close()
  })

  it('the schema knows every name it uses', async () => {
    const server = await startServer()
    const c = connectTo(server.port)
    const schema = await c.search({ base: 'cn=Subschema', scope: 'base', attributes: ['+'] })
    const { attributeTypes, objectClasses, matchingRules, ldapSyntaxes } = schema.entries[0]!.attributes
    const namesIn = (list: string[]): string[] =>
      list.flatMap((each) =>
        [.../ NAME (?:'([^']+)'|\( ([^)]+) \))/.exec(each)!.slice(1)]
          .join(' ')
          .replaceAll("'", ' ')
          .trim()
          .split(/\s+/),
      )
    const attributes = new Set(namesIn(attributeTypes!).map((name) => name.toLowerCase()))
    const rules = new Set(namesIn(matchingRules!))
    const classes = new Set(namesIn(objectClasses!))
    const syntaxes = new Set(ldapSyntaxes!.map((each) => each.split(' ')[1]))
    for (const each of attributeTypes!) {
      for (const [, rule] of each.matchAll(/(?:EQUALITY|ORDERING|SUBSTR) (\S+)/g)) assert.ok(rules.has(rule!), rule)
      for (const [, syntax] of each.matchAll(/SYNTAX (\S+)/g)) assert.ok(syntaxes.has(syntax), syntax)
    }
    for (const each of objectClasses!) {
      for (const [, list] of each.matchAll(/(?:MUST|MAY) (\([^)]+\)|\S+)/g)) {
        for (const name of list!.replace(/[()$]/g, ' ').trim().split(/\s+/))
          assert.ok(attributes.has(name.toLowerCase()), name)
      }
      for (const [, sup] of each.matchAll(/SUP (\S+)/g)) assert.ok(classes.has(sup!), sup)
    }
    c.end()
    await server.close()
  })
})
