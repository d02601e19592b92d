import { Agent, request } from 'undici'
import type { Actor } from '../audit/actor.ts'
import { Invalid, Refused } from '../errors.ts'
import { readCa } from '../mode/certificates.ts'
import { readCredential } from '../mode/credential.ts'
import type { Db } from '../store/db.ts'
import { commit } from '../store/write.ts'
import { askMaster, MasterRefused, openConnection, reachProblem, standing } from './connection.ts'
import { parseAddress, urlOf } from './join.ts'

/** A master that says one of these is one: it knows this slave and only has no delta for it. */
const welcome = new Set(['gone', 'epoch', 'ahead', 'diverged'])

/**
 * This slave asks another address from now on. It is believed only when a master of this cluster answers there, proven by
 * the cluster's CA, that knows this device; otherwise nothing changes.
 */
export async function followMaster(db: Db, actor: Actor, typed: string): Promise<void> {
  const address = parseAddress(typed)
  if (!address)
    throw new Invalid({ master: 'Master’s address must be a host name or an IP address, as in gw-malmo:8154.' })
  if (db.local.mode !== 'slave') throw new Refused('Only a slave follows a master.', 'not-slave')
  const url = urlOf(address)
  const where = `${address.host}:${address.port}`
  await proveMaster(db, url, where)
  if (db.local.masterUrl === url) return
  await commit(db, actor, async (change) => {
    change.local({ masterUrl: url })
    change.note({
      sentence: `Follows the master at ${where}`,
      changes: [{ field: 'master', before: db.local.masterUrl ?? '', after: where }],
    })
  })
}

/**
 * What answers at the master's address is of this cluster and not its master: a former one says who is. No secret goes there, and
 * what it says is proved afterwards.
 */
export async function whereMoved(db: Db): Promise<string | undefined> {
  const agent = new Agent({
    connect: { ca: readCa(db.dir) ?? '', checkServerIdentity: () => undefined, timeout: 10_000 },
  })
  try {
    const { statusCode, body } = await request(`${db.local.masterUrl}/v1/moved`, { dispatcher: agent })
    const problem = (await body.json()) as { code?: unknown; master?: unknown }
    return statusCode === 409 && problem.code === 'moved' && typeof problem.master === 'string'
      ? problem.master
      : undefined
  } catch {
    return undefined
  } finally {
    await agent.destroy().catch(() => {})
  }
}

async function proveMaster(db: Db, url: string, where: string): Promise<void> {
  const connection = openConnection(url, readCa(db.dir) ?? '', db.position.clusterId, readCredential(db.dir))
  try {
    const { body } = await askMaster(connection, `/v1/changes?${standing(db)}&wait=0`)
    body.destroy()
  } catch (error) {
    if (!(error instanceof MasterRefused)) throw new Invalid({ master: reachProblem(error, where) })
    if (!welcome.has(error.code)) throw new Invalid({ master: `${where}: ${error.message}` })
  } finally {
    await connection.agent.destroy().catch(() => {})
  }
}
