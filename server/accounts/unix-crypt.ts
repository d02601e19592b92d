import { createHash } from 'node:crypto'

// crypt(3) of glibc: $1$ (MD5, by Poul-Henning Kamp), $5$ and $6$ (akkadia.org/drepper/SHA-crypt.txt). Only for checking
// hashes that came from elsewhere. The rounds go in slices, so that nothing else waits.

const sliceRounds = 1000
export const defaultRounds = 5000

const letters = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

type Kind = 'md5' | 'sha256' | 'sha512'

/** $1$ and the one of Apache, $apr1$: the text after the salt. */
export async function md5Crypt(password: Buffer, salt: Buffer, magic: string): Promise<string> {
  const inner = hashOf('md5', password, salt, password)
  const first = createHash('md5').update(password).update(magic).update(salt)
  first.update(repeated(inner, password.length))
  for (let left = password.length; left > 0; left >>= 1)
    first.update(left & 1 ? Buffer.alloc(1) : password.subarray(0, 1))
  const digest = await rounds('md5', first.digest(), 1000, password, salt)
  return encoded(digest, [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [11]])
}

/** $5$ and $6$: the text after the salt. */
export async function shaCrypt(
  kind: 'sha256' | 'sha512',
  password: Buffer,
  salt: Buffer,
  count: number,
): Promise<string> {
  const inner = hashOf(kind, password, salt, password)
  const first = createHash(kind).update(password).update(salt).update(repeated(inner, password.length))
  for (let left = password.length; left > 0; left >>= 1) first.update(left & 1 ? inner : password)
  const digest = first.digest()
  const ofPassword = createHash(kind)
  for (let at = 0; at < password.length; at++) ofPassword.update(password)
  const ofSalt = createHash(kind)
  for (let at = 0; at < 16 + (digest[0] as number); at++) ofSalt.update(salt)
  const word = repeated(ofPassword.digest(), password.length)
  const grain = repeated(ofSalt.digest(), salt.length)
  return encoded(await rounds(kind, digest, count, word, grain), kind === 'sha256' ? order256() : order512())
}

async function rounds(kind: Kind, begin: Buffer, count: number, word: Buffer, grain: Buffer): Promise<Buffer> {
  let digest = begin
  for (let round = 0; round < count; round++) {
    if (round > 0 && round % sliceRounds === 0) await new Promise((resolve) => setImmediate(resolve))
    const isOdd = round % 2 === 1
    const parts = [isOdd ? word : digest]
    if (round % 3 !== 0) parts.push(grain)
    if (round % 7 !== 0) parts.push(word)
    parts.push(isOdd ? digest : word)
    digest = hashOf(kind, ...parts)
  }
  return digest
}

const hashOf = (kind: Kind, ...parts: Buffer[]): Buffer => createHash(kind).update(Buffer.concat(parts)).digest()

function repeated(block: Buffer, length: number): Buffer {
  const filled = Buffer.alloc(length)
  for (let at = 0; at < length; at += block.length) block.copy(filled, at)
  return filled
}

/** Bytes in the order that crypt(3) writes them: three in four letters, the last letters first. */
function encoded(digest: Buffer, order: readonly (readonly number[])[]): string {
  let text = ''
  for (const bytes of order) {
    let value = 0
    for (const at of bytes) value = value * 256 + (digest[at] as number)
    for (let letter = 0; letter <= bytes.length; letter++) {
      text += letters[value & 63]
      value >>>= 6
    }
  }
  return text
}

function order256(): number[][] {
  const order: number[][] = []
  for (let at = 0; at < 10; at++) order.push(turned([at, at + 10, at + 20], 2 * at))
  return [...order, [31, 30]]
}

function order512(): number[][] {
  const order: number[][] = []
  for (let at = 0; at < 21; at++) order.push(turned([at, at + 21, at + 42], at))
  return [...order, [63]]
}

/** A list that begins `by` places later. */
const turned = (list: number[], by: number): number[] => list.map((_, at) => list[(at + by) % list.length] as number)
