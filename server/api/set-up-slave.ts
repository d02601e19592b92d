import { setTimeout as wait } from 'node:timers/promises'
import { Invalid, Refused } from '../errors.ts'
import { createLog } from '../log.ts'
import { type JoinInput, joinMaster } from '../replication/join.ts'
import { type JoinProgress, startJoin } from '../replication/joining.ts'
import { servedBy, workerOf } from '../replication/serving.ts'
import { type NodeStatus, nodeStatus } from '../replication/status.ts'
import { createWorker } from '../replication/worker.ts'
import type { Call, Progress } from './command.ts'

/** Joins a master and, if asked to, stays until the first replication is proved equal. */
export async function setUpSlave(call: Call, { wait, ...input }: JoinInput & { wait: boolean }): Promise<NodeStatus> {
  if (wait) await joinAndReceive(call, input)
  else await joinMaster(call.db, call.actor, input)
  return nodeStatus(call.db)
}

async function joinAndReceive({ db, actor, progress, signal }: Call, input: JoinInput): Promise<void> {
  // Where no node runs on the store, nobody else would fetch the accounts.
  const worker = workerOf(db) ? undefined : createWorker(db, createLog('silent'))
  if (worker) servedBy(db, worker)
  const tell = changesOf(progress)
  const join = startJoin(db, actor, input)
  try {
    while (!join.done) {
      tell(join)
      if (db.local.mode === 'slave') worker?.start()
      await wait(50, undefined, { signal })
      refuseIfCutOff(worker ?? workerOf(db))
    }
    tell(join)
    if (join.problems) throw new Invalid(join.problems)
  } finally {
    await worker?.stop()
  }
}

/** Tells each step once in each of its states. */
function changesOf(progress: Call['progress']): (join: JoinProgress) => void {
  const told = new Map<string, string>()
  return ({ steps, received, total }) => {
    for (const { name, state, text } of steps) {
      const counted = name === 'receive' && state === 'running' && total > 0
      const line: Progress = { step: name, state, text, ...(counted && { done: received, total }) }
      if (state === 'waiting' || told.get(name) === JSON.stringify(line)) continue
      told.set(name, JSON.stringify(line))
      progress(line)
    }
  }
}

/** A master that refuses for good ends the worker; waiting would be in vain. */
function refuseIfCutOff(worker: ReturnType<typeof workerOf>): void {
  if (worker?.line.stopped && worker.line.problem) throw new Refused(worker.line.problem, 'cut-off')
}
