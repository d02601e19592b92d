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
/** What is longer is for many rows at once: large, and used again only while very much is written. */
const longFrom = 2000
const longKeptAtMost = 8

/**
 * Lets a connection keep the statements that SQLite has read for it; knex hands over the text each time, and to read it
 * takes as long as to find a row by its key.
 */
export function keepStatements(connection: Connection): void {
  const short = new Map<string, Statement>()
  const long = new Map<string, Statement>()
  const shelfOf = (sql: string) => (sql.length < longFrom ? short : long)

  const use = (how: 'all' | 'run'): Use => {
    return (sql, values, done) => {
      // Only one of both is called with an error: what could not be read is never used.
      const refused = (error: Error | null) => error && done.call(undefined, error)
      const statement = shelfOf(sql).get(sql) ?? connection.prepare(sql, refused)
      // Taken out while it is used: the same text may be under way twice, and what failed is not used again.
      shelfOf(sql).delete(sql)
      statement[how](values, function (error, rows) {
        if (error) statement.finalize()
        else keep(sql, statement)
        done.call(this, error, rows)
      })
    }
  }

  function keep(sql: string, statement: Statement): void {
    const shelf = shelfOf(sql)
    shelf.get(sql)?.finalize()
    shelf.set(sql, statement)
    const [oldest] = shelf
    if (shelf.size <= (shelf === long ? longKeptAtMost : keptAtMost) || !oldest) return
    shelf.delete(oldest[0])
    oldest[1].finalize()
  }

  const { close } = connection
  Object.assign(connection, {
    all: use('all'),
    run: use('run'),
    // SQLite closes nothing while a statement is left.
    close: (done: (error: Error | null) => void) => {
      for (const shelf of [short, long]) {
        for (const statement of shelf.values()) statement.finalize()
        shelf.clear()
      }
      close.call(connection, done)
    },
  })
}
