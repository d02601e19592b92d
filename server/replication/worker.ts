import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { messageOf, Unavailable } from '../errors.ts'
import { epochName } from '../mode/epoch.ts'
import type { Db } from '../store/db.ts'
import { writeLocal } from '../store/local.ts'
import { Damaged } from '../store/objects.ts'
import { type Answer, BadAnswer, readAnswer } from './answer.ts'
import { applyAnswer, Diverged, provenEqual } from './apply.ts'
import {
  askMaster,
  type Connection,
  longPollSeconds,
  type MasterAnswer,
  MasterRefused,
  masterLine,
  reachProblem,
  readJson,
  refusedForGood,
  standing,
} from './connection.ts'
import { type Counted, countAll, differing } from './digest.ts'
import { keepFleet } from './fleet.ts'
import { fetchNtHashKey } from './nt-hash-key.ts'
import { renewCertificate } from './own-certificate.ts'
import { renewCredential } from './own-credential.ts'
import { ownReport, type Trouble } from './report.ts'
import { type AnswerMode, buckets, headers } from './wire.ts'

/** What a slave knows of its line to the master, live. */
export type Line = {
  reachable: boolean
  /** Since when it is as it is, ISO 8601. */
  since: string
  lastContact?: string
  phase: 'idle' | AnswerMode
  received: number
  total: number
  /** What is wrong, as a sentence. */
  problem?: string
  /** Why the last exchange failed, for the master to know; gone once one succeeds. */
  trouble?: Trouble
  /** Where the master said it stands. */
  masterSeq?: number
  /** Since when this node has been behind that, ISO 8601. */
  behindSince?: string
  stopped: boolean
}

export type Worker = {
  line: Line
  /** One exchange with the master: false when there was nothing new. */
  pullOnce: (waitSeconds: number) => Promise<boolean>
  start: () => void
  /** Compares with the master bucket by bucket, as soon as it answers, and fetches what differs. */
  mend: () => void
  /** Resolves after the first exchange, however it went, or when `ms` have passed. */
  firstExchange: (ms: number) => Promise<void>
  stop: () => Promise<void>
}

/** What the master says when it has no delta for a position, and what this node finds out itself. */
const mendable = new Set(['gone', 'epoch', 'ahead', 'diverged'])

/** After so many failures a slave looks whether another node is master now. */
const lookFrom = 3
const firstBackoffMs = 250
const maxBackoffMs = 8_000
const refusedBackoffMs = 300_000

/** The slave's loop: ask, apply, ask again; on trouble back off with jitter, and go on serving all the while. */
export function createWorker(db: Db, log: Logger): Worker {
  const line: Line = {
    reachable: false,
    since: new Date().toISOString(),
    phase: 'idle',
    received: 0,
    total: 0,
    stopped: true,
  }
  const toMaster = masterLine(db)
  let theirEpochs: string[] = []
  let isOffered = false
  let halt = new AbortController()
  /** Ends what is under way, not the loop. */
  let turn = new AbortController()
  let isMending = false
  let failures = 0
  let running: Promise<void> | undefined
  let heard = () => {}
  const first = new Promise<void>((resolve) => {
    heard = resolve
  })

  function begin(): void {
    halt = new AbortController()
    turn = new AbortController()
  }

  async function pullOnce(waitSeconds: number): Promise<boolean> {
    if (!running && halt.signal.aborted) begin()
    const connection = toMaster.open()
    await renewCertificate(db, connection)
    await renewCredential(db, connection, log)
    await fetchNtHashKey(db, connection)
    const before = db.position.seq
    try {
      await pull(connection, await standing(db), waitSeconds)
    } catch (error) {
      if (await moveOn(error)) return true
      await recover(connection, error)
    }
    if (isOffered) {
      isOffered = false
      await (await import('./hand-over.ts')).takeOffer(db, connection, halt.signal)
    }
    line.phase = 'idle'
    line.behindSince = undefined
    line.trouble = undefined
    // Beside the next poll: nobody waits for it.
    void keepFleet(db, connection)
    return db.position.seq !== before
  }

  async function pull(line_: Connection, where: string, waitSeconds: number): Promise<void> {
    const answer = await askMaster(line_, `/v1/changes?${where}&wait=${waitSeconds}`, {
      signal: turn.signal,
      headers: { [headers.report]: await ownReport(db, line.trouble) },
    })
    await hear(answer)
    isOffered = text(answer, headers.takeOver) === '1'
    if (answer.status === 204) {
      // Read to its end, or what listens for the end of the turn would stay, one for each poll.
      answer.body.resume()
      await compare(answer)
      return
    }
    await apply(await receive(answer))
  }

  /** The master answered: note that, and what it says of itself. */
  async function hear(answer: MasterAnswer): Promise<void> {
    line.lastContact = new Date().toISOString()
    if (!line.reachable) {
      log.info({ master: db.local.masterUrl }, 'the master answers')
      Object.assign(line, { reachable: true, since: line.lastContact })
    }
    line.problem = undefined
    line.masterSeq = Number(answer.headers[headers.seq])
    theirEpochs = (text(answer, headers.epochs) ?? '').split(',').filter(Boolean)
    if (line.masterSeq > db.position.seq) line.behindSince ??= line.lastContact
    const said = { masterName: text(answer, headers.name) ?? db.local.masterName, masterWeb: text(answer, headers.web) }
    const port = Number(answer.headers[headers.files] ?? 0)
    const masterFilesPort = Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined
    if (masterFilesPort !== db.local.masterFilesPort) await writeLocal(db.writer, db.local, { masterFilesPort })
    if (said.masterName !== db.local.masterName || said.masterWeb !== db.local.masterWeb)
      await writeLocal(db.writer, db.local, said)
  }

  /** Nothing new: the master's own hash proves that both hold the same. */
  async function compare(answer: MasterAnswer): Promise<void> {
    if (text(answer, headers.hash) !== db.position.hash) throw new Diverged('the hashes differ at the same change')
    provenEqual(db)
  }

  async function receive({ body, coding }: MasterAnswer): Promise<Answer> {
    try {
      return await readAnswer(body, coding, (received, total) => Object.assign(line, { received, total }))
    } finally {
      body.destroy()
    }
  }

  async function apply(answer: Answer, repaired?: ReadonlySet<number>): Promise<void> {
    line.phase = answer.head.mode
    const { seq, epochNo } = db.position
    if (answer.head.upto < seq)
      log.warn(
        { from: `${epochNo}/${seq}`, to: answer.head.upto },
        'the master holds an older state; this node follows it',
      )
    try {
      await applyAnswer(db, answer, repaired, theirEpochs)
    } catch (error) {
      // What a sound store takes, this one did not: its own rows are wrong somewhere. A full disk mends nothing by repair.
      if (error instanceof BadAnswer || error instanceof Diverged || error instanceof Unavailable) throw error
      if (!(error instanceof Damaged)) log.warn({ reason: messageOf(error) }, 'the store does not take the answer')
      throw new Diverged(messageOf(error))
    }
  }

  /** Another node is master, perhaps. True when this one follows it from now on. */
  async function moveOn(error: unknown): Promise<boolean> {
    if (!isElsewhere(error) || turn.signal.aborted) return false
    return (await import('./follow.ts')).moveOn(db, log, error, failures >= lookFrom)
  }

  /** What can be mended by asking differently is mended here; everything else goes to the back-off. */
  async function recover(line_: Connection, error: unknown): Promise<void> {
    const code = error instanceof MasterRefused ? error.code : error instanceof Diverged ? 'diverged' : undefined
    if (!code || !mendable.has(code)) throw error
    log.warn({ code, reason: messageOf(error) }, 'this node is not where the master can go on from; comparing with it')
    if (!(await repair(line_))) await fullSync(line_)
  }

  const fullSync = (line_: Connection) => pull(line_, `since=0&hash=&epoch=${epochName(db.position)}`, 0)

  /**
   * Compares bucket by bucket and fetches those that differ, with what has changed meanwhile; false when that did not make
   * both equal. It depends on no history: buckets that are equal are equal, whatever led there.
   */
  async function repair(line_: Connection): Promise<boolean> {
    try {
      const answer = await askMaster(line_, '/v1/digest', { signal: halt.signal })
      await hear(answer)
      const theirs = await readJson<{ upto: number; buckets: string[] }>(answer)
      const mine = await ownCount(db)
      const wrong = [...new Set([...differing(mine.digest, theirs.buckets), ...mine.damaged.keys()])]
      if (wrong.length > buckets / 2) return false
      const path = `/v1/objects?buckets=${wrong.join(',')}&since=${theirs.upto}`
      await apply(await receive(await askMaster(line_, path, { signal: halt.signal })), new Set(wrong))
      log.info({ buckets: wrong.length, seq: db.position.seq }, 'repaired; equal to the master again')
      return true
    } catch (error) {
      // Through a line that is down, or onto a disk that is full, a full answer would not come either.
      if (error instanceof MasterRefused || error instanceof Unavailable || isOfLine(error)) throw error
      log.warn({ reason: messageOf(error) }, 'the repair did not help')
      return false
    }
  }

  /** What the scrub found wrong is put right before anything else. */
  async function mendNow(): Promise<void> {
    turn = new AbortController()
    const connection = toMaster.open()
    if (!(await repair(connection))) await fullSync(connection)
    isMending = false
    line.phase = 'idle'
  }

  async function run(): Promise<void> {
    failures = 0
    // The first exchange does not wait: it says at once whether both are equal.
    let waitSeconds = 0
    while (!halt.signal.aborted) {
      try {
        if (isMending) await mendNow()
        else await pullOnce(waitSeconds)
        failures = 0
        waitSeconds = longPollSeconds
        heard()
      } catch (error) {
        heard()
        if (halt.signal.aborted) return
        waitSeconds = 0
        if (turn.signal.aborted) {
          turn = new AbortController()
          continue
        }
        failures++
        note(error, failures)
        if (refusedForGood(error)) {
          log.error({ reason: line.problem }, 'the master refuses this node; pulling has stopped, serving goes on')
          line.stopped = true
          return
        }
        await wait(pause(error, failures), undefined, { signal: halt.signal }).catch(() => {})
      }
    }
  }

  function note(error: unknown, failures: number): void {
    const answered = error instanceof MasterRefused || error instanceof BadAnswer || error instanceof Diverged
    // The trouble is this node's own: a full disk, for one.
    const isOwn = error instanceof Unavailable
    line.phase = 'idle'
    if (isOwn) line.problem = messageOf(error)
    else if (answered) line.problem = `The master’s answer was not used: ${messageOf(error)}.`.replace(/\.\.$/, '.')
    else line.problem = reachProblem(error, host(db))
    if (line.reachable && !answered && !isOwn)
      Object.assign(line, { reachable: false, since: new Date().toISOString() })
    const code = troubleCode(error)
    if (code) line.trouble = { code, text: line.problem, since: line.trouble?.since ?? new Date().toISOString() }
    // Once per outage, not once per try.
    if (failures === 1) log.warn({ reason: line.problem }, 'pull failed; serving goes on, trying again')
  }

  return {
    line,
    pullOnce,
    firstExchange: (ms) => Promise.race([first, wait(ms, undefined, { ref: false })]),
    start: () => {
      if (running) return
      begin()
      line.stopped = false
      running = run().finally(() => {
        running = undefined
      })
    },
    mend: () => {
      if (isMending) return
      isMending = true
      turn.abort()
    },
    stop: async () => {
      halt.abort()
      turn.abort()
      await running
      await toMaster.close()
      line.stopped = true
    },
  }
}

/** Nobody answers there as master: not at all, or as one that is none any more. */
const isElsewhere = (error: unknown): boolean =>
  error instanceof MasterRefused ? ['moved', 'not-master'].includes(error.code) : isOfLine(error)

const isOfLine = (error: unknown): boolean => {
  const { code, name } = error as { code?: unknown; name?: string }
  return name === 'AbortError' || (typeof code === 'string' && !code.startsWith('SQLITE_'))
}

async function ownCount(db: Db): Promise<Counted> {
  const trx = await db.reader.transaction()
  try {
    return await countAll(trx)
  } finally {
    await trx.rollback()
  }
}

const text = (answer: MasterAnswer, name: string): string | undefined => {
  const value = answer.headers[name]
  return typeof value === 'string' && value !== '' ? decodeURIComponent(value) : undefined
}

const host = (db: Db): string => (db.local.masterUrl ?? 'the master').replace(/^https:\/\//, '')

/** What the master is told of; that it could not be reached it knows. */
function troubleCode(error: unknown): string | undefined {
  if (error instanceof Diverged) return 'diverged'
  if (error instanceof BadAnswer) return 'bad-answer'
  if (error instanceof Unavailable) return 'disk'
  return error instanceof MasterRefused ? error.code : undefined
}

function pause(error: unknown, failures: number): number {
  if (error instanceof MasterRefused) {
    if (error.retryAfterSeconds !== undefined) return error.retryAfterSeconds * 1000 * (1 + Math.random())
    if (error.status === 401) return refusedBackoffMs * (0.5 + Math.random())
  }
  // Often enough that the master sees it is there, and what is wrong.
  if (error instanceof Unavailable) return Math.min(maxBackoffMs, error.retryAfterSeconds * 1000)
  return Math.random() * Math.min(maxBackoffMs, firstBackoffMs * 2 ** failures)
}
