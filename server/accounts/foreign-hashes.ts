import { createHash, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { verify } from '@node-rs/argon2'
import { ntHash } from './md4.ts'
import { defaultRounds, md5Crypt, shaCrypt } from './unix-crypt.ts'

// A record from elsewhere must not stop a node: what a check costs is bounded before it is begun.
const bounds = {
  text: 1024,
  argon2: { m: 262_144, t: 10, p: 4 },
  rounds: 500_000,
  bcryptCost: 14,
  iterations: 1_000_000,
}

const derive = promisify(pbkdf2)

/** A hash that can be checked: how, and the parts that are needed. */
type Read = { hash: string; check: (password: string) => Promise<boolean> }
type Outcome = Read | { problem: string }

/** The one spelling of a hash of another system, or in a sentence why it cannot be taken over. */
export function foreignHash(text: string): { hash: string } | { problem: string } {
  const outcome = read(text.trim())
  return 'problem' in outcome ? outcome : { hash: outcome.hash }
}

/** Does the password fit a hash of another system? One that cannot be read fits nothing. Takes its turn in passwords.ts. */
export async function fitsForeign(hash: string, password: string): Promise<boolean> {
  const outcome = read(hash)
  return 'problem' in outcome ? false : outcome.check(password)
}

function read(text: string): Outcome {
  if (text.length > bounds.text) return { problem: `Its hash is longer than ${num(bounds.text)} letters.` }
  const [, scheme, rest] = /^\{([A-Za-z0-9._-]{1,32})\}(.*)$/s.exec(text) ?? []
  if (scheme === undefined || rest === undefined) return readCrypt(text)
  const name = scheme.toUpperCase().replaceAll('_', '-')
  const digest = digests[name]
  if (digest) return readDigest(name, digest, rest)
  if (name === 'CRYPT' || name === 'ARGON2' || name === 'BCRYPT') return readCrypt(rest)
  if (name === 'NT' || name === 'MD4') return readNt(rest)
  if (name === 'PBKDF2-SHA256' && !rest.includes('$')) return readOldPbkdf2(rest)
  if (name === 'PBKDF2' || name.startsWith('PBKDF2-')) return readPbkdf2(name, rest)
  if (name === 'CLEARTEXT' || name === 'CLEAR' || name === 'PLAIN')
    return { problem: 'It is a password in clear text, not a hash. Import it as a password instead.' }
  return { problem: `Its hash has the scheme {${scheme}}, which is not known here.` }
}

const num = (value: number): string => value.toLocaleString('en')

// RFC 2307 and what OpenLDAP's pw-sha2 and 389 Directory Server add. S: with salt behind the digest.
const digests: Record<string, { kind: string; bytes: number; isSalted: boolean }> = Object.fromEntries(
  (
    [
      ['MD5', 'md5', 16],
      ['SHA', 'sha1', 20],
      ['SHA224', 'sha224', 28],
      ['SHA256', 'sha256', 32],
      ['SHA384', 'sha384', 48],
      ['SHA512', 'sha512', 64],
    ] as const
  ).flatMap(([name, kind, bytes]) => [
    [name, { kind, bytes, isSalted: false }],
    [`S${name}`, { kind, bytes, isSalted: true }],
  ]),
)

function readDigest(name: string, { kind, bytes, isSalted }: (typeof digests)[string] & object, rest: string): Outcome {
  const value = fromBase64(rest)
  if (!value || (isSalted ? value.length <= bytes : value.length !== bytes))
    return { problem: `Its {${name}} hash is cut off or changed.` }
  const [kept, salt] = [value.subarray(0, bytes), value.subarray(bytes)]
  return {
    hash: `{${name}}${value.toString('base64')}`,
    check: async (password) => timingSafeEqual(createHash(kind).update(password).update(salt).digest(), kept),
  }
}

function readNt(rest: string): Outcome {
  const value = /^[0-9a-f]{32}$/i.test(rest) ? Buffer.from(rest, 'hex') : fromBase64(rest)
  if (value?.length !== 16) return { problem: 'Its {NT} hash must be 32 hexadecimal digits.' }
  return {
    hash: `{NT}${value.toString('hex').toUpperCase()}`,
    check: async (password) => timingSafeEqual(ntHash(password), value),
  }
}

/** {PBKDF2-SHA512}rounds$salt$key, as OpenLDAP, passlib and newer 389 Directory Servers write it. */
function readPbkdf2(name: string, rest: string): Outcome {
  const kind = { PBKDF2: 'sha1', 'PBKDF2-SHA1': 'sha1', 'PBKDF2-SHA256': 'sha256', 'PBKDF2-SHA512': 'sha512' }[name]
  if (!kind) return { problem: `Its hash has the scheme {${name}}, which is not known here.` }
  const [, rounds, saltText = '', keyText = ''] = /^([1-9][0-9]{0,8})\$([^$]+)\$([^$]+)$/.exec(rest) ?? []
  // passlib and OpenLDAP write “.” for “+”.
  const [salt, key] = [fromBase64(saltText.replaceAll('.', '+')), fromBase64(keyText.replaceAll('.', '+'))]
  if (!rounds || !salt || !key) return { problem: `Its {${name}} hash is not written as rounds$salt$key.` }
  return pbkdf2Of(`{${name}}${rest}`, kind, Number(rounds), salt, key)
}

/** {PBKDF2_SHA256} of older 389 Directory Servers: 4 bytes rounds, 64 bytes salt, 256 bytes key. */
function readOldPbkdf2(rest: string): Outcome {
  const value = fromBase64(rest)
  if (value?.length !== 324) return { problem: 'Its {PBKDF2_SHA256} hash is cut off or changed.' }
  const [salt, key] = [value.subarray(4, 68), value.subarray(68)]
  return pbkdf2Of(`{PBKDF2_SHA256}${value.toString('base64')}`, 'sha256', value.readUInt32BE(0), salt, key)
}

function pbkdf2Of(hash: string, kind: string, rounds: number, salt: Buffer, key: Buffer): Outcome {
  if (rounds < 1 || rounds > bounds.iterations)
    return { problem: `Its hash asks for ${num(rounds)} rounds; up to ${num(bounds.iterations)} are taken over.` }
  if (key.length < 16 || key.length > 512) return { problem: 'Its hash is cut off or changed.' }
  return {
    hash,
    check: async (password) => timingSafeEqual(await derive(password, salt, rounds, key.length, kind), key),
  }
}

/** What begins with $, as in /etc/shadow. */
function readCrypt(text: string): Outcome {
  if (/^\$argon2(id|i|d)\$/.test(text)) return readArgon2(text)
  if (/^\$2[aby]\$/.test(text)) return readBcrypt(text)
  if (/^\$[56]\$/.test(text)) return readShaCrypt(text)
  if (/^\$(1|apr1)\$/.test(text)) return readMd5Crypt(text)
  if (/^\$(y|gy|7|2x|sha1|md5)\$/.test(text) || text.startsWith('_'))
    return { problem: `Its hash begins with ${text.slice(0, text.indexOf('$', 1) + 1)}, which is not taken over.` }
  if (/^[./0-9A-Za-z]{13}$/.test(text))
    return {
      problem: 'Its hash is DES crypt, which reads eight letters only and is found in hours. Set a new password.',
    }
  return { problem: 'Its hash has no scheme in front, as in {SSHA}… or $6$….' }
}

function readArgon2(text: string): Outcome {
  const [, , , given, salt, key] =
    /^\$(argon2(?:id|i|d))(?:\$v=(16|19))?\$([a-z0-9=,]{5,40})\$([^$]+)\$([^$]+)$/.exec(text) ?? []
  const of = Object.fromEntries((given ?? '').split(',').map((one) => one.split('=')))
  const [m, t, p] = ['m', 't', 'p'].map((name) => (/^[1-9][0-9]{0,8}$/.test(of[name] ?? '') ? Number(of[name]) : 0))
  const isLong = (part: Buffer | undefined, least: number, most: number) =>
    part !== undefined && part.length >= least && part.length <= most
  const isWhole =
    Object.keys(of).length === 3 &&
    m &&
    t &&
    p &&
    m >= 8 * p &&
    isLong(fromBase64(salt ?? ''), 8, 48) &&
    isLong(fromBase64(key ?? ''), 10, 64)
  if (!isWhole) return { problem: 'Its argon2 hash is cut off or changed.' }
  if (m > bounds.argon2.m || t > bounds.argon2.t || p > bounds.argon2.p) {
    const { m: most, t: passes, p: lanes } = bounds.argon2
    return {
      problem: `Its argon2 hash asks for m=${m}, t=${t}, p=${p}; up to m=${most}, t=${passes}, p=${lanes} is taken over.`,
    }
  }
  return { hash: text, check: (password) => verify(text, password) }
}

function readBcrypt(text: string): Outcome {
  const [, cost] = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text) ?? []
  if (!cost) return { problem: 'Its bcrypt hash is cut off or changed.' }
  if (Number(cost) < 4 || Number(cost) > bounds.bcryptCost)
    return { problem: `Its bcrypt hash has the cost ${cost}; 4 to ${bounds.bcryptCost} are taken over.` }
  // One and the same since 2014; the library knows it under two of its names.
  return { hash: text, check: (password) => fitsBcrypt(password, text.replace('$2y$', '$2b$')) }
}

function readShaCrypt(text: string): Outcome {
  const [, kind, typed, salt, key] =
    /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$:\n]{0,16})\$([./A-Za-z0-9]{43,86})$/.exec(text) ?? []
  if (!key || salt === undefined || key.length !== (kind === '5' ? 43 : 86))
    return { problem: `Its $${text[1]}$ hash is cut off or changed.` }
  // As crypt(3): fewer than 1000 are 1000.
  const rounds = typed === undefined ? defaultRounds : Math.max(1000, Number(typed))
  if (rounds > bounds.rounds)
    return { problem: `Its hash asks for ${num(rounds)} rounds; up to ${num(bounds.rounds)} are taken over.` }
  const name = kind === '5' ? 'sha256' : 'sha512'
  return {
    hash: text,
    check: async (password) => isSame(await shaCrypt(name, Buffer.from(password), Buffer.from(salt), rounds), key),
  }
}

function readMd5Crypt(text: string): Outcome {
  const [, magic, salt, key] = /^(\$1\$|\$apr1\$)([^$:\n]{0,8})\$([./A-Za-z0-9]{22})$/.exec(text) ?? []
  if (!magic || salt === undefined || !key) return { problem: 'Its MD5 crypt hash is cut off or changed.' }
  return {
    hash: text,
    check: async (password) => isSame(await md5Crypt(Buffer.from(password), Buffer.from(salt), magic), key),
  }
}

const isSame = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

/** Undefined when it is no base64; with or without the padding. */
function fromBase64(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/]{2,}={0,2}$/.test(text)) return undefined
  const value = Buffer.from(text, 'base64')
  return value.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '') ? value : undefined
}

/** Loaded when the first such hash comes: most nodes never see one. */
const fitsBcrypt = async (password: string, hash: string): Promise<boolean> =>
  (await import('bcrypt')).default.compare(password, hash)
