import { chmodSync } from 'node:fs'
import sqlite3 from 'sqlite3'

/**
 * A copy of a database as it is at one moment, while others may write to it: VACUUM INTO reads one snapshot. What is in a
 * browser's session does not come along: whoever restores signs in anew.
 */
export async function copyDatabase(file: string, copy: string): Promise<void> {
  await inDatabase(file, (run) => run(`VACUUM INTO '${copy.replaceAll("'", "''")}'`))
  chmodSync(copy, 0o600)
  await inDatabase(copy, (run) => run('PRAGMA secure_delete = ON; DELETE FROM sessions;'))
}

type Run = (sql: string) => Promise<void>

async function inDatabase(file: string, work: (run: Run) => Promise<void>): Promise<void> {
  const db = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opened = new sqlite3.Database(file, sqlite3.OPEN_READWRITE, (error) =>
      error ? reject(error) : resolve(opened),
    )
  })
  db.configure('busyTimeout', 30_000)
  const run: Run = (sql) =>
    new Promise((resolve, reject) => db.exec(sql, (error) => (error ? reject(error) : resolve())))
  try {
    await work(run)
  } finally {
    await new Promise<void>((resolve) => db.close(() => resolve()))
  }
}
