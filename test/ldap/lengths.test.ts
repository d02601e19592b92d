import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { addGroup } from '../../server/accounts/groups.ts'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { until } from '../support/node.ts'
import { aUser as addSomebody, me, password } from '../support/people.ts'
import { type Answer, type Client, connectTo, controls, encodeFilter, message, searchRequest } from './client.ts'
import { type LdapNode, startLdapNode } from './node.ts'
import { base, groups, reader, type Started, startServer, users } from './sample.ts'
import { encodeWish, type Modification } from './wishes.ts'

// Requests that are long, or many at once: refused or answered soon, and others are answered meanwhile. Times are generous.

const persist = controls(['1.3.6.1.4.1.4203.1.9.1.1', true, tlv(0x30, integerTlv(3, 0x0a))])
const within = <T>(ms: number, what: Promise<T>): Promise<T | 'too late'> =>
  Promise.race([what, sleep(ms, 'too late' as const, { ref: false })])

describe('searches that stay open', () => {
  let node: LdapNode
  before(async () => {
    node = await startLdapNode({ limits: { maxSyncs: 6 } })
    for (const username of ['anna', 'berit', 'carla']) await addSomebody(node.db, { username })
  })
  after(() => node.close())
  const followers = (): number => node.server.directory.followers
  const open = (client: Client, id: number): void => client.send(message(id, searchRequest({ base }), persist))

  it('are few on one connection, few in all, and gone with their connections', async () => {
    const one = await node.reader()
    const codes = Array.from({ length: 1000 }, () =>
      within(3000, one.request(searchRequest({ base, filter: '(uid=anna)' }), persist)),
    )
    // Whoever is refused is answered; the others stay open.
    await until(() => followers() === 4)
    const other = await node.reader()
    for (let id = 1; id <= 4; id++) open(other, id)
    await until(() => followers() === 6)
    assert.equal(await other.whoAmI().then((name) => name.startsWith('dn:')), true)
    const late = (await node.reader()).request(searchRequest({ base }), persist)
    assert.equal((await late).code, 51)
    one.end()
    other.end()
    await until(() => followers() === 0)
    const settled = await Promise.all(codes)
    assert.equal(settled.filter((each) => (each as Answer).code === 51).length, 996)
  })

  it('keep their messageID to themselves', async () => {
    const c = await node.reader()
    open(c, 7)
    await until(() => followers() === 1)
    open(c, 7)
    assert.match((await c.closed) ?? '', /^2 .*still open/)
    await until(() => followers() === 0)
  })
})

describe('requests of great length', () => {
  let server: Started
  before(async () => {
    server = await startServer()
  })
  after(() => server.close())

  const ask = async (request: Buffer, dn = reader, secret = 'reader', more?: Buffer): Promise<Answer | 'too late'> => {
    const c = connectTo(server.port)
    await c.bind(dn, secret)
    const answer = await within(8000, c.request(request, more))
    c.end()
    return answer
  }
  const codeOf = (answer: Answer | 'too late'): number | 'too late' => (answer === 'too late' ? answer : answer.code)
  const many = (count: number, bytes: (i: number) => Buffer): Buffer =>
    Buffer.concat(Array.from({ length: count }, (_, i) => bytes(i)))
  const searchFor = (filter: Buffer, attributes: Buffer = Buffer.alloc(0), at = base): Buffer =>
    tlv(
      0x63,
      tlv(0x04, at),
      ...[at === '' ? 0 : 2, 0].map((value) => integerTlv(value, 0x0a)),
      integerTlv(0),
      integerTlv(0),
      Buffer.of(1, 1, 0),
      filter,
      tlv(0x30, attributes),
    )

  const rows: [what: string, request: Buffer, expected: number][] = [
    ['a number of 200,000 zeros', searchFor(encodeFilter(`(uidNumber=${'0'.repeat(200_000)}x)`)), 0],
    [
      'a number of 200,000 digits for bits',
      searchFor(encodeFilter(`(uidNumber:1.2.840.113556.1.4.803:=${'9'.repeat(200_000)})`)),
      0,
    ],
    [
      '80,000 pieces of a substring',
      searchFor(
        tlv(
          0xa4,
          tlv(0x04, 'cn'),
          tlv(
            0x30,
            many(80_000, () => Buffer.of(0x81, 1, 0x61)),
          ),
        ),
      ),
      11,
    ],
    [
      '100 questions to every attribute',
      searchFor(
        tlv(
          0xa1,
          many(100, () => encodeFilter('(:caseIgnoreMatch:=x)')),
        ),
      ),
      11,
    ],
    [
      'text that folding makes eighteen times as long',
      searchFor(encodeFilter(`(cn=${'\ufdfa'.repeat(1_200_000)})`)),
      11,
    ],
    [
      '4,000 DNs of 500 bytes',
      searchFor(
        tlv(
          0xa1,
          many(4000, (i) => encodeFilter(`(seeAlso=${`cn=a${i},`.repeat(70)}dc=x)`)),
        ),
      ),
      11,
    ],
    [
      '300,000 times the same class among the attributes',
      searchFor(
        encodeFilter('(uid=karl)'),
        many(250_000, () => tlv(0x04, '@inetOrgPerson')),
      ),
      0,
    ],
    [
      '300,000 attributes',
      searchFor(
        encodeFilter('(uid=karl)'),
        many(300_000, (i) => tlv(0x04, `a${i}`)),
      ),
      11,
    ],
    [
      'a compare with 3 MB',
      tlv(0x6e, tlv(0x04, `uid=karl,${users}`), tlv(0x30, tlv(0x04, 'cn'), tlv(0x04, '\ufdfa'.repeat(1_000_000)))),
      5,
    ],
  ]
  for (const [what, request, expected] of rows)
    it(`${what}: ${expected}, and soon`, async () => assert.equal(codeOf(await ask(request)), expected))

  it('100,000 controls that nobody knows are passed over', async () => {
    const list = tlv(
      0xa0,
      many(100_000, (i) => tlv(0x30, tlv(0x04, `1.2.${i}`))),
    )
    assert.equal(codeOf(await ask(searchRequest({ base: users, scope: 'base' }), reader, 'reader', list)), 0)
  })

  it('who has not signed in can do that to nobody either', async () => {
    const c = connectTo(server.port)
    for (const filter of [
      `(supportedLDAPVersion=${'0'.repeat(240_000)}x)`,
      `(!(supportedLDAPVersion=${'9'.repeat(240_000)}))`,
    ]) {
      const answer = await within(8000, c.request(searchFor(encodeFilter(filter), undefined, '')))
      assert.equal(codeOf(answer), 0)
    }
    c.end()
  })

  it('people may send no more at once than who has not signed in', async () => {
    const large = tlv(0x6e, tlv(0x04, 'x'.repeat(300_000)), tlv(0x30, tlv(0x04, 'cn'), tlv(0x04, 'x')))
    const c = connectTo(server.port)
    await c.bind(`uid=karl,${users}`, 'secret')
    c.send(message(5, large))
    assert.match((await c.closed) ?? '', /^2 .*262144 are allowed/)
    assert.equal(codeOf(await ask(large)), 34)
    assert.equal(codeOf(await ask(large, `uid=boss,${users}`, 'secret')), 34)
  })
})

describe('changes of great length', () => {
  let node: LdapNode
  const anna = `uid=anna,${users}`
  before(async () => {
    node = await startLdapNode()
    await addSomebody(node.db, { username: 'anna', extensions: { contact: { title: 'Clerk' } } })
    await addGroup(node.db, me, { name: 'sales', description: '' })
  })
  after(() => node.close())

  const codes = async (request: Buffer): Promise<number | 'too late'> => {
    const other = await node.signIn()
    const mine = within(20_000, node.admin.request(request))
    assert.notEqual(await within(10_000, other.whoAmI()), 'too late')
    const answer = await mine
    other.end()
    return answer === 'too late' ? answer : answer.code
  }
  const modify = (dn: string, modifications: Modification[]): Buffer =>
    encodeWish({ kind: 'modify', dn, modifications })
  const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `value${i}`)

  it('100,000 modifications, 100,000 values, and members by the thousand', async () => {
    const each = numbered(100_000).map((value): Modification => ({ kind: 'add', attribute: 'title', values: [value] }))
    assert.equal(await codes(modify(anna, each)), 11)
    const atOnce = (kind: Modification['kind'], attribute: string): Modification[] => [
      { kind, attribute, values: numbered(100_000) },
    ]
    assert.equal(await codes(modify(anna, atOnce('add', 'title'))), 11)
    assert.equal(await codes(modify(anna, atOnce('delete', 'sshPublicKey'))), 11)
    assert.equal(await codes(modify(`cn=sales,${groups}`, atOnce('add', 'memberUid'))), 19)
    assert.equal(await codes(modify(`cn=sales,${groups}`, atOnce('delete', 'memberUid'))), 16)
  })

  it('names that make other parsers loop or fall, in every operation', async () => {
    const names = [
      'cn=#0403666f6f x',
      `cn=#0403666f6f ,${base}`,
      `cn=#04,${base}`,
      `${'cn=a+'.repeat(5000)}cn=b`,
      `${'cn=a,'.repeat(12_000)}${base}`,
      `cn=${'\\61'.repeat(15_000)},${base}`,
      'x'.repeat(1_000_000),
    ]
    for (const dn of names) {
      const wishes = [
        modify(dn, [{ kind: 'replace', attribute: 'title', values: ['x'] }]),
        encodeWish({ kind: 'remove', dn }),
        encodeWish({ kind: 'rename', dn, rdn: 'uid=x', keepsOld: false }),
        encodeWish({ kind: 'rename', dn: anna, rdn: dn, keepsOld: false }),
        encodeWish({ kind: 'rename', dn: anna, rdn: 'uid=x', keepsOld: false, superior: dn }),
        encodeWish({ kind: 'add', dn, attributes: [['objectClass', ['inetOrgPerson']]] }),
        tlv(0x6e, tlv(0x04, dn), tlv(0x30, tlv(0x04, 'cn'), tlv(0x04, 'x'))),
        searchRequest({ base: dn }),
        tlv(0x77, tlv(0x80, '1.3.6.1.4.1.4203.1.11.1'), tlv(0x81, tlv(0x30, tlv(0x80, dn), tlv(0x82, 'x')))),
      ]
      for (const wish of wishes) {
        const answer = await within(8000, node.admin.request(wish))
        const code = answer === 'too late' ? answer : answer.code
        assert.ok([32, 34, 53, 64, 71].includes(code as number), `${dn.slice(0, 40)}: ${code}`)
      }
    }
  })

  it('an increment by a number that is none, or would be too long', async () => {
    for (const by of ['9'.repeat(200_000), '0'.repeat(200_000)])
      assert.equal(await codes(modify(anna, [{ kind: 'increment', attribute: 'uidNumber', values: [by] }])), 21)
  })

  it('an entry with a value of 4 MB, and one with 100,000 values', async () => {
    const person: [string, string[]][] = [
      ['objectClass', ['inetOrgPerson']],
      ['sn', ['Berg']],
      ['givenName', ['Carla']],
    ]
    const add = (...more: [string, string[]][]): Buffer =>
      encodeWish({ kind: 'add', dn: `uid=carla,${users}`, attributes: [...person, ...more] })
    assert.equal(await codes(add(['title', ['x'.repeat(3_900_000)]])), 11)
    assert.equal(await codes(add(['description', numbered(100_000)])), 11)
    assert.equal(await codes(add(...numbered(50_000).map((value): [string, string[]] => ['title', [value]]))), 11)
  })

  it('passwords of 64 kB and 4 MB, set and tried', async () => {
    for (const length of [64 * 1024, 3_900_000]) {
      const long = 'a1'.repeat(length / 2)
      const wish = (...fields: Buffer[]): Buffer =>
        tlv(0x77, tlv(0x80, '1.3.6.1.4.1.4203.1.11.1'), tlv(0x81, tlv(0x30, ...fields)))
      assert.equal(await codes(wish(tlv(0x80, anna), tlv(0x82, long))), 19)
      assert.equal(
        await codes(wish(tlv(0x80, `uid=admin,${users}`), tlv(0x81, long), tlv(0x82, 'another-long-one-1'))),
        49,
      )
      const replace: Modification[] = [{ kind: 'replace', attribute: 'userPassword', values: [long] }]
      assert.equal(await codes(modify(anna, replace)), length > 256 * 1024 ? 11 : 19)
    }
    const c = connectTo(node.server.port)
    assert.equal(await within(5000, c.bind(anna, 'a1'.repeat(32 * 1024))), 49)
    assert.equal(await within(5000, c.bind(`uid=admin,${users}`, password)), 0)
    c.end()
  })
})
