import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { messageOf } from '../errors.ts'
import {
  acceptCredential,
  addCredential,
  credentialHash,
  credentialMade,
  dropCredential,
  readCredential,
  readCredentials,
} from '../mode/credential.ts'
import type { Db } from '../store/db.ts'
import { askMaster, type Connection, MasterRefused } from './connection.ts'

const dayMs = 86_400_000
const renewAfterMs = 30 * dayMs
/** After a try that failed; the old one goes on meanwhile. */
const pauseMs = 3_600_000

const nextTry = new WeakMap<Db, number>()

/**
 * Once a month the slave has a new credential. It is kept before the master hears of it, and the old ones with it: killed at
 * any moment, the node has one that the master takes.
 */
export async function renewCredential(db: Db, connection: Connection, log: Logger): Promise<void> {
  if (performance.now() < (nextTry.get(db) ?? 0)) return
  const newest = readCredentials(db.dir)[0]
  if (newest === undefined) return
  const isTold = readCredential(db.dir) === newest
  if (isTold && !isOld(db.dir)) return
  nextTry.set(db, performance.now() + pauseMs)
  const next = isTold ? `${db.local.deviceId}.${randomBytes(32).toString('base64url')}` : newest
  if (isTold) addCredential(db.dir, next)
  try {
    const json = { tokenHash: credentialHash(next) }
    const { body } = await askMaster(connection, '/v1/credential', { method: 'POST', json })
    body.resume()
    acceptCredential(next)
  } catch (error) {
    // A master of an older version knows no way to take it.
    if (error instanceof MasterRefused && error.status === 404) dropCredential(db.dir, next)
    log.warn(
      { reason: messageOf(error) },
      'the credential of this node was not renewed; it goes on with the one it has',
    )
  }
}

/** A clock that was far ahead when it was made is no reason to keep it for ever. */
const isOld = (dir: string): boolean => Math.abs(Date.now() - credentialMade(dir)) > renewAfterMs
