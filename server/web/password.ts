import type { Request, Response } from 'express'
import {
  type Invitation,
  invitationHash,
  invitationPath,
  invitationSecret,
  invitedBy,
} from '../accounts/invitations.ts'
import { generatedPassword, policyOf } from '../accounts/policies.ts'
import { needRightOver } from '../accounts/roles.ts'
import { settings } from '../accounts/settings.ts'
import type { User } from '../accounts/user.ts'
import { userByUsername } from '../accounts/users.ts'
import { Invalid, type Problems, Refused, Uncertain } from '../errors.ts'
import { atField, authorityField, doAct } from './act.ts'
import { type Form, formOf, problemsOf } from './form.ts'
import { userMeant } from './meant.ts'
import { actorOf, dbOf } from './node.ts'
import { shownRules } from './policy-rules.ts'
import { redirect, render } from './render.ts'

export async function askPassword(req: Request, res: Response): Promise<void> {
  const user = await helped(req)
  await showWays(req, res, user, (await policyOf(dbOf(req), user)).mustChange)
}

/** Three ways to a first password: typed, generated, or a link with which the person sets one. */
async function showWays(
  req: Request,
  res: Response,
  user: User,
  mustChange: boolean,
  problems: Problems = {},
): Promise<void> {
  const db = dbOf(req)
  const [policy, { invitationHours }] = await Promise.all([policyOf(db, user), settings(db)])
  const rules = shownRules(policy, { by: 'other' })
  // Who may do nothing else to accounts may still type here.
  const data = { user, problems, rules, mustChange, invitationHours, readOnly: false }
  await render(req, res, 'users/password', data, { status: Object.keys(problems).length > 0 ? 422 : 200 })
}

export async function savePassword(req: Request, res: Response): Promise<void> {
  const user = await helped(req)
  const form = formOf(req)
  const mustChange = form.has('mustChange')
  try {
    const act = { do: 'password' as const, user: user.id, password: twice(form), mustChange }
    await doAct(req, act, form.text(authorityField))
    await keepOwnSession(req, user)
    await redirect(req, res, hrefOf(user), `${user.first} ${user.last} has a new password.`)
  } catch (error) {
    await showWays(req, res, user, mustChange, problemsOf(error))
  }
}

/** A password that nobody has thought of, shown in this answer and never again. */
export async function generatePassword(req: Request, res: Response): Promise<void> {
  const user = await helped(req)
  const form = formOf(req)
  const mustChange = form.has('mustChange')
  const password = generatedPassword(await policyOf(dbOf(req), user))
  try {
    await doAct(req, { do: 'password', user: user.id, password, mustChange }, form.text(authorityField))
  } catch (error) {
    return showWays(req, res, user, mustChange, atField(problemsOf(error), 'generate-authority'))
  }
  await keepOwnSession(req, user)
  await render(req, res, 'users/password-once', { user, password, mustChange })
}

/** A link that opens once, shown in this answer and never again. */
export async function invite(req: Request, res: Response): Promise<void> {
  const user = await helped(req)
  const secret = invitationSecret(user.id)
  try {
    const act = { do: 'invite' as const, user: user.id, tokenHash: invitationHash(secret) }
    await doAct(req, act, formOf(req).text(authorityField))
  } catch (error) {
    if (error instanceof Uncertain)
      throw new Uncertain(`${error.message} If a link was made, nobody has it: make a new one, which takes its place.`)
    const { mustChange } = await policyOf(dbOf(req), user)
    return showWays(req, res, user, mustChange, atField(problemsOf(error), 'invite-authority'))
  }
  await render(req, res, 'users/password-once', { user, ...(await linkOf(req, await opening(req, secret))) })
}

/** Where it opens: here, or on the master's pages where this node does not hold it, as what its scope keeps from it. */
async function opening(req: Request, secret: string): Promise<Omit<Invitation, 'secret'> & { web?: string }> {
  const db = dbOf(req)
  const path = invitationPath(secret)
  try {
    return { path, until: (await invitedBy(db, secret)).until }
  } catch (error) {
    const web = db.local.mode === 'slave' ? db.local.masterWeb : undefined
    if (!(error instanceof Refused)) throw error
    const { invitationHours } = await settings(db)
    return { path, ...(web && { web }), until: new Date(Date.now() + invitationHours * 3_600_000).toISOString() }
  }
}

/** A first-password link as a page shows it; `web`: at another node. */
export async function linkOf(req: Request, { path, until, web }: Omit<Invitation, 'secret'> & { web?: string }) {
  const url = `${web ?? `${req.protocol}://${req.get('host')}`}${path}`
  const { default: qrcode } = await import('qrcode')
  return { url, qr: await qrcode.toString(url, { type: 'svg', margin: 2 }), until, web }
}

export async function takeBackInvitation(req: Request, res: Response): Promise<void> {
  const user = await helped(req)
  const form = formOf(req)
  try {
    await doAct(req, { do: 'take-back-invitation', user: user.id }, form.text(authorityField))
  } catch (error) {
    const problems = problemsOf(error)
    // At a slave a page between asks for the own password.
    return render(
      req,
      res,
      'users/take-back',
      { user, problems: form.has(authorityField) ? problems : {} },
      { status: 422 },
    )
  }
  await redirect(req, res, `${hrefOf(user)}/password`, 'The link opens nothing any more.')
}

/** The person that the path names, when the one in front of the page may help them. */
async function helped(req: Request): Promise<User> {
  const user = await userMeant(req)
  needRightOver(actorOf(req), 'passwords', user)
  return user
}

const hrefOf = (user: User): string => `/users/${encodeURIComponent(user.username)}`

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

async function keepOwnSession(req: Request, user: User): Promise<void> {
  if (user.id === req.user?.id) await keepSession(req, user.username)
}

/** A new password ends every session of the person, but not the one it was set in. */
export async function keepSession(req: Request, username: string): Promise<void> {
  const user = await userByUsername(dbOf(req), username)
  req.session.passwordChanged = user.passwordChanged ?? ''
}
