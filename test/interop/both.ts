import { setTimeout as sleep } from 'node:timers/promises'
import { normaliseDn } from '../../server/ldap/dn.ts'
import { type Answer, type Client, connectTo, controls, type FoundEntry } from '../ldap/client.ts'
import {
  type GivenControl,
  pageControl,
  pageCookie,
  placeOf,
  sortControl,
  windowControl,
} from '../ldap/list-controls.ts'
import type { Asked } from './searches.ts'
import { foreignSchema, type Slapd, startSlapd } from './slapd.ts'

// The same question for two servers, and answers in a form in which they can be held against each other.

function toLdif(entries: readonly FoundEntry[]): string {
  const line = (name: string, value: string): string => `${name}:: ${Buffer.from(value).toString('base64')}`
  return entries
    .map(({ dn, attributes }) =>
      [
        line('dn', dn),
        ...Object.entries(attributes).flatMap(([name, values]) => values.map((value) => line(name, value))),
      ].join('\n'),
    )
    .join('\n\n')
}

/** What slapd is loaded with: everything that it does not make itself. */
export const contents = async (client: Client, base: string): Promise<FoundEntry[]> =>
  (
    await client.search({
      base,
      attributes: ['*', 'entryUUID', 'createTimestamp', 'modifyTimestamp', 'structuralObjectClass'],
    })
  ).entries

/** OpenLDAP with what a node of ours holds, and with its schema. */
export async function slapdWith(client: Client, base: string): Promise<Slapd> {
  const schema = (await foreignSchema(client)).split('\n').filter(Boolean)
  return startSlapd(
    toLdif(await contents(client, base)),
    base,
    [...schema, 'moduleload sssvlv'],
    ['overlay sssvlv', 'sssvlv-max 1000', 'sssvlv-maxperconn 1000'],
  )
}

export const connectToSlapd = async ({ port }: Slapd, dn = '', password = ''): Promise<Client> => {
  const client = connectTo(port)
  const code = await client.bind(dn, password)
  if (code !== 0) throw new Error(`slapd answers a bind with ${code}`)
  return client
}

/** Everything in one spelling of DNs, values of an attribute in one order: they have none. */
export type Told = {
  code: number
  matchedDn: string
  entries: { dn: string; attributes: string[] }[]
  /** Entries of each page. */
  pages?: number[]
  place?: { position: number; count: number } | undefined
}

const settled = (text: string): string => (/,dc=/i.test(text) ? (normaliseDn(text) ?? text) : text)

const toldEntry = ({ dn, attributes }: FoundEntry, left: ReadonlySet<string>): Told['entries'][number] => ({
  dn: settled(dn),
  attributes: Object.entries(attributes)
    .filter(([name]) => !left.has(name))
    .map(([name, values]) => `${name}: ${values.map(settled).sort().join(' | ')}`)
    .sort(),
})

const most = 500
const busy = 51

/** `left`: attributes that are not looked at. */
export async function ask(client: Client, asked: Asked, left: ReadonlySet<string>): Promise<Told> {
  const { sort, window, pageSize, isCritical } = asked
  const given = [
    ...(sort ? [sortControl(sort, isCritical)] : []),
    ...(window ? [windowControl(window, isCritical)] : []),
  ]
  const search = async (more: GivenControl[] = []): Promise<Answer> => {
    const all = [...given, ...more]
    for (let tries = 0; ; tries++) {
      const answer = await client.search({ ...asked, ...(all.length > 0 && { controls: controls(...all) }) })
      // OpenLDAP's sorting of the page before may not have ended when its client has been answered.
      if (answer.code !== busy || tries > 50) return answer
      await sleep(10)
    }
  }
  const first = await search(pageSize ? [pageControl(pageSize, undefined, isCritical)] : [])
  const answers = [first]
  if (pageSize)
    for (let cookie = pageCookie(first); cookie?.length && answers.length < most; ) {
      const next = await search([pageControl(pageSize, cookie, isCritical)])
      answers.push(next)
      cookie = pageCookie(next)
    }
  const last = answers.at(-1)!
  const entries = answers.flatMap((answer) => answer.entries.map((entry) => toldEntry(entry, left)))
  if (!sort) entries.sort((a, b) => (a.dn < b.dn ? -1 : 1))
  return {
    code: last.code,
    matchedDn: settled(last.matchedDn).toLowerCase(),
    entries,
    ...(pageSize && { pages: answers.map((answer) => answer.entries.length) }),
    ...(window && last.code !== 4 && { place: placeOf(last) }),
  }
}

/** In what two answers differ, in one line; undefined: in nothing. */
export function difference(asked: Asked, mine: Told, other: Told): string | undefined {
  const found: string[] = []
  for (const key of ['code', 'matchedDn', 'pages', 'place'] as const) {
    const [one, two] = [JSON.stringify(mine[key]), JSON.stringify(other[key])]
    if (one !== two) found.push(`${key} ${one}, OpenLDAP ${two}`)
  }
  const [ours, theirs] = [mine, other].map(({ entries }) => entries.map(({ dn }) => dn)) as [string[], string[]]
  // Which entries come before the limit is for the server to choose, unless it was told an order.
  const isCut = mine.code === 4 && other.code === 4 && !asked.sort
  if (ours.length !== theirs.length) found.push(`${ours.length} entries, OpenLDAP ${theirs.length}`)
  if (!isCut) {
    const [more, less] = [ours.filter((dn) => !theirs.includes(dn)), theirs.filter((dn) => !ours.includes(dn))]
    if (more.length > 0) found.push(`only here ${more.slice(0, 3).join(' ')}`)
    if (less.length > 0) found.push(`only there ${less.slice(0, 3).join(' ')}`)
    const at = ours.findIndex((dn, i) => dn !== theirs[i])
    if (more.length + less.length === 0 && at >= 0)
      found.push(`in another order from ${at} on: ${ours[at]}, there ${theirs[at]}`)
  }
  for (const { dn, attributes } of mine.entries) {
    const there = other.entries.find((each) => each.dn === dn)?.attributes
    if (!there || found.length > 0 || JSON.stringify(attributes) === JSON.stringify(there)) continue
    const only = (some: string[], not: string[]): string => JSON.stringify(some.filter((each) => !not.includes(each)))
    found.push(`of ${dn} only here ${only(attributes, there)}, only there ${only(there, attributes)}`)
  }
  return found.length > 0 ? `${JSON.stringify(asked)}: ${found.join('; ')}` : undefined
}
