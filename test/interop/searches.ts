import { type Dn, escapeValue, parseDn } from '../../server/ldap/dn.ts'
import type { FoundEntry } from '../ldap/client.ts'
import type { SortKey, Window } from '../ldap/list-controls.ts'
import type { Chance } from './chance.ts'

// Searches that somebody could send: what stands in the directory, spelt in every way that the standards allow, and some ways
// that they do not.

/** What the directory holds, to make questions of. */
export type Vocabulary = { dns: string[]; values: Map<string, string[]>; classes: string[] }

export function vocabularyOf(entries: readonly FoundEntry[]): Vocabulary {
  const values = new Map<string, string[]>()
  for (const { attributes } of entries)
    for (const [name, list] of Object.entries(attributes)) values.set(name, [...(values.get(name) ?? []), ...list])
  return { dns: entries.map(({ dn }) => dn), values, classes: [...new Set(values.get('objectClass'))] }
}

/** Other names of attributes, and numbers. */
const spellings: Record<string, string[]> = {
  cn: ['commonName', '2.5.4.3', 'CN'],
  sn: ['surname', '2.5.4.4'],
  givenName: ['gn', '2.5.4.42'],
  uid: ['userid', '0.9.2342.19200300.100.1.1'],
  ou: ['organizationalUnitName', '2.5.4.11'],
  dc: ['domainComponent'],
  l: ['localityName', '2.5.4.7'],
  c: ['countryName'],
  o: ['organizationName'],
  st: ['stateOrProvinceName'],
  mail: ['rfc822Mailbox', '0.9.2342.19200300.100.1.3'],
  mobile: ['mobileTelephoneNumber'],
  facsimileTelephoneNumber: ['fax'],
  uidNumber: ['1.3.6.1.1.1.1.0'],
  gidNumber: ['1.3.6.1.1.1.1.1'],
  objectClass: ['2.5.4.0'],
  entryUUID: ['1.3.6.1.1.16.4'],
  modifyTimestamp: ['2.5.18.2'],
}

const anyCase = (chance: Chance, text: string): string => {
  const kind = chance.below(4)
  if (kind === 0) return text.toUpperCase()
  if (kind === 1) return text.toLowerCase()
  if (kind === 2) return [...text].map((each) => (chance.oneIn(2) ? each.toUpperCase() : each)).join('')
  return text
}

export function attributeName(chance: Chance, name: string): string {
  const other = spellings[name]
  if (other && chance.oneIn(4)) return chance.pick(other)
  return chance.oneIn(3) ? anyCase(chance, name) : name
}

/** Known to every schema, and held by nobody here. */
const unused = ['seeAlso', 'owner', 'carLicense', 'employeeType', 'initials', 'manager', 'audio', 'labeledURI']
const strange = [
  'nonsense',
  'x-attribute',
  '1.2.3.4',
  '2.5.4',
  'cn-',
  'cn;lang-sv',
  'cn;x-option',
  'distinguishedName',
  'name',
]

/** A value as another hand would write it. */
function otherSpelling(chance: Chance, value: string): string {
  switch (chance.below(8)) {
    case 0:
      return anyCase(chance, value)
    case 1:
      return ` ${value}`
    case 2:
      return `${value}  `
    case 3:
      return value.replaceAll(' ', '  ')
    case 4:
      return value.normalize('NFD')
    case 5:
      return value.slice(0, chance.below(value.length) + 1)
    case 6:
      return `${value}x`
    default:
      return value
  }
}

const junk = [
  '',
  ' ',
  '*',
  'x',
  '0',
  '-1',
  '00',
  '9999999999999999999999',
  'TRUE',
  'å',
  '\\',
  '(',
  ')',
  '\0',
  '#',
  '+46',
  'ß',
]

/** RFC 4515 section 3: what must be escaped is, and some of what need not be. */
function escaped(chance: Chance, value: string): string {
  const all = chance.oneIn(6)
  let text = ''
  for (const byte of Buffer.from(value)) {
    const must = byte === 0 || byte === 0x28 || byte === 0x29 || byte === 0x2a || byte === 0x5c
    const hex = `\\${byte.toString(16).padStart(2, '0')}`
    if (must || byte > 0x7f || all || chance.oneIn(30)) text += chance.oneIn(2) ? hex : hex.toUpperCase()
    else text += String.fromCharCode(byte)
  }
  return text
}

/** A DN in another form that means the same (RFC 4514), or nearly. */
export function otherDn(chance: Chance, dn: string): string {
  const parsed: Dn = parseDn(dn) ?? []
  const type = (name: string): string => (chance.oneIn(3) ? attributeName(chance, name) : name)
  const value = (text: string): string => {
    switch (chance.below(9)) {
      case 0:
        return anyCase(chance, escapeValue(text))
      case 1:
        return [...Buffer.from(text)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')
      case 2:
        return text.length < 100 && chance.oneIn(12)
          ? `#04${Buffer.from([Buffer.byteLength(text)]).toString('hex')}${Buffer.from(text).toString('hex')}`
          : text
      case 3:
        return ` ${escapeValue(text)} `
      case 4:
        return chance.oneIn(4) ? `"${text.replace(/["\\]/g, '\\$&')}"` : escapeValue(text)
      default:
        return escapeValue(text)
    }
  }
  const rdns = parsed.map((rdn) =>
    rdn.map((part) => `${type(part.type)}${chance.oneIn(12) ? ' = ' : '='}${value(part.value)}`).join('+'),
  )
  const comma = chance.pick([',', ',', ',', ', ', ' , ', ';'])
  return rdns.join(chance.oneIn(20) ? `${comma}${comma}` : comma)
}

function aDn(chance: Chance, { dns }: Vocabulary): string {
  const dn = chance.pick(dns)
  switch (chance.below(8)) {
    case 0:
      return `uid=nobody,${dn}`
    case 1:
      return dn.slice(dn.indexOf(',') + 1)
    case 2:
      return chance.pick([
        '',
        'nonsense',
        'dc=other',
        'dc=lan',
        'cn=x+sn=y,dc=example,dc=lan',
        '=x',
        'cn',
        'cn=a,',
        'cn=\\zz,dc=lan',
      ])
    case 3:
    case 4:
      return otherDn(chance, dn)
    default:
      return dn
  }
}

/** Rules that are asked for by name: `(cn:caseExactMatch:=Anna)`. */
const rules = [
  'caseIgnoreMatch',
  'caseExactMatch',
  '2.5.13.2',
  '2.5.13.5',
  'caseIgnoreIA5Match',
  'caseExactIA5Match',
  'integerMatch',
  'distinguishedNameMatch',
  'octetStringMatch',
  'caseIgnoreSubstringsMatch',
  'objectIdentifierMatch',
  'telephoneNumberMatch',
  'generalizedTimeMatch',
  'integerOrderingMatch',
  'generalizedTimeOrderingMatch',
  'caseIgnoreOrderingMatch',
  'booleanMatch',
  'UUIDMatch',
  'integerBitAndMatch',
  '1.2.840.113556.1.4.803',
  '1.2.840.113556.1.4.804',
  'nonsenseMatch',
  '1.2.3.4',
]

function item(chance: Chance, words: Vocabulary): string {
  const names = [...words.values.keys()]
  const known = chance.oneIn(8) ? chance.pick(chance.oneIn(2) ? unused : strange) : chance.pick(names)
  const values = words.values.get(known) ?? [chance.pick(junk)]
  const isDn = /,dc=/i.test(values[0]!)
  const name = attributeName(chance, known)
  const written = (text: string): string => escaped(chance, text)
  const value = (): string => {
    if (chance.oneIn(12)) return chance.pick(junk)
    const found = chance.oneIn(15) ? chance.pick(words.values.get(chance.pick(names))!) : chance.pick(values)
    if (isDn) return chance.oneIn(2) ? otherDn(chance, found) : found
    return chance.oneIn(2) ? otherSpelling(chance, found) : found
  }
  switch (chance.below(14)) {
    case 0:
      return `(${name}=*)`
    case 1:
    case 2:
      return `(${name}=${pieces(chance, value(), written)})`
    case 3:
      return `(${name}>=${written(value())})`
    case 4:
      return `(${name}<=${written(value())})`
    case 5:
      return `(${name}~=${written(value())})`
    case 6:
      return `(${name}${chance.oneIn(2) ? `:${chance.pick(rules)}` : ''}:=${written(value())})`
    case 7:
      return `(${name}${chance.oneIn(2) ? `:${chance.pick(['dn', 'DN'])}` : ''}:${chance.pick(rules)}:=${written(value())})`
    case 8:
      return `(${chance.oneIn(3) ? ':dn' : ''}:${chance.pick(rules)}:=${written(value())})`
    case 9:
      return `(${name}:dn:=${written(value())})`
    default:
      return `(${name}=${written(value())})`
  }
}

/** A value with parts of it left open. */
function pieces(chance: Chance, value: string, written: (text: string) => string): string {
  const characters = [...value]
  const cut = (from: number, to: number): string => written(characters.slice(from, to).join(''))
  const middle = chance.below(characters.length + 1)
  switch (chance.below(5)) {
    case 0:
      return `${cut(0, middle) || 'a'}*`
    case 1:
      return `*${cut(middle, characters.length) || 'a'}`
    case 2:
      return `*${cut(middle, middle + 3) || 'a'}*`
    case 3:
      return `${cut(0, 1)}*${cut(middle, middle + 2) || 'e'}*${cut(characters.length - 1, characters.length)}`
    default:
      return `*${cut(0, 2) || 'a'}*${cut(middle, middle + 2) || 'b'}*${cut(characters.length - 2, characters.length)}`
  }
}

function filter(chance: Chance, words: Vocabulary, depth = 0): string {
  const kind = depth > 2 ? 9 : chance.below(10)
  if (kind > 3) return item(chance, words)
  if (kind === 0) return `(!${filter(chance, words, depth + 1)})`
  const inner = Array.from({ length: chance.below(4) }, () => filter(chance, words, depth + 1))
  return `(${chance.pick(['&', '|'])}${inner.join('')})`
}

/** What Samba, nslcd and SSSD ask, as they write it. */
const shapes = [
  '(&(uid=%uid)(objectclass=sambaSamAccount))',
  '(&(sambaSID=S-1-5-21-1-2-3-%uidNumber)(objectclass=sambaSamAccount))',
  '(&(objectClass=sambaGroupMapping)(|(displayName=%cn)(cn=%cn)))',
  '(&(objectClass=sambaGroupMapping)(gidNumber=%gidNumber))',
  '(sambaSid=S-1-5-32-544)',
  '(&(objectClass=posixAccount)(objectClass=sambaSamAccount)(uidNumber=%uidNumber))',
  '(&(objectclass=sambaGroupMapping)(sambaGroupType=4)(|(sambaSIDList=S-1-1-0)(sambaSIDList=S-1-5-2)))',
  '(&(objectclass=sambaGroupMapping)(sambaGroupType=2)(sambaSID=S-1-5-21-1-2-3*))',
  '(&(objectClass=posixAccount)(uid=%uid))',
  '(&(objectClass=posixAccount)(uidNumber=%uidNumber))',
  '(objectClass=posixAccount)',
  '(objectClass=posixGroup)',
  '(&(objectClass=posixGroup)(cn=%cn))',
  '(&(objectClass=posixGroup)(gidNumber=%gidNumber))',
  '(&(objectClass=posixGroup)(memberUid=%uid))',
  '(&(objectClass=posixGroup)(|(memberUid=%uid)(member=%member)))',
  '(&(objectClass=posixGroup)(|(memberUid=%uid)(gidNumber=%gidNumber)))',
  '(&(objectClass=shadowAccount)(uid=%uid))',
  '(&(uid=%uid)(objectclass=posixAccount)(uid=*)(&(uidNumber=*)(!(uidNumber=0))))',
  '(&(uidNumber=%uidNumber)(objectclass=posixAccount)(uid=*)(&(uidNumber=*)(!(uidNumber=0))))',
  '(&(memberUid=%uid)(objectclass=posixGroup)(cn=*)(&(gidNumber=*)(!(gidNumber=0))))',
  '(&(member=%member)(objectclass=posixGroup)(cn=*)(&(gidNumber=*)(!(gidNumber=0))))',
  '(&(objectclass=posixAccount)(uid=*)(uidNumber=*)(gidNumber=*)(modifyTimestamp>=%modifyTimestamp))',
  '(&(objectClass=posixAccount)(|(uid=%uid)(uid=%uid)(uid=%uid)(uid=%uid)))',
  '(&(cn=%cn)(objectClass=posixGroup))',
  '(&(uid=%uid)(objectClass=posixAccount))',
  '(&(objectClass=posixGroup)(|(displayName=%cn)(cn=%cn)))',
  '(&(uid=*)(objectclass=posixAccount))',
  '(|(&(objectClass=GroupOfNames)(member=%member))(&(objectClass=posixGroup)(memberUid=%uid)))',
  '(&(cn=%cn)(memberUid=%uid))',
  '(|(mail=%mail)(mailLocalAddress=%mail))',
  '(mail=%mail)',
  '(&(gidNumber=%gidNumber)(objectClass=posixAccount)(!(uid=%uid)))',
]

export const clientFilter = (chance: Chance, { values }: Vocabulary): string =>
  chance.pick(shapes).replace(/%(\w+)/g, (_, name: string) => {
    const value = chance.pick(values.get(name)!)
    return escaped(chance, chance.oneIn(4) ? anyCase(chance, value) : value)
  })

const lists = [
  '*',
  '+',
  '1.1',
  '@person',
  '@posixAccount',
  '@INETORGPERSON',
  '@top',
  '@nonsense',
  '@2.5.6.6',
  'nonsense',
  'cn;lang-sv',
  '*x',
  '',
]

function attributes(chance: Chance, { values }: Vocabulary): string[] {
  if (chance.oneIn(3)) return []
  const names = [...values.keys()]
  return Array.from({ length: 1 + chance.below(4) }, () =>
    chance.oneIn(4)
      ? chance.pick(lists)
      : attributeName(chance, chance.oneIn(8) ? chance.pick([...unused, ...strange]) : chance.pick(names)),
  )
}

export type Asked = {
  base: string
  scope: 'base' | 'one' | 'sub' | 'children'
  filter: string
  attributes: string[]
  typesOnly: boolean
  sizeLimit: number
  /** Entries to a page; the client takes one page after the other. */
  pageSize?: number
  sort?: SortKey[]
  window?: Window
  isCritical?: boolean
}

const scopes = ['base', 'one', 'sub', 'sub', 'sub', 'children'] as const

export function plainSearch(chance: Chance, words: Vocabulary): Asked {
  return {
    base: chance.oneIn(2) ? chance.pick(words.dns.filter((dn) => /^(dc|ou)=/.test(dn))) : aDn(chance, words),
    scope: chance.pick(scopes),
    filter: chance.oneIn(4) ? clientFilter(chance, words) : filter(chance, words),
    attributes: attributes(chance, words),
    typesOnly: chance.oneIn(6),
    sizeLimit: chance.oneIn(6) ? 1 + chance.below(30) : 0,
  }
}

/** Searches of much, for pages and orders. */
export function wideSearch(chance: Chance, words: Vocabulary): Asked {
  const base = chance.pick(words.dns.filter((dn) => /^(dc|ou=(Users|Groups|Accounts))/.test(dn)))
  const wide = chance.pick([
    '(objectClass=*)',
    '(uid=*)',
    '(objectClass=posixAccount)',
    '(cn=*a*)',
    '(!(mail=*))',
    '(uidNumber>=3010)',
    '(uid=nobody)',
  ])
  return {
    base,
    scope: 'sub',
    filter: chance.oneIn(4) ? filter(chance, words) : wide,
    attributes: chance.pick([['1.1'], ['uid', 'cn'], []]),
    typesOnly: false,
    sizeLimit: chance.oneIn(5) ? 1 + chance.below(40) : 0,
  }
}

/** With an ordering rule of their own, or with one that is asked for. */
const ordered = [
  'uidNumber',
  'gidNumber',
  'exampleCardNumber',
  'zarafaQuotaHard',
  'modifyTimestamp',
  'createTimestamp',
  'entryUUID',
]
const texts = ['cn', 'sn', 'uid', 'mail', 'l', 'title', 'exampleDoors', 'description', 'memberUid', 'givenName']

const sortKey = (chance: Chance): SortKey => ({
  ...(chance.oneIn(2)
    ? { attribute: attributeName(chance, chance.pick(ordered)) }
    : {
        attribute: attributeName(chance, chance.pick(texts)),
        rule: chance.pick(['caseIgnoreOrderingMatch', '2.5.13.3']),
      }),
  isReverse: chance.oneIn(2),
})

/** The last key leaves no two entries equal, so that there is one order. */
export function sortedSearch(chance: Chance, words: Vocabulary): Asked {
  const keys = Array.from({ length: chance.below(4) }, () => sortKey(chance))
  return {
    ...wideSearch(chance, words),
    sort: [...keys, { attribute: 'entryUUID', isReverse: chance.oneIn(3) }],
    isCritical: chance.oneIn(2),
  }
}

export function windowSearch(chance: Chance, words: Vocabulary): Asked {
  const { values } = words
  const around = { before: chance.below(6), after: chance.below(6) }
  const byValue = chance.oneIn(3)
  const count = chance.pick([0, 0, 64, 65, 70])
  const numbers = values
    .get('uidNumber')!
    .map(Number)
    .sort((a, b) => a - b)
  const value = chance.pick(numbers.slice(1, -1)) + chance.below(3) - 1
  return {
    ...sortedSearch(chance, words),
    ...(byValue && { sort: [{ attribute: 'uidNumber', isReverse: chance.oneIn(2) }] }),
    base: words.dns.find((dn) => dn.startsWith('ou=Users'))!,
    scope: 'one',
    filter: '(objectClass=posixAccount)',
    window: byValue ? { ...around, value: String(value) } : { ...around, offset: 2 + chance.below(80), count },
  }
}
