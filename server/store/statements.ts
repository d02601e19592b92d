type Done = (this: unknown, error: Error | null, rows?: unknown[]) => void
type Values = readonly unknown[]
type Use = (sql: string, values: Values, done: Done) => void
type Statement = { all(values: Values, done: Done): void; run(values: Values, done: Done): void; finalize(): void }

/** What knex uses of a connection of sqlite3. */
export type Connection = {
  all: Use
  run: Use
  exec(sql: string, done: (error: Error | null) => void): void
  prepare(sql: string, done: (error: Error | null) => void): Statement
  close(done: (error: Error | null) => void): void
}

const keptAtMost = 200
/** What is longer has a list of values in it, and hardly comes again with as many. */
const longest = 2000

/**
 * Lets a connection keep the statements that SQLite has read for it; knex hands over the text each time, and to read it
 * takes as long as to find a row by its key.
 */
export function keepStatements(connection: Connection): void {
  const kept = new Map<string, Statement>()

  const use = (how: 'all' | 'run'): Use => {
    return (sql, values, done) => {
      // Only one of both is called with an error: what could not be read is never used.
      const refused = (error: Error | null) => error && done.call(undefined, error)
      const statement = kept.get(sql) ?? connection.prepare(sql, refused)
      // Taken out while it is used: the same text may be under way twice, and what failed is not used again.
      kept.delete(sql)
      statement[how](values, function (error, rows) {
        if (error || sql.length > longest) statement.finalize()
        else keep(sql, statement)
        done.call(this, error, rows)
      })
    }
  }

  function keep(sql: string, statement: Statement): void {
    kept.get(sql)?.finalize()
    kept.set(sql, statement)
    const [oldest] = kept
    if (kept.size <= keptAtMost || !oldest) return
    kept.delete(oldest[0])
    oldest[1].finalize()
  }

  const { close } = connection
  Object.assign(connection, {
    all: use('all'),
    run: use('run'),
    // SQLite closes nothing while a statement is left.
    close: (done: (error: Error | null) => void) => {
      for (const statement of kept.values()) statement.finalize()
      kept.clear()
      close.call(connection, done)
    },
  })
}
