import type { Request, Response } from 'express'
import { setPassword, userByUsername } from '../accounts/users.ts'
import { Invalid } from '../errors.ts'
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
    await redirect(req, res, `/users/${encodeURIComponent(user.username)}`, `${user.first} ${user.last} has a new password.`)
  } catch (error) {
    await render(req, res, 'users/password', { user, problems: problemsOf(error) }, { status: 422 })
  }
}

/** The password, when both fields agree. */
export function twice(form: Form): string {
  const password = form.text('password')
  if (password === '') throw new Invalid({ password: 'A password is needed.' })
  if (password !== form.text('password2')) throw new Invalid({ password2: 'The two passwords are not the same.' })
  return password
}

/** A new password ends every session of the person, but not the one it was set in. */
export async function keepSession(req: Request, username: string): Promise<void> {
  const user = await userByUsername(dbOf(req), username)
  req.session.passwordChanged = user.passwordChanged ?? ''
}
