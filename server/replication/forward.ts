import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { Invalid, NotFound, type Problems, Refused, Unavailable, Uncertain } from '../errors.ts'
import { type Db, onChanges } from '../store/db.ts'
import { askMaster, MasterRefused, masterLine, reachProblem, readJson } from './connection.ts'
import { workerOf } from './serving.ts'
import type { ForwardAnswer, Forwarded, ForwardRequest } from './wire.ts'

/** Has the master do what is asked here, and answers when this node holds what came of it. */
export type Forwarder = {
  /**
   * Unavailable when the master cannot be reached: nothing was done. Uncertain when it had been sent and no answer came.
   * `isHere`: this node holds it already; what keeps it away does not undo it.
   */
  send: (request: Asked) => Promise<ForwardAnswer & { isHere: boolean }>
  close: () => Promise<void>
}

export type Asked = Pick<ForwardRequest, 'as' | 'address'> & Forwarded

/** A sign-in may wait for this, as Samba counts wrong passwords in the directory. */
const patienceMs = 4000
/** The same while the master is known to be away: it may be back, but hardly anybody waits for that. */
const awayPatienceMs = 1000
/** After a failure others are not made to wait for the same. */
const pauseMs = 2000
const tries = 3

export function createForwarder(db: Db): Forwarder {
  const line = masterLine(db)
  // By a clock that nobody sets: one that is turned back would make the pause last as long.
  let failedAt = Number.NEGATIVE_INFINITY

  async function send(request: Asked): Promise<ForwardAnswer & { isHere: boolean }> {
    if (performance.now() - failedAt < pauseMs) throw away()
    const json: ForwardRequest = { id: randomUUID(), ...request }
    const isAway = workerOf(db)?.line.reachable === false
    const signal = AbortSignal.timeout(isAway ? awayPatienceMs : patienceMs)
    const connection = line.open()
    let isSent = false
    const onSent = () => {
      isSent = true
    }
    for (let left = tries - 1; ; left--) {
      try {
        const answer = await readJson<ForwardAnswer>(
          await askMaster(connection, '/v1/forward', { method: 'POST', json, signal, onSent }),
        )
        return { ...answer, isHere: await arrived(db, answer.seq, signal) }
      } catch (error) {
        if (error instanceof MasterRefused) throw refusal(db, error)
        // The same id once more: what was done already is not done again.
        if (left > 0 && !signal.aborted && isBroken(error)) continue
        failedAt = performance.now()
        throw isSent ? unknown(db, error) : away(db, error)
      }
    }
  }

  return {
    send,
    close: line.close,
  }
}

/** The line went after the request had gone out, so that nobody here knows what came of it. */
const isBroken = (error: unknown): boolean =>
  ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes((error as { code?: string }).code ?? '')

function away(db?: Db, error?: unknown): Unavailable {
  const why = db ? ` ${reachProblem(error, (db.local.masterUrl ?? '').replace(/^https:\/\//, ''))}` : ''
  return new Unavailable(`Not changed: the master cannot be reached.${why}`, 5)
}

function unknown(db: Db, error: unknown): Uncertain {
  const why = reachProblem(error, (db.local.masterUrl ?? '').replace(/^https:\/\//, ''))
  return new Uncertain(`The master did not answer, and may have done it or not: look before you try again. ${why}`, 5)
}

function refusal(db: Db, error: MasterRefused): Error {
  if (isTooOld(error)) {
    const name = db.local.masterName ?? 'the master'
    return new Unavailable(
      `Not changed: the version of ${name} is too old for this. Do it on its own pages, or update it.`,
      60,
    )
  }
  if (error.status === 403 || error.status === 401) return new Refused(error.message, error.code)
  if (error.status === 404) return new NotFound(error.message)
  const { problems } = error.problem
  // What is wrong with what was typed, field by field, as at the master itself.
  if (error.status === 422 && problems && typeof problems === 'object') return new Invalid(problems as Problems)
  return new Unavailable(`${db.local.masterName ?? 'The master'} says: ${error.message}`, error.retryAfterSeconds ?? 5)
}

// 0.2.0 has no such address.
const isTooOld = ({ status, code, message }: MasterRefused): boolean =>
  code === 'unknown-act' || (status === 404 && message === 'There is nothing here.')

/** Whether what was done is here by the time that anybody waits. */
async function arrived(db: Db, seq: number, signal: AbortSignal): Promise<boolean> {
  if (db.position.seq >= seq) return true
  await new Promise<void>((resolve) => {
    const done = () => {
      stop()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const stop = onChanges(db, () => db.position.seq >= seq && done())
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
  // The directory hears of a commit in the same tick; whoever asked is answered behind it.
  await wait(0)
  return db.position.seq >= seq
}
