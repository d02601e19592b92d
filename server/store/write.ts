import type { Knex } from 'knex'
import type { Actor } from '../audit/actor.ts'
import { messageOf, Unavailable } from '../errors.ts'
import type { Note } from './audit.ts'
import { appendAudit, sealAudit } from './audit-chain.ts'
import type { Bodies, Changed, Kind } from './bodies.ts'
import { canonical } from './canonical.ts'
import type { Db } from './db.ts'
import { waitForDisk } from './disk.ts'
import { type Head, headAt, positionOf, samePosition } from './head.ts'
import { type Local, whyNoChange, writeLocal } from './local.ts'
import { keepHashes, noHashWork } from './nt-hashes.ts'
import { type Move, moveObjects, objectToMove } from './objects.ts'
import { rememberPosition, trimPositions, writePosition } from './position.ts'
import { keepReceipts } from './receipts.ts'
import { keepRequest } from './requests.ts'
import { reviseLists } from './revisions.ts'
import { keepTail } from './tail.ts'

/** One change as its function sees it. Everything it does commits together, or not at all. */
export type Change = {
  trx: Knex.Transaction
  actor: Actor
  /** Where the feed stands; the apply path sets it to the master's position. */
  head: Head
  /** Puts an object as it shall be from now on. */
  put<K extends Kind>(kind: K, id: string, body: Bodies[K]): Promise<void>
  remove(kind: Kind, id: string): Promise<void>
  /** A live object as this change finds it, read once until it moves; undefined when it is not there, or its row is damaged. */
  get<K extends Kind>(kind: K, id: string): Promise<{ id: string; seq: number; body: Bodies[K] } | undefined>
  /** Moves many objects at once; at most a few hundred a call. */
  move(moves: Move[]): Promise<void>
  /** Says what was done; kept in the audit of the same transaction. */
  note(note: Note): void
  /** Changes what this node knows of itself. */
  local(changes: Partial<Local>): void
}

export type Job = {
  actor: Actor
  run: (change: Change) => Promise<unknown>
  resolve: (value: never) => void
  reject: (error: unknown) => void
  /** It need not survive a power cut before `onDisk`. */
  lazily: boolean
}

/**
 * The one door for changes to accounts: refuses where nothing is changed, as on a slave, then opens the transaction, runs `run`, moves the feed, keeps
 * the state hash, appends the audit, commits, tells who listens. Web, LDAP, API, CLI and import all come through here.
 */
export function write<T>(db: Db, actor: Actor, run: (change: Change) => Promise<T>): Promise<T> {
  const why = whyNoChange(db.local)
  return why ? Promise.reject(why) : commit(db, actor, run)
}

/**
 * What `write`, set-up and the apply path of a slave share. Jobs that wait while a commit is under way share the next one.
 * `lazily`: who waits for it is answered before it is on the disk, and calls `onDisk` before telling anybody.
 */
export function commit<T>(
  db: Db,
  actor: Actor,
  run: (change: Change) => Promise<T>,
  { lazily = false } = {},
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    db.queue.push({ actor, run, resolve, reject, lazily } as Job)
    void drain(db)
  })
}

/** Resolves once every change that was queued before it is answered. */
export const settled = (db: Db): Promise<void> =>
  db.draining ? new Promise((resolve) => setImmediate(() => resolve(settled(db)))) : Promise.resolve()

const sharedCommit = 64

async function drain(db: Db): Promise<void> {
  if (db.draining) return
  db.draining = true
  try {
    for (let jobs = db.queue.splice(0, sharedCommit); jobs.length > 0; jobs = db.queue.splice(0, sharedCommit)) {
      await commitTogether(db, jobs)
    }
  } finally {
    db.draining = false
  }
}

type Outcome = { job: Job } & ({ value: unknown } | { error: unknown })

async function commitTogether(db: Db, jobs: Job[]): Promise<void> {
  let outcomes: Outcome[] = []
  const locals: Partial<Local>[] = []
  let head: Head
  // Where SQLite has taken back everything already, as on a full disk, taking it back fails as well and is no reason.
  let reason: unknown
  try {
    await waitForDisk(db, !jobs.every(({ lazily }) => lazily))
    const work = async (trx: Knex.Transaction) => {
      // Only one process has the data directory, and it writes through one connection: what it holds in memory is what is kept.
      const head = headAt(db.position, db.auditKey, db.audit)
      outcomes = []
      for (const job of jobs) outcomes.push(await runJob(db, trx, head, job, jobs.length === 1, locals))
      for (const local of locals) await writeLocal(trx, { deviceId: '', name: '' }, local)
      await together([
        ...(db.audit.rows === head.audit.rows ? [] : [sealAudit(trx, db.auditKey, head.audit)]),
        ...(samePosition(db.position, head) ? [] : writePosition(trx, positionOf(head))),
      ])
      if (Math.floor(head.seq / 1000) > Math.floor(db.position.seq / 1000)) await trimPositions(trx, head.seq)
      return head
    }
    head = await db.writer.transaction((trx) =>
      work(trx).catch((error) => {
        reason = error
        throw error
      }),
    )
  } catch (error) {
    for (const job of jobs) job.reject(explain(reason ?? error))
    return
  }
  const before = db.position
  db.disk.commits++
  db.position = positionOf(head)
  db.audit = head.audit
  rememberPosition(db, before)
  keepTail(db, before, head)
  for (const local of locals) Object.assign(db.local, local)
  if (head.receipts.length > 0) db.onReceipts?.(head.receipts)
  if (before.seq !== head.seq || before.epochId !== head.epochId || head.many) tell(db, head)
  if (locals.length > 0) await Promise.all([...db.localListeners].map((listener) => listener()))
  for (const outcome of outcomes) {
    if ('error' in outcome) outcome.job.reject(outcome.error)
    else outcome.job.resolve(outcome.value as never)
  }
}

/** What does not depend on each other goes to SQLite's thread at once. Before one that failed is told, none is under way any more. */
async function together(statements: Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(statements)) if (outcome.status === 'rejected') throw outcome.reason
}

/** A job that fails takes back its own part only; alone in its transaction, it takes back the transaction. */
async function runJob(
  db: Db,
  trx: Knex.Transaction,
  head: Head,
  job: Job,
  alone: boolean,
  locals: Partial<Local>[],
): Promise<Outcome> {
  const run = async () => {
    const notes: Note[] = []
    const mine: Partial<Local>[] = []
    const value = await job.run(changeOf(trx, head, job.actor, notes, mine))
    await keepHashes(db.dir, trx, head, moveObjects)
    const firstRow = head.audit.rows + 1
    await appendAudit(trx, head, job.actor, notes)
    head.receipts.push(...(await keepReceipts(trx, { actor: job.actor, seq: head.seq, firstRow }, notes)))
    if (job.actor.request !== undefined) await keepRequest(trx, job.actor.request)
    // Behind the record: it stands at the change itself, which pages compare with what their forms were filled from.
    await reviseLists(trx, head, moveObjects)
    locals.push(...mine)
    return value
  }
  if (alone) return { job, value: await run() }
  const before = {
    ...head,
    state: head.state.slice(),
    changes: head.changes.slice(),
    moved: head.moved.slice(),
    receipts: head.receipts.slice(),
    audit: { ...head.audit },
    known: new Map(),
    lists: new Set<string>(),
    hashes: noHashWork(),
  }
  // By hand: a nested transaction of knex costs more than what most jobs do in it. It stays until the commit, and lies under
  // that of the next job.
  await trx.raw('savepoint job')
  try {
    return { job, value: await run() }
  } catch (error) {
    // Where SQLite has taken back everything already, as on a full disk, what it said first is the reason for all.
    await trx.raw('rollback to job').catch(() => {
      throw error
    })
    Object.assign(head, before)
    return { job, error: explain(error) }
  }
}

function changeOf(trx: Knex.Transaction, head: Head, actor: Actor, notes: Note[], locals: Partial<Local>[]): Change {
  const move = (moves: Move[]) => moveObjects(trx, head, moves)
  return {
    trx,
    actor,
    head,
    move,
    put: (kind, id, body) => move([{ kind, id, body: canonical(body) }]),
    remove: (kind, id) => move([{ kind, id, body: undefined }]),
    get: (kind, id) => objectToMove(trx, head, kind, id),
    note: (note) => notes.push(note),
    local: (changes) => locals.push(changes),
  }
}

function tell(db: Db, head: Head): void {
  const changes: Changed[] | 'all' = head.many ? 'all' : head.changes
  for (const listener of db.listeners) listener(changes)
}

/** What the disk says, in words; everything else as it is. */
function explain(error: unknown): unknown {
  const { code } = error as { code?: unknown }
  if (typeof code !== 'string') return error
  if (code === 'SQLITE_FULL')
    return new Unavailable('The disk of this node is full, so nothing was changed. Free some space and try again.', 60)
  if (code.startsWith('SQLITE_IOERR') || code === 'SQLITE_READONLY')
    return new Unavailable(`The disk of this node refuses to write (${code}), so nothing was changed.`, 60)
  if (!code.startsWith('SQLITE_')) return error
  // knex puts the whole statement with its values into the message; a log must not hold them.
  return Object.assign(new Error(`The store refused the change: ${messageOf(error).split(' - ').at(-1)}`), { code })
}
