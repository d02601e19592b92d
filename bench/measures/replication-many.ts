import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { anything, openBound, searchRequest } from '../ldap.ts'
import { accountSyncPair } from '../pairs/account-sync.ts'
import type { Pair } from '../pairs/pair.ts'
import { slapdPair } from '../pairs/slapd.ts'
import { changeEverybody } from '../pairs/store.ts'
import { usernameOf } from '../people.ts'
import { memoryOf, until } from '../processes.ts'
import { atMost, atMostAbsolute, bytes, duration, megabytes, type Row } from '../report.ts'
import { percentile } from '../stats.ts'
import { refuseDifferent } from './content.ts'
import { type OwnMeasure, type Surroundings, startUntilEqual } from './measure.ts'

/** Very many people: a slave's first replication beside slapd's, and LDAP on a slave that applies a change of each. */
export const replicationMany: OwnMeasure = async (given) => {
  const folder = join(given.folder, 'replication-many')
  mkdirSync(folder)
  const { many, say } = given
  say(`replication-many: loading ${many} people into slapd`)
  const theirs = await firstOf(given, await slapdPair(folder, many), async () => {})
  say(`replication-many: loading ${many} people into account-sync`)
  const ours = await accountSyncPair(folder, many, given.profile)
  let rows: Row[] = []
  const mine = await firstOf(given, ours, async () => {
    rows = await readsDuringApply(given, ours, ours.masterDir)
  })
  const isJudged = { judged: many >= 100_000, at: 100_000 }
  return [
    atMost(`initial sync of ${many} users`, mine.ms, theirs.ms, 0.05, { show: duration, ...isJudged }),
    atMost('  bytes on the wire', mine.bytes, theirs.bytes, 0.14, { show: bytes }),
    ...rows,
  ]
}

async function firstOf(
  given: Surroundings,
  pair: Pair,
  then: () => Promise<void>,
): Promise<{ ms: number; bytes: number }> {
  try {
    await pair.startMaster()
    await pair.emptySlave()
    const position = await pair.position()
    const before = pair.bytes()
    given.say(`replication-many: initial sync, ${pair.name}`)
    const ms = await startUntilEqual(pair, position)
    const sent = pair.bytes() - before
    await refuseDifferent(pair)
    await then()
    return { ms, bytes: sent }
  } finally {
    await pair.close()
  }
}

/** Everybody changes while the master is away; then one client asks the slave, one question after the other. */
async function readsDuringApply({ many, say }: Surroundings, pair: Pair, dir: string): Promise<Row[]> {
  say(`replication-many: LDAP on a slave that applies ${many} changes`)
  const afterFirst = memoryOf(pair.slave()!)
  await pair.stopMaster()
  await changeEverybody(dir, 'Changed')
  const ldap = await openBound(pair.ldapPorts.slave, pair.reader.dn, pair.reader.password)
  if (!ldap) throw new Error('The slave refuses the reader.')
  await pair.startMaster()
  const position = await pair.position()
  const times: number[] = []
  let isOver = false
  const reading = (async () => {
    for (let number = 0; !isOver; number++) {
      const look = searchRequest(`uid=${usernameOf((number * 37) % many)},${pair.usersDn}`, 'base', anything, ['title'])
      const began = performance.now()
      await ldap.send(look)
      times.push(performance.now() - began)
      await wait(2)
    }
    ldap.close()
  })()
  await until("The slave's equality", () => pair.isSlaveAt(position), 50, pair.slave())
  isOver = true
  await reading
  await refuseDifferent(pair)
  const after = memoryOf(pair.slave()!)
  return [
    atMostAbsolute(
      `LDAP on a slave that applies ${many} changes, p99`,
      percentile(times, 0.99),
      undefined,
      20,
      duration,
    ),
    atMostAbsolute('  memory of the slave after its first replication', afterFirst.rss, undefined, 500, megabytes),
    atMostAbsolute('  and after these changes', after.rss, undefined, 500, megabytes),
    atMostAbsolute('  the most it ever was', after.peak, undefined, 700, megabytes),
  ]
}
