import { setTimeout as wait } from 'node:timers/promises'
import { needRight } from '../accounts/roles.ts'
import { type Actor, thisNode } from '../audit/actor.ts'
import { NotFound, Refused, Unavailable } from '../errors.ts'
import { readCaKey } from '../mode/certificates.ts'
import { takeOver } from '../mode/promote.ts'
import { needKeyOfCa } from '../mode/recovery.ts'
import type { DeviceBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import type { Local } from '../store/local.ts'
import { commit, settled } from '../store/write.ts'
import { askMaster, type Connection, readJson, standing } from './connection.ts'
import { contactsOf, endPolls } from './contact.ts'
import { deviceList } from './devices.ts'
import { isWhole } from './scope.ts'
import { servedSince } from './serving.ts'

const patienceMs = 30_000
const lookMs = 50
const recentMs = 60_000

/**
 * The planned change of masters, begun on the master: changes stop, the chosen slave becomes equal, gets the cluster's key over
 * the line on which each has proved itself, and begins the next epoch; this node becomes its slave. If the slave does not
 * come for the key in time, nothing has happened.
 */
export async function handOver(db: Db, actor: Actor, asked: string, patience = patienceMs): Promise<{ name: string }> {
  needRight(actor, 'change')
  const device = await successor(db, asked)
  const { deviceId, name } = device
  await commit(db, actor, async (change) => {
    change.local({ handOver: { deviceId, name } })
    change.note({ sentence: `Began to hand over to ${name}: changes have stopped` })
  })
  await settled(db)
  // So that it asks again, and hears of it.
  endPolls(db, deviceId)
  for (const until = performance.now() + patience; db.local.mode === 'master'; await wait(lookMs)) {
    if (performance.now() < until) continue
    if (db.local.handOver?.given)
      throw new Unavailable(
        `${name} has got the cluster’s key and has not said yet that it is master. Look at ${name}; this node becomes its slave when it hears of it.`,
      )
    await goOn(db, actor, name)
    throw new Unavailable(`${name} did not become equal in time. Nothing was handed over; changes can be made again.`)
  }
  return { name }
}

async function successor(db: Db, asked: string): Promise<DeviceBody> {
  if (db.local.mode !== 'master' || db.local.newer)
    throw new Refused('Only the master hands over. This node is not the master.', 'not-master')
  if (db.local.handOver) throw new Refused(`This node is handing over to ${db.local.handOver.name} already.`, 'busy')
  const wanted = asked.trim()
  const device = (await deviceList(db)).find(
    ({ deviceId, name, status }) => status === 'active' && (deviceId === wanted.toUpperCase() || name === wanted),
  )
  if (!device) throw new NotFound(`There is no device “${wanted}” that is not revoked.`)
  if (!isWhole(device.scope))
    throw new Refused(
      `Not all secrets travel to ${device.name}. Only a slave that holds everything takes over: see its scope on Devices.`,
      'partial',
    )
  if (!servedSince(db))
    throw new Refused('The node must be running to hand over: start “account-sync serve”.', 'not-running')
  if (!isInContact(db, device.deviceId))
    throw new Refused(`${device.name} is not in contact. Only a slave that answers can take over.`, 'away')
  return device
}

/** It asks now, or did a moment ago. */
function isInContact(db: Db, deviceId: string): boolean {
  const contacts = contactsOf(db)
  const last = contacts?.all.get(deviceId)?.lastContact
  const isAsking = (contacts?.open.get(deviceId)?.size ?? 0) > 0
  return isAsking || (last !== undefined && Math.abs(Date.now() - Date.parse(last)) < recentMs)
}

/** Nobody has got the key: this node stays what it is. */
async function goOn(db: Db, actor: Actor, name: string): Promise<void> {
  db.local.handOver = undefined
  await commit(db, actor, async (change) => {
    change.local({ handOver: undefined })
    change.note({ sentence: `Gave up handing over to ${name}: it did not become equal in time` })
  })
}

/** After a restart: a hand-over that had not got as far as the key is over. */
export async function forgetHandOver(db: Db): Promise<void> {
  const { handOver } = db.local
  if (handOver && !handOver.given) await goOn(db, thisNode, handOver.name)
}

/** Is this device to come for the key? */
export const takesOver = (db: Db, { deviceId }: DeviceBody): boolean => db.local.handOver?.deviceId === deviceId

/** The cluster's key, and what only its master knows. */
type Given = { caKey: string } & Pick<Local, 'alerts' | 'oldMasters'>

/** Gives the cluster's key to the device that was chosen, once it is equal to this node and nothing more can change here. */
export async function giveKey(db: Db, device: DeviceBody, stands: { since: number; hash: string }): Promise<Given> {
  const { handOver, alerts, oldMasters } = db.local
  if (!handOver || !takesOver(db, device)) throw new Refused('This device was not chosen to take over.', 'not-chosen')
  await settled(db)
  if (stands.since !== db.position.seq || stands.hash !== db.position.hash)
    throw new Unavailable('This device is not equal to the master yet.', 1)
  // At once, before anybody else's turn: from here on the hand-over is not given up any more.
  db.local.handOver = { ...handOver, given: true }
  await commit(db, thisNode, async (change) => {
    change.local({ handOver: { ...handOver, given: true } })
    change.note({ sentence: `Gave the cluster’s key to ${device.name}` })
  })
  return { caKey: readCaKey(db.dir), ...(alerts && { alerts }), ...(oldMasters && { oldMasters }) }
}

/** The other side: this slave was chosen, comes for the key and becomes master. */
export async function takeOffer(db: Db, connection: Connection, signal: AbortSignal): Promise<void> {
  const answer = await askMaster(connection, `/v1/hand-over?${await standing(db)}`, { method: 'POST', signal })
  const { caKey, ...of } = await readJson<Given>(answer)
  needKeyOfCa(db.dir, caKey)
  await takeOver(db, thisNode, caKey, 'It was handed over.', of)
}
