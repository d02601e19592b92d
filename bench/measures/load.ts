import { spawn } from 'node:child_process'
import type { Pair } from '../pairs/pair.ts'
import { atLeast, duration, rate } from '../report.ts'
import { median } from '../stats.ts'
import { type Bench, haveSlave, inTurns, type Measure } from './measure.ts'

type Kind = 'search' | 'dump'

type Found = {
  perSecond: number
  answers: number
  entries: number
  bytes: number
  wrong: number
  p50Ms: number
  p99Ms: number
  /** Share of one core that the generator itself took. */
  cpu: number
}

const connections = 32

/** Equality searches on the slave, by many clients at once. */
export const search: Measure = async (bench) => {
  const found = await loaded(bench, 'search', connections)
  const of = (side: 'ours' | 'slapd') => median(found[side].map((each) => each.perSecond))
  explain(bench, found)
  return [atLeast(`LDAP equality search, ${connections} connections`, of('ours'), of('slapd'), 1, rate)]
}

/** Everybody with every attribute, by one client. */
export const dump: Measure = async (bench) => {
  const found = await loaded(bench, 'dump', 1)
  const of = (side: 'ours' | 'slapd') => 1000 / median(found[side].map((each) => each.p50Ms))
  const show = (perSecond: number) => duration(1000 / perSecond)
  explain(bench, found)
  return [atLeast('LDAP dump of all users', of('ours'), of('slapd'), 2, show)]
}

async function loaded(bench: Bench, kind: Kind, clients: number): Promise<{ ours: Found[]; slapd: Found[] }> {
  for (const pair of [bench.slapd, bench.ours]) await haveSlave(pair)
  return inTurns(bench, kind, (pair) => generate(bench, pair, pair.ldapPorts.slave, kind, clients, bench.seconds))
}

/** Puts both on a server and throws when an answer was not what it must be. */
export async function generate(
  bench: Bench,
  pair: Pair,
  port: number,
  kind: Kind,
  clients: number,
  seconds: number,
): Promise<Found> {
  const expected = kind === 'dump' ? pair.people : 1
  const args = [port, pair.usersDn, kind, clients, seconds, bench.users, expected].map(String)
  const env = { ...process.env, LDAPLOAD_DN: pair.reader.dn, LDAPLOAD_PASSWORD: pair.reader.password }
  const found: Found = await new Promise((resolve, reject) => {
    const child = spawn(bench.ldapload, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let said = ''
    child.stdout.on('data', (text) => (out += text))
    child.stderr.on('data', (text) => (said += text))
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`${pair.name}: ${said.trim()}`)),
    )
  })
  if (found.wrong > 0 || found.answers === 0)
    throw new Error(`${pair.name}: ${found.wrong} of ${found.answers} answers to a ${kind} were wrong.`)
  return found
}

/** What a reader needs to judge the figure by: how much each side sends, and that the generator was not the limit. */
function explain(bench: Bench, found: { ours: Found[]; slapd: Found[] }): void {
  for (const side of ['ours', 'slapd'] as const) {
    const size = median(found[side].map((each) => each.bytes / each.entries))
    const cpu = median(found[side].map((each) => each.cpu)) * 100
    bench.say(
      `  ${bench[side].name}: ${size.toFixed(0)} bytes an entry; the generator took ${cpu.toFixed(0)} % of a core`,
    )
  }
}
