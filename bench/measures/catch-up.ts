import { anything, openBound, searchRequest } from '../ldap.ts'
import type { Pair } from '../pairs/pair.ts'
import { usernameOf } from '../people.ts'
import { atMost, duration, plain, rate } from '../report.ts'
import { median } from '../stats.ts'
import { refuseDifferent } from './content.ts'
import { type Bench, haveSlave, inTurns, type Measure, startUntilEqual } from './measure.ts'

const changes = 1000
const writers = 4

/** A slave that was away for a thousand changes: from the start of its process until it is equal. */
export const catchUp: Measure = async (bench) => {
  for (const pair of [bench.slapd, bench.ours]) await haveSlave(pair)
  const found = await inTurns(bench, 'catch-up', async (pair, repeat) => {
    await pair.stopSlave()
    const perSecond = await change(bench, pair, repeat)
    const ms = await startUntilEqual(pair, await pair.position())
    await refuseWrong(bench, pair, repeat)
    // The same once more with nothing to catch up with: what the start of the process takes by itself.
    await pair.stopSlave()
    const startMs = await startUntilEqual(pair, await pair.position())
    return { ms, startMs, afterMs: Math.max(1, ms - startMs), perSecond }
  })
  for (const pair of [bench.slapd, bench.ours]) await refuseDifferent(pair)
  const of = (side: 'ours' | 'slapd', what: 'ms' | 'startMs' | 'afterMs' | 'perSecond') =>
    median(found[side].map((each) => each[what]))
  return [
    atMost(`catch-up of ${changes} changes, after the start`, of('ours', 'afterMs'), of('slapd', 'afterMs'), 0.5, {
      show: duration,
    }),
    plain('  with the start of the process', of('ours', 'ms'), of('slapd', 'ms'), duration),
    plain('  that start by itself', of('ours', 'startMs'), of('slapd', 'startMs'), duration),
    plain(`  these changes on the master, ${writers} writers`, of('ours', 'perSecond'), of('slapd', 'perSecond'), rate),
  ]
}

const indexOf = (bench: Bench, number: number, repeat: number) => (number * 13 + repeat) % bench.users
const titleOf = (number: number, repeat: number) => `Changed ${repeat}-${number}`

async function change(bench: Bench, pair: Pair, repeat: number): Promise<number> {
  const all = await Promise.all(Array.from({ length: writers }, () => pair.openWriter()))
  let next = 0
  const began = performance.now()
  await Promise.all(
    all.map(async (writer) => {
      while (next < changes) {
        const number = next++
        await writer.setTitle(indexOf(bench, number, repeat), titleOf(number, repeat))
      }
      writer.close()
    }),
  )
  return changes / ((performance.now() - began) / 1000)
}

/** Equal positions are a claim; the last change is looked for. */
async function refuseWrong(bench: Bench, pair: Pair, repeat: number): Promise<void> {
  const ldap = await openBound(pair.ldapPorts.slave, pair.reader.dn, pair.reader.password)
  if (!ldap) throw new Error(`${pair.name}: the slave says it is equal, and refuses the reader.`)
  const dn = `uid=${usernameOf(indexOf(bench, changes - 1, repeat))},${pair.usersDn}`
  const answer = await ldap.send(searchRequest(dn, 'base', anything, ['title']))
  ldap.close()
  if (answer.entries.length === 0)
    throw new Error(`${pair.name}: the slave says it is equal, and answers ${answer.code}.`)
  const title = answer.entries[0]?.get('title')?.[0]
  if (title !== titleOf(changes - 1, repeat))
    throw new Error(`${pair.name}: the slave says it is equal, and has “${title}”.`)
}
