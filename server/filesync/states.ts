import { z } from 'zod'
import type { Db } from '../store/db.ts'

/** How a set is on one node, as it says itself. */
const setState = z.object({
  set: z.string().max(36),
  state: z.enum(['equal', 'coming', 'trouble', 'no-place']),
  files: z.number().int().min(0),
  /** Still to come. */
  missing: z.number().int().min(0),
  bytes: z.number().min(0),
  done: z.number().min(0),
  /** The change up to which it holds everything. */
  seq: z.number().int().min(0),
  problem: z.string().max(400).optional(),
  /** Files that were changed on the node and are left so. */
  edited: z.number().int().min(0),
})

export type SetState = z.output<typeof setState>

export const freshState = (set: string): SetState => ({
  set,
  state: 'coming',
  files: 0,
  missing: 0,
  bytes: 0,
  done: 0,
  seq: 0,
  edited: 0,
})

export const statesShape = z.object({
  sets: z.array(setState).max(200),
  sealing: z.object({ key: z.string().max(120), names: z.array(z.string().max(253)).max(64) }).optional(),
})

export type States = z.output<typeof statesShape>

const own = new WeakMap<Db, Map<string, SetState>>()
const told = new WeakMap<Db, Map<string, { at: string; sets: SetState[] }>>()

/** How the sets are on this node, by set id; live. */
export function ownStates(db: Db): Map<string, SetState> {
  const known = own.get(db) ?? new Map()
  own.set(db, known)
  return known
}

/** What slaves have said since this process began, by Device ID. */
export function toldStates(db: Db): Map<string, { at: string; sets: SetState[] }> {
  const known = told.get(db) ?? new Map()
  told.set(db, known)
  return known
}
