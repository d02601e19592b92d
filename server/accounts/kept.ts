import type { Db } from '../store/db.ts'

/** Reads once and keeps the answer until the store moves: several pages ask for the same counts of everybody. */
export function untilNextChange<T>(read: (db: Db) => Promise<T>): (db: Db) => Promise<T> {
  const known = new WeakMap<Db, { at: string; answer: Promise<T> }>()
  return (db) => {
    const at = `${db.position.epochId}:${db.position.seq}`
    const kept = known.get(db)
    if (kept?.at === at) return kept.answer
    const answer = read(db)
    known.set(db, { at, answer })
    answer.catch(() => known.delete(db))
    return answer
  }
}
