import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  randomBytes,
  randomUUID,
  scryptSync,
  X509Certificate,
} from 'node:crypto'
import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { Invalid, Refused } from '../errors.ts'
import type { RecoveryBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'
import { write } from '../store/write.ts'
import { decodeBase32, encodeBase32 } from './base32.ts'
import { pinOf, readCa, readCaKey } from './certificates.ts'

/**
 * The recovery code opens the cluster's key, of which every slave holds a sealed copy: with it any slave can become master
 * when the master is gone, and without it none can, whoever has the slave. It has 160 random bits, so that a thief of a slave
 * cannot find it by trying. It is shown once and kept nowhere.
 */
const prefix = 'arc1'
const secretBytes = 20
const sumBytes = 4
const cost = { N: 16_384, r: 8, p: 1 }

const sumOf = (secret: Buffer): Buffer => createHash('sha256').update(secret).digest().subarray(0, sumBytes)

const formatCode = (secret: Buffer): string =>
  `${prefix}-${encodeBase32(Buffer.concat([secret, sumOf(secret)]))
    .match(/.{1,5}/g)
    ?.join('-')}`

function parseCode(typed: string): Buffer {
  const text = typed.toLowerCase().replace(/[\s-]/g, '')
  if (text === '')
    throw new Invalid({ code: 'The recovery code is needed. It was shown when it was made, on the master.' })
  if (!text.startsWith(prefix)) throw new Invalid({ code: `A recovery code begins with “${prefix}-”.` })
  const raw = decodeBase32(text.slice(prefix.length))
  const secret = raw?.subarray(0, secretBytes)
  if (!raw || !secret || raw.length !== secretBytes + sumBytes || !sumOf(secret).equals(raw.subarray(secretBytes)))
    throw new Invalid({ code: 'The recovery code is mistyped or not complete: its checksum is wrong.' })
  return secret
}

/** Makes a new recovery code; the one before opens nothing from now on. */
export async function makeRecoveryCode(db: Db, actor: Actor): Promise<string> {
  needRight(actor, 'change')
  if (db.local.mode !== 'master')
    throw new Refused('A recovery code is made on the master, for its slaves.', 'not-master')
  const secret = randomBytes(secretBytes)
  const body = seal(secret, readCaKey(db.dir), db.position.clusterId)
  await write(db, actor, async (change) => {
    const [known] = await objectsOf(change.trx, 'recovery')
    await change.put('recovery', known?.id ?? randomUUID(), body)
    change.note({ sentence: known ? 'Made a new recovery code' : 'Made a recovery code' })
  })
  return formatCode(secret)
}

/** When the recovery code was made; undefined when there is none. */
export async function recoveryMade(db: Db): Promise<string | undefined> {
  const [known] = await objectsOf(db.reader, 'recovery')
  return known?.body.made
}

function seal(secret: Buffer, caKey: string, clusterId: string): RecoveryBody {
  const salt = randomBytes(16)
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', keyFrom(secret, salt), iv).setAAD(Buffer.from(clusterId))
  const sealed = Buffer.concat([cipher.update(caKey), cipher.final(), cipher.getAuthTag()])
  return {
    salt: salt.toString('base64'),
    iv: iv.toString('base64'),
    sealed: sealed.toString('base64'),
    made: new Date().toISOString(),
  }
}

/** The cluster's key, PEM, out of this node's sealed copy; it is the one behind this node's ca.pem, or nothing. */
export async function openCaKey(db: Db, typed: string): Promise<string> {
  const secret = parseCode(typed)
  const [known] = await objectsOf(db.reader, 'recovery')
  if (!known)
    throw new Refused(
      'No recovery code was ever made in this cluster, so no slave can prove itself its master.',
      'no-code',
    )
  const { salt, iv, sealed } = known.body
  const bytes = Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv(
    'aes-256-gcm',
    keyFrom(secret, Buffer.from(salt, 'base64')),
    Buffer.from(iv, 'base64'),
  )
    .setAAD(Buffer.from(db.position.clusterId))
    .setAuthTag(bytes.subarray(-16))
  try {
    const pem = Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString()
    needKeyOfCa(db.dir, pem)
    return pem
  } catch {
    throw new Invalid({
      code: `This is not the recovery code of ${known.body.made.slice(0, 10)}. A newer one takes the place of the one before.`,
    })
  }
}

export function needKeyOfCa(dir: string, pem: string): void {
  const ca = new X509Certificate(readCa(dir) ?? '')
  if (!ca.checkPrivateKey(createPrivateKey(pem)))
    throw new Error(`The key is not that of this cluster (${pinOf(ca).toString('hex').slice(0, 8)}).`)
}

const keyFrom = (secret: Buffer, salt: Buffer): Buffer => scryptSync(secret, salt, 32, cost)
