import { setTimeout as wait } from 'node:timers/promises'
import type { Actor } from '../audit/actor.ts'
import { Invalid, Unavailable } from '../errors.ts'
import { addMachineName, type ControllerSecrets, giveSecrets } from '../samba/controller.ts'
import { keepReport, type SambaReport } from '../samba/reports.ts'
import type { DeviceBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { askMaster, connectionToMaster, MasterRefused, reachProblem, readJson } from './connection.ts'
import { needSambaAt } from './scope.ts'
import type { SambaAnswer, SambaRequest } from './wire.ts'

export type SecretsHere = ControllerSecrets & {
  /** Seconds that the master’s clock is ahead of this one. */
  aheadSeconds: number
}

/** New secrets for the Samba of this node; a slave has its master make them, by its enrolment. */
export async function secretsHere(db: Db, actor: Actor, server: string): Promise<SecretsHere> {
  if (db.local.mode !== 'slave') return { ...(await giveSecrets(db, actor, db.local, server)), aheadSeconds: 0 }
  const { secrets, now } = await ask(db, { server })
  if (!secrets) throw new Unavailable('The master did not answer with secrets for Samba.')
  return { ...secrets, aheadSeconds: Math.round((Date.parse(now) - Date.now()) / 1000) }
}

/** An account without a place in the domain yet, for a computer that joins here. */
export async function addMachineNameHere(db: Db, actor: Actor, machine: string): Promise<void> {
  if (db.local.mode === 'slave') await ask(db, { machine })
  else await addMachineName(db, actor, machine)
}

/** How Samba of this node was found, for the pages of this node and of its master. */
export async function keepReportHere(db: Db, report: SambaReport): Promise<void> {
  keepReport(db, db.local.deviceId, report)
  // A master that is away hears the next one.
  if (db.local.mode === 'slave') await ask(db, { report }).catch(() => {})
}

const patienceMs = 20_000

/** Answers once this node holds what the master did. */
async function ask(db: Db, json: SambaRequest): Promise<SambaAnswer> {
  const connection = connectionToMaster(db)
  try {
    const signal = AbortSignal.timeout(patienceMs)
    const answer = await readJson<SambaAnswer>(
      await askMaster(connection, '/v1/samba', { method: 'POST', json, signal }),
    )
    // Without a node that runs here nothing arrives; it does with the next start.
    for (const until = Date.now() + arrivalMs; db.position.seq < answer.seq && Date.now() < until; ) await wait(20)
    return answer
  } catch (error) {
    if (error instanceof MasterRefused) throw refusal(error)
    const where = (db.local.masterUrl ?? '').replace(/^https:\/\//, '')
    throw new Unavailable(`The master is needed for this. ${reachProblem(error, where)}`, 5)
  } finally {
    await connection.agent.destroy().catch(() => {})
  }
}

const arrivalMs = 5000

function refusal(error: MasterRefused): Error {
  if (error.status === 404)
    return new Unavailable('The master does not know Windows Networking yet. Bring it to this version first.')
  return error.status === 422 ? new Invalid({ '': error.message }) : new Unavailable(error.message)
}

/** The master’s side, for a device that has enrolled. */
export async function answerSamba(
  db: Db,
  actor: Actor,
  device: Pick<DeviceBody, 'name' | 'deviceId' | 'scope'>,
  request: SambaRequest,
): Promise<SambaAnswer> {
  if (!('report' in request)) needSambaAt(device)
  const secrets = 'server' in request ? await giveSecrets(db, actor, device, request.server) : undefined
  if ('report' in request) keepReport(db, device.deviceId, request.report)
  if ('machine' in request) await addMachineName(db, actor, request.machine)
  return { seq: db.position.seq, now: new Date().toISOString(), ...(secrets && { secrets }) }
}
