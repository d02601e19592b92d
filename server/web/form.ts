import type { Request, RequestHandler } from 'express'
import { Invalid, type Problems } from '../errors.ts'

/** What a form sent, as text. A name that came twice is refused unless it is read as a list. */
export type Form = { text: (name: string) => string; list: (name: string) => string[]; has: (name: string) => boolean }

export function formOf(req: Request): Form {
  const body: Record<string, unknown> = req.body ?? {}
  return {
    has: (name) => body[name] !== undefined,
    text: (name) => {
      const value = body[name] ?? ''
      if (typeof value !== 'string')
        throw new Invalid({ [name]: `This form sent “${name}” more than once. Open the page again.` })
      return value
    },
    list: (name) => {
      const value = body[name] ?? []
      return (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === 'string')
    },
  }
}

/** Refuses a body that no form of a browser has: it would not be read, and the request be taken for an empty form. */
export const formsOnly: RequestHandler = (req, _res, next) => {
  const hasBody = Number(req.get('content-length') ?? 0) > 0 || req.get('transfer-encoding') !== undefined
  next(
    hasBody && !req.is(['urlencoded', 'multipart']) ? Object.assign(new Error('no form'), { status: 415 }) : undefined,
  )
}

/** Yes or no. A switch that says neither is left as it is. */
export function typedSwitch(form: Form, name: string): boolean {
  const typed = form.text(name)
  if (typed !== 'yes' && typed !== 'no') throw new Invalid({ [name]: `“${name}” must be yes or no.` })
  return typed === 'yes'
}

/** The seq of what the form was filled from; 0: it was not changed yet. */
export const seqIn = (form: Form): number | undefined =>
  /^\d{1,15}$/.test(form.text('seq')) ? Number(form.text('seq')) : undefined

/** One value of the address; '' when it is not there. */
export function asked(req: Request, name: string): string {
  const value = req.query[name]
  return typeof value === 'string' ? value : ''
}

/** One of `allowed`, or nothing. Throws for anything else: no page of ours asks so. */
export function askedOne<T extends string>(req: Request, name: string, allowed: readonly T[]): T | undefined {
  const value = asked(req, name)
  const found = allowed.find((one) => one === value)
  if (value !== '' && found === undefined)
    throw Object.assign(new Error(`“${name}” must be one of: ${allowed.join(', ')}.`), { status: 400 })
  return found
}

export function askedPage(req: Request): number {
  const page = Number(asked(req, 'page'))
  return Number.isSafeInteger(page) && page > 0 ? page : 1
}

export const pageSize = 50

/** The page that is asked for; the last one when the list has become shorter than that. */
export async function pageAsked<P extends { page: number; pages: number }>(
  req: Request,
  list: (page: number) => Promise<P>,
): Promise<P> {
  const found = await list(askedPage(req))
  return found.page > found.pages ? list(found.pages) : found
}

/** One part of the path. */
export const part = (req: Request, name: string): string => String(req.params[name] ?? '')

/** The sentences of a problem; anything else is not for the form. */
export function problemsOf(error: unknown): Problems {
  if (error instanceof Invalid) return error.problems
  throw error
}

/** What a summary links to: each problem with the id of its field. */
export const fieldId = (name: string): string => `f-${name.replaceAll('.', '-')}`
