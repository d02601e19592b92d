import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Pair } from '../pairs/pair.ts'
import { slapdPair } from '../pairs/slapd.ts'
import { atMost, bytes, duration } from '../report.ts'
import { median } from '../stats.ts'
import { refuseDifferent } from './content.ts'
import { type Bench, inTurns, type Measure, startUntilEqual } from './measure.ts'

/** An empty slave: from the start of its process until it holds and serves what the master has. */
export const sync: Measure = async (bench) => {
  const found = await inTurns(bench, 'initial sync', firstOf)
  const unsafe = await unsafeTimes(bench)
  const of = (side: 'ours' | 'slapd', what: 'ms' | 'bytes') => median(found[side].map((each) => each[what]))
  // With few people the start of the process is all there is.
  const judged = { show: duration, judged: bench.users >= 10_000 }
  return [
    atMost(`initial sync of ${bench.users} users`, of('ours', 'ms'), of('slapd', 'ms'), 0.1, judged),
    atMost('  beside slapd that does not wait for the disk', of('ours', 'ms'), median(unsafe), 1, judged),
    atMost('  bytes on the wire', of('ours', 'bytes'), of('slapd', 'bytes'), 0.14, { show: bytes }),
  ]
}

async function firstOf(pair: Pair): Promise<{ ms: number; bytes: number }> {
  await pair.stopSlave()
  await pair.emptySlave()
  const position = await pair.position()
  const before = pair.bytes()
  const ms = await startUntilEqual(pair, position)
  const bytes = pair.bytes() - before
  await refuseDifferent(pair)
  return { ms, bytes }
}

async function unsafeTimes({ folder, users, repeats, say }: Bench): Promise<number[]> {
  say('initial sync: slapd that does not wait for the disk')
  const own = join(folder, 'unsafe')
  mkdirSync(own)
  const pair = await slapdPair(own, users, { unsafe: true })
  try {
    await pair.startMaster()
    const times: number[] = []
    for (let repeat = 0; repeat < repeats; repeat++) times.push((await firstOf(pair)).ms)
    return times
  } finally {
    await pair.close()
  }
}
