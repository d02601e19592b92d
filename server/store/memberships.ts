import type { Knex } from 'knex'
import type { UserBody } from './bodies.ts'
import { hasWindows } from './nt-hashes.ts'
import { inSlices, insertedAtOnce, insertRows } from './slices.ts'

/** What a person belongs to, as kept in `memberships.of`. */
export const ofPlugin = (name: string): string => `plugin:${name}`

/** What everybody with a Windows account belongs to: it stands inside the group Domain Users, and nobody is put there. */
export const ofWindows = 'windows:people'

/** Everything a person belongs to: groups and plugins, and the people with a Windows account. */
export const belongings = (body: UserBody): string[] => [
  ...body.groups,
  ...body.plugins.map(ofPlugin),
  ...(hasWindows(body) ? [ofWindows] : []),
]

export type Membership = { of: string; user_id: string }

/**
 * Memberships of a full sync, kept until the last: in order of the table's key they are appended to it, which takes a
 * fifth of the time.
 */
export class LateMemberships {
  readonly #users = new Map<string, string[]>()
  add(of: string, userId: string): void {
    const users = this.#users.get(of)
    if (users) users.push(userId)
    else this.#users.set(of, [userId])
  }
  async insert(trx: Knex): Promise<void> {
    let rows: Membership[] = []
    for (const [of, users] of [...this.#users].sort(([a], [b]) => (a < b ? -1 : 1)))
      for (const heap of inHeaps(users)) {
        for (const user_id of heap.sort()) rows.push({ of, user_id })
        // Full slices: rows that are few cost as much as many.
        const whole = rows.length - (rows.length % insertedAtOnce)
        if (whole > 0) await insertMemberships(trx, rows.slice(0, whole))
        rows = rows.slice(whole)
      }
    await insertMemberships(trx, rows)
    this.#users.clear()
  }
}

/** Ids in heaps that follow each other in order: sorting a hundred thousand at once would hold everything up. */
function inHeaps(ids: string[]): string[][] {
  if (ids.length < 2000) return [ids]
  const heaps = new Map<string, string[]>()
  for (const id of ids) {
    const heap = heaps.get(id.slice(0, 2))
    if (heap) heap.push(id)
    else heaps.set(id.slice(0, 2), [id])
  }
  return [...heaps].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, heap]) => heap)
}

export const insertMemberships = (trx: Knex, rows: Membership[]): Promise<void> => insertRows(trx, 'memberships', rows)

export async function removeMemberships(trx: Knex, rows: Membership[]): Promise<void> {
  const users = new Map<string, string[]>()
  for (const { of, user_id } of rows) users.set(of, [...(users.get(of) ?? []), user_id])
  for (const [of, ids] of users)
    await inSlices(ids, (slice) => trx('memberships').where({ of }).whereIn('user_id', slice).delete())
}

export async function countMembers(db: Knex, of: string[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  await inSlices(of, async (slice) => {
    const rows: { of: string; n: number }[] = await db('memberships')
      .whereIn('of', slice)
      .groupBy('of')
      .select('of')
      .count({ n: '*' })
    for (const row of rows) counts.set(row.of, Number(row.n))
  })
  return counts
}

/** Ids of a group's members, in slices. */
export async function* memberIds(trx: Knex, of: string, slice = 400): AsyncGenerator<string[]> {
  for (let after = ''; ; ) {
    const rows: { user_id: string }[] = await trx('memberships')
      .where({ of })
      .where('user_id', '>', after)
      .orderBy('user_id')
      .limit(slice)
      .select('user_id')
    if (rows.length > 0) yield rows.map((row) => row.user_id)
    if (rows.length < slice) return
    after = rows.at(-1)?.user_id ?? ''
  }
}

/** How many people are directly in every group and plugin. */
export async function allMemberCounts(db: Knex): Promise<Map<string, number>> {
  const rows: { of: string; n: number }[] = await db('memberships').groupBy('of').select('of').count({ n: '*' })
  return new Map(rows.map(({ of, n }) => [of, Number(n)]))
}

/** How many different people are in each group that has groups in it, also through those. */
export async function nestedCounts(db: Knex): Promise<Map<string, number>> {
  const rows: { top: string; n: number }[] = await db
    .withRecursive('inside', ['top', 'of'], (inside) =>
      inside
        .select('of', 'group_id')
        .from('nestings')
        .union((deeper) =>
          deeper.select('inside.top', 'nestings.group_id').from('inside').join('nestings', 'nestings.of', 'inside.of'),
        ),
    )
    .from(db('inside').union(db('nestings').distinct('of', 'of')).as('held'))
    .join('memberships', 'memberships.of', 'held.of')
    .groupBy('held.top')
    .select({ top: 'held.top' })
    .countDistinct({ n: 'memberships.user_id' })
  return new Map(rows.map(({ top, n }) => [top, Number(n)]))
}

/** The next memberships after one, in order of the table. */
export async function membershipsAfter(db: Knex, last: Membership | undefined, limit = 2000): Promise<Membership[]> {
  const rows = db('memberships').orderBy('of').orderBy('user_id').limit(limit).select('of', 'user_id')
  if (last) rows.whereRaw('("of", user_id) > (?, ?)', [last.of, last.user_id])
  return rows
}
