import { type Actor, thisNode } from '../audit/actor.ts'
import { Invalid, Refused } from '../errors.ts'
import type { Log } from '../log.ts'
import { readCa } from '../mode/certificates.ts'
import { bowToNewer, type Newer } from '../mode/fence.ts'
import type { Db } from '../store/db.ts'
import { commit } from '../store/write.ts'
import { askMaster, MasterRefused, openConnection, reachProblem, readJson, standing } from './connection.ts'
import { deviceList } from './devices.ts'
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
 * The master does not answer any more. Where another node is it, as the former one says or as is found by looking around, that
 * is followed; believed only when it proves it.
 */
export async function moveOn(db: Db, log: Log, error: unknown, isLong: boolean): Promise<boolean> {
  const told = error instanceof MasterRefused ? error.problem.master : undefined
  // A node of this cluster answers there, which is not its master. Nothing was sent to it.
  const isOfAnother = (error as { code?: string }).code === 'ERR_TLS_CERT_ALTNAME_INVALID'
  for (const look of [() => told, () => (isLong || isOfAnother ? lookAround(db) : undefined)]) {
    const url = await look()
    if (typeof url !== 'string' || url === db.local.masterUrl) continue
    const isFollowed = await followMaster(db, thisNode, url).then(
      () => true,
      () => false,
    )
    if (isFollowed) log.warn({ master: url }, 'another node is master now; following it')
    if (isFollowed) return true
  }
  return false
}

const leastPauseMs = 5000
const patienceMs = 3000
const together = 8
const nextLook = new WeakMap<Db, number>()

/**
 * Looks whether one of the other nodes has become master, some at a time: where each would answer stands in its device. Not
 * again before ten times what a look takes.
 */
async function lookAround(db: Db): Promise<string | undefined> {
  const began = performance.now()
  if (began < (nextLook.get(db) ?? 0)) return undefined
  const found = await firstMaster(db)
  const now = performance.now()
  nextLook.set(db, now + Math.max(leastPauseMs, 10 * (now - began)))
  return found
}

async function firstMaster(db: Db): Promise<string | undefined> {
  const urls = await otherUrls(db)
  for (let at = 0; at < urls.length; at += together) {
    const some = urls.slice(at, at + together).map(async (url) => {
      await proveMaster(db, url, url.replace('https://', ''), AbortSignal.timeout(patienceMs))
      return url
    })
    const found = await Promise.any(some).catch(() => undefined)
    if (found) return found
  }
  return undefined
}

/** Where the other nodes of this cluster would answer as master. */
async function otherUrls(db: Db): Promise<string[]> {
  const others = (await deviceList(db)).filter(
    ({ deviceId, status }) => status === 'active' && deviceId !== db.local.deviceId,
  )
  return [...new Set(others.flatMap(({ syncUrl }) => (syncUrl ? [syncUrl] : [])))]
}

/** At its start a master asks around whether another node took its place while it was away. True when one did. */
export async function isReplaced(db: Db): Promise<boolean> {
  if (db.local.mode !== 'master' || db.local.newer) return false
  const urls = await otherUrls(db)
  for (let at = 0; at < urls.length; at += together) {
    const found = await Promise.all(urls.slice(at, at + together).map((url) => newerAt(db, url)))
    for (const one of found) if (one && (await bowToNewer(db, one))) return true
  }
  return false
}

/** What the master that answers there says of its epoch; undefined when none does. A former one says where to ask instead. */
async function newerAt(db: Db, url: string, isTold = false): Promise<Newer | undefined> {
  const connection = openConnection(url, readCa(db.dir) ?? '', db.position.clusterId)
  try {
    const answer = await askMaster(connection, '/v1/epoch', { signal: AbortSignal.timeout(patienceMs) })
    return { ...(await readJson<Newer>(answer)), url }
  } catch (error) {
    const elsewhere = error instanceof MasterRefused ? error.problem.master : undefined
    return typeof elsewhere === 'string' && !isTold ? newerAt(db, elsewhere, true) : undefined
  } finally {
    await connection.agent.destroy().catch(() => {})
  }
}

async function proveMaster(db: Db, url: string, where: string, signal?: AbortSignal): Promise<void> {
  const connection = openConnection(url, readCa(db.dir) ?? '', db.position.clusterId, db.dir)
  try {
    const { body } = await askMaster(connection, `/v1/changes?${await standing(db)}&wait=0`, {
      ...(signal && { signal }),
    })
    body.destroy()
  } catch (error) {
    if (!(error instanceof MasterRefused)) throw new Invalid({ master: reachProblem(error, where) })
    if (!welcome.has(error.code)) throw new Invalid({ master: `${where}: ${error.message}` })
  } finally {
    await connection.agent.destroy().catch(() => {})
  }
}
