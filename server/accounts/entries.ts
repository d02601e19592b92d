import { setImmediate as others } from 'node:timers/promises'
import type { Db } from '../store/db.ts'
import { groupIdByName } from '../store/groups.ts'
import { type CsvRow, maxRows, refused, some } from './csv-file.ts'
import { declared } from './declarations.ts'
import { foreignHash } from './foreign-hashes.ts'
import { canonicalName, groupNameProblem } from './names.ts'
import type { Table, TableGroup } from './table.ts'

/** An entry of a directory, from LDIF or over LDAP. Names of attributes are in lower case. */
export type Entry = { line: number; dn: string; attributes: Map<string, string[]> }

/** What of a directory's entries goes into the import, besides the attributes as they are. */
const made = {
  /** A hash, or what an NT hash is written as. */
  hash: 'userPassword',
  password: 'password in clear text',
  status: 'account status',
  groups: 'groups',
}

const personClasses = new Set([
  'person',
  'organizationalperson',
  'inetorgperson',
  'posixaccount',
  'clearaccount',
  'sambasamaccount',
  'user',
  'account',
])
const groupClasses = new Set([
  'posixgroup',
  'groupofnames',
  'groupofuniquenames',
  'groupofmembers',
  'groupofentries',
  'group',
])

/** Attributes that never become a field: the directory's own, numbers, hashes in other places, pictures. */
const noise =
  /^(objectclass|dn|cn|displayname|gecos|entry.*|structuralobjectclass|creat.*|modif.*|subschemasubentry|hassubordinates|numsubordinates|memberof|uidnumber|gidnumber|shadow.*|samba(?!account$).*|pwd.*|krb.*|ns.*|clear(?!mail).*|jpegphoto|photo|audio|usercertificate.*|usersmimecertificate|userpkcs12|userpassword|object(sid|guid|category)|useraccountcontrol|name|instancetype|usn.*|when.*|badp.*|logon.*|last.*|codepage|accountexpires|primarygroupid|samaccounttype|distinguishedname|dscorepropagationdata|member|memberuid|uniquemember|uuid|creationdate|user_id|group_id)$/

/** People and groups of a directory as a table of people. Throws Invalid when there is nobody in it. */
export async function tableOfEntries(
  db: Db,
  entries: Iterable<Entry> | AsyncIterable<Entry>,
  unit: Table['unit'],
  notices: readonly string[] = [],
): Promise<Table> {
  const found = await sortEntries(entries)
  const { people, groups } = found
  if (people.length === 0)
    throw refused(
      'No people were found in it: entries with uid and a class such as inetOrgPerson, posixAccount or sambaSamAccount.',
    )
  const memberships = await membershipsOf(db, people, groups)
  const header = headerOf(people, memberships)
  return {
    unit,
    header,
    notices: [
      ...notices,
      ...found.notices,
      ...memberships.notices,
      'Numbers (uidNumber, gidNumber) are given anew here; files that belong to the old ones need their new owner.',
    ],
    isSecret: (name) => name === made.hash || name === made.password,
    groups: memberships.groups,
    rows: function* () {
      for (let at = 0; at < people.length; at += 200)
        yield people.slice(at, at + 200).map((person) => rowOf(person, header, memberships))
    },
  }
}

type Person = Entry & { username: string }
type Group = Entry & { name: string }

async function sortEntries(
  entries: Iterable<Entry> | AsyncIterable<Entry>,
): Promise<{ people: Person[]; groups: Group[]; notices: string[] }> {
  const people: Person[] = []
  const groups: Group[] = []
  let [computers, strange, seen] = [0, 0, 0]
  for await (const entry of entries) {
    if (++seen > maxRows * 2) throw refused(`It has more than ${(maxRows * 2).toLocaleString('en')} entries.`)
    if (seen % 500 === 0) await others()
    const classes = (entry.attributes.get('objectclass') ?? []).map((name) => name.toLowerCase())
    const username = first(entry, 'uid') ?? first(entry, 'samaccountname')
    const name = first(entry, 'cn')
    if (username?.endsWith('$') || classes.includes('computer')) computers++
    else if (name && classes.some((one) => groupClasses.has(one))) groups.push({ ...entry, name: groupName(name) })
    else if (username && classes.some((one) => personClasses.has(one)))
      people.push({ ...entry, username: canonicalName(username) })
    else strange++
  }
  const notices = [
    ...(computers > 0 ? [`${computers} ${computers === 1 ? 'computer is' : 'computers are'} left out.`] : []),
    ...(strange > 0
      ? [`${strange.toLocaleString('en')} ${strange === 1 ? 'entry is' : 'entries are'} neither a person nor a group.`]
      : []),
  ]
  return { people, groups, notices }
}

const first = (entry: Entry, name: string): string | undefined => entry.attributes.get(name)?.[0]

/** Names of groups have no spaces here. */
const groupName = (name: string): string => canonicalName(name).replace(/\s+/g, '_')

/** username -> the groups and the plugins that the person is in. */
type Memberships = {
  of: Map<string, { groups: Set<string>; plugins: Set<string> }>
  groups: TableGroup[]
  plugins: string[]
  notices: string[]
}

async function membershipsOf(db: Db, people: readonly Person[], found: readonly Group[]): Promise<Memberships> {
  const known = await declared(db)
  const of: Memberships['of'] = new Map(
    people.map(({ username }) => [username, { groups: new Set<string>(), plugins: new Set<string>() }]),
  )
  const kept = await keptGroups(db, found, of)
  const byDn = new Map<string, { person: string } | { group: string }>()
  for (const { dn, username } of people) byDn.set(plainDn(dn), { person: username })
  for (const { dn, name } of kept.groups) byDn.set(plainDn(dn), { group: name })
  const byNumber = new Map(kept.groups.map((group) => [first(group, 'gidnumber'), group.name]))
  const parents = new Map<string, string[]>()
  const plugins = new Set<string>()
  for (const [index, group] of kept.groups.entries()) {
    if (index % 50 === 0) await others()
    const plugin = known.plugin(/^(.+)_plugin$/.exec(group.name)?.[1] ?? '')
    if (plugin) plugins.add(plugin.name)
    for (const member of membersOf(group, byDn)) {
      if ('group' in member) {
        parents.set(member.group, [...(parents.get(member.group) ?? []), group.name])
        continue
      }
      const theirs = of.get(member.person)
      if (plugin) theirs?.plugins.add(plugin.name)
      else theirs?.groups.add(group.name)
    }
  }
  for (const person of people) {
    const number = first(person, 'gidnumber')
    const primary = number && byNumber.get(number)
    if (primary && !primary.endsWith('_plugin')) of.get(person.username)?.groups.add(primary)
  }
  return {
    of,
    plugins: [...plugins].sort(),
    notices: kept.notices,
    groups: kept.groups
      .filter(({ name }) => !name.endsWith('_plugin'))
      .map((group) => ({
        name: group.name,
        description: (first(group, 'description') ?? '').replace(/\p{Cc}+/gu, ' ').trim(),
        groups: parents.get(group.name) ?? [],
      })),
  }
}

/** Without the groups that a system makes for itself, and those whose names cannot be here. */
async function keptGroups(
  db: Db,
  found: readonly Group[],
  people: ReadonlyMap<string, unknown>,
): Promise<{ groups: Group[]; notices: string[] }> {
  const known = await declared(db)
  const groups: Group[] = []
  const reserved: string[] = []
  const strange: string[] = []
  let own = 0
  for (const group of found) {
    const plugin = /^(.+)_plugin$/.exec(group.name)?.[1]
    if (group.name === 'allusers') continue
    if (people.has(group.name)) own++
    else if (plugin && !known.plugin(plugin)) strange.push(group.name)
    else if (plugin) groups.push(group)
    else if (groupNameProblem(group.name) && !(await groupIdByName(db.reader, group.name))) reserved.push(group.name)
    else groups.push(group)
  }
  return {
    groups,
    notices: [
      ...(own > 0
        ? [
            `${own} ${own === 1 ? 'group that has' : 'groups that have'} the name of a person left out: here, names are one pool.`,
          ]
        : []),
      ...(strange.length > 0 ? [`Plugins that are not known here are left out: ${some(strange)}.`] : []),
      ...(reserved.length > 0
        ? [`Groups whose names are reserved or not possible here are left out: ${some(reserved)}.`]
        : []),
    ],
  }
}

function* membersOf(
  group: Group,
  byDn: ReadonlyMap<string, { person: string } | { group: string }>,
): Generator<{ person: string } | { group: string }> {
  for (const name of group.attributes.get('memberuid') ?? []) yield { person: canonicalName(name) }
  for (const attribute of ['member', 'uniquemember'])
    for (const dn of group.attributes.get(attribute) ?? []) {
      const member = byDn.get(plainDn(dn))
      if (member) yield member
    }
}

/** One spelling of a DN: RFC 4514 escapes taken off, lower case, no space around its parts. */
export const plainDn = (dn: string): string =>
  dn
    .split(/(?<!\\)[,;+]/)
    .map((part) => {
      const [, type = '', value = ''] = /^\s*([^=]*?)\s*=\s*(.*?)\s*$/s.exec(part) ?? []
      return `${type}=${unescaped(value)}`.normalize('NFKC').toLowerCase()
    })
    .join('\n')

const unescaped = (value: string): string =>
  value
    .replace(/(\\[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('\\', ''), 'hex').toString('utf8'))
    .replace(/\\(.)/g, '$1')

function headerOf(people: readonly Person[], memberships: Memberships): string[] {
  const seen = new Set<string>()
  for (const person of people)
    for (const name of person.attributes.keys()) if (!noise.test(name) && name !== 'samaccountname') seen.add(name)
  for (const name of ['uid', 'givenname', 'sn']) seen.delete(name)
  const has = (test: (person: Person) => unknown) => people.some((person) => test(person))
  return [
    'uid',
    'givenName',
    'sn',
    ...(has(hashOf) ? [made.hash] : []),
    ...(has(clearPasswordOf) ? [made.password] : []),
    ...(has(statusOf) ? [made.status] : []),
    ...[...seen].sort(),
    ...(has(isWindowsAccount) && !seen.has('sambaaccount') ? ['sambaAccount'] : []),
    ...memberships.plugins.map((name) => `plugins.${name}`),
    ...(memberships.groups.length > 0 ? [made.groups] : []),
  ]
}

function rowOf(person: Person, header: readonly string[], memberships: Memberships): CsvRow {
  const theirs = memberships.of.get(person.username)
  const name = nameOf(person)
  const cells = header.map((column) => {
    if (column === 'uid') return person.username
    if (column === 'givenName') return name.first
    if (column === 'sn') return name.last
    if (column === made.hash) return hashOf(person) ?? ''
    if (column === made.password) return clearPasswordOf(person) ?? ''
    if (column === made.status) return statusOf(person) ?? ''
    if (column === made.groups) return [...(theirs?.groups ?? [])].sort().join('\n')
    if (column === 'sambaAccount') return isWindowsAccount(person) ? 'yes' : 'no'
    if (column.startsWith('plugins.')) return theirs?.plugins.has(column.slice('plugins.'.length)) ? '1' : '0'
    return (person.attributes.get(column) ?? []).join('\n')
  })
  return { line: person.line, cells }
}

/** Directories can do without givenName; the whole name then says it. */
function nameOf(person: Person): { first: string; last: string } {
  const whole = (first(person, 'cn') ?? first(person, 'displayname') ?? '').trim()
  const last = (first(person, 'sn') ?? '').trim() || whole.split(/\s+/).slice(1).join(' ') || whole
  const given = first(person, 'givenname')?.trim()
  if (given) return { first: given, last }
  const rest = whole.endsWith(last) ? whole.slice(0, whole.length - last.length).trim() : whole.split(/\s+/)[0]
  return { first: rest ?? '', last }
}

/** The first hash that can be checked here; without one, the NT hash; without that, the first, so that it is named. */
function hashOf(person: Person): string | undefined {
  const hashes = (person.attributes.get('userpassword') ?? []).filter(isHash)
  const windows = first(person, 'sambantpassword')
  const all = [...hashes, ...(windows && /^[0-9A-F]{32}$/i.test(windows) ? [`{NT}${windows}`] : [])]
  return all.find((hash) => 'hash' in foreignHash(hash)) ?? all[0]
}

const isHash = (value: string): boolean => /^(\{[A-Za-z0-9._-]+\}|\$[0-9a-z]+\$)/.test(value)

const clearPasswordOf = (person: Person): string | undefined =>
  hashOf(person) === undefined
    ? (person.attributes.get('userpassword') ?? [])
        .map((value) => value.replace(/^\{CLEAR(TEXT)?\}/i, ''))
        .find((value) => value && !isHash(value))
    : undefined

/** Whoever could not sign in there does not get in here. */
function statusOf(person: Person): string | undefined {
  const { attributes } = person
  if (attributes.has('pwdaccountlockedtime')) return 'locked'
  if (/^true$/i.test(first(person, 'nsaccountlock') ?? '')) return 'disabled'
  if (/^\[[^\]]*D/.test(first(person, 'sambaacctflags') ?? '')) return 'disabled'
  // Active Directory: ACCOUNTDISABLE.
  if (Number(first(person, 'useraccountcontrol') ?? 0) & 2) return 'disabled'
  const expires = Number(first(person, 'shadowexpire') ?? -1)
  return expires > 0 && expires * 86_400_000 < Date.now() ? 'disabled' : undefined
}

const isWindowsAccount = (person: Person): boolean =>
  (person.attributes.get('objectclass') ?? []).some((name) => name.toLowerCase() === 'sambasamaccount')
