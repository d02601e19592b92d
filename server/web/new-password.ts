import type { Request, Response } from 'express'
import { policyOf } from '../accounts/policies.ts'
import type { Problems } from '../errors.ts'
import { doAct } from './act.ts'
import { formOf, problemsOf } from './form.ts'
import { dbOf } from './node.ts'
import { keepSession, twice } from './password.ts'
import { shownRules } from './policy-rules.ts'
import { redirect, render } from './render.ts'

/** The only page for whoever has to set a new password first. */
export async function showNewPassword(req: Request, res: Response): Promise<void> {
  if (req.user?.mustSetPassword === undefined) return res.redirect(303, '/account')
  await show(req, res)
}

async function show(req: Request, res: Response, problems: Problems = {}): Promise<void> {
  const user = req.user as Express.User
  const policy = await policyOf(dbOf(req), user)
  const rules = shownRules(policy)
  const data = { user, reason: user.mustSetPassword, rules, problems }
  await render(req, res, 'account/new-password', data, { status: Object.keys(problems).length > 0 ? 422 : 200 })
}

export async function saveNewPassword(req: Request, res: Response): Promise<void> {
  const user = req.user as Express.User
  if (user.mustSetPassword === undefined) return res.redirect(303, '/account')
  try {
    const form = formOf(req)
    await doAct(req, { do: 'own-password', password: twice(form) }, form.text('current'), 'current')
    await keepSession(req, user.username)
    await redirect(req, res, '/', 'Your new password is set. It works at every node within a second.')
  } catch (error) {
    await show(req, res, problemsOf(error))
  }
}
