import type { Knex } from 'knex'
import type { Bodies, ExtensionValues, GroupBody, UserBody } from '../store/bodies.ts'
import { canonical } from '../store/canonical.ts'
import { allIds, idsWithValues } from '../store/extension-values.ts'
import { objectsByIds, objectsOf } from '../store/objects.ts'
import type { Change } from '../store/write.ts'

// What people and groups hold in one extension, looked through and taken out in slices.

type Values = Record<string, unknown>

export type Held = {
  people: number
  groups: number
  /** field -> how many people have a value in it */
  fields: Map<string, number>
  /** field -> value -> how many, for fields that are a choice */
  choices: Map<string, Map<string, number>>
}

/** How many people and groups have a value, by field. */
export async function valuesHeld(trx: Knex, extension: string, choices: ReadonlySet<string>): Promise<Held> {
  const held: Held = { people: 0, groups: 0, fields: new Map(), choices: new Map() }
  for await (const ids of idsWithValues(trx, extension))
    for (const { body } of (await objectsByIds(trx, 'user', ids)).values()) {
      const values = body.extensions[extension]
      if (!values) continue
      held.people++
      for (const [field, value] of Object.entries(values)) {
        held.fields.set(field, (held.fields.get(field) ?? 0) + 1)
        if (!choices.has(field)) continue
        const chosen = held.choices.get(field) ?? new Map<string, number>()
        held.choices.set(field, chosen.set(String(value), (chosen.get(String(value)) ?? 0) + 1))
      }
    }
  held.groups = await countGroupsWithValues(trx, extension)
  return held
}

async function countGroupsWithValues(trx: Knex, extension: string): Promise<number> {
  let count = 0
  for await (const ids of allIds(trx, 'groups'))
    for (const { body } of (await objectsByIds(trx, 'group', ids)).values()) if (body.extensions?.[extension]) count++
  return count
}

/** extension -> how many groups have a value in it: one walk over the groups. */
export async function groupsFilled(trx: Knex): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for await (const ids of allIds(trx, 'groups'))
    for (const { body } of (await objectsByIds(trx, 'group', ids)).values())
      for (const name of Object.keys(body.extensions ?? {})) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

/**
 * Takes values of an extension away: all of them, or those of some fields. From people and groups, from who lies in the
 * recycle bin, from profiles, and from what people may change themselves. Returns how many people and groups lost one.
 */
export async function dropValues(
  change: Change,
  extension: string,
  fields?: readonly string[],
): Promise<{ people: number; groups: number }> {
  const { trx } = change
  const without = <T extends { extensions?: ExtensionValues }>(body: T): T | undefined =>
    withoutValues(body, extension, fields)
  let people = 0
  for await (const ids of idsWithValues(trx, extension)) people += await turn(change, 'user', ids, without<UserBody>)
  let groups = 0
  for await (const ids of allIds(trx, 'groups')) groups += await turn(change, 'group', ids, without<GroupBody>)
  for await (const ids of allIds(trx, 'removed'))
    await turn(change, 'removed', ids, (removed) => {
      const body = without(removed.body as UserBody)
      return body && ({ ...removed, body } as typeof removed)
    })
  for (const { id, body } of await objectsOf(trx, 'profile')) {
    const now = without(body)
    if (now) await change.put('profile', id, now)
  }
  for (const { id, body } of await objectsOf(trx, 'settings')) {
    const ownFields = body.ownFields.filter((path) => !isDropped(path, extension, fields))
    if (ownFields.length < body.ownFields.length) await change.put('settings', id, { ...body, ownFields })
  }
  return { people, groups }
}

const isDropped = (path: string, extension: string, fields?: readonly string[]): boolean =>
  fields ? fields.some((field) => path === `${extension}.${field}`) : path.startsWith(`${extension}.`)

function withoutValues<T extends { extensions?: ExtensionValues }>(
  body: T,
  extension: string,
  fields?: readonly string[],
): T | undefined {
  const values: Values | undefined = body.extensions?.[extension]
  if (!values) return undefined
  const left = fields ? Object.fromEntries(Object.entries(values).filter(([name]) => !fields.includes(name))) : {}
  if (Object.keys(left).length === Object.keys(values).length) return undefined
  const { [extension]: _, ...others } = body.extensions ?? {}
  return { ...body, extensions: Object.keys(left).length > 0 ? { ...others, [extension]: left } : others }
}

/** Changes many objects at once; `turned` gives the new body, or undefined to leave one alone. Returns how many changed. */
async function turn<K extends 'user' | 'group' | 'removed'>(
  change: Change,
  kind: K,
  ids: string[],
  turned: (body: Bodies[K]) => Bodies[K] | undefined,
): Promise<number> {
  const changed = new Date().toISOString()
  const moves = [...(await objectsByIds(change.trx, kind, ids)).values()].flatMap(({ id, body }) => {
    const now = turned(body)
    return now ? [{ kind, id, body: canonical('changed' in now ? { ...now, changed } : now) }] : []
  })
  if (moves.length > 0) await change.move(moves)
  return moves.length
}
