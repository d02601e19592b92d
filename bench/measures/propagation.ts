import { setTimeout as wait } from 'node:timers/promises'
import { anything, openBound, searchRequest } from '../ldap.ts'
import type { Pair } from '../pairs/pair.ts'
import { usernameOf } from '../people.ts'
import { atMost, duration, plain } from '../report.ts'
import { percentile } from '../stats.ts'
import { type Bench, haveSlave, inTurns, type Measure } from './measure.ts'

/** One change on the master: from before it is sent until a loop of searches on the slave sees it. */
export const propagation: Measure = async (bench) => {
  for (const pair of [bench.slapd, bench.ours]) await haveSlave(pair)
  const found = await inTurns(bench, 'propagation', (pair, repeat) => oneByOne(bench, pair, repeat))
  const of = (side: 'ours' | 'slapd', what: 'sent' | 'answered', p: number) =>
    percentile(
      found[side].flatMap((each) => each[what]),
      p,
    )
  return [
    atMost('propagation of one change, p50', of('ours', 'sent', 0.5), of('slapd', 'sent', 0.5), 3, { show: duration }),
    atMost('propagation of one change, p99', of('ours', 'sent', 0.99), of('slapd', 'sent', 0.99), 1.5, {
      show: duration,
    }),
    plain('  until the master answers, p50', of('ours', 'answered', 0.5), of('slapd', 'answered', 0.5), duration),
    plain('  until the master answers, p99', of('ours', 'answered', 0.99), of('slapd', 'answered', 0.99), duration),
  ]
}

async function oneByOne(bench: Bench, pair: Pair, repeat: number): Promise<{ sent: number[]; answered: number[] }> {
  const writer = await pair.openWriter()
  const ldap = await openBound(pair.ldapPorts.slave, pair.reader.dn, pair.reader.password)
  if (!ldap) throw new Error(`The slave of ${pair.name} refuses the reader.`)
  const sent: number[] = []
  const answered: number[] = []
  try {
    for (let sample = 0; sample < bench.samples; sample++) {
      const index = (sample * 37 + repeat) % bench.users
      const title = `Propagated ${repeat}-${sample}`
      const look = searchRequest(`uid=${usernameOf(index)},${pair.usersDn}`, 'base', anything, ['title'])
      const began = performance.now()
      const written = writer.setTitle(index, title).then(() => answered.push(performance.now() - began))
      while ((await ldap.send(look)).entries[0]?.get('title')?.[0] !== title) {
        if (performance.now() - began > 30_000) throw new Error(`${pair.name}: a change did not arrive in 30 seconds.`)
      }
      sent.push(performance.now() - began)
      await written
      // Not in step with anything.
      await wait(2 + Math.random() * 8)
    }
  } finally {
    ldap.close()
    writer.close()
  }
  return { sent, answered }
}
