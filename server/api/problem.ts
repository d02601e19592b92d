import { STATUS_CODES } from 'node:http'
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

/** What is wrong with the request itself, before anything is asked of the accounts. */
export class RequestProblem extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Record<string, string>
  constructor(status: number, code: string, message: string, headers: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

/** How an error is told over the socket and by the API. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Invalid) return problem(422, 'Not valid', 'invalid', error, { problems: error.problems })
  if (error instanceof NotFound) return problem(404, 'Not found', 'not-found', error)
  if (error instanceof ReadOnly) return problem(409, 'Read only', 'read-only', error, { master: error.master })
  if (error instanceof Refused) return problem(403, 'Refused', error.code, error)
  if (error instanceof Unavailable)
    return problem(503, 'Not now', 'unavailable', error, { retryAfterSeconds: error.retryAfterSeconds })
  if (error instanceof RequestProblem)
    return problem(error.status, STATUS_CODES[error.status] ?? 'Not understood', error.code, error)
  if (error instanceof z.ZodError) {
    const problems = misfits(error.issues)
    const detail = Object.entries(problems).map(([where, sentence]) => (where ? `${where}: ${sentence}` : sentence))
    return problem(400, 'Not understood', 'arguments', detail.join(' '), { problems })
  }
  const { status } = error as { status?: unknown }
  if (typeof status === 'number' && status >= 400 && status < 500)
    return problem(status, 'Not understood', 'request', error)
  return problem(500, 'Failed', 'failed', error)
}

/** What does not fit a schema: path -> sentence. */
function misfits(issues: readonly z.core.$ZodIssue[]): Problems {
  const problems: Problems = {}
  for (const issue of issues.slice(0, 20)) {
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys.slice(0, 20)) problems[[...issue.path, key].join('.')] = 'There is no such member.'
    else problems[issue.path.join('.')] ??= misfit(issue)
  }
  return problems
}

const kindWords: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}

function misfit(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.message.endsWith('received undefined')
        ? 'It is needed.'
        : `It must be ${kindWords[issue.expected] ?? issue.expected}.`
    case 'invalid_value':
      return `It must be one of: ${issue.values.map(String).join(', ')}.`
    case 'too_big':
      return `It must not be more than ${issue.maximum}${issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : ''}.`
    case 'too_small':
      if (issue.inclusive === false) return `It must be more than ${issue.minimum}.`
      return `It must be at least ${issue.minimum}${issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : ''}.`
    default:
      return 'It is not of a kind that can stand here.'
  }
}

/** The other way: the same error for the caller, whichever side of the socket it happened on. */
export function errorOf(problem: Problem): Error {
  if (problem.code === 'invalid') return new Invalid(problem.problems ?? { '': problem.detail })
  if (problem.code === 'not-found') return new NotFound(problem.detail)
  if (problem.code === 'read-only') return new ReadOnly(problem.master ?? 'the master', problem.detail)
  if (problem.code === 'unavailable') return new Unavailable(problem.detail, problem.retryAfterSeconds)
  return problem.status === 403 ? new Refused(problem.detail, problem.code) : new Error(problem.detail)
}
