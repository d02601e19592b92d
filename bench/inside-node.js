// Loaded into a node before its program; JavaScript as it stands, as the node has no loader that reads TypeScript.
import { openSync, readSync } from 'node:fs'
import { createRequire } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'

const everyMs = 1
const turns = monitorEventLoopDelay({ resolution: everyMs })
turns.enable()

// On a machine that has other work, a pause is mostly the time until the thread gets a processor again. What it worked itself,
// between two looks at its clock, tells whose fault it was.
const clock = openSync(`/proc/self/task/${process.pid}/schedstat`)
const text = Buffer.alloc(100)
const workedMs = () => Number.parseInt(text.latin1Slice(0, readSync(clock, text, 0, text.length, 0)), 10) / 1e6
let last = workedMs()
let longestWorkMs = 0
setInterval(() => {
  const now = workedMs()
  longestWorkMs = Math.max(longestWorkMs, now - last)
  last = now
}, everyMs).unref()

// The moments at which SQLite said that a transaction is committed, by the clock that all processes of a machine share.
let commits = []
const { Statement } = createRequire(import.meta.url)('sqlite3')
for (const how of ['all', 'run']) {
  const given = Statement.prototype[how]
  Statement.prototype[how] = function (...values) {
    if (!this.sql.startsWith('COMMIT')) return given.apply(this, values)
    const done = values.pop()
    return given.call(this, ...values, function (...answer) {
      commits.push(Number(process.hrtime.bigint()) / 1e6)
      done.apply(this, answer)
    })
  }
}

process.on('message', async (asked) => {
  if (asked === 'begin') {
    turns.reset()
    longestWorkMs = 0
    commits = []
    process.send('begun')
  } else {
    // What holds this very turn up is counted at the beginning of the next.
    await wait(5 * everyMs)
    process.send({ pauseMs: Math.max(0, turns.max / 1e6 - everyMs), workMs: longestWorkMs, commits })
  }
})
