import { closeSync, openSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/** A path that a Unix socket can have. `done` after the last use: a long path is reached through an open directory. */
export function socketPath(path: string): { path: string; done: () => void } {
  // sun_path holds 108 bytes with its final zero; other systems have 104.
  if (Buffer.byteLength(path) < 104) return { path, done: () => {} }
  if (process.platform !== 'linux')
    throw new Error(`The path ${path} is too long for a socket. Choose a shorter data directory.`)
  const folder = openSync(dirname(path), 'r')
  return { path: `/proc/self/fd/${folder}/${basename(path)}`, done: () => closeSync(folder) }
}
