import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { hashPassword } from '../../server/accounts/passwords.ts'
import { readOwn } from '../../server/mode/certificates.ts'
import { allOf, anything, bindRequest, equal, openBound, searchRequest } from '../ldap.ts'
import { type Found, generate, type Load, startLoad } from '../ldapload.ts'
import { accountSyncPair } from '../pairs/account-sync.ts'
import type { Pair } from '../pairs/pair.ts'
import { slapdPair, ssha } from '../pairs/slapd.ts'
import { personOf, usernameOf } from '../people.ts'
import { atLeast, atMostAbsolute, duration, plain, type Row, rate } from '../report.ts'
import { median } from '../stats.ts'
import { explain, readerBind, searches } from './load.ts'
import { type Bench, inTurns, type OwnMeasure, type Surroundings } from './measure.ts'

const connections = 32
/** Each person is in two of them. */
const groupsOf = (users: number): number => Math.ceil(users / 50)

/** What LDAP clients do all day: every kind of request, on two single servers that hold the same people. */
export const ldapLoad: OwnMeasure = async (given) => {
  const folder = join(given.folder, 'ldap')
  mkdirSync(folder)
  const { users, say } = given
  const signers = signersOf(given)
  say(`ldap: ${signers.count} passwords`)
  const hashes = await Promise.all(Array.from({ length: signers.count }, (_, index) => hashPassword(passwordOf(index))))
  say(`ldap: loading ${users} people and ${groupsOf(users)} groups into both`)
  const pairs: Pair[] = []
  try {
    const groups = groupsOf(users)
    const ours = await accountSyncPair(folder, users, given.profile, { groups, hashOf: (index) => hashes[index] })
    pairs.push(ours)
    const slapd = await slapdPair(folder, users, {
      groups,
      passwordOf: (index) =>
        index === signers.again ? ssha(passwordOf(index)) : hashes[index] && `{ARGON2}${hashes[index]}`,
      tls: certificateOf(ours.masterDir, folder),
    })
    pairs.push(slapd)
    for (const pair of pairs) await pair.startMaster()
    const bench = { ...given, ours, slapd }
    // What a server does for the first time is slower on both sides.
    for (const pair of pairs)
      await generate(bench.ldapload, pair.name, { ...(await loadOf(bench, pair, equality)), connections, seconds: 2 })
    return [...(await rowsOf(bench, searching)), ...(await signingIn(bench)), ...(await rowsOf(bench, overTls))]
  } finally {
    await Promise.all(pairs.map((pair) => pair.close()))
  }
}

/** The very certificate that ours has, so that both have the same work with it. */
function certificateOf(dir: string, folder: string): { certificate: string; key: string } {
  const own = readOwn(dir)!
  const files = { certificate: join(folder, 'slapd.pem'), key: join(folder, 'slapd.key') }
  writeFileSync(files.certificate, own.certificate)
  writeFileSync(files.key, own.key, { mode: 0o600 })
  return files
}

type Asked = Pick<Load, 'tls' | 'connections' | 'window' | 'code' | 'pageSize'> & {
  requests: (pair: Pair, users: number) => readonly Buffer[]
  /** Of each answer. */
  entries?: (pair: Pair) => number | Promise<number>
  /** Without a bind before. */
  isAnonymous?: boolean
}

type Task = Asked & {
  what: string
  /** At least so many times what slapd does. */
  bar: number
  /** Told as entries a second. */
  isOfMany?: boolean
}

const equality = {
  requests: (pair: Pair, users: number) => searches(pair, users).requests,
  entries: () => 1,
}

/** What switches of a name service ask for when somebody signs in. */
const groupsOfPerson = {
  requests: ({ groupsDn }: Pair, users: number) =>
    withoutPlugins(users).map((name) => {
      const filter = allOf(equal('objectClass', 'posixGroup'), equal('memberUid', name))
      return searchRequest(groupsDn, 'sub', filter, ['cn', 'gidNumber'])
    }),
  // Ours has a group of everybody besides.
  entries: ({ name }: Pair) => (name === 'account-sync' ? 3 : 2),
}

/** For slapd has no groups of those who have a plugin. */
const withoutPlugins = (users: number): string[] =>
  Array.from({ length: users }, (_, index) => personOf(index, users)).flatMap(({ plugins, username }) =>
    plugins.length === 0 ? [username] : [],
  )

const everything = {
  requests: ({ base }: Pair) => [searchRequest(base, 'sub', anything)],
  entries: entriesOf,
  isOfMany: true,
}

const fiveAttributes = ['uid', 'cn', 'mail', 'uidNumber', 'homeDirectory']

const searching: readonly Task[] = [
  { what: 'equality, all attributes, 1 connection', bar: 0.95, ...equality },
  { what: `equality, all attributes, ${connections} connections`, bar: 2, connections, ...equality },
  { what: 'equality, all attributes, 8 connections, 8 at once', bar: 4, connections: 8, window: 8, ...equality },
  {
    what: `equality, 5 attributes, ${connections} connections`,
    bar: 1.8,
    connections,
    requests: ({ usersDn }, users) =>
      Array.from({ length: users }, (_, index) =>
        searchRequest(usersDn, 'sub', equal('uid', usernameOf(index)), fiveAttributes),
      ),
    entries: () => 1,
  },
  { what: `groups of a person by memberUid, ${connections} connections`, bar: 2, connections, ...groupsOfPerson },
  { what: 'dump of everything, entries', bar: 5, ...everything },
  { what: 'the same in pages of 500', bar: 5, pageSize: 500, ...everything },
  {
    what: `root DSE, ${connections} connections`,
    bar: 1.5,
    connections,
    isAnonymous: true,
    requests: () => [searchRequest('', 'base', anything, ['+'])],
    entries: () => 1,
  },
  {
    what: `bind refused without a hash, ${connections} connections`,
    bar: 1.5,
    connections,
    isAnonymous: true,
    requests: ({ reader }) => [bindRequest(reader.dn, '')],
    code: 53,
  },
]

const overTls: readonly Task[] = [
  { what: `equality over LDAPS, ${connections} connections`, bar: 1.5, connections, tls: true, ...equality },
]

async function rowsOf(bench: Bench, tasks: readonly Task[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const task of tasks) rows.push(await rowOf(bench, task))
  return rows
}

async function loadOf(bench: Bench, pair: Pair, { isAnonymous, ...task }: Asked): Promise<Load> {
  return {
    ...task,
    port: task.tls ? pair.tlsPort : pair.ldapPorts.master,
    ...(!isAnonymous && { bind: readerBind(pair) }),
    requests: task.requests(pair, bench.users),
    entries: (await task.entries?.(pair)) ?? 0,
    seconds: bench.seconds,
    server: pair.master(),
  }
}

async function rowOf(bench: Bench, { what, bar, isOfMany, ...task }: Task): Promise<Row> {
  const { ours, slapd } = bench
  const loads = { 'account-sync': await loadOf(bench, ours, task), slapd: await loadOf(bench, slapd, task) }
  const found = await inTurns(bench, what, ({ name }) => generate(bench.ldapload, name, loads[name]))
  explain(bench.say, found)
  // One that takes long does not come to its end often: what a whole one took is more exact.
  const perSecond = (each: Found) => (isOfMany ? ((each.entries / each.answers) * 1000) / each.p50Ms : each.perSecond)
  return atLeast(what, median(found.ours.map(perSecond)), median(found.slapd.map(perSecond)), bar, rate)
}

/** How many entries there are in all. */
async function entriesOf(pair: Pair): Promise<number> {
  const ldap = await openBound(pair.ldapPorts.master, pair.reader.dn, pair.reader.password)
  if (!ldap) throw new Error(`${pair.name} refuses the reader.`)
  const { entries } = await ldap.send(searchRequest(pair.base, 'sub', anything, ['1.1']))
  ldap.close()
  if (entries.length < pair.people) throw new Error(`${pair.name} has ${entries.length} entries.`)
  return entries.length
}

const passwordOf = (index: number): string => `bench-password-${index}`

/** Everybody binds once in each run, so that nothing that was remembered helps; one more binds again and again. */
function signersOf({ users, repeats, seconds }: Surroundings): { perRun: number; again: number; count: number } {
  const perRun = Math.min(Math.floor(60 * seconds), Math.floor((users - 1) / (2 * repeats)))
  const again = perRun * 2 * repeats
  return { perRun, again, count: again + 1 }
}

const bindOf = ({ usersDn }: Pair, index: number): Buffer =>
  bindRequest(`uid=${usernameOf(index)},${usersDn}`, passwordOf(index))

async function signingIn(bench: Bench): Promise<Row[]> {
  const { perRun, again } = signersOf(bench)
  const binds = (pair: Pair, run: number): Load => ({
    port: pair.ldapPorts.master,
    requests: Array.from({ length: perRun }, (_, index) => bindOf(pair, run * perRun + index)),
    connections: 8,
    server: pair.master(),
  })
  const alone = await inTurns(bench, 'binds with argon2id', (pair, repeat) =>
    generate(bench.ldapload, pair.name, binds(pair, repeat)),
  )
  explain(bench.say, alone)
  const beside = await inTurns(bench, 'binds with argon2id and searches', (pair, repeat) =>
    searchesBeside(bench, pair, binds(pair, bench.repeats + repeat)),
  )
  const of = (side: 'ours' | 'slapd', figure: (each: { found: Found; binds: Found }) => number) =>
    median(beside[side].map(figure))
  const both = (figure: (each: { found: Found; binds: Found }) => number) =>
    [of('ours', figure), of('slapd', figure)] as const
  return [
    atLeast(
      'bind with argon2id, 8 connections',
      median(alone.ours.map(({ perSecond }) => perSecond)),
      median(alone.slapd.map(({ perSecond }) => perSecond)),
      1.5,
      rate,
    ),
    atMostAbsolute('  searches beside it, 1 connection, p99', ...both(({ found }) => found.p99Ms), 5, duration),
    plain('  these searches', ...both(({ found }) => found.perSecond), rate),
    plain('  binds beside them', ...both(({ binds }) => binds.perSecond), rate),
    await bindAgain(bench, 'bind of one person, again and again', (pair) => bindOf(pair, again)),
    await bindAgain(bench, 'bind of one service, again and again', readerBind),
  ]
}

/** Searches for as long as it takes all of them to bind. */
async function searchesBeside(bench: Bench, pair: Pair, load: Load): Promise<{ found: Found; binds: Found }> {
  const asked = { ...searches(pair, bench.users), connections: 1 }
  const search = { ...asked, port: pair.ldapPorts.master, bind: readerBind(pair), seconds: 600 }
  const running = startLoad(bench.ldapload, pair.name, search)
  running.found.catch(() => {})
  // The binds are under way when it begins to count.
  await wait(300)
  const binds = await generate(bench.ldapload, pair.name, load).finally(running.end)
  return { found: await running.found, binds }
}

/** Ours remembers a password that was right; slapd has it as {SSHA}, which costs it next to nothing. */
async function bindAgain(bench: Bench, what: string, bind: (pair: Pair) => Buffer): Promise<Row> {
  const found = await inTurns(bench, what, async (pair) => {
    const load = { port: pair.ldapPorts.master, requests: [bind(pair)], server: pair.master() }
    await generate(bench.ldapload, pair.name, load)
    return generate(bench.ldapload, pair.name, { ...load, connections, seconds: bench.seconds })
  })
  explain(bench.say, found)
  const of = (side: 'ours' | 'slapd') => median(found[side].map(({ perSecond }) => perSecond))
  return atLeast(`${what}, ${connections} connections`, of('ours'), of('slapd'), 1, rate)
}
