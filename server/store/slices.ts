/**
 * Runs a statement over many values, a few hundred at a time: SQLite bounds the variables of one statement, and the rows of
 * one insert as knex writes it (500).
 */
export async function inSlices<T>(values: T[], run: (slice: T[]) => PromiseLike<unknown>, size = 250): Promise<void> {
  for (let at = 0; at < values.length; at += size) await run(values.slice(at, at + size))
}
