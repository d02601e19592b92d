import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { editStep } from '../audit/steps.ts'
import { NotFound, Refused } from '../errors.ts'
import { type Extension, type Fields, underAlias } from '../extensions/extension.ts'
import type { ExtensionBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'
import { countFilled } from '../store/people.ts'
import { type Change, write } from '../store/write.ts'
import { type Declared, type DeclaredExtension, declared, declaredIn } from './declarations.ts'
import { dropValues, groupsFilled } from './extension-values.ts'
import { untilNextChange } from './kept.ts'
import { needRight } from './roles.ts'
import { putWindowsGroups } from './windows-groups.ts'

export type ListedField = {
  name: string
  label: string
  attribute: string
  type: string
  required: boolean
  /** What is allowed, in words. */
  rule: string
  help?: string
  /** CSV column; fields of groups have none. */
  column: string
}

export type ListedExtension = Pick<DeclaredExtension, 'name' | 'title' | 'summary' | 'objectClass' | 'isOwn' | 'on'> & {
  /** How many people, and how many groups, have a value in it. */
  users: number
  groups: number
  fields: ListedField[]
  group?: { objectClass: string; fields: ListedField[] }
  /** Attributes that follow from the values. */
  derived: string[]
  /** The other name, and what stands in LDAP under it as well. */
  alias?: { name: string; objectClass: string; attributes: string[] }
}

export async function extensionList(db: Db): Promise<ListedExtension[]> {
  const { extensions } = await declared(db)
  const [users, groups] = await filledCounts(db)
  return extensions.map((extension) => listed(extension, users, groups))
}

function listed(
  extension: DeclaredExtension,
  users: Map<string, number>,
  groups: Map<string, number>,
): ListedExtension {
  const { name, title, summary, objectClass, alias, isOwn, on, user, group, derived } = extension
  const also = underAlias(extension)
  return {
    name,
    title,
    summary,
    objectClass,
    ...(isOwn ? { isOwn } : {}),
    on,
    users: users.get(name) ?? 0,
    groups: groups.get(name) ?? 0,
    fields: listedFields(name, user),
    ...(group ? { group: { objectClass: group.objectClass, fields: listedFields(name, group.fields) } } : {}),
    derived: Object.keys(derived ?? {}),
    ...(alias &&
      also && { alias: { name: alias.name, objectClass: also.objectClass, attributes: attributesOf(also) } }),
  }
}

const attributesOf = ({ user, derived = {} }: Pick<Extension, 'user' | 'derived'>): string[] => [
  ...Object.values(user).map(({ attribute }) => attribute),
  ...Object.keys(derived),
]

const filledCounts = untilNextChange(async (db) => {
  const { extensions } = await declared(db)
  return Promise.all([
    countFilled(
      db,
      extensions.map(({ name }) => name),
    ),
    groupsFilled(db.reader),
  ])
})

const listedFields = (extension: string, fields: Fields): ListedField[] =>
  Object.entries(fields).map(([name, { label, attribute, type, required, rule, help, column }]) => ({
    name,
    label,
    attribute,
    type,
    required,
    rule,
    ...(help ? { help } : {}),
    column: `extensions.${extension}.${column ?? name}`,
  }))

export async function needExtension(db: Db, name: string): Promise<DeclaredExtension> {
  const extension = (await declared(db)).extension(name)
  if (!extension) throw new NotFound(`There is no extension “${name}”.`)
  return extension
}

/** The values that are shown: those of extensions that are on. */
export const valuesShown = <T>({ extension }: Declared, values: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(values).filter(([name]) => extension(name)?.on))

export type ExtensionObject = { id: string; seq: number; body: ExtensionBody }

export const extensionObject = async (change: Change, name: string): Promise<ExtensionObject | undefined> =>
  (await objectsOf(change.trx, 'extension')).find(({ body }) => body.name === name)

/** Turns an extension on or off for the whole cluster. Off hides its attributes everywhere and keeps the values. */
export async function setExtensionOn(db: Db, actor: Actor, called: string, on: boolean): Promise<void> {
  needRight(actor, 'change')
  const { name } = await needExtension(db, called)
  await write(db, actor, (change) => turnExtension(change, name, on))
}

/** The same inside a change. */
export async function turnExtension(change: Change, name: string, on: boolean): Promise<void> {
  const { title = name } = (await declaredIn(change.trx)).extension(name) ?? {}
  const object = await extensionObject(change, name)
  if ((object?.body.on ?? false) === on) return
  const id = object?.id ?? randomUUID()
  const was: ExtensionBody = object?.body ?? { name, on: false }
  const now = { ...was, on }
  await change.put('extension', id, now)
  const groups = on && name === 'samba' ? await putWindowsGroups(change) : 0
  const undo = editStep('extension', id, was, now)
  change.note({
    sentence: `Turned ${title} ${on ? 'on' : 'off'}`,
    object: { kind: 'extension', id, name },
    changes: [
      { field: 'on', before: String(!on), after: String(on) },
      ...(groups > 0 ? [{ field: 'Windows groups', after: String(groups) }] : []),
    ],
    ...(undo ? { undo: [undo] } : {}),
  })
}

/** Removes what people and groups hold in an extension that is off; there is no way back. */
export async function removeExtensionValues(
  db: Db,
  actor: Actor,
  called: string,
): Promise<{ people: number; groups: number }> {
  needRight(actor, 'change')
  const { name, title } = await needExtension(db, called)
  return write(db, actor, async (change) => {
    const object = await extensionObject(change, name)
    if (object?.body.on) throw new Refused(`${title} is on. Turn it off first; then its values can be removed.`, 'on')
    const { people, groups } = await dropValues(change, name)
    if (people + groups > 0)
      change.note({
        sentence: `Removed the values of ${title}`,
        object: { kind: 'extension', id: object?.id ?? name, name },
        changes: lost(people, groups),
      })
    return { people, groups }
  })
}

/** For the audit: how many lost values. */
export const lost = (people: number, groups: number) => [
  ...(people > 0 ? [{ field: 'people with values', before: String(people) }] : []),
  ...(groups > 0 ? [{ field: 'groups with values', before: String(groups) }] : []),
]
