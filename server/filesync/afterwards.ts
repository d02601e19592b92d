import { execFile } from 'node:child_process'
import type { Db } from '../store/db.ts'
import { keepOwed, type Place, placeOf } from '../store/file-places.ts'
import { allowed } from './places.ts'

type Command = { program: string; args: string[] }
type Try = { command: string; problem: string; waitMs: number; nextAt: number }

const firstWaitMs = 2000
const maxWaitMs = 60_000

/** Written down before files change: a process that ends between the change and what follows it still owes that. */
export async function oweAfterwards(db: Db, place: Place): Promise<void> {
  if (place.isOwed || place.afterwards === 'nothing') return
  await keepOwed(db.writer, place.setId, true)
}

/** Does what is owed after changes, again and again until it succeeds. The answer is what went wrong, as a sentence. */
export function createAfterwards(db: Db, kick: () => void) {
  const tries = new Map<string, Try>()

  return async (before: Place, hasChanged: boolean): Promise<string | undefined> => {
    const { setId } = before
    const place = await placeOf(db.reader, setId)
    const problem = place?.isOwed && (hasChanged || before.isOwed) ? await attempt(place, hasChanged) : undefined
    if (problem !== undefined) return problem
    tries.delete(setId)
    if (place?.isOwed) await keepOwed(db.writer, setId, false)
    return undefined
  }

  async function attempt({ setId, afterwards }: Place, isNew: boolean): Promise<string | undefined> {
    if (afterwards === 'nothing') return undefined
    const command = commandOf(db, afterwards)
    if (!command) return `The files are there, but “${afterwards}” is not allowed on this node any more.`
    const words = [command.program, ...command.args].join(' ')
    const last = tries.get(setId)
    const isAgain = !isNew && last?.command === words
    if (isAgain && performance.now() < last.nextAt) return last.problem
    const why = await run(command)
    if (why === undefined) return undefined
    const problem = `The files are there, but ${words} failed: ${why.replace(/\.$/, '')}. It is tried again by itself.`
    const waitMs = isAgain ? Math.min(2 * last.waitMs, maxWaitMs) : firstWaitMs
    tries.set(setId, { command: words, problem, waitMs, nextAt: performance.now() + waitMs })
    setTimeout(kick, waitMs).unref()
    return problem
  }
}

/** What may be done here after a change. A word chooses one of these; no command ever comes over the wire. */
function commandOf(db: Db, afterwards: string): Command | undefined {
  if (afterwards === 'reload-samba') return { program: 'smbcontrol', args: ['smbd', 'reload-config'] }
  if (afterwards === 'reload-nslcd') return { program: 'systemctl', args: ['try-restart', 'nslcd.service'] }
  const unit = afterwards.startsWith('unit:') ? afterwards.slice(5) : undefined
  return unit !== undefined && allowed(db).units.includes(unit)
    ? { program: 'systemctl', args: ['try-reload-or-restart', '--', unit] }
    : undefined
}

const run = ({ program, args }: Command): Promise<string | undefined> =>
  new Promise((resolve) => {
    execFile(program, args, { timeout: 60_000 }, (error, _out, err) => {
      const why = err.trim().split('\n').at(-1) || (error && 'code' in error ? String(error.code) : '')
      resolve(error ? why : undefined)
    })
  })
