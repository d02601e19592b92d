import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { type Client, connectTo, controls } from '../ldap/client.ts'
import { pageControl, sortControl } from '../ldap/list-controls.ts'
import { aDirectory, base, groups, reader, type Started, startServer, users } from '../ldap/sample.ts'
import { ask, connectToSlapd, contents, difference, slapdWith, type Told } from './both.ts'
import { type Chance, chance } from './chance.ts'
import { differences } from './differences.ts'
import { people } from './people.ts'
import {
  type Asked,
  attributeName,
  clientFilter,
  otherDn,
  plainSearch,
  sortedSearch,
  type Vocabulary,
  vocabularyOf,
  wideSearch,
  windowSearch,
} from './searches.ts'
import type { Slapd } from './slapd.ts'

// What we answer is held against OpenLDAP with the same entries: the standards as the world knows them. SEED=n asks other
// questions; what differs on purpose is in differences.ts.

const seed = Number(process.env.SEED ?? 4711)

const question = (given: Partial<Asked>): Asked => ({
  base,
  scope: 'sub',
  filter: '(objectClass=*)',
  attributes: ['1.1'],
  typesOnly: false,
  sizeLimit: 0,
  ...given,
})

describe('the same entries in OpenLDAP', () => {
  let server: Started
  let slapd: Slapd
  let ours: Client
  let theirs: Client
  let words: Vocabulary
  before(async () => {
    server = await startServer({ directory: aDirectory(people()) })
    ours = connectTo(server.port)
    await ours.bind(reader, 'reader')
    words = vocabularyOf(await contents(ours, base))
    slapd = await slapdWith(ours, base)
    theirs = await connectToSlapd(slapd)
  })
  after(async () => {
    ours?.end()
    theirs?.end()
    await server?.close()
    await slapd?.stop()
  })

  const both = (asked: Asked, left: ReadonlySet<string> = new Set()): Promise<[Told, Told]> =>
    Promise.all([ask(ours, asked, left), ask(theirs, asked, left)])

  /** Undefined when the two may differ here, so that nothing can be said; '' when they do not. */
  async function differenceOf(asked: Asked): Promise<string | undefined> {
    const concerned = differences.filter(({ concerns }) => concerns(asked))
    const [mine, other] = await both(asked, new Set(concerned.flatMap(({ leaves = [] }) => leaves)))
    if (concerned.some(({ leaves }) => leaves === undefined)) return undefined
    // The codes of list views that draft-ietf-ldapext-ldapv3-vlv-09 has, where OpenLDAP has one.
    if (other.code === 76 && (mine.code === 60 || mine.code === 61)) other.code = mine.code
    return difference(asked, mine, other) ?? ''
  }

  async function assertSame(count: number, make: (luck: Chance, words: Vocabulary) => Asked): Promise<void> {
    const luck = chance(seed)
    const found: string[] = []
    for (let compared = 0; compared < count && found.length < 10; ) {
      const differs = await differenceOf(make(luck, words))
      if (differs === undefined) continue
      compared++
      if (differs !== '') found.push(differs)
    }
    assert.equal(found.join('\n'), '')
  }

  it('2,000 generated searches are answered alike', () => assertSame(2000, plainSearch))

  it('300 searches as Samba, nslcd and SSSD make them', () =>
    assertSame(300, (luck, known) =>
      question({ filter: clientFilter(luck, known), attributes: luck.pick([[], ['uid', 'cn', 'memberUid']]) }),
    ))

  it('200 searches in pages of many sizes', () =>
    assertSame(200, (luck, known) => ({
      ...wideSearch(luck, known),
      pageSize: luck.pick([1, 3, 7, 20, 64, 65, 66, 500]),
    })))

  it('250 searches in an order, by one key and by several', () => assertSame(250, sortedSearch))

  it('50 searches in an order and in pages', () =>
    assertSame(50, (luck, known) => ({ ...sortedSearch(luck, known), pageSize: luck.pick([3, 20, 65]) })))

  it('250 windows on a sorted list, by place and by value', () => assertSame(250, windowSearch))

  it('what is meant to differ does', async () => {
    for (const { what, example, leaves = [] } of differences) {
      const [mine, other] = await both(question({ attributes: leaves.length > 0 ? [] : ['1.1'], ...example }))
      assert.notDeepEqual(mine, other, what)
    }
  })

  it('scopes and bases reach the same entries', async () => {
    const karl = `uid=person8,${users}`
    const bases = [
      base,
      users,
      groups,
      karl,
      `ou=Accounts,${base}`,
      `UID=PERSON8 , ${users}`,
      `uid=none,${users}`,
      '',
      'dc=lan',
    ]
    for (const from of bases)
      for (const scope of ['base', 'one', 'sub', 'children'] as const)
        if (from !== '' || scope !== 'base') assert.equal(await differenceOf(question({ base: from, scope })), '')
  })

  it('500 generated compares give the same answer', async () => {
    const luck = chance(seed)
    const names = [...words.values.keys(), 'nonsense', 'seeAlso', 'jpegPhoto', 'facsimileTelephoneNumber', 'cn;lang-sv']
    const found: string[] = []
    for (let i = 0; i < 500; i++) {
      const dn = luck.oneIn(6)
        ? luck.pick([`uid=none,${users}`, 'nonsense', '', 'dc=lan', otherDn(luck, `uid=person3,${users}`)])
        : luck.pick(words.dns)
      if (/=\s*#04/.test(dn)) continue
      const name = luck.pick(names)
      const value = luck.oneIn(8)
        ? luck.pick(['x', '', '0', 'TRUE', ' '])
        : luck.pick(words.values.get(luck.oneIn(5) ? 'cn' : name) ?? ['x'])
      const spelt = attributeName(luck, name)
      const given = `${dn} ${spelt}=${value}`
      const [mine, other] = [await ours.compare(dn, spelt, value), await theirs.compare(dn, spelt, value)]
      if (mine !== other) found.push(`${given}: ${mine}, OpenLDAP ${other}`)
    }
    assert.equal(found.join('\n'), '')
  })

  it('binds that are refused are refused with the same code', async () => {
    const dns = [`uid=person8,${users}`, `uid=none,${users}`, 'nonsense', 'dc=lan', '']
    const credentials = [
      tlv(0x80, 'wrong'),
      tlv(0x80),
      tlv(0xa3, tlv(0x04, 'NOT-A-MECHANISM')),
      tlv(0xa3, tlv(0x04, '')),
      tlv(0x81, 'krbv4'),
    ]
    for (const version of [1, 2, 3, 4, 127])
      for (const dn of dns)
        for (const credential of credentials) {
          const request = tlv(0x60, integerTlv(version), tlv(0x04, dn), credential)
          const codes = await Promise.all(
            [server.port, slapd.port].map(async (port) => {
              const client = connectTo(port)
              const { code } = await client.request(request)
              client.end()
              return code
            }),
          )
          assert.equal(codes[0], codes[1], `version ${version}, ${dn}, ${credential.toString('hex')}`)
        }
  })

  it('controls that are not known, not right, or there twice', async () => {
    const sets = [
      controls(['1.2.3.4', true]),
      controls(['1.2.3.4', false]),
      controls(['1.3.6.1.1.13.1', true, tlv(0x30)]),
      controls(['2.16.840.1.113730.3.4.2', true]),
      controls(['1.2.840.113556.1.4.319', true]),
      controls(['1.2.840.113556.1.4.473', true]),
      controls(['1.2.840.113556.1.4.473', true, tlv(0x30)]),
      controls(pageControl(5), pageControl(5)),
      controls(pageControl(-1)),
      controls(sortControl([{ attribute: 'uidNumber' }]), sortControl([{ attribute: 'uidNumber' }])),
    ]
    for (const given of sets) {
      const codes = await Promise.all(
        [ours, theirs].map(
          async (client) => (await client.search({ base: users, scope: 'base', controls: given })).code,
        ),
      )
      assert.equal(codes[0], codes[1], given.toString('hex'))
    }
  })
})
