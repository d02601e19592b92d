import type { Request } from 'express'
import type { Db } from '../store/db.ts'
import { dbOf } from './node.ts'

/** So many people have something kept at once; who began first loses it first. */
const most = 8

/** Keeps one thing of each person in memory for a while: what may hold passwords, and what is nobody else's business. */
export function keptFor<T>(ms: number) {
  const all = new WeakMap<Db, Map<string, { value: T; timer: NodeJS.Timeout }>>()
  const mine = (req: Request) => {
    const kept = all.get(dbOf(req)) ?? new Map<string, { value: T; timer: NodeJS.Timeout }>()
    all.set(dbOf(req), kept)
    return kept
  }
  const who = (req: Request): string => req.user?.id ?? ''
  const drop = (kept: ReturnType<typeof mine>, id: string): void => {
    clearTimeout(kept.get(id)?.timer)
    kept.delete(id)
  }
  return {
    get: (req: Request): T | undefined => mine(req).get(who(req))?.value,
    set: (req: Request, value: T): void => {
      const kept = mine(req)
      const id = who(req)
      drop(kept, id)
      kept.set(id, { value, timer: setTimeout(() => drop(kept, id), ms).unref() })
      for (const other of kept.keys()) if (kept.size > most) drop(kept, other)
    },
    drop: (req: Request): void => drop(mine(req), who(req)),
  }
}
