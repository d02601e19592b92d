import type { Request, Response } from 'express'
import type { DeclaredPlugin } from '../accounts/declarations.ts'
import { mayUse } from '../accounts/may-use.ts'
import { disablePlugin, enablePlugin, needPlugin, pluginList, pluginUsers, setPluginOn } from '../accounts/plugins.ts'
import { userByUsername, usersPage } from '../accounts/users.ts'
import { Invalid, NotFound, type Problems } from '../errors.ts'
import { pluginGroup } from '../extensions/extension.ts'
import { asked, askedPage, formOf, pageSize, part, problemsOf, typedSwitch } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { rightsOf } from './rights.ts'
import { people } from './say.ts'
import { safePath } from './sign-in.ts'

const pathOf = (name: string): string => `/plugins/${encodeURIComponent(name)}`

export async function showPlugins(req: Request, res: Response): Promise<void> {
  await render(req, res, 'plugins/index', { ...rightsOf(req), plugins: await pluginList(dbOf(req)) })
}

const pluginOf = (req: Request): Promise<DeclaredPlugin> => needPlugin(dbOf(req), part(req, 'name'))

/** Who has a plugin and may use it now; on a slave this is all the page does. */
export async function showPlugin(req: Request, res: Response): Promise<void> {
  await showOne(req, res, { problems: {}, typed: { usernames: '', group: '' } }, 200)
}

type Typed = { problems: Problems; typed: { usernames: string; group: string } }

async function showOne(req: Request, res: Response, { problems, typed }: Typed, status: number): Promise<void> {
  const db = dbOf(req)
  const declared = await pluginOf(req)
  const query = {
    search: asked(req, 'search').trim(),
    add: asked(req, 'add').trim(),
    who: asked(req, 'who').trim().toLowerCase(),
  }
  const [list, everyone, candidates, person] = await Promise.all([
    pluginUsers(db, declared.name, { search: query.search, page: askedPage(req), size: pageSize }),
    pluginList(db),
    query.add ? usersPage(db, { search: query.add, size: 12 }) : undefined,
    query.who ? userByUsername(db, query.who).catch(notFound) : undefined,
  ])
  const users = everyone.find((one) => one.name === declared.name)?.users ?? 0
  const plugin = { ...declared, users, group: pluginGroup(declared) }
  const rows = await Promise.all(list.rows.map(async (user) => ({ ...user, use: await mayUse(db, user, plugin) })))
  const found = candidates && {
    total: candidates.total,
    rows: candidates.rows.map((user) => ({ ...user, isMember: user.plugins.includes(declared.name) })),
  }
  const why = person ? await mayUse(db, person, plugin) : undefined
  await render(
    req,
    res,
    'plugins/show',
    {
      ...rightsOf(req),
      plugin,
      query,
      list: { ...list, rows },
      found,
      person,
      why,
      base: pathOf(plugin.name),
      problems,
      typed,
    },
    { status, part: asked(req, 'part') === 'found' ? 'plugins/_found' : 'plugins/_users' },
  )
}

function notFound(error: unknown): undefined {
  if (!(error instanceof NotFound)) throw error
}

export async function savePluginState(req: Request, res: Response): Promise<void> {
  const plugin = await pluginOf(req)
  const on = typedSwitch(formOf(req), 'on')
  await setPluginOn(dbOf(req), actorOf(req), plugin.name, on)
  const said = on ? 'is on.' : 'is off for everyone. Who has it is kept.'
  await redirect(req, res, safePath(formOf(req).text('back')), `${plugin.title} ${said}`)
}

/** One found by search, a pasted list of usernames, or everybody in a group. */
export async function addPluginUsers(req: Request, res: Response): Promise<void> {
  const plugin = await pluginOf(req)
  const form = formOf(req)
  const typed = { usernames: form.list('usernames').join('\n'), group: form.text('group').trim() }
  const usernames = typed.usernames.split(/[\s,;]+/).filter(Boolean)
  try {
    if (usernames.length === 0 && typed.group === '')
      throw new Invalid({ usernames: 'Nobody is named. Paste usernames, or name a group.' })
    const who = { usernames, groups: typed.group ? [typed.group] : [] }
    const { changed } = await enablePlugin(dbOf(req), actorOf(req), plugin.name, who)
    if (changed.length === 0) return redirect(req, res, pathOf(plugin.name), 'All of them have it already.', 'look')
    await redirect(req, res, pathOf(plugin.name), `${plugin.title} enabled for ${people(changed.length)}.`)
  } catch (error) {
    await showOne(req, res, { problems: problemsOf(error), typed }, 422)
  }
}

export async function removePluginUsers(req: Request, res: Response): Promise<void> {
  const plugin = await pluginOf(req)
  const usernames = formOf(req).list('usernames')
  if (usernames.length === 0)
    return redirect(req, res, pathOf(plugin.name), 'Nobody is selected. Tick people first.', 'look')
  try {
    const { changed } = await disablePlugin(dbOf(req), actorOf(req), plugin.name, usernames)
    await redirect(req, res, pathOf(plugin.name), `${plugin.title} disabled for ${people(changed.length)}.`)
  } catch (error) {
    await showOne(req, res, { problems: problemsOf(error), typed: { usernames: '', group: '' } }, 422)
  }
}
