import { randomBytes } from 'node:crypto'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import { Invalid, messageOf, NotFound, ReadOnly, Refused, Unavailable } from '../errors.ts'
import { nodeOf } from './node.ts'
import { render } from './render.ts'

type Answer = { status: number; title: string; text: string; retryAfter?: number; id?: string }

/** The one place where errors become pages. */
export const answerError: ErrorRequestHandler = async (error, req, res, next) => {
  if (res.headersSent) return next(error)
  const answer = answerOf(error)
  const { log } = nodeOf(req)
  if (answer.id)
    log.error({ err: error, id: answer.id, method: req.method, path: pathToLog(req.path) }, 'a page could not be made')
  if (answer.retryAfter) res.set('Retry-After', String(answer.retryAfter))
  try {
    await render(
      req,
      res,
      'errors/show',
      { ...answer, code: answer.status },
      { status: answer.status, part: 'errors/_show' },
    )
  } catch (second) {
    log.error({ err: second, id: answer.id }, 'not even the error page could be made')
    res.status(answer.status).type('text').send(`${answer.title}. ${answer.text}\n`)
  }
}

/** A first-password link stands in the address of its page. */
const pathToLog = (path: string): string => path.replace(/^(\/welcome\/).+/i, '$1…')

export const answerNotFound: RequestHandler = (_req, _res, next) =>
  next(new NotFound('There is no page at this address.'))

function answerOf(error: unknown): Answer {
  if (error instanceof NotFound)
    return { status: 404, title: 'Not found', text: messageOf(error) || 'It may have been removed.' }
  if (error instanceof ReadOnly) return { status: 409, title: 'Changes are made on the master', text: error.message }
  if (error instanceof Refused) return { status: 403, title: 'Not allowed', text: error.message }
  if (error instanceof Invalid) return { status: 422, title: 'Not done', text: error.message }
  if (error instanceof Unavailable) {
    return { status: 503, title: 'Not now', text: error.message, retryAfter: error.retryAfterSeconds }
  }
  const { status } = error as { status?: unknown }
  if (typeof status === 'number' && status >= 400 && status < 500) return { status, ...requestProblems(status) }
  return { status: 500, title: 'This page could not be made', text: '', id: `e-${randomBytes(3).toString('hex')}` }
}

type Words = Pick<Answer, 'title' | 'text'>

const requestWords: Record<number, Words> = {
  413: { title: 'Too much at once', text: 'What was sent is larger than this page takes.' },
  415: { title: 'Not understood', text: 'This page takes forms as a browser sends them, and nothing else.' },
}

const requestProblems = (status: number): Words =>
  requestWords[status] ?? { title: 'Not understood', text: 'The request is not written as a browser would write it.' }
