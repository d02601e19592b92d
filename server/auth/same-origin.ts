import type { RequestHandler } from 'express'
import { Refused } from '../errors.ts'

const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses a request that changes something and does not come from our own pages. The browser says where it comes from
 * (Fetch Metadata); one that does not is judged by its Origin. Neither: refused. So no form needs a token.
 */
export const sameOrigin: RequestHandler = (req, _res, next) => {
  if (safe.has(req.method)) return next()
  const site = req.get('Sec-Fetch-Site')
  if (site ? site === 'same-origin' || site === 'none' : hostOf(req.get('Origin')) === req.get('Host')) return next()
  next(
    new Refused(
      'This form was not sent from a page of this node. Open the page again and send it from there.',
      'origin',
    ),
  )
}

function hostOf(origin: string | undefined): string | undefined {
  try {
    return origin ? new URL(origin).host : undefined
  } catch {
    return undefined
  }
}
