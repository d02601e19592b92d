import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { join } from 'node:path'
import { readPrivate, writePrivate } from '../store/files.ts'

// What only one node may read is sealed for it: X25519 (RFC 7748) with a key made for the occasion, HKDF-SHA256 (RFC 5869),
// AES-256-GCM. Only that node has the other half; the master keeps nothing that opens it again.

const file = 'files.key'
const spkiBytes = 44

/** This node's key, made when it is first asked for; the public half as base64. */
export function sealingKey(dir: string): string {
  return createPublicKey(ownKey(dir)).export({ type: 'spki', format: 'der' }).toString('base64')
}

function ownKey(dir: string): KeyObject {
  const kept = readPrivate(join(dir, file))
  if (kept) return createPrivateKey(kept)
  const { privateKey } = generateKeyPairSync('x25519')
  writePrivate(join(dir, file), privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
  return privateKey
}

export function isSealingKey(key: string): boolean {
  try {
    return publicKey(Buffer.from(key, 'base64')).asymmetricKeyType === 'x25519'
  } catch {
    return false
  }
}

const publicKey = (der: Buffer): KeyObject => createPublicKey({ key: der, format: 'der', type: 'spki' })

const keyFor = (shared: Buffer, sender: Buffer, receiver: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', shared, Buffer.concat([sender, receiver]), 'account-sync file', 32))

export function sealFor(key: string, clear: Buffer): Buffer {
  const receiver = Buffer.from(key, 'base64')
  const once = generateKeyPairSync('x25519')
  const sender = once.publicKey.export({ type: 'spki', format: 'der' })
  const shared = diffieHellman({ privateKey: once.privateKey, publicKey: publicKey(receiver) })
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', keyFor(shared, sender, receiver), nonce)
  const sealed = Buffer.concat([cipher.update(clear), cipher.final()])
  return Buffer.concat([sender, nonce, cipher.getAuthTag(), sealed])
}

/** Throws when it was not sealed for this node, or altered since. */
export function unsealHere(dir: string, bytes: Buffer): Buffer {
  const mine = ownKey(dir)
  const sender = bytes.subarray(0, spkiBytes)
  const nonce = bytes.subarray(spkiBytes, spkiBytes + 12)
  const tag = bytes.subarray(spkiBytes + 12, spkiBytes + 28)
  const shared = diffieHellman({ privateKey: mine, publicKey: publicKey(Buffer.from(sender)) })
  const receiver = createPublicKey(mine).export({ type: 'spki', format: 'der' })
  const decipher = createDecipheriv('aes-256-gcm', keyFor(shared, Buffer.from(sender), receiver), nonce)
  decipher.setAuthTag(tag)
  return Buffer.concat([decipher.update(bytes.subarray(spkiBytes + 28)), decipher.final()])
}
