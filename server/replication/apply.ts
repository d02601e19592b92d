import { setImmediate as others } from 'node:timers/promises'
import type { Actor } from '../audit/actor.ts'
import { readCa } from '../mode/certificates.ts'
import { type Epoch, epochIsSigned, epochName } from '../mode/epoch.ts'
import { keepUnshipped } from '../mode/unshipped.ts'
import type { Db } from '../store/db.ts'
import { LateMemberships } from '../store/memberships.ts'
import { freeNames, hasNames } from '../store/names.ts'
import { feedRows, type Move, removeTombstones } from '../store/objects.ts'
import { countIn, emptyHash, hashHex, stateHash } from '../store/position.ts'
import { wipe } from '../store/wipe.ts'
import { type Change, commit } from '../store/write.ts'
import { type Answer, BadAnswer, objectsOf, slice } from './answer.ts'
import { bucketOf, type HeadLine, type ObjectLine } from './wire.ts'

/** After applying it, this node would not be equal to the master. Nothing was kept; a repair is needed. */
export class Diverged extends Error {}

/**
 * Applies a whole answer in one transaction, with the position in it, and commits only when this node's own state hash
 * agrees with the master's. Killed at any moment, the node stands where it stood before, or where the answer leads.
 * What it says is served before it is on the disk, and told to the master after that: `onDisk`.
 * `repaired`: the buckets that a repair answer holds whole. `epochs`: those that the master went through.
 */
export async function applyAnswer(
  db: Db,
  answer: Answer,
  repaired: ReadonlySet<number> = new Set(),
  epochs: readonly string[] = [],
): Promise<void> {
  const actor: Actor = { name: db.local.masterName ?? 'master', via: 'replication' }
  const refill = answer.head.mode === 'full' ? db.refill?.() : undefined
  try {
    const run = async (change: Change) => {
      refuseForeign(db, change, answer)
      if (answer.head.epoch !== epochName(change.head)) await keepOwnChanges(db, change, epochs)
      change.head.refill = refill
      await prepare(change, answer, repaired)
      await moveAll(change, answer)
      await arrive(change, answer)
      // After a hand-over or a promotion this node has to know them.
      if (epochs.join() !== (db.local.epochs ?? []).join()) change.local({ epochs: [...epochs] })
    }
    await commit(db, actor, run, { lazily: true })
  } catch (error) {
    await refill?.failed()
    throw error
  }
  await refill?.done()
  provenEqual(db)
}

/** This node's hash and the master's agreed just now. Kept in memory; the process writes it down now and then. */
export const provenEqual = (db: Db): void => {
  db.local.provedAt = new Date().toISOString()
}

/**
 * Another cluster is never merged; another epoch is followed only when it is newer and signed by the cluster's key. Within
 * one, nothing goes back: a master whose store is an older one begins an epoch.
 */
function refuseForeign(db: Db, { head: mine }: Change, { head }: Answer): void {
  // It has not joined anybody yet.
  if (mine.clusterId === '') return
  if (head.cluster !== mine.clusterId) throw new BadAnswer('it is of another cluster')
  if (head.epoch === epochName(mine)) {
    if (head.upto < mine.seq)
      throw new BadAnswer(`it ends at ${head.upto}, this node is at ${mine.seq} of the same epoch`)
    return
  }
  const epoch = epochIn(head)
  if (epoch.epochNo <= mine.epochNo) throw new BadAnswer('it is of an older epoch')
  if (!epochIsSigned(epoch, head.sig, readCa(db.dir) ?? ''))
    throw new BadAnswer('its epoch is not signed by the cluster')
}

/** Another master, or one that was restored: what this node has beyond it is kept before it goes. */
async function keepOwnChanges(db: Db, change: Change, epochs: readonly string[]): Promise<void> {
  const kept = await keepUnshipped(db, epochs)
  if (kept > 0)
    change.note({
      sentence: `Kept ${kept} ${kept === 1 ? 'change' : 'changes'} of this node that the master never got`,
    })
}

function epochIn(head: HeadLine): Epoch {
  const [no, id = ''] = head.epoch.split(/\.(.*)/)
  return { clusterId: head.cluster, epochNo: Number(no), epochId: id }
}

async function prepare(change: Change, answer: Answer, repaired: ReadonlySet<number>): Promise<void> {
  const { head, end } = answer
  if (head.mode === 'delta') {
    if (head.since !== change.head.seq)
      throw new BadAnswer(`it begins at ${head.since}, this node is at ${change.head.seq}`)
    if (end.n > slice) await freeAllNames(change, answer)
    return
  }
  if (head.mode === 'full') {
    // Depends on nothing that is here: whatever went wrong before is gone with it.
    if (change.head.objects > 0 || change.head.seq > 0) await wipe(change.trx)
    change.head.state = stateHash(emptyHash)
    Object.assign(change.head, { objects: 0, seq: 0, fresh: true, late: new LateMemberships(), many: true })
    return
  }
  await removeStrays(change, answer, repaired)
  await freeAllNames(change, answer)
  change.head.many = true
}

/** Names pass from one person to another across slices only if all of them are free first. */
async function freeAllNames(change: Change, answer: Answer): Promise<void> {
  await eachSlice(answer, (objects) =>
    freeNames(
      change.trx,
      objects.filter(({ kind }) => hasNames(kind)).map(({ id }) => id),
    ),
  )
  change.head.namesFreed = true
}

/**
 * In buckets that are repaired, what the master does not have is wrong here; only a complete answer gets this far. What the
 * rows stand for is counted anew on the way: after damage the running hash may not speak of these rows any more.
 */
async function removeStrays(change: Change, answer: Answer, repaired: ReadonlySet<number>): Promise<void> {
  const live = new Set<string>()
  await eachSlice(answer, async (objects) => {
    for (const { kind, id } of objects) live.add(`${kind}\0${id}`)
  })
  const strays: Move[] = []
  const state = stateHash(emptyHash)
  let objects = 0
  for await (const rows of feedRows(change.trx, 0)) {
    for (const { kind, id, body, seq, digest } of rows) {
      if (body === undefined) continue
      objects++
      if (digest) countIn(state, 1, digest)
      if (repaired.has(bucketOf(id)) && !live.has(`${kind}\0${id}`)) strays.push({ kind, id, body: undefined, seq })
    }
    await others()
  }
  Object.assign(change.head, { state, objects, mends: true })
  for (let at = 0; at < strays.length; at += slice) await change.move(strays.slice(at, at + slice))
  // A stray may hold the number of the row that it was.
  await removeTombstones(change.trx, Number.MAX_SAFE_INTEGER)
}

async function moveAll(change: Change, answer: Answer): Promise<void> {
  // Into an empty store no slice depends on the one before, so the next is read while SQLite writes the last.
  let last: Promise<void> = Promise.resolve()
  await eachSlice(answer, async (objects) => {
    const moved = change.move(objects)
    if (!change.head.fresh) return moved
    // Awaited in the next turn; only not as a rejection that nobody listens to.
    moved.catch(() => {})
    await last
    last = moved
  })
  await last
  await change.head.late?.insert(change.trx)
}

async function eachSlice(answer: Answer, run: (objects: ObjectLine[]) => Promise<void>): Promise<void> {
  for await (const objects of objectsOf(answer)) {
    await run(objects)
    await others()
  }
}

async function arrive(change: Change, { head, end }: Answer): Promise<void> {
  const mine = hashHex(change.head.state)
  if (mine !== end.hash || change.head.objects !== end.objects)
    throw new Diverged(
      `at ${end.upto} the master holds ${end.objects} objects (${end.hash}), this node ${change.head.objects} (${mine})`,
    )
  const before = change.head.horizon
  // Only a delta brings every removal along.
  const horizon = head.mode === 'delta' ? Math.max(head.horizon, before) : end.upto
  Object.assign(change.head, {
    ...epochIn(head),
    seq: end.upto,
    epochSig: head.sig,
    horizon,
  })
  // What shares this commit is not of this answer.
  Object.assign(change.head, { fresh: false, late: undefined, mends: false, namesFreed: false })
  if (head.mode === 'delta' && horizon > before) await removeTombstones(change.trx, horizon)
}
