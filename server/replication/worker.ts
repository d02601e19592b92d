import type { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { thisNode } from '../audit/actor.ts'
import { messageOf, Unavailable } from '../errors.ts'
import { daysLeft, keepOwn, ownNames, readCa, readOwn, renewDays } from '../mode/certificates.ts'
import { epochIsSigned, epochName } from '../mode/epoch.ts'
import type { Db } from '../store/db.ts'
import { writeLocal } from '../store/local.ts'
import { type Answer, BadAnswer, readAnswer } from './answer.ts'
import { applyAnswer, Diverged, provenEqual } from './apply.ts'
import {
  askMaster,
  type Connection,
  connectionToMaster,
  longPollSeconds,
  type MasterAnswer,
  MasterRefused,
  reachProblem,
  readJson,
  refusedForGood,
  standing,
} from './connection.ts'
import { differing, digestOf } from './digest.ts'
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
  /** Resolves after the first exchange, however it went, or when `ms` have passed. */
  firstExchange: (ms: number) => Promise<void>
  stop: () => Promise<void>
}

const firstBackoffMs = 250
const maxBackoffMs = 15_000
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
  let connection: Connection | undefined
  let epochStart = Number.NaN
  let isOffered = false
  let halt = new AbortController()
  let running: Promise<void> | undefined
  let heard = () => {}
  const first = new Promise<void>((resolve) => {
    heard = resolve
  })

  async function pullOnce(waitSeconds: number): Promise<boolean> {
    if (connection && connection.url !== db.local.masterUrl) await leave()
    connection ??= connectionToMaster(db)
    await renewCertificate(db, connection)
    const before = db.position.seq
    try {
      await pull(connection, standing(db), waitSeconds)
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
    return db.position.seq !== before
  }

  async function pull(line_: Connection, where: string, waitSeconds: number): Promise<void> {
    const answer = await askMaster(line_, `/v1/changes?${where}&wait=${waitSeconds}`, { signal: halt.signal })
    await hear(answer)
    isOffered = text(answer, headers.takeOver) === '1'
    if (answer.status === 204) {
      await compare(answer)
      return
    }
    await apply(await receive(answer.body))
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
    epochStart = Number(text(answer, headers.start) ?? Number.NaN)
    if (line.masterSeq > db.position.seq) line.behindSince ??= line.lastContact
    const said = { masterName: text(answer, headers.name) ?? db.local.masterName, masterWeb: text(answer, headers.web) }
    if (said.masterName !== db.local.masterName || said.masterWeb !== db.local.masterWeb)
      await writeLocal(db.writer, db.local, said)
  }

  /** Nothing new: the master's own hash proves that both hold the same. */
  async function compare(answer: MasterAnswer): Promise<void> {
    if (text(answer, headers.hash) !== db.position.hash) throw new Diverged('the hashes differ at the same change')
    provenEqual(db)
  }

  async function receive(body: Readable): Promise<Answer> {
    try {
      return await readAnswer(body, (received, total) => Object.assign(line, { received, total }))
    } finally {
      body.destroy()
    }
  }

  async function apply(answer: Answer, repaired?: ReadonlySet<number>): Promise<void> {
    line.phase = answer.head.mode
    if (answer.head.epoch !== epochName(db.position)) await keepOwnChanges()
    await refuseStranger(answer)
    try {
      await applyAnswer(db, answer, repaired)
    } catch (error) {
      // What a sound store takes, this one did not: its own rows are wrong somewhere. A full disk mends nothing by repair.
      if (error instanceof BadAnswer || error instanceof Diverged || error instanceof Unavailable) throw error
      throw new Diverged(messageOf(error))
    }
  }

  /** Another cluster is never merged; another epoch is followed only when it is newer and signed by the cluster's key. */
  async function refuseStranger({ head }: Answer): Promise<void> {
    const { clusterId, epochNo } = db.position
    if (head.cluster !== clusterId) throw new BadAnswer('it is of another cluster')
    if (head.epoch === epochName(db.position)) return
    const [no, id] = head.epoch.split(/\.(.*)/)
    const epoch = { clusterId, epochNo: Number(no), epochId: id ?? '' }
    if (epoch.epochNo <= epochNo) throw new BadAnswer('it is of an older epoch')
    if (!epochIsSigned(epoch, head.sig, readCa(db.dir) ?? ''))
      throw new BadAnswer('its epoch is not signed by the cluster')
  }

  /** Another master, or one that was restored: what this node has beyond it is kept before it goes. */
  async function keepOwnChanges(): Promise<void> {
    const { keepUnshipped } = await import('../mode/unshipped.ts')
    const kept = await keepUnshipped(db, epochStart)
    if (kept > 0) log.warn({ changes: kept }, 'changes that the new epoch does not have were kept in a file')
  }

  async function leave(): Promise<void> {
    await connection?.agent.destroy().catch(() => {})
    connection = undefined
  }

  /** The former master says who is master now; believed only when that one proves it. */
  async function moveOn(error: unknown): Promise<boolean> {
    const { code } = error as { code?: string }
    if (code !== 'moved' && code !== 'ERR_TLS_CERT_ALTNAME_INVALID') return false
    const { followMaster, whereMoved } = await import('./follow.ts')
    const url = error instanceof MasterRefused ? error.problem.master : await whereMoved(db)
    if (typeof url !== 'string') return false
    await followMaster(db, thisNode, url)
    log.warn({ master: url }, 'another node is master now; following it')
    return true
  }

  /** What can be mended by asking differently is mended here; everything else goes to the back-off. */
  async function recover(line_: Connection, error: unknown): Promise<void> {
    const code = error instanceof MasterRefused ? error.code : error instanceof Diverged ? 'diverged' : undefined
    if (code === 'gone' || code === 'ahead') {
      log.warn({ code }, 'a full sync is needed')
      await fullSync(line_)
    } else if (code === 'diverged' || code === 'epoch') {
      log.warn({ reason: messageOf(error) }, 'this node differs from the master; repairing')
      if (!(await repair(line_))) await fullSync(line_)
    } else {
      throw error
    }
  }

  const fullSync = (line_: Connection) => pull(line_, `since=0&hash=&epoch=${epochName(db.position)}`, 0)

  /** Compares bucket by bucket and fetches those that differ; false when that did not make both equal. */
  async function repair(line_: Connection): Promise<boolean> {
    try {
      const theirs = await readJson<{ buckets: string[] }>(
        (await askMaster(line_, '/v1/digest', { signal: halt.signal })).body,
      )
      const wrong = differing(await digestOf(db.reader), theirs.buckets)
      if (wrong.length === 0 || wrong.length > buckets / 2) return false
      const answer = await askMaster(line_, `/v1/objects?buckets=${wrong.join(',')}`, { signal: halt.signal })
      await apply(await receive(answer.body), new Set(wrong))
      log.info({ buckets: wrong.length, seq: db.position.seq }, 'repaired; equal to the master again')
      return true
    } catch (error) {
      if (error instanceof MasterRefused || halt.signal.aborted) throw error
      log.warn({ reason: messageOf(error) }, 'the repair did not help')
      return false
    }
  }

  async function run(): Promise<void> {
    let failures = 0
    // The first exchange does not wait: it says at once whether both are equal.
    let waitSeconds = 0
    while (!halt.signal.aborted) {
      try {
        await pullOnce(waitSeconds)
        failures = 0
        waitSeconds = longPollSeconds
        heard()
      } catch (error) {
        heard()
        if (halt.signal.aborted) return
        waitSeconds = 0
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
    line.phase = 'idle'
    line.problem = answered
      ? `The master’s answer was not used: ${messageOf(error)}.`.replace(/\.\.$/, '.')
      : reachProblem(error, host(db))
    if (line.reachable && !answered) Object.assign(line, { reachable: false, since: new Date().toISOString() })
    // Once per outage, not once per try.
    if (failures === 1) log.warn({ reason: line.problem }, 'pull failed; serving goes on, trying again')
  }

  return {
    line,
    pullOnce,
    firstExchange: (ms) => Promise.race([first, wait(ms, undefined, { ref: false })]),
    start: () => {
      if (running) return
      halt = new AbortController()
      line.stopped = false
      running = run().finally(() => {
        running = undefined
      })
    },
    stop: async () => {
      halt.abort()
      await running
      await leave()
      line.stopped = true
    },
  }
}

const text = (answer: MasterAnswer, name: string): string | undefined => {
  const value = answer.headers[name]
  return typeof value === 'string' && value !== '' ? decodeURIComponent(value) : undefined
}

const host = (db: Db): string => (db.local.masterUrl ?? 'the master').replace(/^https:\/\//, '')

function pause(error: unknown, failures: number): number {
  if (error instanceof MasterRefused) {
    if (error.retryAfterSeconds !== undefined) return error.retryAfterSeconds * 1000 * (1 + Math.random())
    if (error.status === 401) return refusedBackoffMs * (0.5 + Math.random())
  }
  if (error instanceof Unavailable) return error.retryAfterSeconds * 1000
  return Math.random() * Math.min(maxBackoffMs, firstBackoffMs * 2 ** failures)
}

/** Before its end, the slave's certificate is made anew by the master. */
async function renewCertificate(db: Db, connection: Connection): Promise<void> {
  const own = readOwnOnceADay(db)
  if (!own || daysLeft(own) > renewDays) return
  const { makeRequest } = await import('../mode/ca.ts')
  const { key, request } = await makeRequest(db.local.name)
  const json = { request, names: ownNames(db.local.name) }
  const { body } = await askMaster(connection, '/v1/certificate', { method: 'POST', json })
  const { certificate } = await readJson<{ certificate: string }>(body)
  keepOwn(db.dir, { key, certificate })
  await Promise.all([...db.localListeners].map((listener) => listener()))
}

const dayMs = 86_400_000
const looked = new WeakMap<Db, number>()

function readOwnOnceADay(db: Db): string | undefined {
  if (Date.now() - (looked.get(db) ?? 0) < dayMs) return undefined
  looked.set(db, Date.now())
  return readOwn(db.dir)?.certificate
}
