import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'

/** What caller and node agree on. */
export const lines = 'application/x-ndjson'

/** Who types the command, percent-encoded; told by the caller, who must be the owner of the socket to call at all. */
export const callerHeader = 'account-sync-caller'

/** Where the node listens for commands. `done` after the last use: a long path is reached through an open directory. */
export function socketPath(dir: string): { path: string; done: () => void } {
  const path = join(dir, 'admin.sock')
  // sun_path holds 108 bytes with its final zero; other systems have 104.
  if (Buffer.byteLength(path) < 104) return { path, done: () => {} }
  if (process.platform !== 'linux')
    throw new Error(`The path ${path} is too long for a socket. Choose a shorter data directory.`)
  const folder = openSync(dir, 'r')
  return { path: `/proc/self/fd/${folder}/admin.sock`, done: () => closeSync(folder) }
}
