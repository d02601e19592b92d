import type { Knex } from 'knex'

/**
 * Runs a statement over many values, a few hundred at a time: SQLite bounds the variables of one statement.
 */
export async function inSlices<T>(values: T[], run: (slice: T[]) => PromiseLike<unknown>, size = 250): Promise<void> {
  for (let at = 0; at < values.length; at += size) await run(values.slice(at, at + size))
}

/**
 * Inserts rows of one shape; with `key`, a row that is there already takes the new values. On SQLite the rows travel as one
 * JSON text: knex writes a statement of a thousand variables otherwise, and building it costs more than running it.
 */
export async function insertRows<R extends object>(
  trx: Knex,
  table: string,
  rows: R[],
  key?: (keyof R & string)[],
): Promise<void> {
  const [first] = rows
  if (!first) return
  if (rows.length < 4 || trx.client.config.client !== 'sqlite3') {
    await inSlices(rows, (slice) => {
      const insert = trx(table).insert(slice)
      return key ? insert.onConflict(key).merge() : insert
    })
    return
  }
  const columns = Object.keys(first) as (keyof R & string)[]
  const update =
    key &&
    `on conflict (${key.map(quote)}) do update set ${columns.map((name) => `${quote(name)} = excluded.${quote(name)}`)}`
  // “where true”: without it SQLite takes “on conflict” for part of a join.
  const sql = `insert into ${quote(table)} (${columns.map(quote)}) select ${columns.map((_, at) => `json_extract(value, '$[${at}]')`)} from json_each(?) where true ${update ?? ''}`
  await inSlices(rows, (slice) => trx.raw(sql, [JSON.stringify(slice.map((row) => columns.map((name) => row[name])))]))
}

const quote = (name: string): string => `"${name}"`
