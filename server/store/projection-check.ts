import { hash } from 'node:crypto'
import { setImmediate as others } from 'node:timers/promises'
import type { Knex } from 'knex'
import { type Changed, isKnownKind } from './bodies.ts'
import { deviceToRow } from './devices.ts'
import { fileToRow } from './files-kept.ts'
import { groupToRow, holdsWindows, nestingsOf, ownersOf } from './groups.ts'
import { belongings, ofWindows } from './memberships.ts'
import { namesOf } from './names.ts'
import { feedRows, foundIn } from './objects.ts'
import { countIn, emptyHash, hashHex, type StateHash, stateHash } from './position.ts'
import { removedToRow } from './removed.ts'
import { keysOf } from './taken.ts'
import { bodyToRow } from './users.ts'

/** Every projection with its key, which gives the order in which it is read. */
const tables = {
  users: ['id'],
  memberships: ['of', 'user_id'],
  names: ['name'],
  groups: ['id'],
  nestings: ['of', 'group_id'],
  owners: ['user_id', 'group_id'],
  devices: ['id'],
  removed: ['id'],
  files: ['id'],
  taken: ['key'],
} as const

type Table = keyof typeof tables
type Row = Record<string, unknown>

/**
 * The projections that do not hold what the feed says, as a set hash over each tells. To be called inside a read
 * transaction; it goes through everything, in slices.
 */
export async function wrongProjections(trx: Knex): Promise<Table[]> {
  const wanted = await hashesOf(expectedRows(trx))
  const wrong: Table[] = []
  for (const table of Object.keys(tables) as Table[]) {
    const kept = await hashesOf(keptRows(trx, table))
    if (kept.get(table) !== wanted.get(table)) wrong.push(table)
  }
  return wrong
}

async function hashesOf(slices: AsyncIterable<(readonly [Table, Row])[]>): Promise<Map<Table, string>> {
  const states = new Map<Table, StateHash>()
  for await (const rows of slices) {
    for (const [table, row] of rows) {
      const state = states.get(table) ?? stateHash(emptyHash)
      states.set(table, state)
      countIn(state, 1, hash('sha256', JSON.stringify(Object.entries(row).sort()), 'buffer'))
    }
    await others()
  }
  return new Map(Array.from(states, ([table, state]) => [table, hashHex(state)]))
}

async function* expectedRows(trx: Knex): AsyncGenerator<(readonly [Table, Row])[]> {
  for await (const rows of feedRows(trx, 0, 250))
    yield rows.flatMap((row) =>
      row.body !== undefined && isKnownKind(row.kind) && foundIn(row).isSound
        ? rowsOf({ kind: row.kind, id: row.id, seq: row.seq, body: JSON.parse(row.body) } as Changed)
        : [],
    )
}

/** What `project` makes of one object. */
function rowsOf({ kind, id, body }: Changed): (readonly [Table, Row])[] {
  if (!body) return []
  const taken = keysOf(kind, body).map((key) => ['taken', { key, owner: id }] as const)
  if (kind === 'device') return [['devices', deviceToRow(id, body)]]
  if (kind === 'file') return [['files', fileToRow(id, body)]]
  if (kind === 'removed') return [['removed', removedToRow(id, body)]]
  if (kind !== 'user' && kind !== 'group') return taken
  const names = namesOf(body).map((name) => ['names', { name, owner: id }] as const)
  if (kind === 'user')
    return [
      ...taken,
      ...names,
      ['users', bodyToRow(id, body)],
      ...belongings(body).map((of) => ['memberships', { of, user_id: id }] as const),
    ]
  return [
    ...taken,
    ...names,
    ['groups', groupToRow(id, body)],
    ...nestingsOf(id, body).map((row) => ['nestings', row] as const),
    ...(holdsWindows(body) ? [['nestings', { of: id, group_id: ofWindows }] as const] : []),
    ...ownersOf(id, body).map((row) => ['owners', row] as const),
  ]
}

async function* keptRows(trx: Knex, table: Table, slice = 1000): AsyncGenerator<(readonly [Table, Row])[]> {
  const key = tables[table]
  const columns = key.map((column) => `"${column}"`).join()
  for (let last: Row | undefined; ; ) {
    const query = trx(table)
      .orderBy([...key])
      .limit(slice)
    if (last)
      query.whereRaw(`(${columns}) > (${key.map(() => '?').join()})`, key.map((column) => last?.[column]) as string[])
    const rows: Row[] = await query
    if (rows.length > 0) yield rows.map((row) => [table, row] as const)
    if (rows.length < slice) return
    last = rows.at(-1)
  }
}
