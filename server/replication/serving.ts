import type { Db } from '../store/db.ts'
import type { Worker } from './worker.ts'

type Served = { startedAt: string; worker: Worker; webUrl?: string; ldapUrl?: string }

const running = new WeakMap<Db, Served>()

/** The process tells what serves this store, and since when. */
export const servedBy = (db: Db, worker: Worker, at: { webUrl?: string; ldapUrl?: string } = {}): void =>
  void running.set(db, { startedAt: new Date().toISOString(), worker, ...at })

/** Where programs on this machine reach LDAP in the clear; undefined while they do not. */
export const ldapHere = (db: Db): string | undefined => running.get(db)?.ldapUrl

export const workerOf = (db: Db): Worker | undefined => running.get(db)?.worker

/** Where this process has the pages; undefined while it has none. */
export const pagesAt = (db: Db): string | undefined => running.get(db)?.webUrl

/** ISO 8601; undefined while no process serves this store. */
export const servedSince = (db: Db): string | undefined => running.get(db)?.startedAt
