import type { ErrorRequestHandler, Response } from 'express'
import { ZodError } from 'zod'
import { Invalid, messageOf, NotFound, ReadOnly, Refused, Unavailable } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Problem } from '../replication/wire.ts'

const refusedStatus: Record<string, number> = {
  credential: 401,
  key: 401,
  revoked: 403,
  'not-master': 409,
  cluster: 409,
  protocol: 426,
}

/** The domain's errors in the tongue of this face: problem details, RFC 9457. */
export function problemOf(error: unknown): Problem {
  const detail = messageOf(error)
  if (error instanceof Refused)
    return { status: refusedStatus[error.code] ?? 403, title: 'Refused', detail, code: error.code }
  if (error instanceof Invalid)
    return { status: 422, title: 'Not valid', detail, code: 'invalid', problems: error.problems }
  if (error instanceof NotFound) return { status: 404, title: 'Not found', detail, code: 'not-found' }
  if (error instanceof ReadOnly) return { status: 409, title: 'Read-only', detail, code: 'not-master' }
  if (error instanceof Unavailable)
    return { status: 503, title: 'Not now', detail, code: 'busy', retryAfter: error.retryAfterSeconds }
  if (error instanceof ZodError)
    return {
      status: 400,
      title: 'Bad request',
      detail: 'The request is not written as the protocol says.',
      code: 'request',
    }
  const status = (error as { status?: number }).status
  if (status !== undefined && status >= 400 && status < 500)
    return { status, title: 'Bad request', detail, code: 'request' }
  return { status: 500, title: 'Our error', detail: 'It is in the log of this node.', code: 'error' }
}

export function sendProblem(res: Response, problem: Problem): void {
  if (typeof problem.retryAfter === 'number') res.set('retry-after', String(problem.retryAfter))
  res.status(problem.status).type('application/problem+json').send(JSON.stringify(problem))
}

export const errorHandler =
  (log: Log): ErrorRequestHandler =>
  (error, req, res, next) => {
    const problem = problemOf(error)
    if (problem.status >= 500 && problem.code === 'error') log.error({ err: error, path: req.path }, 'a pull failed')
    if (res.headersSent) next(error)
    else sendProblem(res, problem)
  }
