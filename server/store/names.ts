import type { Knex } from 'knex'
import { nameFields } from '../extensions/index.ts'
import type { ExtensionValues, GroupBody, UserBody } from './bodies.ts'
import { inSlices, insertRows } from './slices.ts'

/**
 * One pool: usernames, names of groups, and the values of fields that are names (mail aliases and mailbox addresses). One
 * canonical name has one owner.
 */
export async function ownerOfName(trx: Knex, name: string): Promise<string | undefined> {
  const row: { owner: string } | undefined = await trx('names').where({ name }).first('owner')
  return row?.owner
}

/** Only these hold names; others may have the id of one, as its revision has. */
export const hasNames = (kind: string): boolean => kind === 'user' || kind === 'group'

/** Every name that a body holds in the pool, its own first. */
export function namesOf(body: Pick<UserBody, 'username' | 'extensions'> | Pick<GroupBody, 'name'>): string[] {
  if ('name' in body) return [body.name]
  return [...new Set([body.username, ...nameFields.flatMap((path) => namesAt(body.extensions, ...path))])]
}

/** The names that one field holds, in the spelling in which they are compared. */
export function namesAt(values: ExtensionValues, extension: string, field: string): string[] {
  const value = values[extension]?.[field]
  const entries: unknown[] = Array.isArray(value) ? value : [value]
  return entries.flatMap((entry) =>
    typeof entry === 'string' && entry !== '' ? [entry.normalize('NFKC').trim().toLowerCase()] : [],
  )
}

/**
 * Frees everything that these users and groups hold. Names are freed before they are taken, for two people may swap
 * theirs in one answer of the master.
 */
export async function freeNames(trx: Knex, owners: string[]): Promise<void> {
  await inSlices(owners, (slice) => trx('names').whereIn('owner', slice).delete())
}

export async function takeNames(trx: Knex, names: { name: string; owner: string }[]): Promise<void> {
  await insertRows(trx, 'names', names)
}
