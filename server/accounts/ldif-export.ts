import { classOfAttribute } from '../extensions/attributes.ts'
import { pluginGroup } from '../extensions/extension.ts'
import type { GroupBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { groupsBelow, groupsMatching } from '../store/groups.ts'
import { memberIds, ofPlugin } from '../store/memberships.ts'
import { objectsByIds } from '../store/objects.ts'
import { userIdsAfter, usernamesByIds } from '../store/users.ts'
import { type Declared, declared } from './declarations.ts'
import { baseDn, baseDomain } from './domain.ts'
import { type Group, groupsInEffect } from './groups.ts'
import { allUsersNumber } from './numbers.ts'
import { mayNotSignIn } from './sign-in.ts'
import { toUser, type User } from './users.ts'

type Line = readonly [name: string, value: string]

const pageSize = 500

/** People and groups as LDIF (RFC 2849), as the LDAP server shows them; no password and no hash is in it. */
export async function* exportLdif(db: Db): AsyncGenerator<string> {
  const known = await declared(db)
  const base = baseDn((await baseDomain(db)) ?? 'example.lan')
  yield 'version: 1\n'
  for (const line of containers(base)) yield line
  for (let after = ''; ; ) {
    const ids = await userIdsAfter(db.reader, after, pageSize)
    if (ids.length === 0) break
    const objects = await objectsByIds(db.reader, 'user', ids)
    const users = ids.flatMap((id) => objects.get(id) ?? []).map(toUser)
    yield await peopleText(db, known, base, users)
    after = users.at(-1)?.username ?? '\uffff'
  }
  for (let page = 1; ; page++) {
    const { ids, total } = await groupsMatching(db.reader, { page, size: pageSize, sort: 'name' })
    const groups = await objectsByIds(db.reader, 'group', ids)
    for (const id of ids) {
      const group = groups.get(id)?.body
      if (group && group.type !== 'builtin') yield* groupText(db, known, base, id, group)
    }
    if (page * pageSize >= total) break
  }
  for (const plugin of known.plugins)
    if (plugin.on) {
      const { gidNumber, summary: description } = plugin
      yield* membersText(db, base, { name: pluginGroup(plugin), gidNumber, description }, [], [ofPlugin(plugin.name)])
    }
}

const usersOf = (base: string) => `ou=Users,ou=Accounts,${base}`
const groupsOf = (base: string) => `ou=Groups,ou=Accounts,${base}`

function containers(base: string): string[] {
  const [, dc = ''] = /^dc=([^,]+)/.exec(base) ?? []
  const unit = (ou: string, under: string) =>
    entryText([
      ['dn', `ou=${ou},${under}`],
      ['objectClass', 'organizationalUnit'],
      ['ou', ou],
    ])
  return [
    entryText([
      ['dn', base],
      ['objectClass', 'dcObject'],
      ['objectClass', 'organization'],
      ['dc', dc],
      ['o', dc],
    ]),
    unit('Accounts', base),
    unit('Users', `ou=Accounts,${base}`),
    unit('Groups', `ou=Accounts,${base}`),
  ]
}

async function peopleText(db: Db, known: Declared, base: string, users: User[]): Promise<string> {
  const effect = await groupsInEffect(db, [...new Set(users.flatMap(({ groups }) => groups))])
  return users.map((user) => entryText(personLines(known, base, user, effect))).join('')
}

const classes = ['top', 'person', 'organizationalPerson', 'inetOrgPerson', 'posixAccount', 'shadowAccount']

function personLines(known: Declared, base: string, user: User, effect: ReadonlyMap<string, Group>): Line[] {
  const { username, first, last } = user
  const name = `${first} ${last}`.trim() || username
  const fields = extensionLines(known, user)
  const has = (attribute: string) => fields.lines.some(([name]) => name === attribute)
  return [
    ['dn', `uid=${username},${usersOf(base)}`],
    ...[...new Set([...classes, ...fields.classes])].map((one): Line => ['objectClass', one]),
    ['uid', username],
    ['cn', name],
    ['sn', last || username],
    ...(first ? [['givenName', first] as const] : []),
    ['displayName', name],
    ['uidNumber', String(user.uidNumber)],
    ['gidNumber', String(allUsersNumber)],
    ...(has('homeDirectory') ? [] : [['homeDirectory', `/home/${username}`] as const]),
    ...(has('loginShell') ? [] : [['loginShell', '/sbin/nologin'] as const]),
    // pam_unix reads this as expired on 2 January 1970.
    ...(mayNotSignIn(user, new Date()) ? [['shadowExpire', '1'] as const] : []),
    ...fields.lines,
    ...groupNamesOf(user, effect).map((group): Line => ['memberOf', `cn=${group},${groupsOf(base)}`]),
    ...known.plugins
      .filter(({ name, on }) => on && user.plugins.includes(name))
      .map((plugin): Line => ['memberOf', `cn=${pluginGroup(plugin)},${groupsOf(base)}`]),
  ]
}

function extensionLines(known: Declared, user: User): { classes: string[]; lines: Line[] } {
  const classes: string[] = []
  const lines: Line[] = []
  for (const extension of known.extensions) {
    const values = user.extensions[extension.name]
    if (!extension.on || extension.isOutOfLdap || !values || Object.keys(values).length === 0) continue
    classes.push(extension.objectClass)
    for (const [name, { attribute, values: valuesOf }] of Object.entries(extension.user)) {
      if (values[name] === undefined) continue
      lines.push(...valuesOf(values[name]).map((value): Line => [attribute, value]))
      classes.push(...[classOfAttribute[attribute.toLowerCase()] ?? []].flat())
    }
    for (const [attribute, compute] of Object.entries(extension.derived ?? {})) {
      const value = compute(values)
      if (value !== undefined) lines.push([attribute, value])
    }
  }
  return { classes, lines }
}

/** Names of every group that the person is in, also through others. */
function groupNamesOf(user: User, effect: ReadonlyMap<string, Group>): string[] {
  const names = new Set<string>()
  const open = [...user.groups]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const group = effect.get(id)
    if (!group || names.has(group.name)) continue
    names.add(group.name)
    open.push(...(group.groups ?? []))
  }
  return [...names].sort()
}

async function* groupText(db: Db, known: Declared, base: string, id: string, group: GroupBody): AsyncGenerator<string> {
  const lines: Line[] = []
  for (const extension of known.extensions) {
    const values = group.extensions?.[extension.name]
    if (!extension.on || !extension.group || !values) continue
    lines.push(['objectClass', extension.group.objectClass])
    for (const [name, field] of Object.entries(extension.group.fields))
      if (values[name] !== undefined)
        lines.push(...field.values(values[name]).map((value): Line => [field.attribute, value]))
  }
  yield* membersText(db, base, group, lines, [...(await groupsBelow(db.reader, [id]))])
}

/** A group with everybody in it, in parts: one of 20,000 is never held as one text. */
async function* membersText(
  db: Db,
  base: string,
  group: Pick<GroupBody, 'name' | 'gidNumber' | 'description'>,
  more: Line[],
  of: readonly string[],
): AsyncGenerator<string> {
  yield entryText([
    ['dn', `cn=${group.name},${groupsOf(base)}`],
    ...['top', 'groupOfMembers', 'posixGroup'].map((one): Line => ['objectClass', one]),
    ['cn', group.name],
    ['gidNumber', String(group.gidNumber)],
    ...(group.description ? [['description', group.description] as const] : []),
    ...more,
  ])
  const seen = new Set<string>()
  for (const one of of)
    for await (const ids of memberIds(db.reader, one)) {
      const fresh = ids.filter((id) => !seen.has(id))
      for (const id of fresh) seen.add(id)
      const names = await usernamesByIds(db.reader, fresh)
      yield [...names.values()]
        .map((name) => lineText('memberUid', name) + lineText('member', `uid=${name},${usersOf(base)}`))
        .join('')
    }
}

const entryText = (lines: readonly Line[]): string =>
  `\n${lines.map(([name, value]) => lineText(name, value)).join('')}`

/** RFC 2849: SAFE-STRING as it is, anything else in base64; folded at 76. */
function lineText(name: string, value: string): string {
  const isSafe = /^(?![ :<])[ -~]*$/.test(value) && !value.endsWith(' ')
  const text = isSafe ? `${name}: ${value}` : `${name}:: ${Buffer.from(value).toString('base64')}`
  if (text.length <= 76) return `${text}\n`
  return `${[text.slice(0, 76), ...(text.slice(76).match(/.{1,75}/gs) ?? [])].join('\n ')}\n`
}
