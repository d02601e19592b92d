import { keepClientUses as keepRows, type MissRow, missRows, removeMisses, useRows } from '../store/client-uses.ts'
import type { Db } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'
import type { MissKind } from './client-misses.ts'

// What this node saw of LDAP clients: noted in memory, where a search must not wait for it, and kept every minute.

/** Something that a client asked for and did not get. Moments are ISO 8601. */
export type Miss = { kind: MissKind; what: string; count: number; first: string; last: string }

export type ClientUse = { at: string; address: string }

type Seen = { count: number; first: number; last: number }

/** `isKept`: the store has it as it is here. */
type Use = { at: number; address: string; isKept: boolean }

type Misses = {
  /** Of all kinds. */
  rows: number
  byKind: Map<MissKind, Map<string, Seen>>
  isKept: boolean
}

type Book = { uses: Map<string, Use>; misses: Map<string, Misses> }

/** What is remembered of one client; what was not seen for the longest time makes room. */
const mostRows = 200

const books = new WeakMap<Db, Book>()

/** Takes up what was kept. From here on what is seen is noted in memory. */
export async function openClientUses(db: Db): Promise<void> {
  books.set(db, await read(db))
}

async function read(db: Db): Promise<Book> {
  const [uses, misses] = await Promise.all([useRows(db.reader), missRows(db.reader)])
  const book: Book = {
    uses: new Map(
      uses.map(({ client_id, last_used, address }) => [
        client_id,
        { at: Date.parse(last_used), address, isKept: true },
      ]),
    ),
    misses: new Map(),
  }
  for (const { client_id, kind, what, times, first_seen, last_seen } of misses) {
    const seen = { count: times, first: Date.parse(first_seen), last: Date.parse(last_seen) }
    put(missesOfClient(book, client_id), kind as MissKind, what, seen)
  }
  return book
}

/** Without a node that serves nobody notes anything: then what is kept is all there is. */
const bookOf = async (db: Db): Promise<Book> => books.get(db) ?? (await read(db))

function missesOfClient(book: Book, id: string): Misses {
  const known = book.misses.get(id)
  if (known) return known
  const none: Misses = { rows: 0, byKind: new Map(), isKept: true }
  book.misses.set(id, none)
  return none
}

function put(misses: Misses, kind: MissKind, what: string, seen: Seen): void {
  const ofKind = misses.byKind.get(kind) ?? new Map<string, Seen>()
  misses.byKind.set(kind, ofKind)
  ofKind.set(what, seen)
  if (++misses.rows > mostRows) dropOne(misses)
}

/** Of the kind that has the most, so that a client with ever other searches does not push out what else it did not get. */
function dropOne(misses: Misses): void {
  const [largest] = [...misses.byKind.values()].sort((a, b) => b.size - a.size)
  let oldest: string | undefined
  let last = Number.POSITIVE_INFINITY
  for (const [what, seen] of largest ?? [])
    if (seen.last < last) {
      oldest = what
      last = seen.last
    }
  if (oldest !== undefined && largest?.delete(oldest)) misses.rows--
}

/** For the LDAP server, by the id of a client: both are called for what clients do all day, and only look things up. */
export function clientLens(db: Db) {
  const book = books.get(db)
  if (!book) throw new Error('openClientUses comes first')
  return {
    used(id: string, address: string): void {
      book.uses.set(id, { at: Date.now(), address, isKept: false })
    },
    /** True when it is seen for the first time. */
    missed(id: string, kind: MissKind, what: string): boolean {
      const misses = missesOfClient(book, id)
      const ofKind = misses.byKind.get(kind)
      const now = Date.now()
      misses.isKept = false
      const seen = ofKind?.get(what) ?? ofKind?.get(tidy(what))
      if (!seen) {
        put(misses, kind, tidy(what), { count: 1, first: now, last: now })
        return true
      }
      seen.count++
      seen.last = now
      return false
    },
  }
}

/** A text of its own, without control characters: a part of one would hold the whole message that it came in. */
const tidy = (what: string): string => Buffer.from(what.replace(/[\p{Cc}\p{Cf}]/gu, '�')).toString()

/** Writes what was seen since the last time, and forgets clients that are gone. */
export async function keepClientUses(db: Db): Promise<void> {
  const book = books.get(db)
  if (!book || ![...book.uses.values(), ...book.misses.values()].some(({ isKept }) => !isKept)) return
  const live = (await objectsOf(db.reader, 'client')).map(({ id }) => id)
  for (const id of [...book.uses.keys(), ...book.misses.keys()])
    if (!live.includes(id)) {
      book.uses.delete(id)
      book.misses.delete(id)
    }
  const uses = notKept(book.uses).map(([client_id, { at, address }]) => ({ client_id, last_used: moment(at), address }))
  const misses = new Map(notKept(book.misses).map(([id, of]) => [id, missRowsOf(id, of)]))
  await keepRows(db.writer, live, { uses, misses })
}

/** What the store has not got; from here on it counts as kept. */
function notKept<T extends { isKept: boolean }>(all: Map<string, T>): [string, T][] {
  const changed = [...all].filter(([, one]) => !one.isKept)
  for (const [, one] of changed) one.isKept = true
  return changed
}

const moment = (at: number): string => new Date(at).toISOString()

const missRowsOf = (client_id: string, misses: Misses): MissRow[] =>
  listed(misses).map(({ kind, what, count, first, last }) => ({
    client_id,
    kind,
    what,
    times: count,
    first_seen: first,
    last_seen: last,
  }))

const listed = (misses: Misses | undefined): Miss[] =>
  [...(misses?.byKind ?? [])].flatMap(([kind, ofKind]) =>
    [...ofKind].map(([what, { count, first, last }]) => ({
      kind,
      what,
      count,
      first: moment(first),
      last: moment(last),
    })),
  )

export type Seeing = { use: ClientUse | undefined; misses: Miss[] }

/** What this node has seen of clients, by their id. */
export async function clientsSeen(db: Db): Promise<(id: string) => Seeing> {
  const book = await bookOf(db)
  return (id) => {
    const use = book.uses.get(id)
    return { use: use && { at: moment(use.at), address: use.address }, misses: listed(book.misses.get(id)) }
  }
}

/** Forgets what a client did not get. Its last use stays. */
export async function forgetMissesOf(db: Db, id: string): Promise<void> {
  books.get(db)?.misses.delete(id)
  await removeMisses(db.writer, id)
}
