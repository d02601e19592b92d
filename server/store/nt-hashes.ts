import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Knex } from 'knex'
import { Unavailable } from '../errors.ts'
import type { Bodies, NtHashBody, UserBody } from './bodies.ts'
import { canonical } from './canonical.ts'
import { keptKey, readPrivate, writePrivate } from './files.ts'
import type { Head } from './head.ts'
import type { Move } from './objects.ts'
import type { Projected } from './project.ts'

/**
 * What Windows keeps of a password is as good as the password, so it is an object of its own: there only while Windows
 * Networking is on for that person, sealed with a key that lies beside the database and never in it, and on no other node
 * before that node has been given the key.
 */

const file = 'nt-hash.key'
const keys = new Map<string, Buffer>()

/** Where the key is gone, and hashes are there that nothing else opens. */
const lost = new Set<string>()

/** Whether hashes are here and their key is not; none is made then, for slaves have the old one. */
export async function ntHashKeyIsLost(db: Knex, dir: string): Promise<boolean> {
  const isLost =
    ntHashKey(dir) === undefined && (await db('objects').where({ kind: 'nt-hash', deleted: false }).first('id'))
  if (isLost) lost.add(dir)
  return Boolean(isLost)
}

/** The key of the cluster; a master makes it when it is first needed. Undefined: this node has not been given it. */
export function ntHashKey(dir: string, make = false): Buffer | undefined {
  const known = keys.get(dir)
  if (known) return known
  const kept = readPrivate(join(dir, file))
  if (kept === undefined && !make) return undefined
  if (kept === undefined && lost.has(dir))
    throw new Unavailable(
      `${file} is missing in ${dir}. Put it back from a copy. If there is none: turn Windows Networking off, start this node anew, and turn it on; people then set their passwords again.`,
    )
  const key = kept === undefined ? keptKey(dir, file) : Buffer.from(kept.trim(), 'hex')
  keys.set(dir, key)
  return key
}

export function takeNtHashKey(dir: string, hex: string): void {
  writePrivate(join(dir, file), `${hex}\n`)
  keys.set(dir, Buffer.from(hex, 'hex'))
}

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

/** What is sealed for one object opens for no other. */
export function seal(dir: string, id: string, secret: Buffer): string {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, ntHashKey(dir, true)!, nonce).setAAD(Buffer.from(id))
  const sealed = Buffer.concat([cipher.update(secret), cipher.final()])
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64')
}

/** Undefined where this node cannot read it. */
export function unseal(dir: string, id: string, sealed: string): Buffer | undefined {
  const key = ntHashKey(dir)
  if (!key) return undefined
  try {
    const bytes = Buffer.from(sealed, 'base64')
    const end = bytes.length - tagBytes
    const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes)).setAAD(Buffer.from(id))
    decipher.setAuthTag(bytes.subarray(end))
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, end)), decipher.final()])
  } catch {
    return undefined
  }
}

/** `hash`: 32 hex digits. */
export const sealHash = (dir: string, id: string, hash: string): string => seal(dir, id, Buffer.from(hash, 'hex'))

/** In capitals, as Windows writes it. */
export const openHash = (dir: string, id: string, { sealed }: NtHashBody): string | undefined =>
  unseal(dir, id, sealed)?.toString('hex').toUpperCase()

export const hasWindows = (body: Pick<UserBody, 'extensions'> | undefined): boolean =>
  body?.extensions.samba?.account === true

/** What the passwords hash to that were set here in the last minute, by the hash that is kept of them. */
const offered = new Map<string, { hash: string; until: number }>()
const offeredMs = 60_000

/** For whoever has the clear text: what Windows would keep of it. It is used where somebody gets the password, and forgotten. */
export function offerHash(kept: string, hash: string, now = Date.now()): void {
  for (const [key, { until }] of offered) {
    if (until > now) break
    offered.delete(key)
  }
  offered.set(kept, { hash, until: now + offeredMs })
}

const offeredFor = (kept: string | undefined): string | undefined =>
  kept === undefined ? undefined : offered.get(kept)?.hash

/** What the job under way has done that NT hashes follow from. */
export type HashWork = {
  /** People with another password, or another answer to whether they are in Windows Networking. */
  people: Map<string, UserBody | undefined>
  /** Hashes that were put by name. */
  put: Set<string>
  /** Machines that are gone. */
  gone: Set<string>
  /** Windows Networking was turned off. */
  isOff: boolean
}

export const noHashWork = (): HashWork => ({ people: new Map(), put: new Set(), gone: new Set(), isOff: false })

export function noteHashes(work: HashWork, changes: readonly Projected[]): void {
  for (const { kind, id, was, now } of changes) {
    if (kind === 'user') {
      const isAbout = hasWindows(was) || hasWindows(now)
      if (isAbout && (was?.password !== now?.password || hasWindows(was) !== hasWindows(now))) work.people.set(id, now)
    } else if (kind === 'nt-hash') work.put.add(id)
    else if (kind === 'machine' && !now) work.gone.add(id)
    else if (kind === 'extension' && now?.name === 'samba' && !now.on && was?.on) work.isOff = true
  }
}

/** After a job: a new password gets its hash, and whoever is not in Windows Networking any more loses it, in the same commit. */
export async function keepHashes(
  dir: string,
  trx: Knex,
  head: Head,
  move: (trx: Knex, head: Head, moves: Move[]) => Promise<void>,
): Promise<void> {
  const { people, put, gone, isOff } = head.hashes
  if (people.size + put.size + gone.size === 0 && !isOff) return
  head.hashes = noHashWork()
  if (people.size + gone.size === 0 && !isOff) return
  const isOn = !isOff && (people.size === 0 || (await isExtensionOn(trx)))
  const lost = new Set([...gone, ...(isOff ? await hashesOfPeople(trx) : [])])
  const moves: Move[] = []
  for (const [id, body] of people) {
    const hash = hasWindows(body) && isOn ? offeredFor(body?.password) : undefined
    if (put.has(id) && hasWindows(body)) continue
    if (hash !== undefined) moves.push(hashMove(dir, id, 'user', hash))
    else lost.add(id)
  }
  const there = await thoseThere(trx, lost)
  await move(trx, head, [...moves, ...there.map((id): Move => ({ kind: 'nt-hash', id, body: undefined }))])
  head.hashes = noHashWork()
}

function hashMove(dir: string, id: string, of: NtHashBody['of'], hash: string): Move {
  const value: Bodies['nt-hash'] = { of, sealed: sealHash(dir, id, hash) }
  return { kind: 'nt-hash', id, body: canonical(value), value }
}

async function isExtensionOn(trx: Knex): Promise<boolean> {
  const rows: { body: string }[] = await trx('objects').where({ kind: 'extension', deleted: false }).select('body')
  return rows.some(({ body }) => {
    const { name, on } = JSON.parse(body)
    return name === 'samba' && on
  })
}

async function thoseThere(trx: Knex, ids: ReadonlySet<string>): Promise<string[]> {
  const there: string[] = []
  const all = [...ids]
  for (let at = 0; at < all.length; at += 500) {
    const rows: { id: string }[] = await trx('objects')
      .where({ kind: 'nt-hash', deleted: false })
      .whereIn('id', all.slice(at, at + 500))
      .select('id')
    for (const { id } of rows) there.push(id)
  }
  return there
}

async function hashesOfPeople(trx: Knex): Promise<string[]> {
  const rows: { id: string; body: string }[] = await trx('objects')
    .where({ kind: 'nt-hash', deleted: false })
    .select('id', 'body')
  return rows.flatMap(({ id, body }) => (JSON.parse(body).of === 'user' ? [id] : []))
}

/** Ids of people with a Windows account. */
export async function idsWithWindows(db: Knex): Promise<string[]> {
  const rows: { id: string; body: string }[] = await db('objects')
    .where({ kind: 'user', deleted: false })
    .where('body', 'like', '%"samba":{%"account":true%')
    .select('id', 'body')
  return rows.flatMap(({ id, body }) => (hasWindows(JSON.parse(body)) ? [id] : []))
}

export const countHashes = async (db: Knex): Promise<number> => (await hashesOfPeople(db)).length
