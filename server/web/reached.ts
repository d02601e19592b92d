import type { Request, Response } from 'express'
import { reachedBy } from '../replication/status.ts'
import { part } from './form.ts'
import { dbOf } from './node.ts'
import { render } from './render.ts'

/** Part of a toast: it asks again until every slave that answers has the change. */
export async function showReached(req: Request, res: Response): Promise<void> {
  const reached = await reachedBy(dbOf(req), Number(part(req, 'seq')) || 0)
  await render(req, res, 'devices/reached', { reached }, { part: 'devices/_reached' })
}
