import type { Request, Response } from 'express'
import { setPassword, userByUsername } from '../accounts/users.ts'
import { Invalid, type Problems } from '../errors.ts'
import { type Form, formOf, part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'

export async function askPassword(req: Request, res: Response): Promise<void> {
  const user = await userByUsername(dbOf(req), part(req, 'username'))
  await render(req, res, 'users/password', { user, problems: {} })
}

export async function savePassword(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = await userByUsername(db, part(req, 'username'))
  try {
    await setPassword(db, actorOf(req), user.id, twice(formOf(req)))
    if (user.id === req.user?.id) await keepSession(req, user.username)
    await redirect(
      req,
      res,
      `/users/${encodeURIComponent(user.username)}`,
      `${user.first} ${user.last} has a new password.`,
    )
  } catch (error) {
    await render(req, res, 'users/password', { user, problems: problemsOf(error) }, { status: 422 })
  }
}

/** What is wrong with two fields that must agree. */
export function passwordProblems(form: Form): Problems {
  const password = form.text('password')
  if (password === '') return { password: 'A password is needed.' }
  return password === form.text('password2') ? {} : { password2: 'The two passwords are not the same.' }
}

/** The password, when both fields agree. */
export function twice(form: Form): string {
  const problems = passwordProblems(form)
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  return form.text('password')
}

/** A new password ends every session of the person, but not the one it was set in. */
export async function keepSession(req: Request, username: string): Promise<void> {
  const user = await userByUsername(dbOf(req), username)
  req.session.passwordChanged = user.passwordChanged ?? ''
}
