import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs'
import { netlogonFolder } from '../samba/setup/conf.ts'
import { call } from './call.ts'

// The folder of logon scripts, which Samba shares at every site, holds the file set “netlogon” of the master.

const name = 'netlogon'

/** Whether the folder already holds the set. A slave that does not know the set yet has nothing to do. */
export async function sharesScripts(data: string, isSlave: boolean): Promise<boolean> {
  const set = (await call(data, 'file-set-list', {})).find(({ kind }) => kind === name)
  return set ? set.place !== null : isSlave
}

/** The node writes there, and is not root. */
export function makeScriptFolder(data: string): void {
  const { uid, gid } = statSync(data)
  mkdirSync(netlogonFolder, { recursive: true })
  // Whoever signs in reads it, whatever the umask of this program is.
  chmodSync(netlogonFolder, 0o755)
  chownSync(netlogonFolder, uid, gid)
}

/** Has the folder hold the set; the master makes the set. */
export async function shareScripts(data: string, isSlave: boolean): Promise<void> {
  const [own = '', ...roots] = (await call(data, 'file-allowed-show', {})).roots
  if (![own, ...roots].includes(netlogonFolder))
    await call(data, 'file-allowed-change', { roots: [...roots, netlogonFolder] })
  let set = (await call(data, 'file-set-list', {})).find(({ kind }) => kind === name)
  if (!set && !isSlave) set = await call(data, 'file-set-add', { name, kind: name })
  if (set && !set.place) await call(data, 'file-place-set', { set: set.name, dir: netlogonFolder })
}
