import { createHmac, randomBytes } from 'node:crypto'
import type { PolicyBody, UserBody } from '../store/bodies.ts'
import { type Db, type Listener, onChanges } from '../store/db.ts'
import { objectsByIds } from '../store/objects.ts'
import {
  type DayRow,
  daysOfSignIns,
  type Failures,
  failuresKept,
  keepSignIns as keepRows,
  lastSignIns as lastRows,
  signInRow,
} from '../store/sign-ins.ts'

// What this node saw of sign-ins: counted in memory, where a sign-in must cost next to nothing, and kept every few seconds.

export type Door = 'web' | 'ldap' | 'api' | 'command line'

/** One wrong password. `mac` tells it from others while the node runs; the password itself is nowhere. */
type Try = { at: number; mac?: string }
/** `against`: what they were held against; a new password, a lock or an unlock makes it another, and they are over. */
type Seen = { tries: Try[]; lockedUntil?: number; lockMs?: number; against?: string | undefined }

type Tried = Pick<UserBody, 'passwordChanged' | 'unlocked' | 'lockedUntil'>

const againstOf = ({ passwordChanged, unlocked, lockedUntil }: Tried): string =>
  [passwordChanged, unlocked, lockedUntil].map((moment) => moment ?? '').join(' ')

/** What one node saw of wrong passwords for somebody, as it tells its master: how long ago each was, in milliseconds. */
export type FailuresSeen = { id: string; against: string; tries: number[]; locked: boolean }

type Book = {
  loaded: Promise<void>
  people: Map<string, Seen>
  /** Names that nobody has, treated alike, so that nobody learns who exists. The oldest make room. */
  names: Map<string, Seen>
  changed: Set<string>
  /** Whose wrong passwords the master has not heard of yet. */
  untold: Set<string>
  onUntold?: () => void
  /** What slaves have told of each person: device -> moments. The worst case counts: every one of them. */
  elsewhere: Map<string, { against: string; devices: Map<string, number[]> }>
  good: Map<string, { at: string; door: Door }>
  days: Map<string, { good: number; refused: number }>
}

const namesAtMost = 10_000
const triesAtMost = 100
const minuteMs = 60_000
const dayMs = 86_400_000
/** A node that cannot change the account itself opens by itself again, also where the policy waits for somebody. */
const longestHereMinutes = 60

const books = new WeakMap<Db, Book>()
const macKey = randomBytes(32)
const macOf = (password: string): string => createHmac('sha256', macKey).update(password).digest('base64').slice(0, 22)

function bookOf(db: Db): Book {
  const known = books.get(db)
  if (known) return known
  const book: Book = {
    loaded: Promise.resolve(),
    people: new Map(),
    names: new Map(),
    changed: new Set(),
    untold: new Set(),
    elsewhere: new Map(),
    good: new Map(),
    days: new Map(),
  }
  book.loaded = load(db, book)
  // Heard by whoever waits for it.
  book.loaded.catch(() => books.delete(db))
  books.set(db, book)
  onChanges(db, (changes) => void forgetOld(db, book, changes).catch(() => {}))
  return book
}

/** What was counted before this node started. Called before anything changes, or a new password would not be known as new. */
export const rememberSignIns = (db: Db): Promise<void> => bookOf(db).loaded

function noteChanged(book: Book, id: string): void {
  book.changed.add(id)
  book.untold.add(id)
  book.onUntold?.()
}

/** A new password, a lock or an unlock, wherever that was: what was counted before is over. */
async function forgetOld(db: Db, book: Book, changes: Parameters<Listener>[0]): Promise<void> {
  const forget = (id: string, body: Tried | undefined): void => {
    const now = body && againstOf(body)
    if (book.elsewhere.get(id)?.against !== now) book.elsewhere.delete(id)
    const seen = book.people.get(id)
    if (!seen || seen.against === now) return
    book.people.delete(id)
    noteChanged(book, id)
  }
  if (changes !== 'all') {
    for (const change of changes) if (change.kind === 'user') forget(change.id, change.body)
    return
  }
  const ids = [...new Set([...book.people.keys(), ...book.elsewhere.keys()])]
  const now = await objectsByIds(db.reader, 'user', ids)
  for (const id of ids) forget(id, now.get(id)?.body)
}

async function load(db: Db, book: Book): Promise<void> {
  const rows = await failuresKept(db.reader)
  const people = await objectsByIds(
    db.reader,
    'user',
    rows.map((row) => row.user_id),
  )
  for (const row of rows) {
    const body = people.get(row.user_id)?.body
    const against = body && againstOf(body)
    const at = Date.parse(row.last_failure ?? '') || 0
    const tries = Array.from({ length: Math.min(row.failures, triesAtMost) }, () => ({ at }))
    const lockedUntil = row.locked_until ? Date.parse(row.locked_until) : undefined
    book.people.set(row.user_id, { tries, against, ...(lockedUntil && { lockedUntil }) })
    book.untold.add(row.user_id)
  }
}

/** Until when this node keeps somebody out after wrong tries; undefined: it does not. */
export async function lockedHereUntil(db: Db, userId: string, now: Date): Promise<Date | undefined> {
  const book = bookOf(db)
  await book.loaded
  return lockOf(book.people.get(userId), now)
}

function lockOf(seen: Seen | undefined, now: Date): Date | undefined {
  // The clock was turned back: the lock lasts no longer than it was to.
  if (seen?.lockMs !== undefined && seen.lockedUntil !== undefined)
    seen.lockedUntil = Math.min(seen.lockedUntil, now.getTime() + seen.lockMs)
  return seen?.lockedUntil !== undefined && seen.lockedUntil > now.getTime() ? new Date(seen.lockedUntil) : undefined
}

/** Counts a wrong password; true when it was the one too many. The lock holds here at once. */
export async function countWrongPassword(
  db: Db,
  userId: string,
  policy: PolicyBody,
  password: string | undefined,
  body: Tried,
): Promise<boolean> {
  const book = bookOf(db)
  await book.loaded
  const seen = book.people.get(userId) ?? { tries: [], against: againstOf(body) }
  book.people.set(userId, seen)
  const isLocking = isOneTooMany(seen, policy, password, triesElsewhere(book, userId, policy))
  noteChanged(book, userId)
  return isLocking
}

function triesElsewhere({ elsewhere }: Book, userId: string, { lockWindowMinutes }: PolicyBody): number {
  const now = Date.now()
  let tries = 0
  for (const moments of elsewhere.get(userId)?.devices.values() ?? [])
    tries += moments.filter((at) => Math.abs(now - at) < lockWindowMinutes * minuteMs).length
  return tries
}

/**
 * Takes in what a slave saw, in the place of what it said of this person before; true when the account has to be locked. What
 * was held against another password, or before an unlock, is over.
 */
export async function mergeFailures(
  db: Db,
  deviceId: string,
  policy: PolicyBody,
  body: Tried,
  told: FailuresSeen,
): Promise<boolean> {
  const book = bookOf(db)
  await book.loaded
  const against = againstOf(body)
  const known = book.elsewhere.get(told.id)
  const kept = known?.against === against ? known : { against, devices: new Map<string, number[]>() }
  const counts = told.against === against && (told.tries.length > 0 || told.locked)
  const now = Date.now()
  if (counts)
    kept.devices.set(
      deviceId,
      told.tries.slice(-triesAtMost).map((age) => now - age),
    )
  else kept.devices.delete(deviceId)
  if (kept.devices.size > 0) book.elsewhere.set(told.id, kept)
  else book.elsewhere.delete(told.id)
  if (!counts) return false
  if (policy.lockAfter === 0) return false
  const here = book.people.get(told.id)?.tries.filter(({ at }) => at > now - policy.lockWindowMinutes * minuteMs) ?? []
  return told.locked || here.length + triesElsewhere(book, told.id, policy) >= policy.lockAfter
}

/** What the master has not heard of yet; `all`: everything, as to a master that has begun anew. */
export async function takeUntold(db: Db, all = false, atMost = 500): Promise<FailuresSeen[]> {
  const book = bookOf(db)
  await book.loaded
  if (all) for (const id of book.people.keys()) book.untold.add(id)
  const now = Date.now()
  const ids = [...book.untold].slice(0, atMost)
  for (const id of ids) book.untold.delete(id)
  const bodies = await objectsByIds(db.reader, 'user', ids)
  return ids.map((id) => {
    const seen = book.people.get(id)
    const body = bodies.get(id)?.body
    return {
      id,
      against: seen?.against ?? (body ? againstOf(body) : ''),
      tries: (seen?.tries ?? []).map(({ at }) => Math.max(0, now - at)),
      locked: lockOf(seen, new Date(now)) !== undefined,
    }
  })
}

/** They could not be told. */
export function stillUntold(db: Db, told: readonly FailuresSeen[]): void {
  for (const { id } of told) bookOf(db).untold.add(id)
}

/** Calls when there is something to tell the master. */
export function onUntold(db: Db, run: () => void): void {
  bookOf(db).onUntold = run
}

/** The same for a name that nobody has. Until when it has to wait already; undefined: it was counted. */
export function countUnknownName(db: Db, name: string, policy: PolicyBody, password: string): void {
  const { names } = bookOf(db)
  const seen = names.get(name) ?? { tries: [] }
  names.delete(name)
  names.set(name, seen)
  if (names.size > namesAtMost) names.delete(names.keys().next().value as string)
  // Somebody whose lock has no end is answered as if they did not exist; so is who does not.
  if (policy.lockMinutes > 0) isOneTooMany(seen, policy, password)
}

export const unknownNameWaits = (db: Db, name: string, now: Date): Date | undefined =>
  lockOf(bookOf(db).names.get(name), now)

/**
 * A service that goes on with an old password repeats one and the same: that counts once in a window, or every forgotten
 * phone would lock its owner out.
 */
function isOneTooMany(seen: Seen, policy: PolicyBody, password: string | undefined, elsewhere = 0): boolean {
  const now = Date.now()
  if (lockOf(seen, new Date(now))) return false
  const windowMs = policy.lockWindowMinutes * minuteMs
  seen.tries = seen.tries.filter(({ at }) => Math.abs(now - at) < windowMs)
  const mac = password === undefined ? undefined : macOf(password)
  if (mac !== undefined && seen.tries.some((one) => one.mac === mac)) return false
  seen.tries.push({ at: now, ...(mac !== undefined && { mac }) })
  if (seen.tries.length > triesAtMost) seen.tries.shift()
  if (policy.lockAfter === 0 || seen.tries.length + elsewhere < policy.lockAfter) return false
  seen.tries = []
  seen.lockMs = (policy.lockMinutes || longestHereMinutes) * minuteMs
  seen.lockedUntil = now + seen.lockMs
  return true
}

/** The account itself is locked now, on every node: this one need not remember it. */
export function lockedEverywhere(db: Db, userId: string): void {
  const book = bookOf(db)
  book.people.delete(userId)
  book.elsewhere.delete(userId)
  book.changed.add(userId)
}

/** Forgets the wrong tries of somebody, and the lock that came of them. */
export async function forgetFailures(db: Db, userId: string): Promise<void> {
  const book = bookOf(db)
  await book.loaded
  if (book.people.delete(userId)) noteChanged(book, userId)
}

export async function countGoodSignIn(db: Db, userId: string, door: Door): Promise<void> {
  const book = bookOf(db)
  book.good.set(userId, { at: new Date().toISOString(), door })
  count(book, 'good')
  await forgetFailures(db, userId)
}

export const countRefusal = (db: Db): void => count(bookOf(db), 'refused')

function count(book: Book, what: 'good' | 'refused'): void {
  const day = today()
  const counts = book.days.get(day) ?? { good: 0, refused: 0 }
  counts[what]++
  book.days.set(day, counts)
}

const today = (): string => new Date().toISOString().slice(0, 10)

/** Writes what was counted since the last time. */
export async function keepSignIns(db: Db): Promise<void> {
  const book = books.get(db)
  if (!book) return
  await book.loaded
  const failures = [...book.changed].map((id) => failuresOf(id, book.people.get(id)))
  const good = [...book.good].map(([user_id, { at, door }]) => ({ user_id, last_good: at, last_door: door }))
  const days = [...book.days].map(([day, counts]) => ({ day, ...counts }))
  if (failures.length + good.length + days.length === 0) return
  book.changed.clear()
  book.good.clear()
  book.days.clear()
  await keepRows(db.writer, { failures, good, days })
}

function failuresOf(user_id: string, seen: Seen | undefined): Failures {
  const tries = seen?.tries ?? []
  const moment = (at: number | undefined) => (at === undefined ? null : new Date(at).toISOString())
  return {
    user_id,
    failures: tries.length,
    first_failure: moment(tries[0]?.at),
    last_failure: moment(tries.at(-1)?.at),
    locked_until: moment(seen?.lockedUntil),
  }
}

export type SignInFacts = { lastGood?: string; lastDoor?: string; failures: number; lastFailure?: string }

/** What this node knows of somebody's sign-ins. */
export async function signInFacts(db: Db, userId: string): Promise<SignInFacts> {
  const book = bookOf(db)
  await book.loaded
  const row = await signInRow(db.reader, userId)
  const good = book.good.get(userId)
  const lastGood = good?.at ?? row?.last_good ?? undefined
  const lastDoor = good?.door ?? row?.last_door ?? undefined
  const tries = book.people.get(userId)?.tries ?? []
  const elsewhere = [...(book.elsewhere.get(userId)?.devices.values() ?? [])].flat()
  const last = tries.at(-1)
  return {
    failures: tries.length + elsewhere.length,
    ...(lastGood && { lastGood }),
    ...(lastDoor && { lastDoor }),
    ...(last && { lastFailure: new Date(last.at).toISOString() }),
  }
}

/** When each of the people of a list came last at this node, by id. */
export async function lastSignIns(db: Db, userIds: string[]): Promise<Map<string, string>> {
  const last = await lastRows(db.reader, userIds)
  const { good } = bookOf(db)
  for (const id of userIds) {
    const at = good.get(id)?.at
    if (at) last.set(id, at)
  }
  return last
}

/** Sign-ins at this node on each of the last days, the oldest first. */
export async function signInsPerDay(db: Db, days: number): Promise<DayRow[]> {
  const all = Array.from({ length: days }, (_, index) =>
    new Date(Date.now() - (days - 1 - index) * dayMs).toISOString().slice(0, 10),
  )
  const kept = new Map((await daysOfSignIns(db.reader, all[0] ?? today())).map((row) => [row.day, row]))
  return all.map((day) => {
    const waiting = bookOf(db).days.get(day)
    const row = kept.get(day)
    return {
      day,
      good: (row?.good ?? 0) + (waiting?.good ?? 0),
      refused: (row?.refused ?? 0) + (waiting?.refused ?? 0),
    }
  })
}
