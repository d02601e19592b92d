import { bindRequest, equal, searchRequest } from '../ldap.ts'
import { type Found, generate, type Load } from '../ldapload.ts'
import type { Pair } from '../pairs/pair.ts'
import { usernameOf } from '../people.ts'
import { atLeast, duration, rate } from '../report.ts'
import { median } from '../stats.ts'
import { type Bench, haveSlave, inTurns, type Measure } from './measure.ts'

const connections = 32

/** Equality searches on the slave, by many clients at once. */
export const search: Measure = async (bench) => {
  const found = await loaded(bench, 'search', (pair) => searches(pair, bench.users))
  const of = (side: 'ours' | 'slapd') => median(found[side].map((each) => each.perSecond))
  return [atLeast(`LDAP equality search, ${connections} connections`, of('ours'), of('slapd'), 1, rate)]
}

/** Everybody with every attribute, by one client. */
export const dump: Measure = async (bench) => {
  const found = await loaded(bench, 'dump', dumps)
  const of = (side: 'ours' | 'slapd') => 1000 / median(found[side].map((each) => each.p50Ms))
  const show = (perSecond: number) => duration(1000 / perSecond)
  return [atLeast('LDAP dump of all users', of('ours'), of('slapd'), 2, show)]
}

type Asked = Pick<Load, 'connections' | 'requests' | 'entries'>

export const searches = ({ usersDn }: Pick<Pair, 'usersDn'>, users: number): Asked => ({
  connections,
  requests: Array.from({ length: users }, (_, index) => searchRequest(usersDn, 'sub', equal('uid', usernameOf(index)))),
  entries: 1,
})

export const dumps = ({ usersDn, people }: Pair): Asked => ({
  requests: [searchRequest(usersDn, 'sub', equal('objectClass', 'posixAccount'))],
  entries: people,
})

async function loaded(
  bench: Bench,
  what: string,
  asked: (pair: Pair) => Asked,
): Promise<{ ours: Found[]; slapd: Found[] }> {
  for (const pair of [bench.slapd, bench.ours]) await haveSlave(pair)
  const found = await inTurns(bench, what, (pair) =>
    generate(bench.ldapload, pair.name, {
      ...asked(pair),
      port: pair.ldapPorts.slave,
      bind: readerBind(pair),
      seconds: bench.seconds,
      server: pair.slave(),
    }),
  )
  explain(bench.say, found)
  return found
}

export const readerBind = ({ reader }: Pick<Pair, 'reader'>): Buffer => bindRequest(reader.dn, reader.password)

/** What a reader needs to judge a figure by: how much each side sends, and that the generator was not the limit. */
export function explain(say: (text: string) => void, found: { ours: Found[]; slapd: Found[] }): void {
  for (const [name, side] of [
    ['account-sync', found.ours],
    ['slapd', found.slapd],
  ] as const) {
    const of = (figure: (each: Found) => number) => median(side.map(figure)).toFixed(0)
    const size = `${of(({ bytes, answers }) => bytes / answers)} bytes an answer`
    const work = `${of(({ serverUs }) => serverUs ?? Number.NaN)} µs of processor time for it`
    say(`  ${name}: ${size}, ${work}; the generator took ${of(({ cpu }) => cpu * 100)} % of a core`)
  }
}
