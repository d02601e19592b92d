import { countGroups } from '../accounts/groups.ts'
import { countUsers } from '../accounts/users.ts'
import type { Actor } from '../audit/actor.ts'
import { Invalid, messageOf, type Problems } from '../errors.ts'
import { type Db, onChanges } from '../store/db.ts'
import { checkJoin, type JoinInput, joinMaster } from './join.ts'
import { workerOf } from './serving.ts'

export type JoinStepState = 'waiting' | 'running' | 'done' | 'failed'
export type JoinStepName = 'key' | 'pin' | 'enrol' | 'receive' | 'prove'

/** Joining as a page or a terminal watches it; the object is live. */
export type JoinProgress = {
  master: string
  name: string
  startedAt: string
  steps: { name: JoinStepName; state: JoinStepState; text: string; at?: string }[]
  received: number
  total: number
  problems?: Problems
  done: boolean
  /** The change at which both were proved equal. */
  seq?: number
}

const ofDb = new WeakMap<Db, JoinProgress>()

export const joinProgress = (db: Db): JoinProgress | undefined => ofDb.get(db)

/** Begins to join in the background. What can be judged at once is thrown (Invalid); the rest shows in the progress. */
export function startJoin(db: Db, actor: Actor, input: JoinInput): JoinProgress {
  const { host, port, name } = checkJoin(db, input)
  const progress: JoinProgress = {
    master: `${host}:${port}`,
    name,
    startedAt: new Date().toISOString(),
    steps: (['key', 'pin', 'enrol', 'receive', 'prove'] as const).map((step) => ({
      name: step,
      state: 'waiting',
      text: '',
    })),
    received: 0,
    total: 0,
    done: false,
  }
  ofDb.set(db, progress)
  void follow(db, actor, input, progress)
  return progress
}

async function follow(db: Db, actor: Actor, input: JoinInput, progress: JoinProgress): Promise<void> {
  try {
    begin(progress, 'key')
    await joinMaster(db, actor, input, (step, text) => {
      const name = step === 'enrolled' ? 'enrol' : step
      finish(progress, name, text)
      begin(progress, name === 'key' ? 'pin' : name === 'pin' ? 'enrol' : 'receive')
    })
    await firstReplication(db, progress)
  } catch (error) {
    const running = progress.steps.find((step) => step.state === 'running')
    if (running) Object.assign(running, { state: 'failed', text: messageOf(error) })
    progress.problems = error instanceof Invalid ? error.problems : { '': messageOf(error) }
    progress.done = true
  }
}

async function firstReplication(db: Db, progress: JoinProgress): Promise<void> {
  await proved(db, progress)
  const [users, groups] = await Promise.all([countUsers(db), countGroups(db)])
  const { seq, hash } = db.position
  finish(progress, 'receive', `${count(users, 'user')}, ${count(groups, 'group')}, extensions and settings.`)
  const short = `${hash.slice(0, 4)} ${hash.slice(4, 8)} … ${hash.slice(-4)}`
  finish(progress, 'prove', `Both nodes computed the same state hash ${short}.`)
  Object.assign(progress, { done: true, seq })
}

const count = (n: number, one: string): string => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`

/** The worker replicates; this only watches until both are proved equal. A broken line is waited out. */
function proved(db: Db, progress: JoinProgress): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      const line = workerOf(db)?.line
      if (line) Object.assign(progress, { received: line.received, total: line.total })
      const receive = progress.steps.find((step) => step.name === 'receive')
      if (receive?.state === 'running') receive.text = line?.problem ?? ''
      if (db.position.seq === 0 || !db.local.provedAt) return
      clearInterval(timer)
      stop()
      resolve()
    }
    const timer = setInterval(look, 100)
    timer.unref()
    const stop = onChanges(db, () => setImmediate(look))
    look()
  })
}

function begin(progress: JoinProgress, name: JoinStepName): void {
  const step = progress.steps.find((candidate) => candidate.name === name)
  if (step) step.state = 'running'
}

function finish(progress: JoinProgress, name: JoinStepName, text: string): void {
  const step = progress.steps.find((candidate) => candidate.name === name)
  if (step) Object.assign(step, { state: 'done', text, at: new Date().toISOString() })
}
