import type { Request, Response } from 'express'
import { selectedIds } from '../accounts/bulk-edit.ts'
import type { DeclaredPlugin } from '../accounts/declarations.ts'
import { allGroups } from '../accounts/groups.ts'
import { mayUse } from '../accounts/may-use.ts'
import {
  disablePlugin,
  enablePlugin,
  needPlugin,
  pluginList,
  pluginUsers,
  setPluginOn,
  type Who,
} from '../accounts/plugins.ts'
import { lastSignIns } from '../accounts/sign-ins.ts'
import { usersPage } from '../accounts/user-lists.ts'
import { userByUsername } from '../accounts/users.ts'
import { Invalid, NotFound, type Problems } from '../errors.ts'
import { pluginGroup } from '../extensions/extension.ts'
import type { Db } from '../store/db.ts'
import { asked, askedOne, type Form, formOf, pageAsked, pageSize, part, problemsOf, typedSwitch } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { asksForPart, redirect, render } from './render.ts'
import { mayHelpThis, rightsOf } from './rights.ts'
import { path, people } from './say.ts'
import { safePath } from './sign-in.ts'
import { standing } from './standing.ts'

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

const queryOf = (req: Request) => ({
  search: asked(req, 'search').trim().slice(0, 200),
  group: asked(req, 'group').slice(0, 64) || undefined,
  sort: askedOne(req, 'sort', ['name', 'status'] as const),
  order: askedOne(req, 'order', ['asc', 'desc'] as const),
})

async function showOne(req: Request, res: Response, { problems, typed }: Typed, status: number): Promise<void> {
  const db = dbOf(req)
  const declared = await pluginOf(req)
  const query = queryOf(req)
  const [add, who] = [asked(req, 'add').trim(), asked(req, 'who').trim()]
  const [list, everyone, candidates, groups, about] = await Promise.all([
    pageAsked(req, (page) => pluginUsers(db, declared.name, { ...query, page, size: pageSize })),
    pluginList(db),
    add ? usersPage(db, { search: add, size: 12 }) : undefined,
    // The part of the page that a search gets has no list of groups to choose from.
    asksForPart(req) ? [] : allGroups(db),
    whoIsAsked(db, who),
  ])
  const users = everyone.find((one) => one.name === declared.name)?.users ?? 0
  const plugin = { ...declared, users, group: pluginGroup(declared) }
  const last = await lastSignIns(
    db,
    list.rows.map(({ id }) => id),
  )
  const rows = await Promise.all(
    list.rows.map(async (user) => ({
      ...user,
      stands: standing(user),
      lastHere: last.get(user.id),
      use: await mayUse(db, user, plugin),
    })),
  )
  const found = candidates && {
    total: candidates.total,
    rows: candidates.rows.map((user) => ({ ...user, isMember: user.plugins.includes(declared.name) })),
  }
  const { person, near } = about
  const base = pathOf(plugin.name)
  // What was searched stands in the address, without the fields that were left empty.
  if (!add && !who) res.set('HX-Replace-Url', path(base, { ...query, page: list.page > 1 ? list.page : undefined }))
  const data = {
    ...rightsOf(req),
    plugin,
    query: { ...query, add, who },
    list: { ...list, rows },
    found,
    groups,
    person,
    near,
    why: person && (await mayUse(db, person, plugin)),
    mayHelpThis: person !== undefined && mayHelpThis(req, person),
    base,
    problems,
    typed,
  }
  const isFound = asked(req, 'part') === 'found'
  await render(req, res, 'plugins/show', data, { status, part: isFound ? 'plugins/_found' : 'plugins/_users' })
}

/** Somebody by username; or who is found by a part of a name, when it is one only. */
async function whoIsAsked(db: Db, who: string) {
  if (who === '') return {}
  const person = await userByUsername(db, who).catch(notFound)
  if (person) return { person }
  const near = await usersPage(db, { search: who, size: 8 })
  return near.total === 1 ? { person: near.rows[0] } : { near }
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
  const typed = typedWho(formOf(req))
  const back = backTo(req, plugin)
  try {
    const { changed } = await enablePlugin(dbOf(req), actorOf(req), plugin.name, whoOf(typed))
    if (changed.length === 0) return redirect(req, res, back, 'All of them have it already.', 'look')
    await redirect(req, res, back, `${plugin.title} enabled for ${people(changed.length)}.`)
  } catch (error) {
    await showOne(req, res, { problems: problemsOf(error), typed }, 422)
  }
}

/** Those who are ticked, everybody whom the list shows, a pasted list, or everybody in a group. */
export async function removePluginUsers(req: Request, res: Response): Promise<void> {
  const plugin = await pluginOf(req)
  const form = formOf(req)
  const typed = typedWho(form)
  const back = backTo(req, plugin)
  const isList = form.has('list')
  if (isList && typed.usernames === '' && form.text('everyone') !== 'yes')
    return redirect(req, res, back, 'Nobody is selected. Tick people first.', 'look')
  try {
    const who = form.text('everyone') === 'yes' ? { ids: await shownIds(req, plugin, form.text('list')) } : whoOf(typed)
    const { changed } = await disablePlugin(dbOf(req), actorOf(req), plugin.name, who)
    if (changed.length === 0) return redirect(req, res, back, 'None of them has it.', 'look')
    await redirect(req, res, back, `${plugin.title} disabled for ${people(changed.length)}.`)
  } catch (error) {
    const kept = isList ? { usernames: '', group: '' } : typed
    await showOne(req, res, { problems: problemsOf(error), typed: kept }, 422)
  }
}

const typedWho = (form: Form) => ({
  usernames: form.list('usernames').join('\n'),
  group: form.text('group').trim(),
})

function whoOf({ usernames, group }: ReturnType<typeof typedWho>): Who {
  const names = usernames.split(/[\s,;]+/).filter(Boolean)
  if (names.length === 0 && group === '')
    throw new Invalid({ usernames: 'Nobody is named. Paste usernames, or name a group.' })
  return { usernames: names, groups: group ? [group] : [] }
}

/** Ids of everybody whom the list shows; `address` is what it was asked by. */
function shownIds(req: Request, { name }: DeclaredPlugin, address: string): Promise<string[]> {
  const query = new URL(safePath(address), 'http://list').searchParams
  const [search, group] = ['search', 'group'].map((one) => query.get(one)?.slice(0, 200))
  return selectedIds(dbOf(req), {
    query: { plugin: name, ...(search && { search }), ...(group && { group }) },
  })
}

/** Where the form stood, as long as that is a page of this plugin. */
function backTo(req: Request, plugin: DeclaredPlugin): string {
  const [base, back] = [pathOf(plugin.name), safePath(formOf(req).text('back'))]
  return back === base || back.startsWith(`${base}?`) ? back : base
}
