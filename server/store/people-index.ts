import type { Status } from './bodies.ts'
import { type Dates, type State, stateAt, states } from './state.ts'
import type { UserRow } from './users.ts'

/** One person as lists need them: what they are found by and sorted by, no more. */
type Person = {
  id: string
  name: string
  username: string
  number: number
  search: string
  status: Status
  filled: string
  /** Absent for almost everybody. */
  dates?: Dates
  /** What the person belongs to directly, as `numberOf` has it. */
  of: readonly number[]
  isGone?: boolean
}

type Order = 'name' | 'username' | 'number'

/** Everybody, in each order that a list can have. */
export type People = {
  byId: Map<string, Person>
  orders: Record<Order, Person[]>
  /** `memberships.of` -> a small number, and how many people belong to each number. */
  numberOf: Map<string, number>
  members: number[]
  /** `users.filled` -> how many people have it. */
  filled: Map<string, number>
}

export const noPeople = (): People => ({
  byId: new Map(),
  orders: { name: [], username: [], number: [] },
  numberOf: new Map(),
  members: [],
  filled: new Map(),
})

/** A person as they are from now on; without a row they are gone. */
export type PersonChange = { id: string; row: UserRow | undefined; of: readonly string[] }

/** Takes changes in, few or thousands: each order is gone through once. */
export function changePeople(people: People, changes: readonly PersonChange[]): void {
  let added: Person[] = []
  let isAnyGone = false
  for (const { id, row, of } of changes) {
    const was = people.byId.get(id)
    const now = row && personOf(people, row, of)
    if (was) count(people, was, -1)
    if (now) count(people, now, 1)
    if (was && now && standsAt(was, now)) {
      Object.assign(was, now)
      continue
    }
    if (was) {
      was.isGone = true
      isAnyGone = true
      people.byId.delete(id)
    }
    if (now) {
      added.push(now)
      people.byId.set(id, now)
    }
  }
  added = added.filter((person) => !person.isGone)
  for (const name of orderNames) {
    if (isAnyGone) people.orders[name] = people.orders[name].filter((person) => !person.isGone)
    if (added.length > 0) people.orders[name] = merged(people.orders[name], added, compares[name])
  }
}

/** Puts people who are there into what they belong to, as the table of memberships has it. */
export function joinPeople(people: People, memberships: readonly { of: string; user_id: string }[]): void {
  for (const { of, user_id } of memberships) {
    const person = people.byId.get(user_id)
    if (!person) continue
    const number = numberOf(people, of)
    person.of = [...person.of, number]
    people.members[number] = (people.members[number] ?? 0) + 1
  }
}

const nothing: readonly number[] = []

function personOf(people: People, row: UserRow, of: readonly string[]): Person {
  const hasDates = row.valid_from || row.valid_until || row.locked_until
  return {
    id: row.id,
    name: row.sort_name,
    username: row.username,
    number: row.uid_number,
    search: row.search,
    status: row.status,
    filled: row.filled,
    dates: hasDates
      ? { validFrom: row.valid_from, validUntil: row.valid_until, lockedUntil: row.locked_until }
      : undefined,
    of: of.length === 0 ? nothing : of.map((name) => numberOf(people, name)),
  }
}

function numberOf(people: People, name: string): number {
  const known = people.numberOf.get(name)
  if (known !== undefined) return known
  const number = people.numberOf.size
  people.numberOf.set(name, number)
  people.members[number] = 0
  return number
}

function count(people: People, person: Person, by: 1 | -1): void {
  for (const number of person.of) people.members[number] = (people.members[number] ?? 0) + by
  people.filled.set(person.filled, (people.filled.get(person.filled) ?? 0) + by)
}

const standsAt = (was: Person, now: Person): boolean =>
  was.name === now.name && was.username === now.username && was.number === now.number

type Compare = (a: Person, b: Person) => number

const byKey =
  (key: Order): Compare =>
  (a, b) =>
    a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : a.id < b.id ? -1 : 1

const compares: Record<Order, Compare> = { name: byKey('name'), username: byKey('username'), number: byKey('number') }
const orderNames = Object.keys(compares) as Order[]

/** Both in one order. Few comparisons, for whoever is there stands in order already. */
function merged(order: readonly Person[], added: readonly Person[], compare: Compare): Person[] {
  const all: Person[] = new Array(order.length + added.length)
  let from = 0
  let at = 0
  for (const person of [...added].sort(compare)) {
    for (const until = placeOf(order, person, compare, from); from < until; ) all[at++] = order[from++] as Person
    all[at++] = person
  }
  while (from < order.length) all[at++] = order[from++] as Person
  return all
}

function placeOf(order: readonly Person[], person: Person, compare: Compare, from: number): number {
  let low = from
  for (let high = order.length; low < high; ) {
    const middle = (low + high) >> 1
    if (compare(order[middle] as Person, person) < 0) low = middle + 1
    else high = middle
  }
  return low
}

export type PeopleQuery = {
  /** Each must stand somewhere in what a person is found by; folded. */
  words: readonly string[]
  state?: State
  /** In at least one of these. */
  of?: readonly string[]
  sort: Order | 'status'
  order: 'asc' | 'desc'
  offset: number
  size: number
  /** ISO 8601. */
  now: string
}

/** One walk over everybody: a few milliseconds for 100,000. */
export function findPeople(people: People, query: PeopleQuery): { ids: string[]; total: number } {
  const { words, state, now, offset, size } = query
  const order = people.orders[query.sort === 'status' ? 'name' : query.sort]
  const isWanted = query.of && wantedIn(people, query.of)
  const found: Person[] = []
  const isBackwards = query.order === 'desc'
  for (let at = 0; at < order.length; at++) {
    const person = order[isBackwards ? order.length - 1 - at : at] as Person
    if (isWanted && !belongs(person, isWanted)) continue
    if (state && stateOf(person, now) !== state) continue
    if (words.length > 0 && !hasAll(person.search, words)) continue
    found.push(person)
  }
  const sorted = query.sort === 'status' ? byState(found, now, isBackwards) : found
  return { ids: sorted.slice(offset, offset + size).map(({ id }) => id), total: found.length }
}

function wantedIn(people: People, of: readonly string[]): Uint8Array {
  const isWanted = new Uint8Array(people.numberOf.size)
  for (const name of of) {
    const number = people.numberOf.get(name)
    if (number !== undefined) isWanted[number] = 1
  }
  return isWanted
}

function belongs({ of }: Person, isWanted: Uint8Array): boolean {
  for (let at = 0; at < of.length; at++) if (isWanted[of[at] as number] === 1) return true
  return false
}

function hasAll(search: string, words: readonly string[]): boolean {
  for (let at = 0; at < words.length; at++) if (!search.includes(words[at] as string)) return false
  return true
}

const stateOf = ({ status, dates }: Person, now: string): State => (dates ? stateAt({ status, ...dates }, now) : status)

function byState(found: readonly Person[], now: string, isBackwards: boolean): Person[] {
  const of = Object.fromEntries(states.map((state) => [state, [] as Person[]])) as Record<State, Person[]>
  for (const person of found) of[stateOf(person, now)].push(person)
  return (isBackwards ? [...states].reverse() : states).flatMap((state) => of[state])
}

export function countStates(people: People, now: string): Record<State, number> {
  const counts = { enabled: 0, waiting: 0, expired: 0, locked: 0, disabled: 0 }
  for (const person of people.byId.values()) counts[stateOf(person, now)]++
  return counts
}

export const directCounts = (people: People): Map<string, number> =>
  new Map(Array.from(people.numberOf, ([name, number]) => [name, people.members[number] ?? 0]))

/** How many different people are in each group, also through the groups in it. `above`: group -> all that it is in. */
export function countInEffect(people: People, above: ReadonlyMap<string, Iterable<string>>): Map<string, number> {
  const reached: number[][] = []
  for (const [name, groups] of above)
    reached[numberOf(people, name)] = Array.from(groups, (group) => numberOf(people, group))
  const counts = people.members.slice()
  // Who was counted last in each group: nobody counts twice.
  const last = new Int32Array(counts.length).fill(-1)
  let one = 0
  for (const { of } of people.byId.values()) {
    one++
    for (const number of of) last[number] = one
    for (const number of of)
      for (const through of reached[number] ?? []) {
        if (last[through] === one) continue
        last[through] = one
        counts[through] = (counts[through] ?? 0) + 1
      }
  }
  return new Map(Array.from(people.numberOf, ([name, number]) => [name, counts[number] ?? 0]))
}
