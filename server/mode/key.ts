import { createHash, randomBytes, timingSafeEqual, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Actor } from '../audit/actor.ts'
import { Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { readPrivate, removePrivate, writePrivate } from '../store/files.ts'
import { commit } from '../store/write.ts'
import { decodeBase32, encodeBase32 } from './base32.ts'
import { pinOf, readCa } from './certificates.ts'

/**
 * What the Synchronization Key says: which cluster, the pin of its CA, and a secret that is good for enrolling only.
 * A join code says the same, and is good once, for one name (join-codes.ts); it begins with `asj1-`.
 * Text: `ask1-` and 72 bytes in Crockford's base32, in groups of five; the last four bytes are a CRC, which finds every
 * single mistyped character before anything goes to the network.
 */
export type Key = { clusterId: string; pin: Buffer; keyId: string; secret: string }

const bytes = { cluster: 16, pin: 32, id: 4, secret: 16, crc: 4 }
const total = bytes.cluster + bytes.pin + bytes.id + bytes.secret + bytes.crc

export function formatKey(key: Key, prefix: 'ask1' | 'asj1' = 'ask1'): string {
  const body = Buffer.concat([
    Buffer.from(key.clusterId.replaceAll('-', ''), 'hex'),
    key.pin,
    Buffer.from(key.keyId, 'hex'),
    Buffer.from(key.secret, 'hex'),
  ])
  const text = encodeBase32(Buffer.concat([body, checksum(body)]))
  return `${prefix}-${text.match(/.{1,5}/g)?.join('-')}`
}

/** The key, or one sentence that says what is wrong with the text. */
export function parseKey(typed: string): { key: Key } | { problem: string } {
  const text = typed
    .toLowerCase()
    .replace(/[\s-]/g, '')
    .replace(/^as[kj]1/, '')
  if (text === '') return { problem: 'Synchronization Key is needed. On the master: Mode, Synchronization Key.' }
  if (!/^\s*as[kj]1/i.test(typed))
    return { problem: 'A Synchronization Key begins with “ask1-”, a join code with “asj1-”. Copy the whole of it.' }
  const what = /^\s*asj/i.test(typed) ? 'join code' : 'Synchronization Key'
  const raw = decodeBase32(text)
  if (!raw || raw.length !== total)
    return {
      problem: `The ${what} is not complete, or has a character that none has. Copy the whole of it.`,
    }
  const body = raw.subarray(0, total - bytes.crc)
  if (!timingSafeEqual(checksum(body), raw.subarray(total - bytes.crc)))
    return { problem: `The ${what} is mistyped: its checksum is wrong. Nothing was sent.` }
  return { key: fieldsOf(body) }
}

function fieldsOf(body: Buffer): Key {
  let at = 0
  const next = (length: number) => {
    at += length
    return body.subarray(at - length, at)
  }
  const id = next(bytes.cluster).toString('hex')
  return {
    clusterId: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    pin: Buffer.from(next(bytes.pin)),
    keyId: next(bytes.id).toString('hex'),
    secret: next(bytes.secret).toString('hex'),
  }
}

function checksum(body: Buffer): Buffer {
  const sum = Buffer.alloc(bytes.crc)
  sum.writeUInt32BE(crc32(body))
  return sum
}

type KeptKey = { keyId: string; secret: string; made: string }
const keyFile = (dir: string) => join(dir, 'synchronization-key.json')

const readKept = (dir: string): KeptKey | undefined => {
  const text = readPrivate(keyFile(dir))
  return text === undefined ? undefined : JSON.parse(text)
}

/** Makes a new key; the one before enrols nobody from now on. */
export function makeKey(dir: string): KeptKey {
  const kept = {
    keyId: randomBytes(4).toString('hex'),
    secret: randomBytes(16).toString('hex'),
    made: new Date().toISOString(),
  }
  writePrivate(keyFile(dir), JSON.stringify(kept))
  return kept
}

/** A slave enrols nobody. */
export const forgetKey = (dir: string): void => removePrivate(keyFile(dir))

/** The key as an administrator copies it. Only a master has one. */
export async function synchronizationKey(db: Db): Promise<string> {
  if (db.local.mode !== 'master')
    throw new Refused('Only a master has a Synchronization Key. This node is not a master.', 'not-master')
  const ca = readCa(db.dir)
  if (!ca) throw new Error(`ca.pem is missing in ${db.dir}: it is not the whole data directory of a master.`)
  const kept = readKept(db.dir) ?? makeKey(db.dir)
  return formatKey({ clusterId: db.position.clusterId, pin: pinOf(new X509Certificate(ca)), ...kept })
}

/** A new key. Slaves that have joined are not disturbed: each has a credential of its own. */
export async function rotateKey(db: Db, actor: Actor): Promise<string> {
  await synchronizationKey(db)
  await commit(db, actor, async (change) => {
    const kept = makeKey(db.dir)
    change.local({ keyMade: kept.made })
    change.note({ sentence: 'Made a new Synchronization Key' })
  })
  return synchronizationKey(db)
}

export const noteKeyShown = (db: Db, actor: Actor): Promise<void> =>
  commit(db, actor, async (change) => change.note({ sentence: 'Revealed the Synchronization Key' }))

/** Does this secret enrol? Judged in constant time. */
export function keyEnrols(dir: string, keyId: string, secret: string): boolean {
  const kept = readKept(dir)
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const fits = timingSafeEqual(digest(`${keyId}.${secret}`), digest(kept ? `${kept.keyId}.${kept.secret}` : ''))
  return kept !== undefined && fits
}
