import { execFile } from 'node:child_process'
import type { Db } from '../store/db.ts'
import { allowed } from './places.ts'

/** What may be done here after a change. A word chooses one of these; no command ever comes over the wire. */
function commandOf(db: Db, afterwards: string): [string, string[]] | undefined {
  if (afterwards === 'reload-samba') return ['smbcontrol', ['smbd', 'reload-config']]
  if (afterwards === 'reload-nslcd') return ['systemctl', ['try-restart', 'nslcd.service']]
  const unit = afterwards.startsWith('unit:') ? afterwards.slice(5) : undefined
  return unit !== undefined && allowed(db).units.includes(unit)
    ? ['systemctl', ['try-reload-or-restart', '--', unit]]
    : undefined
}

/** Does it; what went wrong, as a sentence. */
export function doAfterwards(db: Db, afterwards: string): Promise<string | undefined> {
  if (afterwards === 'nothing') return Promise.resolve(undefined)
  const command = commandOf(db, afterwards)
  if (!command) return Promise.resolve(`The files are there, but “${afterwards}” is not allowed on this node any more.`)
  return new Promise((resolve) => {
    execFile(command[0], command[1], { timeout: 60_000 }, (error, _out, err) => {
      const why = err.trim().split('\n').at(-1) || (error && 'code' in error ? String(error.code) : '')
      resolve(
        error
          ? `The files are there, but ${command[0]} ${command[1].join(' ')} failed: ${why.replace(/\.$/, '')}. It is tried again after the next change.`
          : undefined,
      )
    })
  })
}
