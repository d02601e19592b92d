import type { Request, Response } from 'express'
import { extensionList, setExtensionOn } from '../accounts/extensions.ts'
import { countUsers } from '../accounts/users.ts'
import { NotFound } from '../errors.ts'
import { extensionByName } from '../extensions/index.ts'
import { formOf, part } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { safePath } from './sign-in.ts'

export async function showExtensions(req: Request, res: Response): Promise<void> {
  const [extensions, all] = await Promise.all([extensionList(dbOf(req)), countUsers(dbOf(req))])
  await render(req, res, 'extensions/index', { extensions, all })
}

export async function showExtension(req: Request, res: Response): Promise<void> {
  const name = part(req, 'name')
  const [extensions, all] = await Promise.all([extensionList(dbOf(req)), countUsers(dbOf(req))])
  const extension = extensions.find((one) => one.name === name)
  const declared = extensionByName(name)
  if (!extension || !declared) throw new NotFound(`There is no extension ${name}.`)
  await render(req, res, 'extensions/show', { extension, fields: Object.entries(declared.user), all })
}

export async function saveExtensionState(req: Request, res: Response): Promise<void> {
  const declared = extensionByName(part(req, 'name'))
  if (!declared) throw new NotFound(`There is no extension ${part(req, 'name')}.`)
  const on = formOf(req).text('on') === 'yes'
  await setExtensionOn(dbOf(req), actorOf(req), declared.name, on)
  const said = on ? 'is on.' : 'is off. Its values are kept.'
  await redirect(req, res, safePath(formOf(req).text('back')), `${declared.title} ${said}`)
}
