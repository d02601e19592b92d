import { join } from 'node:path'
import { readPrivate, removePrivate, writePrivate } from '../store/files.ts'

const credentialFile = (dir: string) => join(dir, 'device-credential')

/** A slave's own credential, in a file outside the database: backups copy the database. */
export const readCredential = (dir: string): string | undefined => readPrivate(credentialFile(dir))?.trim()

export const keepCredential = (dir: string, credential: string): void =>
  writePrivate(credentialFile(dir), `${credential}\n`)

export const forgetCredential = (dir: string): void => removePrivate(credentialFile(dir))
