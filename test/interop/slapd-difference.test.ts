import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Client, connectTo, type FoundEntry } from '../ldap/client.ts'
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
} from '../ldap/sample.ts'
import { type Slapd, startSlapd } from './slapd.ts'

// What we answer is held against OpenLDAP with the same entries: RFC 4511 as the world knows it. Three differences are meant
// and left out: approximate match is equality here and sound there, `*` includes memberOf here, where OpenLDAP keeps it
// operational, and attribute options (`cn;lang-sv`) are unknown here, where OpenLDAP knows them and finds nothing.

const first = ['Anna', 'Åke', 'Björn', 'Eva', 'Ýrsa', 'Jean  Paul', 'Øystein']
const last = ['Berg', 'berg', 'Lindström', 'O’Neil', 'de la Cruz', 'Ek']

const people = Array.from({ length: 60 }, (_, i) =>
  change(
    'user',
    uuid(3000 + i),
    aUser({
      username: `person${i}`,
      first: first[i % first.length],
      last: last[i % last.length],
      uidNumber: 3000 + i,
      status: i % 9 === 0 ? 'disabled' : 'enabled',
      groups: [ids.sales, ids.engineers, ids.nobody].filter((_, g) => i % (g + 2) === 0),
      plugins: i % 3 ? ['ftp'] : [],
      extensions: {
        contact: {
          ...(i % 2 ? { mail: `Person${i}@example.lan` } : {}),
          ...(i % 5 ? {} : { telephone: `+46 40-555 ${1000 + i}` }),
          ...(i % 4 ? { city: ['Malmö', 'Lund', 'LUND'][i % 3] } : {}),
          ...(i % 7 ? {} : { title: `Head (of) *${i}* \\ things` }),
        },
        shell: i % 6 ? {} : { loginShell: '/bin/bash' },
      },
    }),
  ),
)

const karl = `uid=person8,${users}`
const sales = `cn=sales,${groups}`

/** Each alone, negated, and combined at random. */
// biome-ignore format: a list to look over
const items = [
  '(uid=person8)', '(uid=PERSON8)', '(uid=nobody)', '(cn=anna berg)', '(cn=Jean Paul *)', '(cn=jean paul ek)',
  '(cn=*berg)', '(cn=å*)', '(cn=*ö*)', '(cn=a*a*b*g)', '(sn=berg)', '(sn=BERG)', '(sn=de  la cruz)', '(givenName=ýrsa)',
  '(mail=person9@example.lan)', '(mail=PERSON1*)', '(mail=*)', '(mail=*@EXAMPLE.lan)', '(title=*)', '(title=head \\28of\\29*)',
  '(title=*\\2a7\\2a*)', '(title=*\\5c things)', '(telephoneNumber=+46405551005)', '(telephoneNumber=*555*)',
  '(telephoneNumber=+46 40 555-10*)', '(l=lund)', '(l=malm\\c3\\b6)', '(l=MALMÖ)', '(uidNumber=3007)', '(uidNumber>=3050)',
  '(uidNumber<=3003)', '(uidNumber=abc)', '(gidNumber=63000)', '(gidNumber=60000)', '(loginShell=/bin/bash)', '(loginShell=/BIN/bash)',
  '(loginShell=/bin*)', '(homeDirectory=/home/person8)', '(homeDirectory=*8)', '(gecos=anna berg)', '(gecos=ake*)', '(shadowExpire=1)',
  '(objectClass=posixAccount)', '(objectClass=POSIXGROUP)', '(objectClass=person)', '(objectClass=2.5.6.6)', '(objectClass=nonsense)',
  '(objectClass=organizationalUnit)', '(nonsense=x)', '(nonsense=*)', '(cn>=m)', '(memberUid=person8)',
  '(memberUid=person1*)', `(member=${karl})`, `(member=UID=Person8, ${users.toUpperCase()})`, '(member=*)', '(member=nonsense)',
  `(memberOf=${sales})`, '(memberOf=*)', '(ou=users)', '(ou=*)', '(dc=EXAMPLE)', '(name=lund)', '(name=berg)', '(description=*)',
  '(description=sales people)', '(facsimileTelephoneNumber=1)', '(displayName=Eva *)', '(2.5.4.4=ek)', '(surname=ek)', '(c=SE)',
  '(&)', '(|)', '(cn=)', '(seeAlso=*)', '(distinguishedName=*)',
]

function* combinations(count: number): Generator<string> {
  let seed = 4711
  const next = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return Math.floor((seed / 2147483648) * below)
  }
  const some = (depth: number): string => {
    const kind = depth > 2 ? 0 : next(5)
    if (kind < 2) return items[next(items.length)]!
    if (kind === 2) return `(!${some(depth + 1)})`
    const parts = Array.from({ length: 1 + next(3) }, () => some(depth + 1)).join('')
    return `(${kind === 3 ? '&' : '|'}${parts})`
  }
  for (let i = 0; i < count; i++) yield some(0)
}

function toLdif(entries: FoundEntry[]): string {
  const line = (name: string, value: string): string => `${name}:: ${Buffer.from(value).toString('base64')}`
  return entries
    .map(({ dn, attributes }) =>
      [
        line('dn', dn),
        ...Object.entries(attributes).flatMap(([name, values]) => values.map((value) => line(name, value))),
      ].join('\n'),
    )
    .join('\n\n')
}

describe('the same entries in OpenLDAP', () => {
  let server: Started
  let slapd: Slapd
  let ours: Client
  let theirs: Client
  before(async () => {
    server = await startServer({ directory: aDirectory([...organisation(), ...people]) })
    ours = connectTo(server.port)
    await ours.bind(reader, 'reader')
    const { entries } = await ours.search({
      base,
      attributes: ['*', 'entryUUID', 'createTimestamp', 'modifyTimestamp'],
    })
    slapd = await startSlapd(toLdif(entries), base)
    theirs = connectTo(slapd.port)
    assert.equal(await theirs.bind('', ''), 0)
  })
  after(async () => {
    ours?.end()
    theirs?.end()
    await server?.close()
    await slapd?.stop()
  })

  const found = async (client: Client, filter: string, scope: 'one' | 'sub' = 'sub', from = base): Promise<unknown> => {
    const answer = await client.search({ base: from, scope, filter, attributes: ['1.1'] })
    return [answer.code, answer.entries.map(({ dn }) => dn.toLowerCase()).sort()]
  }

  it('every simple filter, and its negation, finds the same', async () => {
    for (const item of items) {
      for (const filter of [item, `(!${item})`]) {
        assert.deepEqual(await found(ours, filter), await found(theirs, filter), filter)
      }
    }
  })

  it('200 combined filters find the same', async () => {
    for (const filter of combinations(200)) {
      assert.deepEqual(await found(ours, filter), await found(theirs, filter), filter)
    }
  })

  it('scopes and bases reach the same entries', async () => {
    for (const from of [
      base,
      users,
      groups,
      karl,
      `ou=Accounts,${base}`,
      `UID=PERSON8 , ${users}`,
      `uid=none,${users}`,
    ]) {
      for (const scope of ['base', 'one', 'sub', 'children'] as const) {
        const both = await Promise.all(
          [ours, theirs].map(async (client) => {
            const answer = await client.search({ base: from, scope, attributes: ['1.1'] })
            return [
              answer.code,
              answer.matchedDn.toLowerCase(),
              answer.entries.map(({ dn }) => dn.toLowerCase()).sort(),
            ]
          }),
        )
        assert.deepEqual(both[0], both[1], `${scope} ${from}`)
      }
    }
  })

  it('attribute selections return the same attributes and values', async () => {
    const selections = [
      [],
      ['*'],
      ['cn'],
      ['CN', 'commonName'],
      ['name'],
      ['1.1'],
      ['1.1', 'cn'],
      ['2.5.4.4'],
      ['nonsense'],
      ['uid', '*'],
    ]
    for (const attributes of selections) {
      for (const typesOnly of [false, true]) {
        const both = await Promise.all(
          [ours, theirs].map(async (client) => {
            const { entries } = await client.search({ base: users, scope: 'one', attributes, typesOnly })
            return entries
              .map(({ dn, attributes: { memberOf: _, ...got } }) => [
                dn,
                Object.entries(got)
                  .map(([name, values]) => [name, values.sort()])
                  .sort(),
              ])
              .sort()
          }),
        )
        assert.deepEqual(both[0], both[1], `${attributes.join(' ')} ${typesOnly}`)
      }
    }
  })

  it('compares give the same answer', async () => {
    const rows: [string, string][] = [
      ['cn', 'other'],
      ['uid', 'PERSON8'],
      ['uidNumber', '3008'],
      ['uidNumber', 'x'],
      ['title', 'x'],
      ['nonsense', 'x'],
      ['objectClass', 'person'],
      ['loginShell', '/bin/bash'],
      ['mail', 'x'],
      ['memberOf', sales],
    ]
    for (const [attribute, value] of rows) {
      assert.equal(
        await ours.compare(karl, attribute, value),
        await theirs.compare(karl, attribute, value),
        `${attribute}=${value}`,
      )
    }
    assert.equal(
      await ours.compare(`uid=none,${users}`, 'cn', 'x'),
      await theirs.compare(`uid=none,${users}`, 'cn', 'x'),
    )
  })
})
