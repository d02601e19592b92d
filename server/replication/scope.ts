import type { Knex } from 'knex'
import { Refused, Unavailable } from '../errors.ts'
import type { DeviceBody, DeviceScope } from '../store/bodies.ts'
import { canonical } from '../store/canonical.ts'
import type { Db } from '../store/db.ts'
import { groupIdByName, groupsBelow } from '../store/groups.ts'
import { bodiesOf, type FeedRow, feedRows, objectsByIds } from '../store/objects.ts'
import {
  countIn,
  emptyHash,
  hashHex,
  objectDigest,
  readPosition,
  type StateHash,
  stateHash,
} from '../store/position.ts'
import { bucketOf, buckets, type EndLine, type HeadLine, objectLine, readObjectLine } from './wire.ts'

// What a slave with a scope holds: every object, but without the secrets that do not travel to it. It proves that as any
// slave proves what it holds, so the master keeps a state hash of it for each scope that there is.

/** What of a person is secret. */
const secretFields = ['password', 'passwordHistory', 'invitation'] as const
/** Objects that are nothing but a secret of the person or computer of the same id. */
const secretKinds = new Set(['nt-hash'])

type Row = Pick<FeedRow, 'kind' | 'id' | 'body'>

export type Held = { seq: number; hash: string; objects: number }

type Kept = {
  epochId: string
  seq: number
  objects: number
  state: StateHash
  /** Who is in the scope, and the groups that make it so; undefined: everybody. */
  groups: Set<string> | undefined
  people: Set<string>
  /** What each object counts for, so that it can be taken out again. */
  parts: Map<string, Uint32Array>
  /** Positions that were worked out lately. */
  recent: Map<number, Held>
}

const recentAtMost = 1000
const kept = new WeakMap<Db, Map<string, { state?: Kept; queue: Promise<unknown> }>>()

export const nameOfScope = (scope: DeviceScope | undefined): string => (scope ? canonical(scope) : '')

/** Whether there is anything that does not travel; no scope, or one that leaves nothing out, is a full replica. */
export const isWhole = (scope: DeviceScope | undefined): scope is undefined =>
  !scope || (scope.groups === undefined && (scope.without ?? []).length === 0 && (scope.withoutSets ?? []).length === 0)

/** Samba serves nobody where no NT hash is; a device that asks for it all the same gets no way round its scope. */
export function needSambaAt({ name, scope }: Pick<DeviceBody, 'name' | 'scope'>): void {
  if (scope?.without?.includes('nt-hash'))
    throw new Refused(
      `No NT hash travels to ${name}, so there is no Samba. Change on the master what it holds.`,
      'scope',
    )
}

const within = (groups: Set<string> | undefined, body: { groups?: string[] }): boolean =>
  groups === undefined || (body.groups ?? []).some((id) => groups.has(id))

/** Without these nobody could sign in at a computer of the site. */
const isOfComputer = (body: string): boolean => JSON.parse(body).of === 'machine'

/** The body as a slave of this scope holds it; undefined: not at all. */
function view(scope: DeviceScope, { groups, people }: Pick<Kept, 'groups' | 'people'>, row: Row): string | undefined {
  const { kind, id, body } = row
  if (body === undefined || scope.without?.includes(kind)) return undefined
  if (scope.withoutSets) {
    if (kind === 'file-set' && scope.withoutSets.includes(id)) return undefined
    if (kind === 'file' && scope.withoutSets.includes(JSON.parse(body).set)) return undefined
  }
  if (secretKinds.has(kind)) return groups === undefined || people.has(id) || isOfComputer(body) ? body : undefined
  if (groups === undefined || (kind !== 'user' && kind !== 'removed')) return body
  const value = JSON.parse(body)
  const person = kind === 'user' ? value : value.kind === 'user' ? value.body : undefined
  if (!person || within(groups, person)) return body
  for (const field of secretFields) delete person[field]
  return canonical(value)
}

/** What a slave of this scope holds where this master stands, or stood a moment ago: the position to prove against. */
export function heldNow(db: Db, scope: DeviceScope): Promise<Held> {
  return inTurn(db, scope, (trx, state) => advance(trx, scope, state))
}

/** Whether a slave of this scope would have had this hash there; undefined: that is not known any more. */
export const wasHeld = (db: Db, scope: DeviceScope, seq: number, hash: string): boolean | undefined => {
  const known = kept.get(db)?.get(nameOfScope(scope))?.state?.recent.get(seq)
  return known && known.hash === hash
}

/** One after the other for each scope: they carry one state on. */
function inTurn<T>(
  db: Db,
  scope: DeviceScope,
  run: (trx: Knex, state: Kept | undefined) => Promise<{ state: Kept; result: T }>,
): Promise<T> {
  const mine = kept.get(db) ?? new Map()
  kept.set(db, mine)
  const name = nameOfScope(scope)
  const slot = mine.get(name) ?? { queue: Promise.resolve() }
  mine.set(name, slot)
  const work = slot.queue.then(async () => {
    const trx = await db.reader.transaction()
    try {
      const { state, result } = await run(trx, slot.state)
      slot.state = state
      return result
    } finally {
      await trx.rollback()
    }
  })
  slot.queue = work.catch(() => {
    slot.state = undefined
  })
  return work
}

async function advance(
  trx: Knex,
  scope: DeviceScope,
  before: Kept | undefined,
): Promise<{ state: Kept; result: Held }> {
  const position = await readPosition(trx)
  const groups = await groupsOf(trx, scope)
  const isSame =
    before !== undefined &&
    before.epochId === position.epochId &&
    before.seq <= position.seq &&
    String([...(groups ?? [])]) === String([...(before.groups ?? [])])
  const state: Kept = isSame
    ? before
    : {
        epochId: position.epochId,
        seq: 0,
        objects: 0,
        state: stateHash(emptyHash),
        groups,
        people: new Set(),
        parts: new Map(),
        recent: new Map(),
      }
  if (state.seq < position.seq) {
    const late: Row[] = []
    for await (const rows of feedRows(trx, state.seq)) {
      for (const row of rows) {
        if (row.kind === 'user' && movesInOrOut(state, row))
          late.push(...(await bodiesOf(trx, [...secretKinds], row.id)))
        // A secret may come before its person in the feed.
        if (secretKinds.has(row.kind)) late.push(row)
        else count(state, scope, row)
      }
    }
    for (const row of late) count(state, scope, row)
    state.seq = position.seq
  }
  const result = { seq: state.seq, hash: hashHex(state.state), objects: state.objects }
  state.recent.set(state.seq, result)
  if (state.recent.size > recentAtMost) state.recent.delete(state.recent.keys().next().value as number)
  return { state, result }
}

async function groupsOf(trx: Knex, { groups }: DeviceScope): Promise<Set<string> | undefined> {
  if (groups === undefined) return undefined
  const everyone = await groupIdByName(trx, 'allusers')
  return everyone && groups.includes(everyone) ? undefined : groupsBelow(trx, groups)
}

function movesInOrOut({ groups, people }: Kept, { id, body }: Row): boolean {
  if (groups === undefined) return false
  const isIn = body !== undefined && within(groups, JSON.parse(body))
  if (people.has(id) === isIn) return false
  if (isIn) people.add(id)
  else people.delete(id)
  return true
}

function count(state: Kept, scope: DeviceScope, row: Row): void {
  const name = `${row.kind}\0${row.id}`
  const was = state.parts.get(name)
  if (was) {
    for (let lane = 0; lane < 4; lane++) state.state[lane] = (state.state[lane] as number) - (was[lane] as number)
    state.objects--
    state.parts.delete(name)
  }
  const body = view(scope, state, row)
  if (body === undefined) return
  const part = stateHash(emptyHash)
  countIn(part, 1, objectDigest(row.kind, row.id, body))
  for (let lane = 0; lane < 4; lane++) state.state[lane] = (state.state[lane] as number) + (part[lane] as number)
  state.objects++
  state.parts.set(name, part)
}

/**
 * An answer as a slave of this scope gets it: what it must not hold comes as removed, and the end line has the hash of what
 * it shall hold. Somebody who comes into a scope by a group within a group is found by that hash, and fetched by repair.
 */
export async function* scopedLines(db: Db, scope: DeviceScope, lines: AsyncGenerator<string>): AsyncGenerator<string> {
  await heldNow(db, scope)
  const state = kept.get(db)?.get(nameOfScope(scope))?.state
  if (!state) throw new Unavailable('What this device shall hold is not worked out yet.', 1)
  let keepsRemoved = false
  let sent = 0
  for await (const chunk of lines) {
    let out = ''
    for (const line of chunk.split('\n')) {
      if (line === '') continue
      if (line.startsWith('{"t":"head"')) {
        const head: HeadLine = JSON.parse(line)
        keepsRemoved = head.mode !== 'full'
        out += `${JSON.stringify(head)}\n`
      } else if (line.startsWith('{"t":"end"')) {
        out += await endFor(db, scope, JSON.parse(line), sent)
      } else {
        const { kind, id, seq, body } = readObjectLine(line)
        const seen = view(scope, state, { kind, id, body })
        if (seen === undefined && body !== undefined && !keepsRemoved) continue
        sent++
        out += objectLine({ kind, id, seq, body: seen })
      }
    }
    if (out !== '') yield out
  }
}

async function endFor(db: Db, scope: DeviceScope, end: EndLine, n: number): Promise<string> {
  const now = await heldNow(db, scope)
  const then = now.seq === end.upto ? now : kept.get(db)?.get(nameOfScope(scope))?.state?.recent.get(end.upto)
  // The feed went on between the snapshot and this; the slave asks again.
  if (!then) throw new Unavailable('The accounts changed meanwhile.', 1)
  return `${JSON.stringify({ ...end, n, hash: then.hash, objects: then.objects })}\n`
}

/** What a slave of this scope shall hold, bucket by bucket. */
export function scopedDigest(db: Db, scope: DeviceScope): Promise<{ upto: number; hash: string; buckets: string[] }> {
  return inTurn(db, scope, async (trx, before) => {
    const { state, result } = await advance(trx, scope, before)
    const heaps = Array.from({ length: buckets }, () => ({ count: 0, state: stateHash(emptyHash) }))
    for (const [name, part] of state.parts) {
      const heap = heaps[bucketOf(name.slice(name.indexOf('\0') + 1))]
      if (!heap) continue
      heap.count++
      for (let lane = 0; lane < 4; lane++) heap.state[lane] = (heap.state[lane] as number) + (part[lane] as number)
    }
    return {
      state,
      result: {
        upto: result.seq,
        hash: result.hash,
        buckets: heaps.map((heap) => `${heap.count}:${hashHex(heap.state)}`),
      },
    }
  })
}

/** Of these people, those whose secrets travel to a slave of this scope. */
export async function travelling(db: Db, scope: DeviceScope | undefined, ids: readonly string[]): Promise<Set<string>> {
  const groups = scope && (await groupsOf(db.reader, scope))
  if (groups === undefined) return new Set(ids)
  const people = await objectsByIds(db.reader, 'user', ids)
  return new Set(ids.filter((id) => within(groups, people.get(id)?.body ?? {})))
}

/** Whose secrets a slave of this scope holds; ids of people, in slices. */
export async function* holding(
  db: Db,
  scope: DeviceScope | undefined,
): AsyncGenerator<{ id: string; groups: string[] }[]> {
  const groups = scope && (await groupsOf(db.reader, scope))
  const trx = await db.reader.transaction()
  try {
    for await (const rows of feedRows(trx, 0)) {
      const people = rows.flatMap(({ kind, id, body }) => {
        if (kind !== 'user' || body === undefined) return []
        const person = JSON.parse(body)
        return person.password !== undefined && within(groups, person) ? [{ id, groups: person.groups }] : []
      })
      if (people.length > 0) yield people
    }
  } finally {
    await trx.rollback()
  }
}
