import { generate } from '../ldapload.ts'
import { hasDirectory } from '../pairs/account-sync.ts'
import { memoryOf, until } from '../processes.ts'
import { atMostAbsolute, duration, megabytes, plain } from '../report.ts'
import { median } from '../stats.ts'
import { dumps, readerBind, searches } from './load.ts'
import { haveSlave, type Measure } from './measure.ts'

/** A node with everybody in it: how soon it serves, and how much memory it has after it was used. */
export const node: Measure = async (bench) => {
  const { ours, slapd, users } = bench
  for (const pair of [slapd, ours]) await haveSlave(pair)
  bench.say('memory: account-sync, after searches and dumps on both nodes')
  for (const port of Object.values(ours.ldapPorts)) {
    for (const asked of [searches(ours, users), dumps(ours)])
      await generate(bench.ldapload, ours.name, { ...asked, port, bind: readerBind(ours), seconds: 1 })
  }
  const master = memoryOf(ours.master())
  const slave = memoryOf(ours.slave()!)
  const theirs = { master: memoryOf(slapd.master()), slave: memoryOf(slapd.slave()!) }
  const starts: number[] = []
  for (let repeat = 0; repeat < bench.repeats; repeat++) {
    bench.say(`start: account-sync, ${repeat + 1} of ${bench.repeats}`)
    await ours.stopSlave()
    const began = performance.now()
    ours.startSlave()
    await until('The start of the slave', () => hasDirectory(ours.ldapPorts.slave), 5, ours.slave())
    starts.push(performance.now() - began)
  }
  return [
    atMostAbsolute(`memory of the master with ${users} users, RSS`, master.rss, theirs.master.rss, 200, megabytes),
    atMostAbsolute(`memory of a slave with ${users} users, RSS`, slave.rss, theirs.slave.rss, 200, megabytes),
    plain('  the most it ever was, slave', slave.peak, theirs.slave.peak, megabytes),
    atMostAbsolute(`start until LDAP answers, ${users} users`, median(starts), undefined, 3000, duration),
  ]
}
