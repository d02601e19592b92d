import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { addGroup } from '../../server/accounts/groups.ts'
import { addOwnExtension } from '../../server/accounts/own-extensions.ts'
import { addUser } from '../../server/accounts/users.ts'
import { type Answer, type Client, connectTo, type FoundEntry } from '../ldap/client.ts'
import { base, groups, users } from '../ldap/sample.ts'
import { encodeWish, type Wish } from '../ldap/wishes.ts'
import { startMaster, type TestNode } from '../support/node.ts'
import { me, password } from '../support/people.ts'
import { connectToSlapd, slapdWith } from './both.ts'
import { chance } from './chance.ts'
import { wish } from './changes.ts'
import type { Slapd } from './slapd.ts'

// The same requests for a node and for OpenLDAP, one after the other; the codes are held against each other, and what became
// of the attributes. SEED=n makes other ones. docs/ldap.md tells what differs on purpose to administrators.

const seed = Number(process.env.SEED ?? 4711)
const requests = 800
const sales = `cn=sales,${groups}`

type Difference = { what: string; why: string; here: number | 'any'; there: number; concerns: (wish: Wish) => boolean }

const touches = (asked: Wish, pattern: RegExp): boolean =>
  asked.kind === 'modify' && asked.modifications.some(({ attribute }) => pattern.test(attribute))

const isAdd = ({ kind }: Wish): boolean => kind === 'add'
const isModify = ({ kind }: Wish): boolean => kind === 'modify'
const isOutside = ({ dn }: Wish): boolean => /dc=other$/.test(dn)

const differences: Difference[] = [
  {
    what: 'What is not below the base of the directory does not exist (32).',
    why: 'RFC 4511 appendix A; OpenLDAP looks for a server that would know, and has none (53).',
    here: 'any',
    there: 53,
    concerns: isOutside,
  },
  {
    what: 'An entry that is added need not have what the directory fills in: classes, sn, cn, uidNumber, homeDirectory.',
    why: 'Tools that add people for a mail server or for LDAP know nothing of the others.',
    here: 0,
    there: 65,
    concerns: isAdd,
  },
  {
    what: 'Of a new entry whose name is taken that is said first.',
    why: 'The rest can be told once there is a name.',
    here: 68,
    there: 65,
    concerns: isAdd,
  },
  {
    what: 'People are named by uid alone, and uid has the one value that names them.',
    why: 'It is the username: every service finds people by it.',
    here: 64,
    there: 0,
    concerns: isAdd,
  },
  {
    what: 'A second uid is refused as well.',
    why: 'The same.',
    here: 67,
    there: 0,
    concerns: (asked) => touches(asked, /^uid$/i),
  },
  {
    what: 'Taking the uid away is notAllowedOnRDN (67).',
    why: 'RFC 4511 section 4.6; OpenLDAP has namingViolation (64).',
    here: 67,
    there: 64,
    concerns: (asked) => touches(asked, /^uid$/i),
  },
  {
    what: 'Classes follow from the attributes: an attribute of an extension needs no class beside it.',
    why: 'A client would have to know which class an extension has.',
    here: 0,
    there: 65,
    concerns: isModify,
  },
  {
    what: 'A class goes with its attributes, not by itself (69).',
    why: 'The same.',
    here: 69,
    there: 65,
    concerns: (asked) => touches(asked, /^objectclass$/i),
  },
  {
    what: 'A class that the entry cannot have is refused (53).',
    why: 'The same.',
    here: 53,
    there: 65,
    concerns: isAdd,
  },
  {
    what: 'A field of an extension takes one value, unless it is a list (19).',
    why: 'The pages show one.',
    here: 19,
    there: 0,
    concerns: isModify,
  },
  {
    what: 'The old name goes with a renaming (53).',
    why: 'Nobody has two usernames.',
    here: 53,
    there: 0,
    concerns: (asked) => asked.kind === 'rename' && asked.keepsOld,
  },
]

describe('the same requests to OpenLDAP', () => {
  let node: TestNode
  let slapd: Slapd
  let ours: Client
  let theirs: Client
  before(async () => {
    node = await startMaster()
    await addOwnExtension(node.db, me, {
      name: 'card',
      title: 'Staff card',
      summary: '',
      objectClass: 'exampleStaffCard',
      fields: [
        { name: 'number', label: 'Number', type: 'number', attribute: 'exampleCardNumber' },
        { name: 'doors', label: 'Doors', type: 'list', attribute: 'exampleDoors' },
        { name: 'isGuest', label: 'Guest', type: 'switch', attribute: 'exampleIsGuest' },
      ],
    })
    for (let i = 0; i < 12; i++) await addPerson(`person${i}`)
    await addGroup(node.db, me, { name: 'sales', description: 'Sales people' })
    ours = connectTo(node.ports().ldap!)
    assert.equal(await ours.bind(`uid=admin,${users}`, password), 0)
    slapd = await slapdWith(ours, base)
    theirs = await connectToSlapd(slapd, `cn=root,${base}`, 'root')
  })
  after(async () => {
    ours?.end()
    theirs?.end()
    await node?.close()
    await slapd?.stop()
  })

  const addPerson = (username: string) =>
    addUser(node.db, me, {
      username,
      first: 'Some',
      last: 'Body',
      extensions: {
        card: { number: '5', doors: 'north' },
        contact: { title: 'Clerk', city: 'Malmö', mail: `${username}@example.lan` },
      },
    })

  const people = async (): Promise<FoundEntry[]> =>
    (await ours.search({ base: users, scope: 'one', filter: '(!(uid=admin))' })).entries

  const entryOf = async (client: Client, dn: string): Promise<FoundEntry | undefined> =>
    (await client.search({ base: dn, scope: 'base', attributes: ['*'] })).entries[0]

  /** What follows from other attributes here stays where it is there: both begin the next request with the same entries. */
  async function copyOver(dn: string): Promise<void> {
    const entry = await entryOf(ours, dn)
    await theirs.request(encodeWish({ kind: 'remove', dn }))
    if (!entry) return
    const attributes = Object.entries(entry.attributes).filter(([name]) => name !== 'memberOf')
    const { code, message } = await theirs.request(encodeWish({ kind: 'add', dn, attributes }))
    assert.equal(code, 0, `${dn}: ${message}`)
  }

  /** The values of one attribute, in any order. */
  const valuesOf = (entry: FoundEntry | undefined, attribute: string): string[] =>
    (
      Object.entries(entry?.attributes ?? {}).find(([name]) => name.toLowerCase() === attribute.toLowerCase())?.[1] ??
      []
    ).toSorted()

  async function differenceOf(asked: Wish, mine: Answer, other: Answer): Promise<string | undefined> {
    // OpenLDAP names no entry above in its answer to a renaming.
    const matched = ({ matchedDn }: Answer): string => (asked.kind === 'rename' ? '' : matchedDn.toLowerCase())
    if (mine.code !== other.code || matched(mine) !== matched(other)) {
      const isMeant = ({ here, there, concerns }: Difference): boolean =>
        (here === 'any' || here === mine.code) && there === other.code && concerns(asked)
      if (differences.some(isMeant)) return undefined
      return `${mine.code} ${matched(mine)} (${mine.message}), OpenLDAP ${other.code} ${matched(other)} (${other.message})`
    }
    if (asked.kind !== 'modify' || mine.code !== 0) return undefined
    const [here, there] = [await entryOf(ours, asked.dn), await entryOf(theirs, asked.dn)]
    for (const { attribute } of asked.modifications) {
      const [one, two] = [valuesOf(here, attribute), valuesOf(there, attribute)]
      if (JSON.stringify(one) !== JSON.stringify(two)) return `${attribute} is ${one} here, ${two} there`
    }
    return undefined
  }

  it(`${requests} requests have the same outcome`, async () => {
    const luck = chance(seed)
    const found: string[] = []
    const codes = new Map<number, number>()
    for (let i = 0; i < requests && found.length < 10; i++) {
      let there = await people()
      if (there.length < 6) {
        await addPerson(`more${i}`)
        await copyOver(`uid=more${i},${users}`)
        there = await people()
      }
      // Who is renamed here is so in the group as well.
      await copyOver(sales)
      const asked = wish(luck, there, (await entryOf(ours, sales))!, base)
      const mine = await ours.request(encodeWish(asked))
      const other = await theirs.request(encodeWish(asked))
      const differs = await differenceOf(asked, mine, other)
      if (differs) found.push(`${JSON.stringify(asked)}: ${differs}`)
      codes.set(mine.code, (codes.get(mine.code) ?? 0) + 1)
      const concerned = [asked.dn, ...(asked.kind === 'rename' ? [`${asked.rdn},${users}`] : [])]
      for (const dn of concerned) if (/^(uid|cn)=[^,]*,ou=Users/i.test(dn)) await copyOver(dn)
    }
    assert.equal(found.join('\n'), '')
    // Not all of them were refused for one reason.
    for (const code of [0, 2, 16, 17, 19, 20, 21, 32, 34, 64, 66, 67, 68])
      assert.ok((codes.get(code) ?? 0) > 0, `no request was answered with ${code}`)
  })
})
