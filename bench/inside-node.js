// Loaded into a node before its program; JavaScript as it stands, as the node has no loader that reads TypeScript.
import { createRequire } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'

const everyMs = 1
const turns = monitorEventLoopDelay({ resolution: everyMs })
turns.enable()

// The moments at which SQLite said that a transaction is committed, by the clock that all processes of a machine share.
let commits = []
const { Database } = createRequire(import.meta.url)('sqlite3')
const { all } = Database.prototype
Database.prototype.all = function (sql, ...rest) {
  if (!sql.startsWith('COMMIT')) return all.call(this, sql, ...rest)
  const done = rest.pop()
  return all.call(this, sql, ...rest, function (...answer) {
    commits.push(Number(process.hrtime.bigint()) / 1e6)
    done.apply(this, answer)
  })
}

process.on('message', async (asked) => {
  if (asked === 'begin') {
    turns.reset()
    commits = []
    process.send('begun')
  } else {
    // What holds this very turn up is counted at the beginning of the next.
    await wait(5 * everyMs)
    process.send({ pauseMs: Math.max(0, turns.max / 1e6 - everyMs), commits })
  }
})
