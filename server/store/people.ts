import { setImmediate as others } from 'node:timers/promises'
import type { Changed } from './bodies.ts'
import { type Db, onChanges } from './db.ts'
import { groupsAboveEach } from './groups.ts'
import { allMemberCounts, belongings, membershipsAfter, nestedCounts } from './memberships.ts'
import { countDirect, countFillings, countInEffect } from './people-counts.ts'
import {
  changePeople,
  countStates,
  findPeople,
  joinPeople,
  noPeople,
  numberOfBelonging,
  type People,
  type PersonChange,
} from './people-index.ts'
import type { State } from './state.ts'
import * as users from './users.ts'

/**
 * Lists of people and counts of everybody. A store of 100,000 takes SQL a tenth of a second for them, so that whoever looks
 * at lists has everybody in memory: read in the background after the first list, kept up with each commit, let go when
 * nobody has asked for a while. Until then, and in commands that ask once, the same answers come from SQL.
 */
type Held = { people?: People; reading: Promise<void>; usedAt: number; letGo: () => void }

const held = new WeakMap<Db, Held>()
const idleMs = 30 * 60_000

export async function peopleMatching(db: Db, query: users.UsersQuery): Promise<{ ids: string[]; total: number }> {
  const mine = held.get(db)
  if (!mine?.people) {
    const found = await users.usersMatching(db.reader, query)
    void holdPeople(db)
    return found
  }
  mine.usedAt = Date.now()
  const size = query.size ?? 50
  return findPeople(mine.people, {
    words: users.wordsOf(query.search),
    state: query.status,
    of: typeof query.of === 'string' ? [query.of] : query.of,
    alsoOf: query.alsoOf === undefined ? undefined : [query.alsoOf],
    sort: query.sort ?? 'name',
    order: query.order ?? 'asc',
    offset: ((query.page ?? 1) - 1) * size,
    size,
    now: new Date().toISOString(),
  })
}

export async function countPeople(db: Db): Promise<number> {
  return peopleOf(db)?.placeOf.size ?? users.countUserRows(db.reader)
}

export async function stateCounts(db: Db): Promise<Record<State, number>> {
  const people = peopleOf(db)
  const now = new Date().toISOString()
  return people ? countStates(people, now) : users.stateCounts(db.reader, now)
}

/** How many people have a value in each of these extensions. */
export async function countFilled(db: Db, extensions: readonly string[]): Promise<Map<string, number>> {
  const people = peopleOf(db)
  return users.filledCounts(people ? countFillings(people) : await users.countsOfFilled(db.reader), extensions)
}

export type MemberCounts = {
  /** `memberships.of` -> people who are in it directly. */
  direct: ReadonlyMap<string, number>
  /** The same, with everybody who is in it through other groups. */
  inEffect: ReadonlyMap<string, number>
}

const counted = new WeakMap<Db, { at: string; counts: Promise<MemberCounts> }>()

/** How many people every group and plugin has; counted once until something changes. */
export function memberCounts(db: Db): Promise<MemberCounts> {
  const at = `${db.position.epochId} ${db.position.seq}`
  const known = counted.get(db)
  if (known?.at === at) return known.counts
  const counts = countMemberships(db)
  counted.set(db, { at, counts })
  counts.catch(() => counted.delete(db))
  return counts
}

async function countMemberships(db: Db): Promise<MemberCounts> {
  const above = await groupsAboveEach(db.reader)
  const people = peopleOf(db)
  if (people) return { direct: countDirect(people), inEffect: countInEffect(people, above) }
  const direct = await allMemberCounts(db.reader)
  return { direct, inEffect: above.size > 0 ? new Map([...direct, ...(await nestedCounts(db.reader))]) : direct }
}

const peopleOf = (db: Db): People | undefined => held.get(db)?.people

/** Reads everybody into memory, unless they are there; resolves when that has ended. */
export function holdPeople(db: Db): Promise<void> {
  const known = held.get(db)
  if (known) return known.reading
  const mine: Held = { reading: Promise.resolve(), usedAt: Date.now(), letGo: () => {} }
  const waiting: Changed[] = []
  const stop = onChanges(db, (changes) => {
    if (changes === 'all') mine.letGo()
    else if (mine.people) follow(mine.people, changes)
    else waiting.push(...changes)
  })
  const idle = setInterval(() => Date.now() - mine.usedAt > idleMs && mine.letGo(), 60_000).unref()
  mine.letGo = () => {
    stop()
    clearInterval(idle)
    held.delete(db)
  }
  held.set(db, mine)
  mine.reading = readPeople(db, () => held.get(db) === mine && !db.isClosing).then((people) => {
    // Half of everybody is nobody's answer.
    if (db.isClosing) return mine.letGo()
    follow(people, waiting)
    mine.people = people
  }, mine.letGo)
  return mine.reading
}

function follow(people: People, changes: readonly Changed[]): void {
  const ofPeople = changes.flatMap((change): PersonChange[] => {
    if (change.kind !== 'user') return []
    const { id, body } = change
    return [body ? { id, row: users.bodyToRow(id, body), of: belongings(body) } : { id, row: undefined, of: [] }]
  })
  if (ofPeople.length > 0) changePeople(people, ofPeople)
}

/** Everybody, of one state of the store, in slices: nobody waits for it. */
async function readPeople(db: Db, isWanted: () => boolean): Promise<People> {
  const people = noPeople()
  const trx = await db.reader.transaction()
  try {
    for (let rows = await users.userRowsAfter(trx, ''); rows.length > 0 && isWanted(); ) {
      changePeople(
        people,
        rows.map((row) => ({ id: row.id, row, of: [] })),
      )
      await others()
      rows = await users.userRowsAfter(trx, rows.at(-1)?.id ?? '')
    }
    const memberships = { places: [] as number[], of: [] as number[] }
    for (let rows = await membershipsAfter(trx, undefined); rows.length > 0 && isWanted(); ) {
      for (const { of, user_id } of rows) {
        const place = people.placeOf.get(user_id)
        if (place === undefined) continue
        memberships.places.push(place)
        memberships.of.push(numberOfBelonging(people, of))
      }
      await others()
      rows = await membershipsAfter(trx, rows.at(-1))
    }
    joinPeople(people, memberships)
  } finally {
    await trx.rollback()
  }
  return people
}
