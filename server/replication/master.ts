import type { Knex } from 'knex'
import { thisNode } from '../audit/actor.ts'
import { beginEpoch, epochName } from '../mode/epoch.ts'
import type { DeviceScope } from '../store/bodies.ts'
import { type Db, onChanges } from '../store/db.ts'
import { countAfter, feedRows } from '../store/objects.ts'
import { type Position, readPosition, wasPosition } from '../store/position.ts'
import { tailAfter } from '../store/tail.ts'
import { countAll } from './digest.ts'
import { isWhole, wasHeld } from './scope.ts'
import { type AnswerMode, bucketOf, type EndLine, type HeadLine, objectLine } from './wire.ts'

/** Where a slave says it stands. */
export type Asked = { since: number; hash: string; epoch: string }

/** Why a delta cannot be given, and the code a slave acts on. */
export type Refusal = {
  status: 409 | 410
  code: 'epoch' | 'ahead' | 'diverged' | 'gone' | 'cluster' | 'not-master'
  detail: string
}

/** Judges a slave's position against this master's history. */
export async function judgePosition(db: Db, asked: Asked, scope?: DeviceScope): Promise<Refusal | undefined> {
  const { seq, horizon } = db.position
  if (asked.since === 0) return undefined
  // Of an older epoch, but where this master was as well: what came since leads into this one.
  if (asked.epoch !== epochName(db.position) && !(asked.since >= horizon && (await isOurs(db, asked, scope))))
    return { status: 409, code: 'epoch', detail: `This master is in epoch ${epochName(db.position)}.` }
  if (asked.since > seq)
    return { status: 409, code: 'ahead', detail: `The slave is at ${asked.since}, this master at ${seq}.` }
  if (asked.since < horizon)
    return { status: 410, code: 'gone', detail: `Changes before ${horizon} are no longer kept.` }
  return (await isOurs(db, asked, scope))
    ? undefined
    : { status: 409, code: 'diverged', detail: `This master was never at ${asked.since} with that hash.` }
}

const oncePerMs = 3_600_000
const restored = new WeakMap<Db, number>()

/**
 * A slave has changes that this master does not know of: the store is an older one, put back by hand. What comes from now on
 * is another history under the same numbers, so it gets an epoch of its own. True when it did; not again for an hour.
 */
export async function noteOlderStore(db: Db, asked: Asked): Promise<boolean> {
  const last = restored.get(db)
  if (last !== undefined && performance.now() - last < oncePerMs) return false
  restored.set(db, performance.now())
  await beginEpoch(
    db,
    thisNode,
    `A slave is at change ${asked.since}, this master at ${db.position.seq}: its store is an older one`,
  )
  return true
}

/** Was this master, in this epoch or before it, where the slave says it stands? */
async function isOurs(db: Db, { since, hash }: Asked, scope?: DeviceScope): Promise<boolean> {
  const { seq, hash: own } = db.position
  if (isWhole(scope)) return since === seq ? hash === own : wasPosition(db, since, hash)
  // Where that is not known any more, the hash at the end of the answer proves it.
  return since <= seq && (wasHeld(db, scope, since, hash) ?? true)
}

/** Resolves when something after `since` is there, when time is up, or when the asker is gone. */
export function waitForChange(db: Db, since: number, waitMs: number, gone: AbortSignal): Promise<void> {
  if (db.position.seq > since || waitMs <= 0 || gone.aborted) return Promise.resolve()
  const { epochId } = db.position
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      stop()
      gone.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, waitMs)
    const stop = onChanges(db, () => (db.position.seq > since || db.position.epochId !== epochId) && done())
    gone.addEventListener('abort', done)
  })
}

/**
 * The lines of an answer, all of one state: every object that changed after `since`, as it is at `upto`. What is not in it
 * did not change, so the slave that applies it stands exactly at `upto`.
 */
export async function* answerLines(db: Db, since: number): AsyncGenerator<string> {
  const latest = since > 0 ? tailAfter(db, since) : undefined
  if (latest) {
    const { position } = db
    yield headLine(position, 'delta', since, latest.length)
    if (latest.length > 0) yield latest.map(objectLine).join('')
    yield endLine(position, latest.length)
    return
  }
  yield* inSnapshot(db, async function* (trx, position) {
    if (since === 0) {
      yield headLine(position, 'full', since, position.objects)
      let n = 0
      for await (const rows of feedRows(trx, since)) {
        const live = rows.filter((row) => row.body !== undefined)
        n += live.length
        if (live.length > 0) yield live.map(objectLine).join('')
      }
      yield endLine(position, n)
      return
    }
    const n = await countAfter(trx, since)
    yield headLine(position, 'delta', since, n)
    for await (const rows of feedRows(trx, since)) yield rows.map(objectLine).join('')
    yield endLine(position, n)
  })
}

/**
 * Everything live in some buckets, and what else has changed after `since`: a slave that differs in these buckets only, and
 * was equal elsewhere at `since`, is equal everywhere with it.
 */
export async function* bucketLines(db: Db, wanted: Set<number>, since: number): AsyncGenerator<string> {
  yield* inSnapshot(db, async function* (trx, position) {
    yield headLine(position, 'repair', since, 0)
    let n = 0
    for await (const rows of feedRows(trx, wanted.size > 0 ? 0 : since)) {
      const sent = rows.filter(({ seq, id, body }) => seq > since || (body !== undefined && wanted.has(bucketOf(id))))
      n += sent.length
      if (sent.length > 0) yield sent.map(objectLine).join('')
    }
    yield endLine(position, n)
  })
}

/** What this node really holds, bucket by bucket, and the position it is at. */
export async function ownDigest(db: Db): Promise<{ upto: number; hash: string; buckets: string[] }> {
  const trx = await db.reader.transaction()
  try {
    const { seq, hash } = await readPosition(trx)
    return { upto: seq, hash, buckets: (await countAll(trx)).digest }
  } finally {
    await trx.rollback()
  }
}

async function* inSnapshot(
  db: Db,
  read: (trx: Knex, position: Position) => AsyncGenerator<string>,
): AsyncGenerator<string> {
  const trx = await db.reader.transaction()
  try {
    yield* read(trx, await readPosition(trx))
  } finally {
    await trx.rollback()
  }
}

const line = (value: HeadLine | EndLine): string => `${JSON.stringify(value)}\n`

const headLine = (position: Position, mode: AnswerMode, since: number, count: number): string =>
  line({
    t: 'head',
    mode,
    cluster: position.clusterId,
    epoch: epochName(position),
    sig: position.epochSig,
    since,
    upto: position.seq,
    count,
    horizon: mode === 'full' ? position.seq : position.horizon,
  })

const endLine = (position: Position, n: number): string =>
  line({ t: 'end', upto: position.seq, hash: position.hash, objects: position.objects, n })
