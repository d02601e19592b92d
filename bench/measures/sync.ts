import { atMost, bytes, duration } from '../report.ts'
import { median } from '../stats.ts'
import { inTurns, type Measure, startUntilEqual } from './measure.ts'

/** An empty slave: from the start of its process until it holds and serves what the master has. */
export const sync: Measure = async (bench) => {
  const found = await inTurns(bench, 'initial sync', async (pair) => {
    await pair.stopSlave()
    await pair.emptySlave()
    const position = await pair.position()
    const before = pair.bytes()
    const ms = await startUntilEqual(pair, position)
    return { ms, bytes: pair.bytes() - before }
  })
  const of = (side: 'ours' | 'slapd', what: 'ms' | 'bytes') => median(found[side].map((each) => each[what]))
  return [
    atMost(`initial sync of ${bench.users} users`, of('ours', 'ms'), of('slapd', 'ms'), 0.15, {
      show: duration,
      // With few people the start of the process is all there is.
      judged: bench.users >= 10_000,
    }),
    atMost('  bytes on the wire', of('ours', 'bytes'), of('slapd', 'bytes'), 0.2, { show: bytes }),
  ]
}
