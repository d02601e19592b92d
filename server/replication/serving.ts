import type { Db } from '../store/db.ts'
import type { Worker } from './worker.ts'

type Served = { startedAt: string; worker: Worker; webUrl?: string; ldapUrl?: string; syncPort?: number }

const running = new WeakMap<Db, Served>()

/** The process tells what serves this store, and since when. */
export const servedBy = (db: Db, worker: Worker, at: Pick<Served, 'webUrl' | 'ldapUrl' | 'syncPort'> = {}): void =>
  void running.set(db, { startedAt: new Date().toISOString(), worker, ...at })

/** Where programs on this machine reach LDAP in the clear; undefined while they do not. */
export const ldapHere = (db: Db): string | undefined => running.get(db)?.ldapUrl

export const workerOf = (db: Db): Worker | undefined => running.get(db)?.worker

/** Where this process has the pages; undefined while it has none. */
export const pagesAt = (db: Db): string | undefined => running.get(db)?.webUrl

/** Where this node answers slaves as master, or would if it were one; undefined while no process serves it. */
export const syncPortOf = (db: Db): number | undefined => running.get(db)?.syncPort

/** ISO 8601; undefined while no process serves this store. */
export const servedSince = (db: Db): string | undefined => running.get(db)?.startedAt
