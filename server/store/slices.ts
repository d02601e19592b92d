import type { Knex } from 'knex'

export const insertedAtOnce = 250

/** Runs a statement over many values, a few hundred at a time: SQLite bounds the variables of one statement. */
export async function inSlices<T>(
  values: T[],
  run: (slice: T[]) => PromiseLike<unknown>,
  size = insertedAtOnce,
): Promise<void> {
  for (let at = 0; at < values.length; at += size) await run(values.slice(at, at + size))
}

/**
 * Inserts rows of one shape; with `key`, a row that is there already takes the new values. One plain statement of many
 * rows: what knex builds for SQLite takes longer to build than to run.
 */
export async function insertRows<R extends object>(
  trx: Knex,
  table: string,
  rows: R[],
  key?: (keyof R & string)[],
): Promise<void> {
  const [first] = rows
  if (!first) return
  const columns = Object.keys(first) as (keyof R & string)[]
  await inSlices(rows, (slice) =>
    trx.raw(
      insertStatement(table, columns, slice.length, key),
      slice.flatMap((row) => columns.map((name) => row[name] as Knex.RawBinding)),
    ),
  )
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join()

function insertStatement(table: string, columns: readonly string[], count: number, key?: readonly string[]): string {
  const row = `(${columns.map(() => '?').join()})`
  const update = key
    ? `on conflict (${quoted(key)}) do update set ${columns.map((name) => `"${name}" = excluded."${name}"`).join()}`
    : ''
  return `insert into "${table}" (${quoted(columns)}) values ${Array(count).fill(row).join()} ${update}`
}
