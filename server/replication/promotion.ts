import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { Refused } from '../errors.ts'
import { detach } from '../mode/detach.ts'
import { takeOver } from '../mode/promote.ts'
import { openCaKey, recoveryMade } from '../mode/recovery.ts'
import type { Db } from '../store/db.ts'
import { deviceList } from './devices.ts'
import { isWhole } from './scope.ts'
import { workerOf } from './serving.ts'
import { masterStatus } from './status.ts'

/** What somebody looks at before this slave takes the master's place. */
export type Promotion = {
  /** The master that it would take the place of, and whether it answers at this moment. */
  master: string
  masterAnswers: boolean
  seq: number
  /** When both were last proved equal, ISO 8601: what the master changed after it would be lost. */
  provedAt?: string
  /** Changes that the master is known to have and this node has not. */
  missing: number
  /** Not all secrets travel to this node: those that it has not would be lost everywhere. */
  isPartial: boolean
  /**
   * The other slaves, each with the change at which it stood when the master last told. They follow by themselves. `less`:
   * than this node at that moment; absent where that does not say which of the two holds more by now.
   */
  others: { name: string; seq?: number; has?: 'more' | 'less' }[]
  /** When that was, ISO 8601. */
  othersAt?: string
  /** When the recovery code was made; absent: there is none, and no slave can be promoted. */
  recoveryMade?: string
}

export async function promotion(db: Db): Promise<Promotion> {
  if (db.local.mode !== 'slave') throw new Refused('Only a slave is promoted. This node is none.', 'not-slave')
  const [devices, made] = await Promise.all([deviceList(db), recoveryMade(db)])
  const { name, url, reachable, provedAt } = masterStatus(db)
  const { fleet } = db.local
  const seqThen = (id: string) => fleet?.devices.find(({ deviceId }) => deviceId === id)?.seq
  const own = seqThen(db.local.deviceId) ?? 0
  return {
    master: name || url,
    masterAnswers: reachable,
    seq: db.position.seq,
    ...(provedAt && { provedAt }),
    isPartial: !isWhole(devices.find(({ deviceId }) => deviceId === db.local.deviceId)?.scope),
    missing: Math.max(0, (workerOf(db)?.line.masterSeq ?? 0) - db.position.seq),
    others: devices
      .filter(({ deviceId, status }) => status === 'active' && deviceId !== db.local.deviceId)
      .map(({ deviceId, name }) => {
        const seq = seqThen(deviceId)
        if (seq === undefined) return { name }
        const has = seq > db.position.seq ? 'more' : seq < own ? 'less' : undefined
        return { name, seq, ...(has && { has }) }
      }),
    ...(fleet && { othersAt: fleet.at }),
    ...(made && { recoveryMade: made }),
  }
}

/** The unplanned change of masters: the recovery code opens the cluster's key. `force`: although the master answers. */
export async function promote(db: Db, actor: Actor, code: string, force = false): Promise<void> {
  needRight(actor, 'change')
  const plan = await promotion(db)
  if (plan.masterAnswers && !force)
    throw new Refused(
      `${plan.master} answers. Hand over from there instead, and nothing is lost; or force it, and what ${plan.master} changes from now on is lost.`,
      'master-answers',
    )
  if (plan.isPartial && !force)
    throw new Refused(
      'Not all secrets travel to this node (its scope, on Devices), and every node would lose the others. Promote a slave that holds everything; or force it.',
      'partial',
    )
  const caKey = await openCaKey(db, code)
  await withoutWorker(db, () =>
    takeOver(
      db,
      actor,
      caKey,
      `The recovery code was given${plan.masterAnswers ? ', although the master answers' : ''}.`,
    ),
  )
}

/** This slave goes on alone with its accounts, standalone. */
export const leaveMaster = (db: Db, actor: Actor): Promise<void> => withoutWorker(db, () => detach(db, actor))

/** An answer of the old master must not arrive in the middle of it. */
async function withoutWorker(db: Db, run: () => Promise<void>): Promise<void> {
  const worker = workerOf(db)
  await worker?.stop()
  try {
    await run()
  } catch (error) {
    if (db.local.mode === 'slave') worker?.start()
    throw error
  }
}
