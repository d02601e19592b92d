import type { FoundEntry } from '../ldap/client.ts'
import type { Modification, Wish } from '../ldap/wishes.ts'
import type { Chance } from './chance.ts'

// Requests that change something, as somebody could send them: right ones, and wrong ones of every kind.

/** What a request may name: attributes of a person, and values that they could have. */
const fields: Record<string, string[]> = {
  mail: ['anna@example.lan', 'B.Berg@example.lan', 'c@example.lan', 'd@example.lan'],
  title: ['Head of Sales', 'head of  sales', 'Clerk', 'Überbringer'],
  l: ['Malmö', 'MALMÖ', 'Lund', 'London'],
  street: ['Storgatan 1', 'storgatan 1', 'Main Street'],
  telephoneNumber: ['+46 40 555 1', '+46 405551', '+46 40 555 2'],
  mobile: ['+46 70 1', '+46 70 2'],
  roomNumber: ['1', '2b', '2B'],
  o: ['Example', 'Other'],
  exampleDoors: ['north', 'North', 'south', 'east', 'west'],
  exampleCardNumber: ['1', '2', '17', '4711'],
}

/** Values that are none. */
const wrong: [attribute: string, value: string][] = [
  ['exampleCardNumber', 'x'],
  ['exampleCardNumber', '007'],
  ['exampleCardNumber', ''],
  ['title', ''],
  ['mail', 'å@example.lan'],
  ['telephoneNumber', 'ring å'],
  ['telephoneNumber', ''],
  ['seeAlso', 'nobody'],
  ['uidNumber', 'many'],
  ['objectClass', 'nonsense'],
  ['exampleIsGuest', 'perhaps'],
]

/** Kept by the directory itself, or what makes the entry the one it is, or nothing at all. */
const forbidden: [attribute: string, values: string[]][] = [
  ['nonsense', ['x']],
  ['1.2.3.4', ['x']],
  ['cn;x-option', ['x']],
  ['createTimestamp', ['20260101000000Z']],
  ['entryUUID', ['00000000-0000-4000-8000-000000000001']],
  ['structuralObjectClass', ['person']],
  ['hasSubordinates', ['TRUE']],
  ['uid', ['other']],
  ['objectClass', ['inetOrgPerson']],
]

const name = (dn: string): string => dn.slice(dn.indexOf('=') + 1, dn.indexOf(','))

function modification(chance: Chance, entry: FoundEntry): Modification {
  const kind = chance.oneIn(15) ? 'increment' : chance.pick(['add', 'delete', 'replace'] as const)
  if (chance.oneIn(8)) {
    const [attribute, value] = chance.pick(wrong)
    return { kind, attribute, values: [value] }
  }
  if (chance.oneIn(8)) {
    const [attribute, values] = chance.pick(forbidden)
    return {
      kind: kind === 'increment' ? 'add' : kind,
      attribute,
      values: attribute === 'uid' && chance.oneIn(2) ? [name(entry.dn)] : values,
    }
  }
  const attribute = chance.pick(Object.keys(fields))
  const there = entry.attributes[attribute] ?? []
  const spelt = chance.oneIn(4) ? attribute.toUpperCase() : attribute
  if (kind === 'increment')
    return {
      kind,
      attribute: chance.pick(['exampleCardNumber', 'title', 'exampleCardNumber']),
      values: chance.pick([['1'], ['-1'], ['x'], [], ['1', '2']]),
    }
  const many = attribute === 'exampleDoors' ? 3 : 1
  const values = chance.oneIn(2) && there.length > 0 ? [chance.pick(there)] : chance.some(fields[attribute]!, many)
  return { kind, attribute: spelt, values }
}

const missing = (chance: Chance, base: string): string =>
  chance.pick([
    `uid=nobody,ou=Users,ou=Accounts,${base}`,
    `uid=x,uid=nobody,ou=Users,ou=Accounts,${base}`,
    'dc=other',
    'no dn',
    `ou=None,${base}`,
  ])

const modify = (chance: Chance, entry: FoundEntry, base: string): Wish => ({
  kind: 'modify',
  dn: chance.oneIn(15) ? missing(chance, base) : entry.dn,
  modifications: Array.from({ length: 1 + (chance.oneIn(2) ? 0 : chance.below(3)) }, () => modification(chance, entry)),
})

let added = 0

function add(chance: Chance, people: readonly FoundEntry[], base: string): Wish {
  const users = `ou=Users,ou=Accounts,${base}`
  const username = chance.oneIn(6) ? name(chance.pick(people).dn) : `new${++added}`
  const attributes = new Map<string, string[]>([
    ['objectClass', ['inetOrgPerson', 'posixAccount']],
    ['uid', [username]],
    ['givenName', ['New']],
    ['sn', ['Comer']],
    ['cn', ['New Comer']],
    ['uidNumber', [String(7000 + added)]],
    ['gidNumber', ['63000']],
    ['homeDirectory', [`/home/${username}`]],
  ])
  let dn = `uid=${username},${users}`
  const spoil: (() => unknown)[] = [
    () => attributes.delete(chance.pick(['objectClass', 'sn', 'cn', 'uidNumber', 'homeDirectory'])),
    () => attributes.set('uid', ['somebody']),
    () => attributes.delete('uid'),
    () =>
      attributes.set(
        'objectClass',
        chance.pick([
          ['nonsense'],
          ['top'],
          ['posixAccount'],
          ['inetOrgPerson', 'organizationalUnit'],
          ['inetOrgPerson'],
        ]),
      ),
    () => attributes.set(...chance.pick(forbidden.slice(0, 7))),
    () => attributes.set(...(([each, value]): [string, string[]] => [each, [value]])(chance.pick(wrong))),
    () => attributes.set('title', ['One', 'one']),
    () => attributes.set('mail', []),
    () => attributes.set('uidNumber', ['1', '2']),
    () => {
      dn = chance.pick([
        `uid=${username},${missing(chance, base)}`,
        'no dn',
        `uid=${username},dc=other`,
        users,
        base,
        '',
      ])
    },
    () => {
      dn = `cn=${username},${users}`
    },
  ]
  if (chance.oneIn(3))
    for (const [key, values] of [
      ['title', ['Clerk']],
      ['mail', [`${username}@example.lan`]],
    ] as const)
      attributes.set(key, [...values])
  if (!chance.oneIn(3)) chance.pick(spoil)()
  return { kind: 'add', dn, attributes: [...attributes] }
}

const remove = (chance: Chance, people: readonly FoundEntry[], base: string): Wish => ({
  kind: 'remove',
  dn: chance.oneIn(2)
    ? chance.pick(people).dn
    : chance.pick([missing(chance, base), base, `ou=Users,ou=Accounts,${base}`, `ou=Accounts,${base}`]),
})

function rename(chance: Chance, people: readonly FoundEntry[], base: string): Wish {
  const { dn } = chance.pick(people)
  const users = `ou=Users,ou=Accounts,${base}`
  const other = name(chance.pick(people).dn)
  return {
    kind: 'rename',
    dn: chance.oneIn(8) ? missing(chance, base) : dn,
    rdn: chance.pick([
      `uid=moved${++added}`,
      `UID=Moved${++added}`,
      `uid=${other}`,
      `uid=${name(dn)}`,
      `nonsense=x`,
      'no rdn',
      'uid=a,uid=b',
      '',
    ]),
    keepsOld: chance.oneIn(6),
    ...(chance.oneIn(3) && {
      superior: chance.pick([users, users.toUpperCase(), 'no dn', `ou=Nowhere,${base}`, 'dc=other']),
    }),
  }
}

/** Members by name, who are there or are not; or the description. Of both at once, here the members come last. */
function modifyGroup(chance: Chance, group: FoundEntry, people: readonly FoundEntry[]): Wish {
  const names = chance.pick([['memberUid', 'MEMBERUID'], ['memberUid'], ['description']])
  const modification = (): Modification => ({
    kind: chance.pick(['add', 'delete', 'replace'] as const),
    attribute: chance.pick(names),
    values: [],
  })
  const modifications = Array.from({ length: 1 + chance.below(2) }, modification)
  for (const each of modifications)
    each.values =
      each.attribute === 'description'
        ? chance.pick([['Sales people'], ['sales  people'], ['Others'], []])
        : chance.some([...(group.attributes.memberUid ?? []), ...people.map(({ dn }) => name(dn))], 3)
  return { kind: 'modify', dn: group.dn, modifications }
}

export function wish(chance: Chance, people: readonly FoundEntry[], group: FoundEntry, base: string): Wish {
  const kind = chance.below(12)
  if (kind < 6) return modify(chance, chance.pick(people), base)
  if (kind < 8) return add(chance, people, base)
  if (kind < 10) return modifyGroup(chance, group, people)
  return kind < 11 ? rename(chance, people, base) : remove(chance, people, base)
}
