import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import pino from 'pino'
import { addGroup } from '../../server/accounts/groups.ts'
import { atEnd, booleanTlv, integerTlv, readerOf, readOctets, tlv } from '../../server/ldap/wire/ber.ts'
import { aUser, me, password } from '../support/people.ts'
import { bindRequest, type Client, connectTo, controls, encodeFilter, message, searchRequest } from './client.ts'
import { pageControl, sortControl, windowControl } from './list-controls.ts'
import { type LdapNode, startLdapNode } from './node.ts'
import { base, groups, users } from './sample.ts'
import { encodeWish } from './wishes.ts'

// Messages of every operation, damaged in one place or several: bytes that are others, and pieces that are gone, there twice,
// or something else, with every length still right, so that the damage gets through to whoever reads the value.

const anna = `uid=anna,${users}`
const extended = (oid: string, value?: Buffer): Buffer =>
  tlv(0x77, tlv(0x80, oid), ...(value ? [tlv(0x81, value)] : []))
const asserted = encodeFilter('(title=Clerk)')
const attributes = tlv(0x30, tlv(0x04, 'title'), tlv(0x04, '*'))

const seeds: Buffer[] = [
  message(1, bindRequest(anna, 'wrong'), controls(['1.3.6.1.4.1.42.2.27.8.5.1', false])),
  message(2, tlv(0x60, integerTlv(3), tlv(0x04, ''), tlv(0xa3, tlv(0x04, 'EXTERNAL'), tlv(0x04, 'x')))),
  message(
    3,
    searchRequest({
      base,
      filter: '(&(uid=a*n*a)(!(cn>=x))(|(sn~=y)(cn:dn:caseIgnoreMatch:=z)))',
      attributes: ['*', '+', '@person'],
    }),
  ),
  message(
    4,
    searchRequest({ base: users }),
    controls(pageControl(2), sortControl([{ attribute: 'cn', rule: '2.5.13.3', isReverse: true }])),
  ),
  message(
    5,
    searchRequest({ base: users }),
    controls(sortControl([{ attribute: 'uid' }]), windowControl({ before: 1, after: 1, offset: 2, count: 0 })),
  ),
  message(
    6,
    searchRequest({ base: users }),
    controls(
      sortControl([{ attribute: 'uid' }]),
      windowControl({ before: 1, after: 1, value: 'b' }, true, Buffer.from('x')),
    ),
  ),
  message(7, searchRequest({ base: anna, scope: 'base' }), controls(['1.3.6.1.1.12', true, asserted])),
  message(
    8,
    searchRequest({ base }),
    controls([
      '1.3.6.1.4.1.4203.1.9.1.1',
      true,
      tlv(
        0x30,
        integerTlv(1, 0x0a),
        tlv(0x04, 'rid=001,csn=20260101000000.000000Z#000001#000#000000'),
        booleanTlv(false),
      ),
    ]),
  ),
  message(9, tlv(0x6e, tlv(0x04, anna), tlv(0x30, tlv(0x04, 'cn'), tlv(0x04, 'x')))),
  message(
    10,
    encodeWish({
      kind: 'modify',
      dn: anna,
      modifications: [
        { kind: 'replace', attribute: 'title', values: ['Clerk'] },
        { kind: 'add', attribute: 'mobile', values: ['1', '2'] },
      ],
    }),
    controls(['1.3.6.1.1.13.1', false, attributes], ['1.3.6.1.1.13.2', false, attributes]),
  ),
  message(
    11,
    encodeWish({
      kind: 'modify',
      dn: `cn=sales,${groups}`,
      modifications: [
        { kind: 'add', attribute: 'memberUid', values: ['anna'] },
        { kind: 'delete', attribute: 'member', values: [anna] },
      ],
    }),
  ),
  message(
    12,
    encodeWish({
      kind: 'add',
      dn: `uid=new,${users}`,
      attributes: [
        ['objectClass', ['inetOrgPerson']],
        ['sn', ['N']],
        ['title', ['x']],
      ],
    }),
  ),
  message(
    13,
    encodeWish({ kind: 'rename', dn: `uid=berit,${users}`, rdn: 'uid=berit', keepsOld: false, superior: users }),
  ),
  message(
    14,
    encodeWish({ kind: 'remove', dn: `uid=nobody,${users}` }),
    controls(['1.3.6.1.1.13.1', true, attributes]),
  ),
  message(15, extended('1.3.6.1.4.1.4203.1.11.1', tlv(0x30, tlv(0x80, anna), tlv(0x82, 'x')))),
  message(16, extended('1.3.6.1.4.1.4203.1.11.3')),
  message(17, extended('1.3.6.1.1.8', tlv(0x30, integerTlv(3)))),
  message(18, extended('1.3.6.1.4.1.1466.20037')),
  message(19, tlv(0x50, Buffer.of(3))),
]

/** A value of BER with what is in it; octets that are BER themselves are opened as well. */
type Node = { tag: number; inner: Node[] | Buffer; isWrapped?: boolean }

function grown(bytes: Buffer): Node[] | undefined {
  const reader = readerOf(bytes)
  const nodes: Node[] = []
  try {
    while (!atEnd(reader)) {
      const tag = reader.bytes[reader.at]!
      const value = readOctets(reader, tag)
      const inner = tag & 0x20 || (value.length > 3 && value[0] === 0x30) ? grown(value) : undefined
      nodes.push({ tag, inner: inner ?? value })
    }
  } catch {
    return undefined
  }
  return nodes
}

const written = ({ tag, inner }: Node): Buffer =>
  tlv(tag & 0xff, ...(Buffer.isBuffer(inner) ? [inner] : inner.map(written)))

/** Every list of nodes in the tree, so that one of its members can be damaged. */
function lists(nodes: Node[], found: Node[][] = []): Node[][] {
  found.push(nodes)
  for (const { inner } of nodes) if (!Buffer.isBuffer(inner)) lists(inner, found)
  return found
}

type Damage = { list: number; at: number; kind: number; byte: number; bytes: Uint8Array }

function damage(root: Node[], { list, at, kind, byte, bytes }: Damage): void {
  const all = lists(root)
  const chosen = all[list % all.length]!
  if (chosen.length === 0) return
  const index = at % chosen.length
  const node = chosen[index]!
  switch (kind) {
    case 0:
      chosen.splice(index, 1)
      return
    case 1:
      chosen.splice(index, 0, node)
      return
    case 2:
      node.tag = byte
      return
    case 3:
      node.inner = Buffer.from(bytes)
      return
    case 4:
      node.inner = Buffer.concat([written(node), Buffer.from(bytes)])
      return
    case 5:
      chosen.reverse()
      return
    case 6:
      node.inner = Buffer.from(bytes).fill(byte)
      return
    default:
      if (Buffer.isBuffer(node.inner) && node.inner.length > 0) node.inner[byte % node.inner.length]! ^= 1 << (kind % 8)
  }
}

const mutant = fc
  .tuple(
    fc.constantFrom(...seeds),
    fc.array(
      fc.record({
        list: fc.nat(60),
        at: fc.nat(10),
        kind: fc.nat(12),
        byte: fc.nat(255),
        bytes: fc.uint8Array({ maxLength: 40 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([seed, damages]) => {
    const root = grown(Buffer.from(seed))!
    for (const each of damages) damage(root, each)
    return Buffer.concat(root.map(written))
  })

const flipped = fc
  .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { minLength: 1, maxLength: 5 }))
  .map(([seed, changes]) => {
    const bytes = Buffer.from(seed)
    for (const [at, value] of changes) bytes[at % bytes.length] = value
    return bytes
  })

const runs = Number(process.env.RUNS ?? 600)

describe('damaged messages', () => {
  let node: LdapNode
  const faults: string[] = []
  before(async () => {
    const log = pino({ level: 'error' }, { write: (line: string) => void faults.push(line) })
    node = await startLdapNode({ log, limits: { stalledMs: 60_000 } })
    for (const username of ['anna', 'berit']) await aUser(node.db, { username })
    await addGroup(node.db, me, { name: 'sales', description: '' })
  })
  after(() => node.close())

  it('are undamaged to begin with: each seed can be taken apart and put together', () => {
    for (const seed of seeds) assert.deepEqual(Buffer.concat(grown(Buffer.from(seed))!.map(written)), seed)
  })

  for (const [who, dn, secret] of [
    ['an administrator', `uid=admin,${users}`, password],
    ['nobody', '', ''],
  ] as const)
    it(`from ${who} are refused or done, and nothing of ours fails`, async () => {
      let c: Client | undefined
      await fc.assert(
        fc.asyncProperty(
          fc.oneof({ weight: 4, arbitrary: mutant }, { weight: 1, arbitrary: flipped }),
          async (bytes) => {
            if (!c?.socket.writable) {
              c = connectTo(node.server.port)
              await c.bind(dn, secret)
            }
            c.send(bytes)
            // Answered, or closed; what waits for more bytes gets them and is closed then.
            const isThere = await Promise.race([
              c.whoAmI(),
              c.closed,
              new Promise((resolve) => setTimeout(resolve, 30)),
            ])
            if (isThere === undefined) c.end()
            assert.deepEqual(faults, [], bytes.toString('hex'))
          },
        ),
        { numRuns: runs },
      )
      c?.end()
      const other = connectTo(node.server.port)
      assert.equal((await other.search({ base: '', scope: 'base' })).entries.length, 1)
      other.end()
    })
})
