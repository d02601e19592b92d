import type { Request, Response } from 'express'
import {
  disablePlugin,
  enablePlugin,
  mayUse,
  needPlugin,
  pluginList,
  pluginUsers,
  setPluginOn,
} from '../accounts/plugins.ts'
import { userByUsername, usersPage } from '../accounts/users.ts'
import { NotFound } from '../errors.ts'
import { type Plugin, pluginGroup } from '../extensions/extension.ts'
import { asked, askedPage, formOf, pageSize, part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { people } from './say.ts'
import { safePath } from './sign-in.ts'

const pathOf = (name: string): string => `/plugins/${encodeURIComponent(name)}`

export async function showPlugins(req: Request, res: Response): Promise<void> {
  await render(req, res, 'plugins/index', { plugins: await pluginList(dbOf(req)) })
}

const pluginOf = (req: Request): Plugin => needPlugin(part(req, 'name'))

/** Who has a plugin and may use it now; on a slave this is all the page does. */
export async function showPlugin(req: Request, res: Response): Promise<void> {
  await showOne(req, res, {}, 200)
}

async function showOne(req: Request, res: Response, problems: Record<string, string>, status: number): Promise<void> {
  const db = dbOf(req)
  const declared = pluginOf(req)
  const query = {
    search: asked(req, 'search').trim(),
    add: asked(req, 'add').trim(),
    who: asked(req, 'who').trim().toLowerCase(),
  }
  const [states, list, candidates, person] = await Promise.all([
    pluginList(db),
    pluginUsers(db, declared.name, { search: query.search, page: askedPage(req), size: pageSize }),
    query.add ? usersPage(db, { search: query.add, size: 12 }) : undefined,
    query.who ? userByUsername(db, query.who).catch(notFound) : undefined,
  ])
  const state = states.find((one) => one.name === declared.name) ?? { ...declared, on: false, users: 0, gidNumber: 0 }
  const plugin = { ...state, group: pluginGroup(declared) }
  const rows = list.rows.map((user) => ({ ...user, use: mayUse(user, plugin) }))
  const found = candidates && {
    total: candidates.total,
    rows: candidates.rows.map((user) => ({ ...user, isMember: user.plugins.includes(declared.name) })),
  }
  const why = person ? mayUse(person, plugin) : undefined
  const data = { plugin, query, list: { ...list, rows }, found, person, why, base: pathOf(plugin.name), problems }
  await render(req, res, 'plugins/show', data, {
    status,
    part: asked(req, 'part') === 'found' ? 'groups/_found' : 'plugins/_users',
  })
}

function notFound(error: unknown): undefined {
  if (!(error instanceof NotFound)) throw error
}

export async function savePluginState(req: Request, res: Response): Promise<void> {
  const plugin = pluginOf(req)
  const on = formOf(req).text('on') === 'yes'
  await setPluginOn(dbOf(req), actorOf(req), plugin.name, on)
  const said = on ? 'is on.' : 'is off for everyone. Who has it is kept.'
  await redirect(req, res, safePath(formOf(req).text('back')), `${plugin.title} ${said}`)
}

export async function addPluginUsers(req: Request, res: Response): Promise<void> {
  const plugin = pluginOf(req)
  try {
    const { changed } = await enablePlugin(dbOf(req), actorOf(req), plugin.name, formOf(req).list('usernames'))
    await redirect(req, res, pathOf(plugin.name), `${plugin.title} enabled for ${people(changed.length)}.`)
  } catch (error) {
    await showOne(req, res, problemsOf(error), 422)
  }
}

export async function removePluginUsers(req: Request, res: Response): Promise<void> {
  const plugin = pluginOf(req)
  const usernames = formOf(req).list('usernames')
  if (usernames.length === 0)
    return redirect(req, res, pathOf(plugin.name), 'Nobody is selected. Tick people first.', 'look')
  try {
    const { changed } = await disablePlugin(dbOf(req), actorOf(req), plugin.name, usernames)
    await redirect(req, res, pathOf(plugin.name), `${plugin.title} disabled for ${people(changed.length)}.`)
  } catch (error) {
    await showOne(req, res, problemsOf(error), 422)
  }
}
