import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { during, type Inside, insideSoFar, nowMs } from '../inside.ts'
import { anything, openBound, searchRequest } from '../ldap.ts'
import { generate, type Load } from '../ldapload.ts'
import { base, command, statusOf } from '../pairs/account-sync.ts'
import { type Node, openNode } from '../pairs/node.ts'
import type { Pair } from '../pairs/pair.ts'
import { slapdPair } from '../pairs/slapd.ts'
import { changeEverybody, makeMaster } from '../pairs/store.ts'
import { usernameOf } from '../people.ts'
import { memoryOf, settledMemoryOf, until } from '../processes.ts'
import { atMostAbsolute, duration, megabytes, plain, type Row, rate } from '../report.ts'
import { median, percentile } from '../stats.ts'
import { readerBind, searches } from './load.ts'
import type { OwnMeasure, Surroundings } from './measure.ts'

type Reader = Pair['reader']

const connections = 32
const usersDn = `ou=Users,ou=Accounts,${base}`
const longestPauseMs = 50

/** The directory with very many in it: its start, its memory, whether it is as fast, and that nothing ever holds it up. */
export const ldapMany: OwnMeasure = async (given) => {
  const folder = join(given.folder, 'ldap-many')
  mkdirSync(folder)
  const { users, many, say, profile } = given
  const nodes: Node[] = []
  const made = async (name: string, people: number) => {
    say(`ldap-many: making a store with ${people} people`)
    const dir = join(folder, name)
    const reader = await makeMaster(dir, people)
    const node = await openNode(name, dir, profile)
    nodes.push(node)
    return { node, reader }
  }
  try {
    const none = await made('none', 0)
    const few = await made('few', users)
    const full = await made('full', many)
    const slave = await openNode('slave', join(folder, 'slave'), profile)
    nodes.push(slave)
    return [
      ...(await startsOf(given, full.node, none.node)),
      ...(await equality(given, folder, few, full)),
      ...(await heldUp(given, full.node, full.reader)),
      ...(await replicated(given, full.node, full.reader, slave)),
    ]
  } finally {
    for (const node of nodes) await node.close()
  }
}

/** How soon it serves, and what its people take beyond what a node without any takes. */
async function startsOf({ many, repeats, say }: Surroundings, full: Node, none: Node): Promise<Row[]> {
  say('ldap-many: memory of a node with nobody')
  await none.start()
  const empty = await settledMemoryOf(none.server())
  await none.stop()
  const starts: number[] = []
  const memories: { rss: number; peak: number }[] = []
  for (let repeat = 0; repeat < repeats; repeat++) {
    say(`ldap-many: start with ${many} people, ${repeat + 1} of ${repeats}`)
    starts.push(await full.start())
    memories.push(await settledMemoryOf(full.server()))
    await full.stop()
  }
  const rss = median(memories.map((memory) => memory.rss))
  return [
    atMostAbsolute(`start until LDAP answers, ${many} users`, median(starts), undefined, 6000, duration),
    atMostAbsolute(`memory for ${many} users, above a node with nobody`, rss - empty.rss, undefined, 250, megabytes),
    plain('  the node with them, RSS', rss, undefined, megabytes),
    plain('  the node with nobody, RSS', empty.rss, undefined, megabytes),
    plain('  the most it ever was', median(memories.map(({ peak }) => peak)), undefined, megabytes),
  ]
}

type Side = { node: Node; reader: Reader }

/** The same question to few and to many, and to slapd with as many. */
async function equality(given: Surroundings, folder: string, few: Side, full: Side): Promise<Row[]> {
  const { users, many, repeats, seconds, say, ldapload } = given
  say(`ldap-many: loading ${many} people into slapd`)
  const slapd = await slapdPair(folder, many)
  try {
    await slapd.startMaster()
    for (const { node } of [few, full]) await node.start()
    const load = (pair: { usersDn: string; reader: Reader }, port: number, people: number): Load => ({
      ...searches(pair, people),
      port,
      bind: readerBind(pair),
      seconds,
    })
    const sides = [
      { name: `slapd with ${many}`, load: load(slapd, slapd.ldapPorts.master, many) },
      { name: `account-sync with ${users}`, load: load({ usersDn, ...few }, few.node.ports.ldap, users) },
      { name: `account-sync with ${many}`, load: load({ usersDn, ...full }, full.node.ports.ldap, many) },
    ].map((side) => ({ ...side, rates: [] as number[] }))
    // What a server does for the first time is slower.
    for (const { name, load } of sides) await generate(ldapload, name, { ...load, seconds: 2 })
    for (let repeat = 0; repeat < repeats; repeat++)
      for (const { name, load, rates } of repeat % 2 === 0 ? sides : sides.toReversed()) {
        say(`equality: ${name}, ${repeat + 1} of ${repeats}`)
        rates.push((await generate(ldapload, name, load)).perSecond)
      }
    const [theirs = Number.NaN, ofFew = Number.NaN, ofMany = Number.NaN] = sides.map(({ rates }) => median(rates))
    return [
      plain(`equality, ${connections} connections, ${many} users`, ofMany, theirs, rate),
      // Two equal things are never measured equal: half of all runs would fall below 1.
      {
        what: `  to the same with ${users}`,
        ours: ofMany,
        slapd: undefined,
        ratio: ofMany / ofFew,
        bar: `>= 0.95x of ${rate(ofFew)}`,
        met: ofMany / ofFew >= 0.95,
        show: rate,
      },
    ]
  } finally {
    for (const { node } of [few, full]) await node.stop()
    await slapd.close()
  }
}

function pause({ say }: Surroundings, what: string, { pauseMs, workMs }: Inside, isJudged = true): Row {
  say(`  longest pause ${what}: ${duration(pauseMs)}; longest work of its own without one: ${duration(workMs)}`)
  return isJudged
    ? atMostAbsolute(`longest pause ${what}`, pauseMs, undefined, longestPauseMs, duration)
    : plain(`  longest pause ${what}`, pauseMs, undefined, duration)
}

/** One edit, and somebody who takes everything: told from inside the node. */
async function heldUp(given: Surroundings, node: Node, reader: Reader): Promise<Row[]> {
  const { many, say, ldapload } = given
  await node.start(true)
  const ofStart = await insideSoFar(node.server())
  await settledMemoryOf(node.server())
  say('ldap-many: edits')
  const lags = await edits(given, node, reader)
  say('ldap-many: dumps')
  const everything = searchRequest(base, 'sub', anything)
  const ofDumps = await during(node.server(), async () => {
    const ldap = await openBound(node.ports.ldap, reader.dn, reader.password)
    const { entries } = await ldap!.send(searchRequest(base, 'sub', anything, ['1.1']))
    ldap!.close()
    if (entries.length < many) throw new Error(`${node.name} has ${entries.length} entries.`)
    const bind = readerBind({ reader })
    const requests = Array.from({ length: 5 }, () => everything)
    await generate(ldapload, node.name, { port: node.ports.ldap, bind, requests, entries: entries.length })
  })
  return [
    plain('an edit in LDAP, from its commit on, p50', percentile(lags, 0.5), undefined, duration),
    atMostAbsolute('an edit in LDAP, from its commit on, p99', percentile(lags, 0.99), undefined, 2, duration),
    pause(given, `while ${many} users are dumped`, ofDumps),
    pause(given, 'of its start, which loads modules', ofStart, false),
  ]
}

/** From the moment at which SQLite had committed until a loop of searches on a bound connection saw it. */
async function edits({ samples, many }: Surroundings, node: Node, reader: Reader): Promise<number[]> {
  const ldap = await openBound(node.ports.ldap, reader.dn, reader.password)
  if (!ldap) throw new Error(`${node.name} refuses the reader.`)
  const moments: { sent: number; seen: number }[] = []
  const { commits } = await during(node.server(), async () => {
    for (let sample = 0; sample < samples; sample++) {
      const name = usernameOf((sample * 37) % many)
      const title = `Edited ${sample}`
      const look = searchRequest(`uid=${name},${usersDn}`, 'base', anything, ['title'])
      const sent = nowMs()
      const written = node.admin.call('user-change', { name, extensions: { contact: { title } } })
      written.catch(() => {})
      while ((await ldap.send(look)).entries[0]?.get('title')?.[0] !== title)
        if (nowMs() - sent > 30_000) throw new Error(`${node.name}: a change did not appear in 30 seconds.`)
      moments.push({ sent, seen: nowMs() })
      await written
      await wait(2 + Math.random() * 8)
    }
  })
  ldap.close()
  return moments.map(({ sent, seen }) => {
    const commit = commits.find((at) => at > sent)
    if (commit === undefined || commit > seen) throw new Error(`${node.name}: an edit was seen before its commit.`)
    return seen - commit
  })
}

/** A slave that runs already takes all of them in, and then a change of each. */
async function replicated(given: Surroundings, master: Node, reader: Reader, slave: Node): Promise<Row[]> {
  const { many, say } = given
  slave.launch(true)
  await until('The start of the slave', async () => (await statusOf(slave.admin)) !== undefined, 10, slave.server())
  await settledMemoryOf(slave.server())
  const { key } = await master.admin.call<{ key: string }>('key-show', {})
  const isEqual = async () =>
    (await statusOf(slave.admin))?.stateHash === (await statusOf(master.admin))?.stateHash &&
    (await titleAt(slave, reader)) === (await titleAt(master, reader))
  const equal = () => until("The slave's equality", isEqual, 100, slave.server())

  say(`ldap-many: a slave takes ${many} people in`)
  const where = ['--master', `127.0.0.1:${master.ports.sync}`, '--name', 'slave']
  const joined = command(['setup', '--mode', 'slave', ...where, '--data', slave.dir], `${key}\n`)
  joined.catch(() => {})
  // Until it has joined, modules are loaded that only joining needs.
  const hasJoined = async () => (await statusOf(slave.admin))?.mode === 'slave'
  await Promise.race([until('The joining', hasJoined, 5, slave.server()), joined])
  const ofBuild = await during(slave.server(), async () => {
    await joined
    await equal()
  })
  say(`ldap-many: ${many} changes`)
  await master.stop()
  await changeEverybody(master.dir, 'Changed')
  await master.start(true)
  let ofSending: Inside | undefined
  const began = performance.now()
  const ofApply = await during(slave.server(), async () => {
    ofSending = await during(master.server(), equal)
  })
  const tookMs = performance.now() - began
  const memory = memoryOf(slave.server())
  return [
    pause(given, `of a slave that takes ${many} users in`, ofBuild),
    pause(given, `of a slave that applies ${many} changes`, ofApply),
    pause(given, 'of the master that sends them', ofSending!, false),
    plain('  from the start of the master until both are equal', tookMs, undefined, duration),
    plain('  memory of the slave afterwards, RSS', memory.rss, undefined, megabytes),
    plain('  the most it ever was', memory.peak, undefined, megabytes),
  ]
}

/** Of one of them, as LDAP has it. */
async function titleAt(node: Node, reader: Reader): Promise<string> {
  const ldap = await openBound(node.ports.ldap, reader.dn, reader.password)
  const look = searchRequest(`uid=${usernameOf(0)},${usersDn}`, 'base', anything, ['title'])
  const answer = await ldap?.send(look).finally(ldap.close)
  return answer?.entries[0]?.get('title')?.[0] ?? `nobody at ${node.name}`
}
