import type { Request, Response } from 'express'
import { addOwnPlugin, changeOwnPlugin, type OwnPluginInput, removeOwnPlugin } from '../accounts/own-plugins.ts'
import { pluginList } from '../accounts/plugins.ts'
import { NotFound, type Problems } from '../errors.ts'
import { formOf, part, problemsOf, seqIn } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { people } from './say.ts'

const typedPlugin = (req: Request): OwnPluginInput => {
  const form = formOf(req)
  return {
    name: form.text('name'),
    title: form.text('title'),
    badge: form.text('badge'),
    summary: form.text('summary'),
  }
}

export async function newOwnPlugin(req: Request, res: Response): Promise<void> {
  await render(req, res, 'plugins/new', { typed: { title: '' }, problems: {} })
}

export async function addNewOwnPlugin(req: Request, res: Response): Promise<void> {
  const typed = typedPlugin(req)
  try {
    const plugin = await addOwnPlugin(dbOf(req), actorOf(req), typed)
    await redirect(req, res, `/plugins/${plugin.name}`, `${plugin.title} was made. Now choose who has it.`)
  } catch (error) {
    await render(req, res, 'plugins/new', { typed, problems: problemsOf(error) }, { status: 422 })
  }
}

export async function editOwnPlugin(req: Request, res: Response): Promise<void> {
  const plugin = await ownPlugin(req)
  await render(req, res, 'plugins/edit', { plugin, typed: plugin, problems: {} })
}

export async function saveOwnPlugin(req: Request, res: Response): Promise<void> {
  const plugin = await ownPlugin(req)
  const { name: _, ...typed } = typedPlugin(req)
  try {
    const saved = await changeOwnPlugin(dbOf(req), actorOf(req), plugin.name, typed, seqIn(formOf(req)))
    await redirect(req, res, `/plugins/${saved.name}`, `${saved.title} is saved.`)
  } catch (error) {
    await render(req, res, 'plugins/edit', { plugin, typed, problems: problemsOf(error) }, { status: 422 })
  }
}

export async function askRemoveOwnPlugin(req: Request, res: Response): Promise<void> {
  await showRemove(req, res, {}, '')
}

export async function removeOneOwnPlugin(req: Request, res: Response): Promise<void> {
  const plugin = await ownPlugin(req)
  const typed = formOf(req).text('name').trim()
  if (plugin.users > 0 && typed !== plugin.name)
    return showRemove(req, res, { name: `Type ${plugin.name} to remove it.` }, typed)
  const { people: count } = await removeOwnPlugin(dbOf(req), actorOf(req), plugin.name)
  const from = count > 0 ? `, and taken from ${people(count)}` : ''
  await redirect(req, res, '/plugins', `${plugin.title} was removed${from}.`)
}

async function showRemove(req: Request, res: Response, problems: Problems, typed: string): Promise<void> {
  const plugin = await ownPlugin(req)
  const status = Object.keys(problems).length > 0 ? 422 : 200
  await render(req, res, 'plugins/remove', { plugin, problems, typed }, { status })
}

async function ownPlugin(req: Request) {
  const plugin = (await pluginList(dbOf(req))).find((one) => one.name === part(req, 'name'))
  if (!plugin?.isOwn) throw new NotFound(`There is no plugin “${part(req, 'name')}” that was made here.`)
  return plugin
}
