import { merged, orderNames, without } from './people-orders.ts'
import { bytePool, keepAt, numberPool, type Pool, withRoom } from './pool.ts'
import { type Dates, type State, stateAt, states } from './state.ts'
import type { UserRow } from './users.ts'
import { holds, keepPairs, mayHold, type Word, wordOf } from './word.ts'

export type Order = 'name' | 'username' | 'number'

/**
 * Everybody as lists need them: what they are found by and sorted by, no more. Each person has a place, which is their
 * number in every array.
 */
export type People = {
  placeOf: Map<string, number>
  /** '' where nobody is. */
  ids: string[]
  free: number[]
  /** Name, username and what the person is found by, as UTF-8, one behind the other. */
  texts: Pool<Uint8Array>
  /** Which pairs of bytes stand in what the person is found by, as bits: most who cannot match are passed over by them. */
  pairs: Int32Array
  nameSizes: Uint32Array
  usernameSizes: Uint32Array
  uidNumbers: Uint32Array
  /** Places in `states`; `nobody` where nobody is. */
  statuses: Uint8Array
  /** Only of those who have any: almost nobody. */
  dates: Map<number, Dates>
  /** What each belongs to directly, and which extensions hold a value, as numbers of names. */
  of: Pool<Uint32Array>
  filled: Uint32Array
  belongings: Names
  fillings: Names
  /** Places in the order of a list. */
  orders: Record<Order, Uint32Array>
}

/** Names as small numbers, and how many people have each. */
export type Names = { numberOf: Map<string, number>; counts: number[] }

const nobody = 255

export const noPeople = (): People => ({
  placeOf: new Map(),
  ids: [],
  free: [],
  texts: bytePool(),
  pairs: new Int32Array(0),
  nameSizes: new Uint32Array(0),
  usernameSizes: new Uint32Array(0),
  uidNumbers: new Uint32Array(0),
  statuses: new Uint8Array(0),
  dates: new Map(),
  of: numberPool(),
  filled: new Uint32Array(0),
  belongings: { numberOf: new Map(), counts: [] },
  fillings: { numberOf: new Map(), counts: [] },
  orders: { name: new Uint32Array(0), username: new Uint32Array(0), number: new Uint32Array(0) },
})

/** A person as they are from now on; without a row they are gone. */
export type PersonChange = { id: string; row: UserRow | undefined; of: readonly string[] }

/** Takes changes in, few or thousands: each order is gone through once. */
export function changePeople(people: People, changes: readonly PersonChange[]): void {
  const left: number[] = []
  const came = new Set<number>()
  for (const { id, row, of } of changes) {
    const was = people.placeOf.get(id)
    if (was !== undefined) count(people, was, -1)
    if (was !== undefined && row && standsAt(people, was, row)) {
      write(people, was, row, of)
      continue
    }
    if (was !== undefined) {
      leave(people, was)
      if (!came.delete(was)) left.push(was)
      else people.free.push(was)
    }
    if (row) came.add(enter(people, row, of))
  }
  const places = [...came]
  for (const name of orderNames) {
    const order = left.length > 0 ? without(people.orders[name], left) : people.orders[name]
    people.orders[name] = places.length > 0 ? merged(people, order, places, name) : order
  }
  people.free.push(...left)
}

function enter(people: People, row: UserRow, of: readonly string[]): number {
  const place = people.free.pop() ?? people.ids.length
  people.ids[place] = row.id
  people.placeOf.set(row.id, place)
  write(people, place, row, of)
  return place
}

function leave(people: People, place: number): void {
  people.placeOf.delete(people.ids[place] as string)
  people.ids[place] = ''
  people.statuses[place] = nobody
  people.dates.delete(place)
  keepAt(people.texts, place, [])
  keepAt(people.of, place, [])
}

function write(people: People, place: number, row: UserRow, of: readonly string[]): void {
  const { sort_name, username, search, valid_from, valid_until, locked_until } = row
  for (const name of ['nameSizes', 'usernameSizes', 'uidNumbers', 'filled'] as const)
    people[name] = withRoom(people[name], place + 1)
  people.statuses = withRoom(people.statuses, place + 1)
  people.nameSizes[place] = Buffer.byteLength(sort_name)
  people.usernameSizes[place] = Buffer.byteLength(username)
  keepAt(people.texts, place, Buffer.from(`${sort_name}${username}${search}`))
  people.pairs = keepPairs(people.pairs, place, search)
  people.uidNumbers[place] = row.uid_number
  people.statuses[place] = states.indexOf(row.status)
  if (valid_from || valid_until || locked_until)
    people.dates.set(place, { validFrom: valid_from, validUntil: valid_until, lockedUntil: locked_until })
  else people.dates.delete(place)
  people.filled[place] = numberOf(people.fillings, row.filled)
  keepAt(
    people.of,
    place,
    of.map((name) => numberOf(people.belongings, name)),
  )
  count(people, place, 1)
}

export function numberOf({ numberOf, counts }: Names, name: string): number {
  const known = numberOf.get(name)
  if (known !== undefined) return known
  numberOf.set(name, counts.length)
  return counts.push(0) - 1
}

function count(people: People, place: number, by: 1 | -1): void {
  const add = ({ counts }: Names, number: number) => {
    counts[number] = (counts[number] ?? 0) + by
  }
  add(people.fillings, people.filled[place] as number)
  const { values, starts, sizes } = people.of
  const start = starts[place] as number
  for (let at = start; at < start + (sizes[place] as number); at++) add(people.belongings, values[at] as number)
}

function standsAt({ texts, nameSizes, usernameSizes, uidNumbers }: People, place: number, row: UserRow): boolean {
  const start = texts.starts[place] as number
  const size = (nameSizes[place] as number) + (usernameSizes[place] as number)
  const keys = Buffer.from(`${row.sort_name}${row.username}`)
  return (
    uidNumbers[place] === row.uid_number &&
    nameSizes[place] === Buffer.byteLength(row.sort_name) &&
    keys.equals(texts.values.subarray(start, start + size))
  )
}

/** Which people are in what, read apart from them; once, before anything else has said so. */
export function joinPeople(people: People, memberships: { places: number[]; of: number[] }): void {
  const { of: pool } = people
  pool.values = new Uint32Array(memberships.of.length)
  for (const place of memberships.places) pool.sizes[place] = (pool.sizes[place] ?? 0) + 1
  for (let place = 0; place < people.ids.length; place++) {
    pool.starts[place] = pool.used
    pool.used += pool.sizes[place] as number
  }
  const next = pool.starts.slice()
  memberships.places.forEach((place, at) => {
    const number = memberships.of[at] as number
    pool.values[next[place] as number] = number
    next[place] = (next[place] as number) + 1
    people.belongings.counts[number] = (people.belongings.counts[number] ?? 0) + 1
  })
}

export const numberOfBelonging = (people: People, name: string): number => numberOf(people.belongings, name)

export type PeopleQuery = {
  /** Each must stand somewhere in what a person is found by; folded. */
  words: readonly string[]
  state?: State
  /** In at least one of these. */
  of?: readonly string[]
  /** And in at least one of these. */
  alsoOf?: readonly string[]
  sort: Order | 'status'
  order: 'asc' | 'desc'
  offset: number
  size: number
  /** ISO 8601. */
  now: string
}

/** One walk over everybody: a few milliseconds for 100,000. */
export function findPeople(people: People, query: PeopleQuery): { ids: string[]; total: number } {
  const found = matching(people, query)
  const order = people.orders[query.sort === 'status' ? 'name' : query.sort]
  const isBackwards = query.order === 'desc'
  const places = new Uint32Array(found.total)
  // Where the next one in each state goes; if the state does not matter, all go one after the other.
  const next = query.sort === 'status' ? startsOf(found.ofState, isBackwards) : undefined
  let last = 0
  for (let at = 0; at < order.length; at++) {
    const place = order[isBackwards ? order.length - 1 - at : at] as number
    const state = found.states[place] as number
    if (state === nobody) continue
    if (next) {
      last = next[state] as number
      next[state] = last + 1
    }
    places[last++] = place
  }
  const { offset, size } = query
  return {
    ids: Array.from(places.subarray(offset, offset + size), (place) => people.ids[place] as string),
    total: found.total,
  }
}

/** The state of everybody who matches, `nobody` for who does not. */
function matching(people: People, query: PeopleQuery): { states: Uint8Array; total: number; ofState: number[] } {
  const found = statesAt(people, query.now)
  const ofState = states.map(() => 0)
  const state = query.state && states.indexOf(query.state)
  const isWanted = query.of && wantedIn(people, query.of)
  const isAlsoWanted = query.alsoOf && wantedIn(people, query.alsoOf)
  const words = query.words.map(wordOf)
  let total = 0
  for (let place = 0; place < people.ids.length; place++) {
    const mine = found[place] as number
    if (mine === nobody) continue
    if (
      (state !== undefined && mine !== state) ||
      (isWanted && !belongs(people.of, place, isWanted)) ||
      (isAlsoWanted && !belongs(people.of, place, isAlsoWanted)) ||
      (words.length > 0 && !hasAll(people, place, words))
    ) {
      found[place] = nobody
      continue
    }
    total++
    ofState[mine] = (ofState[mine] as number) + 1
  }
  return { states: found, total, ofState }
}

function statesAt({ statuses, dates }: People, now: string): Uint8Array {
  const at = statuses.slice()
  for (const [place, some] of dates) {
    const status = states[statuses[place] as number] as 'enabled' | 'disabled' | 'locked'
    at[place] = states.indexOf(stateAt({ status, ...some }, now))
  }
  return at
}

function wantedIn({ belongings: { numberOf, counts } }: People, of: readonly string[]): Uint8Array {
  const isWanted = new Uint8Array(counts.length)
  for (const name of of) {
    const number = numberOf.get(name)
    if (number !== undefined) isWanted[number] = 1
  }
  return isWanted
}

function belongs({ values, starts, sizes }: Pool<Uint32Array>, place: number, isWanted: Uint8Array): boolean {
  const start = starts[place] as number
  for (let at = start, end = start + (sizes[place] as number); at < end; at++)
    if (isWanted[values[at] as number] === 1) return true
  return false
}

function hasAll(people: People, place: number, words: readonly Word[]): boolean {
  const { texts, nameSizes, usernameSizes, pairs } = people
  for (let at = 0; at < words.length; at++) if (!mayHold(pairs, place, words[at] as Word)) return false
  const start = texts.starts[place] as number
  const from = start + (nameSizes[place] as number) + (usernameSizes[place] as number)
  const to = start + (texts.sizes[place] as number)
  for (let at = 0; at < words.length; at++) if (!holds(texts.values, from, to, words[at] as Word)) return false
  return true
}

function startsOf(ofState: readonly number[], isBackwards: boolean): number[] {
  const starts: number[] = []
  let at = 0
  for (let index = 0; index < ofState.length; index++) {
    const state = isBackwards ? ofState.length - 1 - index : index
    starts[state] = at
    at += ofState[state] as number
  }
  return starts
}

export function countStates(people: People, now: string): Record<State, number> {
  const counts = new Uint32Array(nobody + 1)
  for (const state of statesAt(people, now).subarray(0, people.ids.length))
    counts[state] = (counts[state] as number) + 1
  return Object.fromEntries(states.map((state, place) => [state, counts[place]])) as Record<State, number>
}
