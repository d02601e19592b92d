import { setTimeout as wait } from 'node:timers/promises'
import type { Chain } from '../store/audit-chain.ts'
import type { Db } from '../store/db.ts'
import { verifyAudit } from './audit.ts'

/** What this node knows of its chain since it was started. */
export type ChainCheck = {
  /** A check that is under way: rows proved so far, of how many. */
  running?: { rows: number; of: number }
  last?: Chain & { at: string }
}

type Check = ChainCheck & { end?: Promise<void> }
const checks = new WeakMap<Db, Check>()

const shortMs = 100

/** The last check of the chain; the first question begins one, and waits the little while that a short record takes. */
export async function chainCheck(db: Db): Promise<ChainCheck> {
  const check = checks.get(db) ?? checkChain(db)
  if (check.running) await Promise.race([check.end, wait(shortMs)])
  return check
}

/** Walks the chain in the background, in slices, unless that is under way already. */
export function checkChain(db: Db): Check {
  const check = checks.get(db) ?? {}
  checks.set(db, check)
  if (check.running) return check
  const running = { rows: 0, of: db.audit.rows }
  check.running = running
  check.end = verifyAudit(db, (rows) => {
    running.rows = rows
  })
    .then((chain) => {
      check.last = { ...chain, at: new Date().toISOString() }
    })
    // The store was closed meanwhile; the next question begins again.
    .catch(() => {})
    .finally(() => {
      delete check.running
    })
  return check
}
