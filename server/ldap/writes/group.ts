import type { GroupInput } from '../../accounts/groups.ts'
import { canonicalName } from '../../accounts/names.ts'
import { type AttributeType, attribute } from '../attribute-types.ts'
import { parseDn } from '../dn.ts'
import type { Entry } from '../entry.ts'
import { NotDone } from '../not-done.ts'
import type { Schema } from '../schema.ts'
import type { Tree } from '../tree.ts'
import { resultCode } from '../wire/result.ts'
import { type Modification, typeOf } from './changes.ts'
import { type Typed, typeInto } from './fields.ts'
import { changedTypes } from './person.ts'
import type { Values } from './values.ts'

const cn = attribute('cn')
const gidNumber = attribute('gidNumber')
const description = attribute('description')
export const memberUid = attribute('memberUid')
export const member = attribute('member')

export function groupInput(schema: Schema, before: Values, after: Values): Partial<GroupInput> {
  const input: Partial<GroupInput> = {}
  const typed: Typed = {}
  for (const type of changedTypes(before, after)) {
    const values = after.get(type) ?? []
    if (type === cn)
      throw new NotDone(resultCode.notAllowedOnRDN, 'The name of a group is changed by renaming the entry.')
    if (type === description) input.description = oneDescription(values)
    else if (type === gidNumber)
      throw new NotDone(resultCode.unwillingToPerform, 'gidNumber is given once and never changed.')
    else if (!typeInto(typed, schema, type, 'group', values)) throw keptNowhere(type)
  }
  if (Object.keys(typed).length > 0) input.extensions = typed
  return input
}

export function newGroupInput(
  schema: Schema,
  name: string,
  values: Values,
): { input: GroupInput; gidNumber: number | undefined } {
  const typed: Typed = {}
  for (const [type, list] of values) {
    if (type === cn || type === gidNumber || type === description || type === member || type === memberUid) continue
    if (!typeInto(typed, schema, type, 'group', list)) throw keptNowhere(type)
  }
  const [wanted] = values.get(gidNumber) ?? []
  const input: GroupInput = { name, description: oneDescription(values.get(description) ?? []) }
  if (Object.keys(typed).length > 0) input.extensions = typed
  return { input, gidNumber: wanted === undefined ? undefined : Number(wanted) }
}

function oneDescription(values: readonly string[]): string {
  if (values.length > 1) throw new NotDone(resultCode.constraintViolation, 'A group has one description here.')
  return values[0] ?? ''
}

const keptNowhere = (type: AttributeType): NotDone =>
  new NotDone(resultCode.unwillingToPerform, `No extension of this directory keeps ${type.names[0]} of a group.`)

export const isOfMembers = (type: AttributeType): boolean => type === member || type === memberUid

/** Who is to be in a group that is not, and the other way round, by username. */
export type Moves = { join: Set<string>; leave: Set<string> }

/**
 * What modifications of `member` and `memberUid` come to: two names for one list, so that a client may change either or both.
 * `direct`: who was put into the group; `all`: also who is in it through other groups.
 */
export function memberMoves(
  schema: Schema,
  tree: Tree,
  modifications: readonly Modification[],
  direct: ReadonlySet<string>,
  all: ReadonlySet<string>,
): Moves {
  // Each attribute is a list of its own while the modifications are held against it.
  const lists = new Map<AttributeType, Set<string>>([
    [member, new Set(all)],
    [memberUid, new Set(all)],
  ])
  const join = new Set<string>()
  const leave = new Set<string>()
  const put = (list: Set<string>, username: string): void => {
    list.add(username)
    leave.delete(username)
    if (!direct.has(username)) join.add(username)
  }
  const take = (list: Set<string>, username: string): void => {
    list.delete(username)
    join.delete(username)
    if (direct.has(username)) leave.add(username)
    else if (all.has(username))
      throw new NotDone(
        resultCode.unwillingToPerform,
        `${username} is in this group through another one: change the members there.`,
      )
  }
  for (const { kind, attribute, values } of modifications) {
    const type = typeOf(schema, attribute)
    const list = lists.get(type)!
    const names = values.map((value) => usernameOf(tree, type, value))
    if (new Set(names).size < names.length)
      throw new NotDone(resultCode.attributeOrValueExists, `${attribute}: the same value twice.`)
    switch (kind) {
      case 'add':
        for (const name of names) {
          if (list.has(name)) throw new NotDone(resultCode.attributeOrValueExists, `${name} is a member already.`)
          put(list, name)
        }
        break
      case 'delete': {
        const gone = names.length > 0 ? names : [...list]
        if (gone.length === 0) throw new NotDone(resultCode.noSuchAttribute, 'The group has no members.')
        for (const name of gone) {
          if (!list.has(name)) throw new NotDone(resultCode.noSuchAttribute, `${name} is no member.`)
          take(list, name)
        }
        break
      }
      case 'replace':
        for (const name of [...list]) if (!names.includes(name)) take(list, name)
        for (const name of names) if (!list.has(name)) put(list, name)
        break
      case 'increment':
        throw new NotDone(resultCode.constraintViolation, `${attribute} is no number.`)
    }
  }
  return { join, leave }
}

/** Everybody whom modifications name. */
export const namesIn = (schema: Schema, tree: Tree, modifications: readonly Modification[]): string[] => [
  ...new Set(
    modifications.flatMap(({ attribute, values }) => {
      const type = typeOf(schema, attribute)
      return values.map((value) => usernameOf(tree, type, value))
    }),
  ),
]

/** Whom a value of `member` or `memberUid` names. */
function usernameOf(tree: Tree, type: AttributeType, text: string): string {
  if (type === memberUid) return canonicalName(text)
  const entry: Entry | undefined = tree.resolve(parseDn(text) ?? []).entry
  if (!entry?.membership)
    throw new NotDone(
      resultCode.constraintViolation,
      `“${text}” is no person here. Groups in groups are made in the pages.`,
    )
  return entry.key.slice('uid='.length)
}

/** Members that an entry is added with. */
export function firstMembers(tree: Tree, values: Values): string[] {
  const named = [member, memberUid].flatMap((type) =>
    (values.get(type) ?? []).map((text) => usernameOf(tree, type, text)),
  )
  return [...new Set(named)]
}
