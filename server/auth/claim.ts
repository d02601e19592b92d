import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { readPrivate, removePrivate, writePrivate } from '../store/files.ts'

const fileOf = (dir: string): string => join(dir, 'claim-code')

/** The one-time code that lets a browser set up a fresh node. Made when missing; only the owner of the files can read it. */
export function claimCode(dir: string): string {
  const kept = readPrivate(fileOf(dir))?.trim()
  if (kept) return kept
  const code = newCode()
  writePrivate(fileOf(dir), `${code}\n`)
  return code
}

/** Is this the code? Judged in constant time; case, spaces and dashes do not matter. */
export function checkClaimCode(dir: string, typed: string): boolean {
  const kept = readPrivate(fileOf(dir))
  if (!kept) return false
  const digest = (text: string): Buffer => hash('sha256', text.toUpperCase().replace(/[\s-]/g, ''), 'buffer')
  return timingSafeEqual(digest(kept), digest(typed))
}

export const forgetClaimCode = (dir: string): void => removePrivate(fileOf(dir))

/** 60 random bits without letters that are taken for others, as in 7K3F-92QX-4MTC. */
function newCode(): string {
  const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
  const text = Array.from(randomBytes(12), (byte) => alphabet[byte & 31]).join('')
  return `${text.slice(0, 4)}-${text.slice(4, 8)}-${text.slice(8)}`
}
