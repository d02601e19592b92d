import type { Request, Response } from 'express'
import { addToken, firstDays, removeToken, tokenList, tokenRoles } from '../accounts/tokens.ts'
import { Invalid, NotFound } from '../errors.ts'
import { formOf, part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'

export async function showTokens(req: Request, res: Response): Promise<void> {
  await showPage(req, res)
}

async function showPage(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  const tokens = await tokenList(dbOf(req))
  const typed = { name: '', role: 'auditor', days: String(firstDays) }
  await render(req, res, 'tokens/index', { tokens, roles: tokenRoles, typed, problems: {}, ...extra }, { status })
}

/** The token is made here and shown once, on the answer itself: no address leads back to it. */
export async function addApiToken(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const typed = { name: form.text('name').trim(), role: form.text('role'), days: form.text('days').trim() }
  try {
    const role = tokenRoles.find((one) => one.role === typed.role)?.role
    if (!role) throw new Invalid({ role: 'Choose what whoever has the token may do.' })
    const days = /^\d{1,6}$/.test(typed.days) ? Number(typed.days) : Number.NaN
    const made = await addToken(dbOf(req), actorOf(req), { name: typed.name, role, days })
    await showPage(req, res, { made })
  } catch (error) {
    await showPage(req, res, { typed, problems: problemsOf(error) }, 422)
  }
}

async function tokenOf(req: Request) {
  const token = (await tokenList(dbOf(req))).find((one) => one.id === part(req, 'id'))
  if (!token) throw new NotFound('This API token does not exist any more.')
  return token
}

export async function askRemoveToken(req: Request, res: Response): Promise<void> {
  await render(req, res, 'tokens/remove', { token: await tokenOf(req) })
}

export async function removeApiToken(req: Request, res: Response): Promise<void> {
  const token = await tokenOf(req)
  await removeToken(dbOf(req), actorOf(req), token.id)
  await redirect(req, res, '/tokens', `${token.name} was removed. It opens nothing any more.`)
}
