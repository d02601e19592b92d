import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { readPrivate, removePrivate, writePrivate } from '../store/files.ts'

const credentialFile = (dir: string) => join(dir, 'device-credential')

/** Older ones stay, for a master that was restored from a backup, or promoted before it heard of the latest: a year of them. */
const keptAtMost = 13

/** What the master keeps of one, `<deviceId>.<token>`: SHA-256 of the token, hex. It has 256 random bits, so no slow hash is needed. */
export const credentialHash = (credential: string): string =>
  createHash('sha256')
    .update(credential.slice(credential.lastIndexOf('.') + 1))
    .digest('hex')

/** What the master has said it does not know, or has not been told yet. Which that is may change, so it is not written down. */
const strange = new Set<string>()

/**
 * A slave's own credentials, the newest first, in a file outside the database: backups copy the database. Empty: it has not
 * joined.
 */
export const readCredentials = (dir: string): string[] =>
  readPrivate(credentialFile(dir))?.split('\n').filter(Boolean) ?? []

/** The one to ask with: the newest that the master knows, as far as that was found out. */
export function readCredential(dir: string): string | undefined {
  const all = readCredentials(dir)
  return all.find((one) => !strange.has(one)) ?? all[0]
}

/** The master does not know this one. True when there is another to try; once all were tried it begins with the newest again. */
export function refuseCredential(dir: string, credential: string): boolean {
  strange.add(credential)
  const all = readCredentials(dir)
  if (all.some((one) => !strange.has(one))) return true
  for (const one of all) strange.delete(one)
  return false
}

/** The master knows it now. */
export const acceptCredential = (credential: string): void => void strange.delete(credential)

export const keepCredential = (dir: string, credential: string): void => write(dir, [credential])

/** A newer one, that the master is to be told of. */
export function addCredential(dir: string, credential: string): void {
  strange.add(credential)
  write(dir, [credential, ...readCredentials(dir)].slice(0, keptAtMost))
}

export const dropCredential = (dir: string, credential: string): void =>
  write(
    dir,
    readCredentials(dir).filter((one) => one !== credential),
  )

export const forgetCredential = (dir: string): void => removePrivate(credentialFile(dir))

/** When the newest was made, in milliseconds since 1970. */
export const credentialMade = (dir: string): number => statSync(credentialFile(dir)).mtimeMs

const write = (dir: string, credentials: readonly string[]): void =>
  writePrivate(credentialFile(dir), credentials.map((one) => `${one}\n`).join(''))
