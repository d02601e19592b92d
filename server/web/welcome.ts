import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { invitedBy } from '../accounts/invitations.ts'
import { policyOf } from '../accounts/policies.ts'
import { countWrongTry, refuseWhenUsedUp } from '../auth/rate-limits.ts'
import { Invalid, type Problems, Refused } from '../errors.ts'
import { doByLink } from './act.ts'
import { formOf, part } from './form.ts'
import { dbOf, nodeOf } from './node.ts'
import { twice } from './password.ts'
import { shownRules } from './policy-rules.ts'
import { redirect, render } from './render.ts'

/** The address holds a secret: nobody may try many, and (headers.ts) no other site is told of it. */
export const guardWelcome: RequestHandler = async (req, res, next) => {
  res.set('X-Robots-Tag', 'noindex')
  await refuseWhenUsedUp(nodeOf(req).limits.welcome, req.ip ?? '')
  next()
}

/** Where a first-password link leads. */
export async function showWelcome(req: Request, res: Response, next: NextFunction): Promise<void> {
  await showLink(req, res, next)
}

async function showLink(req: Request, res: Response, next: NextFunction, problems: Problems = {}): Promise<void> {
  const db = dbOf(req)
  const secret = part(req, 'secret')
  try {
    const { body, until } = await invitedBy(db, secret)
    const policy = await policyOf(db, body)
    const rules = shownRules(policy)
    const data = { user: body, until, rules, problems, path: `/welcome/${encodeURIComponent(secret)}` }
    await render(req, res, 'welcome/show', data, { status: Object.keys(problems).length > 0 ? 422 : 200 })
  } catch (error) {
    await showDead(req, res, next, error)
  }
}

export async function saveWelcome(req: Request, res: Response, next: NextFunction): Promise<void> {
  try {
    await doByLink(req, part(req, 'secret'), twice(formOf(req)))
    await redirect(req, res, '/login', 'Your password is set. Sign in with it.')
  } catch (error) {
    if (error instanceof Invalid) return showLink(req, res, next, error.problems)
    await showDead(req, res, next, error)
  }
}

/** A link that opens nothing: why, and what to do. */
async function showDead(req: Request, res: Response, next: NextFunction, error: unknown): Promise<void> {
  if (!(error instanceof Refused)) return next(error)
  await countWrongTry(nodeOf(req).limits.welcome, req.ip ?? '')
  await render(req, res, 'welcome/dead', { reason: error.message }, { status: 410 })
}
