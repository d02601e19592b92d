import type { Chain } from '../store/audit-chain.ts'
import type { Db } from '../store/db.ts'
import { verifyAudit } from './audit.ts'

/** What this node knows of its chain since it was started. */
export type ChainCheck = {
  /** A check that is under way: rows proved so far, of how many. */
  running?: { rows: number; of: number }
  last?: Chain & { at: string }
}

const checks = new WeakMap<Db, ChainCheck>()

/** The last check of the chain; the first question begins one. */
export function chainCheck(db: Db): ChainCheck {
  const check = checks.get(db)
  if (check) return check
  checkChain(db)
  return checks.get(db) as ChainCheck
}

/** Walks the chain in the background, in slices, unless that is under way already. */
export function checkChain(db: Db): void {
  const check = checks.get(db) ?? {}
  checks.set(db, check)
  if (check.running) return
  const running = { rows: 0, of: db.audit.rows }
  check.running = running
  verifyAudit(db, (rows) => {
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
}
