import { hash as digest, randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import * as argon2 from '@node-rs/argon2'
import { Unavailable } from '../errors.ts'
import { offerHash } from '../store/nt-hashes.ts'
import { fitsForeign } from './foreign-hashes.ts'
import { ntHash } from './md4.ts'

// RFC 9106 / OWASP minimum: 19 MiB, two passes, one lane; about 11 ms here. The library's own kind is argon2id.
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

// Two at a time leave libuv threads to the database; 64 in line wait about a second and a half at most.
const running = Math.min(2, availableParallelism())
const waiting = 64

let busy = 0
const line: (() => void)[] = []

/** One bounded line for every door: web, LDAP, import. */
async function inTurn<T>(work: () => Promise<T>, patient = false): Promise<T> {
  if (busy >= running) {
    if (!patient && line.length >= waiting)
      throw new Unavailable('Too many sign-ins at once. Try again in a moment.', 2)
    await new Promise<void>((resolve) => line.push(resolve))
  } else {
    busy++
  }
  try {
    return await work()
  } finally {
    const next = line.shift()
    if (next) next()
    else busy--
  }
}

/** The one function that turns a clear password into what is kept. Waits its turn. */
export async function hashPassword(password: string): Promise<string> {
  const hash = await inTurn(() => argon2.hash(password, parameters), true)
  offerHash(hash, ntHash(password).toString('hex'))
  return hash
}

export const minimumLength = 8
/** Longer is refused before any work is done with it. */
const maxBytes = 512

/** Why this cannot be a password, or undefined. Says nothing of the password itself. */
export function passwordProblem(password: string, username = ''): string | undefined {
  if (Buffer.byteLength(password) > maxBytes) return `Password must not be longer than ${maxBytes} bytes.`
  if ([...password].length < minimumLength) return `Password must have at least ${minimumLength} characters.`
  if (password.includes('\0')) return 'Password must not contain a NUL character.'
  if (username && password.toLowerCase() === username.toLowerCase()) return 'Password must not be the username.'
  return undefined
}

/** Made here, with the parameters of this version: what every other hash becomes at the first good sign-in. */
export const isOurs = (hash: string): boolean => /^\$argon2id\$v=19\$m=19456,(t=2,p=1|p=1,t=2)\$/.test(hash)

const cacheKey = randomBytes(32).toString('hex')
const cacheMs = 60_000
const cacheSize = 10_000
const verified = new Map<string, { mac: string; until: number }>()
// It leaves this process in no way, so that a key in front does as well as HMAC, in a fifth of the time.
const macOf = (password: string) => digest('sha256', cacheKey + password, 'base64')

let dummy: Promise<string> | undefined

/**
 * Does the password fit the stored hash, ours or of another system? Without one it burns the same time and says no.
 * Successes are remembered for a minute under the stored hash, so a changed password forgets them; services that bind per
 * request need this, and get `true` at once. Rejects with Unavailable when the line is full.
 */
export function verifyPassword(stored: string | undefined, password: string): true | Promise<boolean> {
  const known = stored === undefined ? undefined : verified.get(stored)
  return known && known.until > Date.now() && known.mac === macOf(password) ? true : verify(stored, password)
}

async function verify(stored: string | undefined, password: string): Promise<boolean> {
  if (Buffer.byteLength(password) > maxBytes) return false
  const fits = stored !== undefined && (await inTurn(() => fitsForeign(stored, password)))
  if (fits) remember(stored, password)
  // No hash, or one that is checked in no time: the answer takes as long as for one of ours.
  else if (stored === undefined || !isOurs(stored)) await burn(password)
  return fits
}

/** Is it this one? For comparing with earlier passwords: nothing is remembered, and it waits its turn. */
export const isPassword = (stored: string, password: string): Promise<boolean> =>
  inTurn(() => fitsForeign(stored, password), true)

async function burn(password: string): Promise<void> {
  dummy ??= hashPassword(randomBytes(16).toString('hex'))
  const hash = await dummy
  await inTurn(() => argon2.verify(hash, password))
}

function remember(stored: string, password: string): void {
  if (verified.size >= cacheSize) verified.delete(verified.keys().next().value as string)
  verified.set(stored, { mac: macOf(password), until: Date.now() + cacheMs })
}

const letters = 'abcdefghjkmnpqrstuvwxyz23456789'

/** A password for a machine or for a first sign-in, 95 bits or more, without look-alike letters; at least so long. */
export const newPassword = (least = 0): string =>
  Array.from({ length: Math.max(4, Math.ceil((least + 1) / 6)) }, () =>
    Array.from(randomBytes(5), (byte) => letters[byte % letters.length]).join(''),
  ).join('-')
