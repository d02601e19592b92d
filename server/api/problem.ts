import { z } from 'zod'
import { Invalid, messageOf, NotFound, type Problems, ReadOnly, Refused, Unavailable } from '../errors.ts'

/** RFC 9457. `code` is the word that machines read. */
export type Problem = {
  type: 'about:blank'
  status: number
  title: string
  detail: string
  code: string
  problems?: Problems
  master?: string
  retryAfterSeconds?: number
}

export const problemType = 'application/problem+json'

const problem = (
  status: number,
  title: string,
  code: string,
  error: unknown,
  more: Partial<Problem> = {},
): Problem => ({
  type: 'about:blank',
  status,
  title,
  detail: messageOf(error),
  code,
  ...more,
})

/** How an error is told over the socket. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Invalid) return problem(422, 'Not valid', 'invalid', error, { problems: error.problems })
  if (error instanceof NotFound) return problem(404, 'Not found', 'not-found', error)
  if (error instanceof ReadOnly) return problem(409, 'Read only', 'read-only', error, { master: error.master })
  if (error instanceof Refused) return problem(403, 'Refused', error.code, error)
  if (error instanceof Unavailable)
    return problem(503, 'Not now', 'unavailable', error, { retryAfterSeconds: error.retryAfterSeconds })
  if (error instanceof z.ZodError)
    return problem(400, 'Not understood', 'arguments', z.prettifyError(error).replaceAll('\n', ' '))
  const { status } = error as { status?: unknown }
  if (typeof status === 'number' && status >= 400 && status < 500)
    return problem(status, 'Not understood', 'request', error)
  return problem(500, 'Failed', 'failed', error)
}

/** The other way: the same error for the caller, whichever side of the socket it happened on. */
export function errorOf(problem: Problem): Error {
  if (problem.code === 'invalid') return new Invalid(problem.problems ?? { '': problem.detail })
  if (problem.code === 'not-found') return new NotFound(problem.detail)
  if (problem.code === 'read-only') return new ReadOnly(problem.master ?? 'the master')
  if (problem.code === 'unavailable') return new Unavailable(problem.detail, problem.retryAfterSeconds)
  return problem.status === 403 ? new Refused(problem.detail, problem.code) : new Error(problem.detail)
}
