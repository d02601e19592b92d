import type { Request, Response } from 'express'
import { dbOf } from './node.ts'

/** For whoever watches this node: no names, no secrets, no sign-in. */
export function showHealth(req: Request, res: Response): void {
  const { local, position } = dbOf(req)
  res.set('Cache-Control', 'no-store').json({ ok: true, mode: local.mode ?? null, seq: position.seq })
}
