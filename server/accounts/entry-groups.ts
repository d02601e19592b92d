import { setImmediate as others } from 'node:timers/promises'
import type { Db } from '../store/db.ts'
import { groupIdByName } from '../store/groups.ts'
import { some } from './csv-file.ts'
import { type Declared, declared } from './declarations.ts'
import { first, type Group, type Person } from './entries.ts'
import { canonicalName, groupNameProblem } from './names.ts'
import type { TableGroup } from './table.ts'

/** username -> the groups and the plugins that the person is in. */
export type Memberships = {
  of: Map<string, { groups: Set<string>; plugins: Set<string> }>
  groups: TableGroup[]
  plugins: string[]
  notices: string[]
}

export async function membershipsOf(db: Db, people: readonly Person[], found: readonly Group[]): Promise<Memberships> {
  const known = await declared(db)
  const of: Memberships['of'] = new Map(
    people.map(({ username }) => [username, { groups: new Set<string>(), plugins: new Set<string>() }]),
  )
  const kept = await keptGroups(db, found, of)
  const byDn = new Map<string, Member>()
  for (const { dn, username } of people) byDn.set(plainDn(dn), { person: username })
  for (const { dn, name } of kept.groups) byDn.set(plainDn(dn), { group: name })
  const byNumber = new Map(kept.groups.map((group) => [first(group, 'gidnumber'), group.name]))
  const parents = new Map<string, string[]>()
  const plugins = new Set<string>()
  let seen = 0
  for (const group of kept.groups) {
    const plugin = known.plugin(/^(.+)_plugin$/.exec(group.name)?.[1] ?? '')
    if (plugin) plugins.add(plugin.name)
    for (const member of membersOf(group, byDn)) {
      if (++seen % 2000 === 0) await others()
      if (!member) continue
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
        extensions: extensionsOf(group, known),
      })),
  }
}

/** What the extensions that are on make of a group's attributes. */
function extensionsOf(group: Group, known: Declared): TableGroup['extensions'] {
  const found: TableGroup['extensions'] = {}
  for (const extension of known.extensions)
    for (const [name, field] of Object.entries((extension.on && extension.group?.fields) || {})) {
      const values = group.attributes.get(field.attribute.toLowerCase())
      const text = field.type === 'list' ? values?.join('\n') : values?.[0]
      if (text) found[extension.name] = { ...found[extension.name], [name]: text }
    }
  return found
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

type Member = { person: string } | { group: string }

/** Everything that is named as a member; undefined for what is not there. */
function* membersOf(group: Group, byDn: ReadonlyMap<string, Member>): Generator<Member | undefined> {
  for (const name of group.attributes.get('memberuid') ?? []) yield { person: canonicalName(name) }
  for (const attribute of ['member', 'uniquemember'])
    for (const dn of group.attributes.get(attribute) ?? []) yield byDn.get(plainDn(dn))
}

/** One spelling of a DN: RFC 4514 escapes taken off, lower case, no space around its parts. */
const plainDn = (dn: string): string =>
  dn
    .split(/(?<!\\)[,;+]/)
    .map((part) => {
      const [type = '', ...value] = part.split('=')
      return `${type.trim()}=${unescaped(value.join('=').trim())}`.normalize('NFKC').toLowerCase()
    })
    .join('\n')

const unescaped = (value: string): string =>
  value
    .replace(/(\\[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('\\', ''), 'hex').toString('utf8'))
    .replace(/\\(.)/g, '$1')
