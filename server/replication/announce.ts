import { setTimeout as wait } from 'node:timers/promises'
import { thisNode } from '../audit/actor.ts'
import type { Log } from '../log.ts'
import { readCa } from '../mode/certificates.ts'
import type { Db } from '../store/db.ts'
import { commit } from '../store/write.ts'
import { askMaster, MasterRefused, openConnection, standing } from './connection.ts'

const firstMs = 250
const mostMs = 30_000

/**
 * A new master looks for those before it until each knows: it asks as the slave that it was, with the newer epoch that the
 * cluster's key has signed, and where it answers itself.
 */
export function createAnnouncer(db: Db, syncPort: () => number | undefined, log: Log) {
  let halt: AbortController | undefined
  let running: Promise<void> | undefined

  async function run(signal: AbortSignal): Promise<void> {
    for (let pause = firstMs; isWanted() && !signal.aborted; pause = Math.min(pause * 2, mostMs)) {
      const port = syncPort()
      for (const url of port === undefined ? [] : (db.local.oldMasters ?? [])) {
        if (!(await tell(db, url, port as number, signal))) continue
        log.info({ oldMaster: url }, 'a former master knows that this node is master now')
        const others = (db.local.oldMasters ?? []).filter((one) => one !== url)
        await commit(db, thisNode, async (change) => change.local({ oldMasters: others }))
      }
      if (isWanted()) await wait(pause, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  const isWanted = () => db.local.mode === 'master' && !db.local.newer && (db.local.oldMasters ?? []).length > 0

  return {
    start: () => {
      if (running || !isWanted()) return
      halt = new AbortController()
      running = run(halt.signal)
        .catch((error) => log.warn({ err: error }, 'former masters were not told'))
        .finally(() => {
          running = undefined
        })
    },
    stop: async () => {
      halt?.abort()
      await running
    },
  }
}

/** True when it knows: it then sends everybody to the newer master. */
async function tell(db: Db, url: string, port: number, signal: AbortSignal): Promise<boolean> {
  const connection = openConnection(url, readCa(db.dir) ?? '', db.position.clusterId, db.dir)
  try {
    const { body } = await askMaster(
      connection,
      `/v1/changes?${await standing(db)}&wait=0&port=${port}&name=${encodeURIComponent(db.local.name)}`,
      { signal },
    )
    body.destroy()
    return false
  } catch (error) {
    return error instanceof MasterRefused && error.code === 'moved'
  } finally {
    await connection.agent.destroy().catch(() => {})
  }
}
