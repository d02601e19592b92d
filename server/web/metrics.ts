import type { Request, Response } from 'express'
import { isLoopback } from '../config.ts'
import { Refused } from '../errors.ts'
import { dbOf } from './node.ts'

/** For the monitoring agent on this machine. The figures name nobody, but are nobody else's business either. */
export async function showMetrics(req: Request, res: Response): Promise<void> {
  const address = (req.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
  if (!isLoopback(address)) throw new Refused('Metrics are given to this machine itself only.', 'address')
  const { metricsText, metricsType } = await import('../metrics.ts')
  res
    .type(metricsType)
    .set('Cache-Control', 'no-store')
    .send(await metricsText(dbOf(req)))
}
