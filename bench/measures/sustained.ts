import type { Pair } from '../pairs/pair.ts'
import { until } from '../processes.ts'
import { atLeast, duration, plain, rate } from '../report.ts'
import { median } from '../stats.ts'
import { refuseDifferent } from './content.ts'
import { type Bench, haveSlave, inTurns, type Measure } from './measure.ts'

const writers = 64

/** Many who write at once, for some seconds; the clock stops when the slave holds the last of it. */
export const sustained: Measure = async (bench) => {
  for (const pair of [bench.slapd, bench.ours]) await haveSlave(pair)
  const found = await inTurns(bench, 'sustained changes', (pair, repeat) => written(bench, pair, repeat))
  for (const pair of [bench.slapd, bench.ours]) await refuseDifferent(pair)
  const of = (side: 'ours' | 'slapd', what: 'replicated' | 'answered' | 'lag') =>
    median(found[side].map((each) => each[what]))
  return [
    atLeast(`replicated changes, ${writers} writers`, of('ours', 'replicated'), of('slapd', 'replicated'), 3, rate),
    plain('  of them answered by the master', of('ours', 'answered'), of('slapd', 'answered'), rate),
    plain('  from the last answer until the slave is equal', of('ours', 'lag'), of('slapd', 'lag'), duration),
  ]
}

async function written(bench: Bench, pair: Pair, repeat: number) {
  const all = await Promise.all(Array.from({ length: writers }, () => pair.openWriter()))
  let count = 0
  const began = performance.now()
  const end = began + bench.seconds * 1000
  await Promise.all(
    all.map(async (writer, number) => {
      // Each has people of its own, as two changes of one person at once say nothing about speed.
      for (let turn = 0; performance.now() < end; turn++) {
        await writer.setTitle((turn * writers + number) % bench.users, `Sustained ${repeat}-${turn}`)
        count++
      }
      writer.close()
    }),
  )
  const answeredMs = performance.now() - began
  const position = await pair.position()
  await until(`${pair.name}: the slave's equality`, () => pair.isSlaveAt(position), 5, pair.slave())
  const allMs = performance.now() - began
  return { replicated: (count / allMs) * 1000, answered: (count / answeredMs) * 1000, lag: allMs - answeredMs }
}
