import { classOfAttribute } from '../extensions/attributes.ts'
import { pluginGroup } from '../extensions/extension.ts'
import type { ExtensionValues, GroupBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { groupsBelow, groupsMatching } from '../store/groups.ts'
import { memberIds, ofPlugin } from '../store/memberships.ts'
import { objectsByIds } from '../store/objects.ts'
import { userIdsAfter, usernamesByIds } from '../store/users.ts'
import { type Declared, declared } from './declarations.ts'
import { baseDn, baseDomain } from './domain.ts'
import { allUsersNumber } from './numbers.ts'
import { mayNotSignIn } from './sign-in.ts'
import { toUser, type User } from './user.ts'

type Line = readonly [name: string, value: string]

const pageSize = 500

/**
 * People and groups as LDIF (RFC 2849), as the LDAP server shows them; no password and no hash is in it. Another directory
 * can load it: nothing is in it that a server makes itself (memberOf), nor the line `version: 1`, which slapadd does not take.
 */
export async function* exportLdif(db: Db): AsyncGenerator<string> {
  const known = await declared(db)
  const base = baseDn((await baseDomain(db)) ?? 'example.lan')
  yield containers(base).join('').trimStart()
  for (let after = ''; ; ) {
    const ids = await userIdsAfter(db.reader, after, pageSize)
    if (ids.length === 0) break
    const objects = await objectsByIds(db.reader, 'user', ids)
    const users = ids.flatMap((id) => objects.get(id) ?? []).map(toUser)
    yield users.map((user) => entryText(personLines(known, base, user))).join('')
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

const classes = ['top', 'person', 'organizationalPerson', 'inetOrgPerson', 'posixAccount', 'shadowAccount']

function personLines(known: Declared, base: string, user: User): Line[] {
  const { username, first, last } = user
  const name = `${first} ${last}`.trim() || username
  const fields = extensionLines(known, user.extensions, 'user')
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
  ]
}

function extensionLines(
  known: Declared,
  kept: ExtensionValues,
  of: 'user' | 'group',
): { classes: string[]; lines: Line[] } {
  const classes = new Set<string>()
  const lines: Line[] = []
  for (const extension of known.extensions) {
    const { on, isOutOfLdap, user, objectClass, group, derived = {} } = extension
    const side = of === 'user' ? { fields: user, objectClass } : group
    const values = kept[extension.name]
    if (!on || isOutOfLdap || !side || !values) continue
    for (const [name, field] of Object.entries(side.fields)) {
      if (values[name] === undefined) continue
      classes.add(side.objectClass).add(classOfAttribute[field.attribute.toLowerCase()] ?? side.objectClass)
      lines.push(...field.values(values[name]).map((value): Line => [field.attribute, value]))
    }
    for (const [attribute, compute] of of === 'user' ? Object.entries(derived) : []) {
      const value = compute(values)
      if (value !== undefined) lines.push([attribute, value])
    }
  }
  return { classes: [...classes], lines }
}

async function* groupText(db: Db, known: Declared, base: string, id: string, group: GroupBody): AsyncGenerator<string> {
  const { classes, lines } = extensionLines(known, group.extensions ?? {}, 'group')
  const more = [...classes.map((one): Line => ['objectClass', one]), ...lines]
  yield* membersText(db, base, group, more, [...(await groupsBelow(db.reader, [id]))])
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
