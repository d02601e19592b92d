import { setImmediate as others } from 'node:timers/promises'
import type { Db } from '../store/db.ts'
import { type CsvRow, maxColumns, maxRows, refused, some } from './csv-file.ts'
import { type Memberships, membershipsOf } from './entry-groups.ts'
import { clearPasswordOf, hashOf, isWindowsAccount, nameOf, statusOf } from './entry-person.ts'
import { canonicalName, isReservedUser } from './names.ts'
import type { Table } from './table.ts'

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
  'nsperson',
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

export type Person = Entry & { username: string }
export type Group = Entry & { name: string }

async function sortEntries(
  entries: Iterable<Entry> | AsyncIterable<Entry>,
): Promise<{ people: Person[]; groups: Group[]; notices: string[] }> {
  const people: Person[] = []
  const groups: Group[] = []
  const reserved: string[] = []
  let [computers, strange, seen] = [0, 0, 0]
  for await (const entry of entries) {
    if (++seen > maxRows * 2) throw refused(`It has more than ${(maxRows * 2).toLocaleString('en')} entries.`)
    if (seen % 500 === 0) await others()
    const classes = (entry.attributes.get('objectclass') ?? []).map((name) => name.toLowerCase())
    const username = first(entry, 'uid') ?? first(entry, 'samaccountname')
    const name = first(entry, 'cn')
    if (username?.endsWith('$') || classes.includes('computer')) computers++
    else if (name && classes.some((one) => groupClasses.has(one))) groups.push({ ...entry, name: groupName(name) })
    else if (!username || !classes.some((one) => personClasses.has(one))) strange++
    else if (isReservedUser(canonicalName(username))) reserved.push(username)
    else people.push({ ...entry, username: canonicalName(username) })
  }
  const notices = [
    ...(computers > 0 ? [`${computers} ${computers === 1 ? 'computer is' : 'computers are'} left out.`] : []),
    ...(reserved.length > 0 ? [`People whose names are reserved for the system are left out: ${some(reserved)}.`] : []),
    ...(strange > 0
      ? [`${strange.toLocaleString('en')} ${strange === 1 ? 'entry is' : 'entries are'} neither a person nor a group.`]
      : []),
  ]
  return { people, groups, notices }
}

/** The first value of an attribute. */
export const first = (entry: Entry, name: string): string | undefined => entry.attributes.get(name)?.[0]

/** Names of groups have no spaces here. */
const groupName = (name: string): string => canonicalName(name).replace(/\s+/g, '_')

function headerOf(people: readonly Person[], memberships: Memberships): string[] {
  const seen = new Set<string>()
  for (const person of people)
    for (const name of person.attributes.keys()) {
      if (!noise.test(name) && name !== 'samaccountname') seen.add(name)
      if (seen.size > maxColumns) throw refused(`Its people have more than ${maxColumns} kinds of attributes.`)
    }
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
    const text = (person.attributes.get(column) ?? []).join('\n')
    // Where everybody's is, unless somebody says otherwise: then it follows a new name.
    return column === 'homedirectory' && text === `/home/${person.username}` ? '' : text
  })
  return { line: person.line, cells }
}
