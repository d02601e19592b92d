import type { Logger } from 'pino'
import { onUntold, stillUntold, takeUntold } from '../accounts/sign-ins.ts'
import type { Db } from '../store/db.ts'
import { askMaster, masterLine } from './connection.ts'
import { workerOf } from './serving.ts'

const lookEveryMs = 2000
const patienceMs = 10_000

/**
 * Tells the master of each wrong password at this slave, at once: the tries at all sites count together there. What could not
 * be told is told when the line is back, and everything is once more to a master that may have begun anew.
 */
export function tellWrongPasswords(db: Db, log: Logger): { close: () => Promise<void> } {
  const toMaster = masterLine(db)
  let telling: Promise<void> | undefined
  let again = false
  let toldSince: string | undefined
  let closed = false

  async function tell(): Promise<void> {
    const line = workerOf(db)?.line
    if (closed || db.local.mode !== 'slave' || !line?.reachable) return
    const all = toldSince !== line.since
    const people = await takeUntold(db, all)
    if (people.length === 0) {
      toldSince = line.since
      return
    }
    try {
      const signal = AbortSignal.timeout(patienceMs)
      const { body } = await askMaster(toMaster.open(), '/v1/sign-ins', { method: 'POST', json: { people }, signal })
      body.resume()
      toldSince = line.since
    } catch (error) {
      stillUntold(db, people)
      log.debug({ err: error }, 'wrong passwords could not be told to the master yet')
    }
  }

  /** Never two at once: the later one says more. */
  function run(): void {
    if (telling) {
      again = true
      return
    }
    telling = tell()
      .catch((error) => log.warn({ err: error }, 'wrong passwords were not told to the master'))
      .finally(() => {
        telling = undefined
        if (again) {
          again = false
          run()
        }
      })
  }

  onUntold(db, run)
  const timer = setInterval(run, lookEveryMs)
  timer.unref()
  return {
    close: async () => {
      closed = true
      clearInterval(timer)
      await telling
      await toMaster.close()
    },
  }
}
