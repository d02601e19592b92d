import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  atEnd,
  booleanTlv,
  integerTlv,
  peekTag,
  readConstructed,
  readerOf,
  readInteger,
  readOctets,
  readText,
  tlv,
} from '../../server/ldap/wire/ber.ts'
import { type Answer, type Client, connectTo, controls, searchRequest } from './client.ts'
import {
  aDirectory,
  aUser,
  base,
  change,
  organisation,
  reader,
  type Started,
  startServer,
  users,
  uuid,
} from './sample.ts'

// Pages (RFC 2696), order (RFC 2891) and windows on a list (draft-ietf-ldapext-ldapv3-vlv-09), as far as one client sees them.

const oids = { paged: '1.2.840.113556.1.4.319', sort: '1.2.840.113556.1.4.473', view: '2.16.840.1.113730.3.4.9' }

const names = ['Åke', 'bo', 'Cilla', 'Dag', 'Eva', 'Frans', 'Gun']

const many = () => [
  ...organisation(),
  ...Array.from({ length: 70 }, (_, i) =>
    change(
      'user',
      uuid(7000 + i),
      aUser({
        username: `m${i}`,
        first: names[i % names.length]!,
        last: `No${String((i * 37) % 70).padStart(2, '0')}`,
        uidNumber: 7000 + ((i * 31) % 70),
        extensions: i % 3 ? { contact: { city: ['Lund', 'malmö', 'Ystad'][i % 3]! } } : {},
      }),
    ),
  ),
]

const page = (size: number, cookie: Buffer = Buffer.alloc(0), isCritical = true): [string, boolean, Buffer] => [
  oids.paged,
  isCritical,
  tlv(0x30, integerTlv(size), tlv(0x04, cookie)),
]

const sort = (...keys: [attribute: string, isReverse?: boolean, rule?: string][]): [string, boolean, Buffer] => [
  oids.sort,
  true,
  tlv(
    0x30,
    ...keys.map(([attribute, isReverse, rule]) =>
      tlv(
        0x30,
        tlv(0x04, attribute),
        ...(rule ? [tlv(0x80, rule)] : []),
        ...(isReverse ? [booleanTlv(true, 0x81)] : []),
      ),
    ),
  ),
]

const view = (before: number, after: number, target: Buffer, context?: Buffer): [string, boolean, Buffer] => [
  oids.view,
  true,
  tlv(0x30, integerTlv(before), integerTlv(after), target, ...(context ? [tlv(0x04, context)] : [])),
]
const place = (offset: number, count = 0): Buffer => tlv(0xa0, integerTlv(offset), integerTlv(count))
const value = (text: string): Buffer => tlv(0x81, text)

/** Controls of a response: oid -> value. */
function controlsOf({ response }: Answer): Map<string, ReturnType<typeof readerOf>> {
  const message = readConstructed(readerOf(response), 0x30)
  readInteger(message)
  readConstructed(message, peekTag(message))
  const found = new Map<string, ReturnType<typeof readerOf>>()
  if (atEnd(message)) return found
  const list = readConstructed(message, 0xa0)
  while (!atEnd(list)) {
    const control = readConstructed(list, 0x30)
    const oid = readText(control)
    found.set(oid, readConstructed(readerOf(readOctets(control)), 0x30))
  }
  return found
}

function cookieOf(answer: Answer): Buffer {
  const paged = controlsOf(answer).get(oids.paged)!
  readInteger(paged)
  return Buffer.from(readOctets(paged))
}

function windowOf(answer: Answer): { position: number; count: number; code: number; context: Buffer } {
  const given = controlsOf(answer).get('2.16.840.1.113730.3.4.10')!
  const [position, count, code] = [readInteger(given), readInteger(given), readInteger(given, 0x0a)]
  return { position, count, code, context: atEnd(given) ? Buffer.alloc(0) : Buffer.from(readOctets(given)) }
}

describe('lists', () => {
  let server: Started
  let c: Client
  const search = (given: Partial<Parameters<Client['search']>[0]>, ...list: Parameters<typeof controls>) =>
    c.search({
      base: users,
      scope: 'one',
      filter: '(uid=m*)',
      attributes: ['cn', 'l', 'uidNumber'],
      ...given,
      controls: controls(...list),
    })
  const of = (answer: Answer, name: string) => answer.entries.map(({ attributes }) => attributes[name]?.[0])

  before(async () => {
    server = await startServer({ directory: aDirectory(many()) })
    c = connectTo(server.port)
    assert.equal(await c.bind(reader, 'reader'), 0)
  })
  after(async () => {
    c?.end()
    await server?.close()
  })

  describe('in pages', () => {
    it('every entry comes once, and the last page says so', async () => {
      const found: string[] = []
      const sizes: number[] = []
      for (let cookie: Buffer = Buffer.alloc(0); ; ) {
        const answer = await search({}, page(30, cookie))
        assert.equal(answer.code, 0)
        sizes.push(answer.entries.length)
        found.push(...answer.entries.map(({ dn }) => dn))
        cookie = cookieOf(answer)
        if (cookie.length === 0) break
      }
      assert.deepEqual(sizes, [30, 30, 10])
      assert.equal(new Set(found).size, 70)
    })

    it('a page that holds the rest exactly is the last one', async () => {
      const first = await search({}, page(35))
      const second = await search({}, page(35, cookieOf(first)))
      assert.deepEqual([second.entries.length, cookieOf(second).length], [35, 0])
    })

    it('a cookie is good once, for the same search, on the same connection', async () => {
      const cookie = cookieOf(await search({}, page(10)))
      assert.equal((await search({ filter: '(uid=m1*)' }, page(10, cookie))).code, 53)
      const again = cookieOf(await search({}, page(10)))
      const other = connectTo(server.port)
      await other.bind(reader, 'reader')
      const stolen = await other.request(
        searchRequest({ base: users, scope: 'one', filter: '(uid=m*)', attributes: ['cn', 'l', 'uidNumber'] }),
        controls(page(10, again)),
      )
      assert.equal(stolen.code, 53)
      other.end()
      assert.equal((await search({}, page(10, again))).code, 0)
      assert.equal((await search({}, page(10, again))).code, 53)
      assert.equal((await search({}, page(10, Buffer.from('nonsense')))).code, 53)
    })

    it('another bind ends what was under way', async () => {
      const cookie = cookieOf(await search({}, page(10)))
      await c.bind(reader, 'reader')
      assert.equal((await search({}, page(10, cookie))).code, 53)
    })

    it('a page of nothing gives the search up; one as large as the size limit is none', async () => {
      const cookie = cookieOf(await search({}, page(10)))
      const ended = await search({}, page(0, cookie))
      assert.deepEqual([ended.code, ended.entries.length, cookieOf(ended).length], [0, 0, 0])
      const whole = await search({ sizeLimit: 5 }, page(100))
      assert.deepEqual([whole.code, whole.entries.length, controlsOf(whole).size], [4, 5, 0])
    })

    it('the size limit counts over all pages', async () => {
      const first = await search({ sizeLimit: 25 }, page(20))
      const second = await search({ sizeLimit: 25 }, page(20, cookieOf(first)))
      assert.deepEqual([first.code, second.code, second.entries.length], [0, 4, 5])
    })

    it('whoever is removed between two pages is left out, and nobody is told twice', async () => {
      const mine = await startServer({ directory: aDirectory(many()) })
      const client = connectTo(mine.port)
      await client.bind(reader, 'reader')
      const ask = (cookie?: Buffer) =>
        client.search({ base: users, scope: 'one', filter: '(uid=m*)', controls: controls(page(35, cookie)) })
      const first = await ask()
      const seen = new Set(first.entries.map(({ dn }) => dn))
      const gone = Array.from({ length: 70 }, (_, i) => i).find((i) => !seen.has(`uid=m${i},${users}`))!
      mine.directory.apply([change('user', uuid(7000 + gone), undefined)])
      const second = await ask(cookieOf(first))
      const rest = second.entries.map(({ dn }) => dn)
      assert.equal(rest.length, 34)
      assert.ok(rest.every((dn) => !seen.has(dn)))
      client.end()
      await mine.close()
    })
  })

  describe('in order', () => {
    it('text goes by its folded form, numbers by their value, and what has no value comes last', async () => {
      const byName = of(await search({}, sort(['cn'])), 'cn') as string[]
      assert.deepEqual(
        byName,
        [...byName].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)),
      )
      const byNumber = of(await search({}, sort(['uidNumber'])), 'uidNumber').map(Number)
      assert.deepEqual(
        byNumber,
        [...byNumber].sort((a, b) => a - b),
      )
      const byCity = of(await search({}, sort(['l'])), 'l')
      const filled = byCity.filter((city) => city !== undefined)
      assert.ok(filled.length > 0 && filled.length < byCity.length)
      assert.deepEqual(byCity.slice(0, filled.length), filled)
    })

    it('the second key decides among equals, and each goes its own way', async () => {
      const rows = (await search({}, sort(['l', true], ['uidNumber']))).entries.map(({ attributes }) => [
        attributes.l?.[0]?.toLowerCase() ?? '',
        Number(attributes.uidNumber![0]),
      ]) as [string, number][]
      const filled = rows.filter(([city]) => city)
      for (const [i, [city, number]] of filled.entries()) {
        const next = filled[i + 1]
        if (next) assert.ok(city > next[0] || (city === next[0] && number < next[1]))
      }
    })

    it('a rule may be named; what cannot be sorted by is refused where it must be', async () => {
      assert.equal((await search({}, sort(['cn', false, 'caseIgnoreOrderingMatch']))).code, 0)
      const unknown = await search({}, sort(['nonsense']))
      assert.equal(unknown.code, 12)
      assert.equal(readInteger(controlsOf(unknown).get('1.2.840.113556.1.4.474')!, 0x0a), 16)
      const [oid, , keys] = sort(['nonsense'])
      const unsorted = await search({}, [oid, false, keys])
      assert.deepEqual([unsorted.code, unsorted.entries.length], [0, 70])
      assert.equal(readInteger(controlsOf(unsorted).get('1.2.840.113556.1.4.474')!, 0x0a), 16)
      assert.equal((await search({}, sort(['userPassword']))).code, 12)
    })

    it('pages keep the order', async () => {
      const whole = of(await search({}, sort(['cn'])), 'cn')
      const first = await search({}, sort(['cn']), page(50))
      const second = await search({}, sort(['cn']), page(50, cookieOf(first)))
      assert.deepEqual([...of(first, 'cn'), ...of(second, 'cn')], whole)
    })
  })

  describe('through a window', () => {
    it('a place in the list shows what is around it', async () => {
      const whole = of(await search({}, sort(['cn'])), 'cn')
      const answer = await search({}, sort(['cn']), view(2, 3, place(10)))
      assert.deepEqual(of(answer, 'cn'), whole.slice(7, 13))
      const { position, count, code, context } = windowOf(answer)
      assert.deepEqual([position, count, code], [10, 70, 0])
      const next = await search({}, sort(['cn']), view(0, 4, place(65, 70), context))
      assert.deepEqual(of(next, 'cn'), whole.slice(64, 69))
      assert.deepEqual(windowOf(next).context, context)
    })

    it('at both ends there is less of it', async () => {
      const whole = of(await search({}, sort(['cn'])), 'cn')
      assert.deepEqual(of(await search({}, sort(['cn']), view(5, 2, place(1))), 'cn'), whole.slice(0, 3))
      assert.deepEqual(of(await search({}, sort(['cn']), view(2, 5, place(70))), 'cn'), whole.slice(67))
      assert.equal(windowOf(await search({}, sort(['cn']), view(2, 5, place(1000)))).code, 61)
    })

    it('a list that the client takes for shorter is looked at in proportion', async () => {
      assert.equal(windowOf(await search({}, sort(['cn']), view(0, 0, place(5, 10)))).position, 35)
      assert.equal(windowOf(await search({}, sort(['cn']), view(0, 0, place(10, 10)))).position, 70)
    })

    it('a value shows the first that is not before it', async () => {
      const whole = of(await search({}, sort(['cn'])), 'cn') as string[]
      const answer = await search({}, sort(['cn']), view(0, 1, value('cilla')))
      const at = whole.findIndex((name) => name.toLowerCase() >= 'cilla')
      assert.deepEqual(of(answer, 'cn'), whole.slice(at, at + 2))
      assert.equal(windowOf(answer).position, at + 1)
      const beyond = await search({}, sort(['cn']), view(1, 1, value('鿿')))
      assert.deepEqual([windowOf(beyond).position, of(beyond, 'cn')], [71, whole.slice(69)])
      const reverse = await search({}, sort(['cn', true]), view(0, 0, value('cilla no99')))
      assert.match(of(reverse, 'cn')[0] ?? '', /^Cilla/)
    })

    it('needs an order, and a place that can be', async () => {
      assert.equal((await search({}, view(0, 1, place(1)))).code, 60)
      assert.equal(windowOf(await search({}, sort(['cn']), view(0, 1, place(-1)))).code, 61)
      assert.equal((await search({}, sort(['cn']), view(0, 1, place(1)), page(10))).code, 53)
      const [oid, , bad] = view(-1, 1, place(1))
      assert.equal((await search({}, sort(['cn']), [oid, true, bad])).code, 2)
    })
  })

  describe('attribute lists', () => {
    const asked = async (...attributes: string[]) =>
      Object.keys(
        (await c.search({ base: `uid=frida,${users}`.replace('frida', 'fnystrom'), scope: 'base', attributes }))
          .entries[0]!.attributes,
      ).sort()

    it('a class stands for what it allows, with the classes above it (RFC 4529)', async () => {
      const ofPerson = await asked('@person')
      assert.deepEqual(ofPerson, ['cn', 'objectClass', 'sn', 'telephoneNumber'])
      assert.ok((await asked('@inetOrgPerson')).includes('mail'))
      assert.deepEqual(await asked('@nonsense'), [])
      assert.deepEqual(await asked('@person', 'uid'), [...ofPerson, 'uid'].sort())
    })

    it('all, all operational ones, or none', async () => {
      const [user, operational] = [await asked('*'), await asked('+')]
      assert.equal(
        user.some((name) => operational.includes(name)),
        false,
      )
      assert.ok(operational.includes('entryUUID') && operational.includes('entryDN'))
      assert.deepEqual(await asked('*', '+'), [...user, ...operational].sort())
      assert.deepEqual(await asked('@extensibleObject'), [...user, ...operational].sort(), 'which allows everything')
      assert.deepEqual(await asked('1.1'), [])
      assert.deepEqual(await asked('cn;lang-sv'), [])
    })
  })

  it('filters know rules by name, bits of numbers, and chains of groups', async () => {
    const found = async (filter: Buffer) => {
      const plain = searchRequest({ base, filter: '(cn=x)' }).subarray(2)
      const at = plain.indexOf(Buffer.of(0xa3))
      const answer = await c.request(tlv(0x63, plain.subarray(0, at), filter, plain.subarray(at + 2 + plain[at + 1]!)))
      assert.equal(answer.code, 0)
      return answer.entries.map(({ dn }) => dn)
    }
    const match = (attribute: string, rule: string, text: string) =>
      tlv(0xa9, tlv(0x81, rule), tlv(0x82, attribute), tlv(0x83, text))
    const chain = '1.2.840.113556.1.4.1941'
    const sales = `cn=sales,ou=Groups,ou=Accounts,${base}`
    assert.deepEqual((await found(match('memberOf', chain, sales))).length, 2)
    assert.ok((await found(match('member', chain, `uid=karl,${users}`))).includes(sales))
    // 2010 = 11111011010b
    assert.ok((await found(match('uidNumber', '1.2.840.113556.1.4.803', '2010'))).includes(`uid=boss,${users}`))
    assert.equal((await found(match('uidNumber', '1.2.840.113556.1.4.804', '0'))).length, 0)
    assert.equal((await found(match('cn', chain, sales))).length, 0)
  })
})
