import type { Request, Response } from 'express'
import {
  addGroup,
  addMembers,
  changeGroup,
  countGroups,
  type Group,
  groupByName,
  groupsPage,
  membersPage,
  removeGroup,
  removeMembers,
} from '../accounts/groups.ts'
import { usersPage } from '../accounts/users.ts'
import { asked, askedOne, askedPage, formOf, pageSize, part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { path, people } from './say.ts'

const pathOf = (name: string): string => `/groups/${encodeURIComponent(name)}`

export async function showGroups(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const query = {
    search: asked(req, 'search').trim().slice(0, 200),
    sort: askedOne(req, 'sort', ['name', 'number', 'members'] as const),
    order: askedOne(req, 'order', ['asc', 'desc'] as const),
  }
  const [list, all] = await Promise.all([
    groupsPage(db, { ...query, page: askedPage(req), size: pageSize }),
    countGroups(db),
  ])
  res.set('HX-Replace-Url', path('/groups', { ...query, page: list.page > 1 ? list.page : undefined }))
  await render(req, res, 'groups/index', { query, list, all, base: '/groups' }, { part: 'groups/_list' })
}

export async function newGroup(req: Request, res: Response): Promise<void> {
  await render(req, res, 'groups/new', { typed: { name: '', description: '' }, problems: {} })
}

export async function addNewGroup(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const typed = { name: form.text('name'), description: form.text('description') }
  try {
    const group = await addGroup(dbOf(req), actorOf(req), typed)
    await redirect(req, res, pathOf(group.name), `Group ${group.name} was added. Now add its members.`)
  } catch (error) {
    await render(req, res, 'groups/new', { typed, problems: problemsOf(error) }, { status: 422 })
  }
}

export async function showGroup(req: Request, res: Response): Promise<void> {
  const group = await groupByName(dbOf(req), part(req, 'name'))
  await showOne(req, res, group)
}

type Extra = { typed?: { name: string; description: string }; problems?: Record<string, string>; status?: number }

/** A group with its members, and whoever was searched for to be added. */
async function showOne(req: Request, res: Response, group: Group, extra: Extra = {}): Promise<void> {
  const db = dbOf(req)
  const query = { search: asked(req, 'search').trim(), add: asked(req, 'add').trim() }
  const [list, everyone, candidates] = await Promise.all([
    membersPage(db, group.id, { search: query.search, page: askedPage(req), size: pageSize }),
    membersPage(db, group.id, { size: 1 }),
    query.add ? usersPage(db, { search: query.add, size: 12 }) : undefined,
  ])
  const found = candidates && {
    total: candidates.total,
    rows: candidates.rows.map((user) => ({ ...user, isMember: user.groupNames.includes(group.name) })),
  }
  const data = { group, query, list, members: everyone.total, found, base: pathOf(group.name), problems: {}, ...extra }
  await render(req, res, 'groups/show', data, {
    status: extra.status ?? 200,
    part: asked(req, 'part') === 'found' ? 'groups/_found' : 'groups/_members',
  })
}

export async function saveGroup(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const group = await groupByName(db, part(req, 'name'))
  const form = formOf(req)
  const typed = { name: form.text('name'), description: form.text('description') }
  try {
    const saved = await changeGroup(db, actorOf(req), group.id, typed)
    await redirect(req, res, pathOf(saved.name), `Group ${saved.name} is saved.`)
  } catch (error) {
    await showOne(req, res, group, { typed, problems: problemsOf(error), status: 422 })
  }
}

export async function addGroupMembers(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const group = await groupByName(db, part(req, 'name'))
  try {
    const { added } = await addMembers(db, actorOf(req), group.id, formOf(req).list('usernames'))
    await redirect(req, res, pathOf(group.name), `${people(added.length)} added to ${group.name}.`)
  } catch (error) {
    await showOne(req, res, group, { problems: problemsOf(error), status: 422 })
  }
}

export async function removeGroupMembers(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const group = await groupByName(db, part(req, 'name'))
  const usernames = formOf(req).list('usernames')
  if (usernames.length === 0)
    return redirect(req, res, pathOf(group.name), 'Nobody is selected. Tick members first.', 'look')
  try {
    await removeMembers(db, actorOf(req), group.id, usernames)
    await redirect(req, res, pathOf(group.name), `${people(usernames.length)} removed from ${group.name}.`)
  } catch (error) {
    await showOne(req, res, group, { problems: problemsOf(error), status: 422 })
  }
}

export async function askRemoveGroup(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const group = await groupByName(db, part(req, 'name'))
  const { total } = await membersPage(db, group.id, { size: 1 })
  await render(req, res, 'groups/remove', { group, members: total })
}

export async function removeOneGroup(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const group = await groupByName(db, part(req, 'name'))
  const { total } = await membersPage(db, group.id, { size: 1 })
  const typed = formOf(req).text('name').trim()
  if (total > 1 && typed !== group.name) {
    const problems = { name: `Type ${group.name} to remove it.` }
    return render(req, res, 'groups/remove', { group, members: total, typed, problems }, { status: 422 })
  }
  try {
    await removeGroup(db, actorOf(req), group.id)
    await redirect(req, res, '/groups', `Group ${group.name} was removed.`)
  } catch (error) {
    await render(req, res, 'groups/remove', { group, members: total, problems: problemsOf(error) }, { status: 422 })
  }
}
