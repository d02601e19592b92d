import type { Knex } from 'knex'
import type { Bodies } from './bodies.ts'
import { canonical } from './canonical.ts'
import type { Head } from './head.ts'
import { belongings, ofWindows } from './memberships.ts'
import type { Move } from './objects.ts'
import type { Projected } from './project.ts'

/**
 * What an entry says may change although its own object does not move: membership is kept with the member, so a group is not
 * written when somebody joins or leaves; and an account begins or ends by the clock. The revision of such an object, under
 * the same id, moves instead. So whoever follows the feed, or asks what has changed since, learns of it on every node alike.
 */

/** The one group that lists nobody, for everybody is in it. */
const everyone = 'everyone'

/** Notes whose lists of members some changes touch: group ids, `plugin:name`, or everybody's. */
export function noteLists(touched: Set<string>, changes: readonly Projected[]): void {
  for (const change of changes) {
    if (change.kind === 'user') {
      const { was, now } = change
      const [before, after] = [was ? belongings(was) : [], now ? belongings(now) : []]
      const isRenamed = was?.username !== now?.username
      if (isRenamed) touched.add(everyone)
      for (const of of before) if (isRenamed || !after.includes(of)) touched.add(of)
      for (const of of after) if (isRenamed || !before.includes(of)) touched.add(of)
    }
    if (change.kind === 'group') {
      // Whoever is in it is in, or out of, those that it is in.
      const [before, after] = [change.was?.groups ?? [], change.now?.groups ?? []]
      for (const of of before) if (!after.includes(of)) touched.add(of)
      for (const of of after) if (!before.includes(of)) touched.add(of)
      if (!change.now) touched.add(change.id)
    }
  }
}

/** Revisions of objects from now on. */
export function revised(head: Head, ids: Iterable<string>): Move[] {
  const changed = new Date().toISOString()
  let turn = head.seq
  return Array.from(ids, (id): Move => {
    const body: Bodies['revision'] = { changed, turn: ++turn }
    return { kind: 'revision', id, body: canonical(body), value: body }
  })
}

/** Moves the revisions of the lists that one job has touched. */
export async function reviseLists(
  trx: Knex,
  head: Head,
  move: (trx: Knex, head: Head, moves: Move[]) => Promise<void>,
): Promise<void> {
  if (head.lists.size === 0) return
  const touched = [...head.lists]
  head.lists.clear()
  const ids = await idsOf(trx, touched)
  const gone = touched.filter(
    (key) => !key.startsWith('plugin:') && key !== everyone && key !== ofWindows && !ids.has(key),
  )
  await move(trx, head, [...revised(head, ids), ...gone.map((id): Move => ({ kind: 'revision', id, body: undefined }))])
}

/** Ids of the objects whose lists these are, of those that are there. */
async function idsOf(trx: Knex, touched: readonly string[]): Promise<Set<string>> {
  const ids = new Set<string>()
  const groups = touched.filter((key) => !key.startsWith('plugin:') && key !== everyone)
  for (let at = 0; at < groups.length; at += 500) {
    const rows: { id: string }[] = await trx('groups')
      .whereIn('id', groups.slice(at, at + 500))
      .select('id')
    for (const { id } of rows) ids.add(id)
  }
  if (touched.includes(everyone)) {
    const row: { id: string } | undefined = await trx('groups').where({ type: 'builtin', name: 'allusers' }).first('id')
    if (row) ids.add(row.id)
  }
  if (touched.includes(ofWindows)) {
    const row: { id: string } | undefined = await trx('groups')
      .where({ type: 'windows', name: 'domain_users' })
      .first('id')
    if (row) ids.add(row.id)
  }
  const plugins = new Set(touched.filter((key) => key.startsWith('plugin:')))
  if (plugins.size > 0) {
    const rows: { id: string; body: string }[] = await trx('objects')
      .where({ kind: 'plugin', deleted: false })
      .select('id', 'body')
    for (const { id, body } of rows) if (plugins.has(`plugin:${JSON.parse(body).name}`)) ids.add(id)
  }
  return ids
}
