import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { messageOf } from '../errors.ts'

/** Writes a file that only its owner may read: beside it first, synced, then renamed, so a reader sees old or new. */
export function writePrivate(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(4).toString('hex')}`
  const file = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

export const readPrivate = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, 'utf8') : undefined

export const removePrivate = (path: string): void => rmSync(path, { force: true })

/** A random key that is made once and kept in a file of its own, outside the database and its backups. */
export function keptKey(dir: string, name: string, bytes = 32): Buffer {
  const path = join(dir, name)
  const kept = readPrivate(path)
  if (kept) return Buffer.from(kept.trim(), 'hex')
  const key = randomBytes(bytes)
  writePrivate(path, `${key.toString('hex')}\n`)
  return key
}

/** The data directory, 0700, made when missing. */
export function openFolder(dir: string): void {
  try {
    // Not recursive below a folder that exists: where nothing can be made (/proc), Node would try for ever.
    if (!existsSync(dir)) mkdirSync(dir, { recursive: !existsSync(dirname(dir)), mode: 0o700 })
    chmodSync(dir, 0o700)
    const probe = join(dir, `.probe-${randomBytes(4).toString('hex')}`)
    closeSync(openSync(probe, 'wx', 0o600))
    rmSync(probe)
  } catch (error) {
    throw new Error(`The data directory ${dir} cannot be written: ${messageOf(error)}`)
  }
}
