import type { Request, Response } from 'express'
import { declared } from '../accounts/declarations.ts'
import { changeGroupAndMembers, membersPage, nestedGroups } from '../accounts/group-members.ts'
import {
  addGroup,
  countGroups,
  type Group,
  type GroupInput,
  groupByName,
  groupNames,
  groupsByIds,
  groupsPage,
  ownerNames,
  ownsGroup,
  removeGroup,
} from '../accounts/groups.ts'
import { settings } from '../accounts/settings.ts'
import { usersPage } from '../accounts/user-lists.ts'
import type { Problems } from '../errors.ts'
import { authorityField, doAct } from './act.ts'
import type { Conflict } from './conflict.ts'
import { asked, askedOne, formOf, pageAsked, pageSize, part, problemsOf } from './form.ts'
import { candidatesFor, throughOf } from './group-candidates.ts'
import { groupConflict } from './group-conflict.ts'
import { groupForm, typedGroup } from './group-form.ts'
import { howMany, pending, said, type TypedMembers, typedMembers } from './group-members.ts'
import { marked } from './marked.ts'
import { groupMeant } from './meant.ts'
import { actorOf, dbOf } from './node.ts'
import { orRenamed } from './renamed.ts'
import { redirect, render } from './render.ts'
import { changesForPeople, rightsOf } from './rights.ts'
import { path } from './say.ts'
import { standing } from './standing.ts'

const pathOf = (name: string): string => `/groups/${encodeURIComponent(name)}`
const kinds = ['normal', 'windows', 'builtin'] as const

export async function showGroups(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const query = {
    search: asked(req, 'search').trim().slice(0, 200),
    type: askedOne(req, 'type', kinds),
    sort: askedOne(req, 'sort', ['name', 'number', 'members'] as const),
    order: askedOne(req, 'order', ['asc', 'desc'] as const),
  }
  const [list, all] = await Promise.all([
    pageAsked(req, (page) => groupsPage(db, { ...query, page, size: pageSize })),
    countGroups(db),
  ])
  res.set('HX-Replace-Url', path('/groups', { ...query, page: list.page > 1 ? list.page : undefined }))
  const data = { query, list, all, base: '/groups', ...rightsOf(req) }
  await render(req, res, 'groups/index', data, { part: 'groups/_list' })
}

export async function newGroup(req: Request, res: Response): Promise<void> {
  await renderNew(req, res, { name: '', description: '' })
}

export async function addNewGroup(req: Request, res: Response): Promise<void> {
  const typed = typedGroup(formOf(req), await declared(dbOf(req)))
  try {
    const group = await addGroup(dbOf(req), actorOf(req), typed)
    await redirect(req, res, pathOf(group.name), `Group ${group.name} was added. Now add its members.`)
  } catch (error) {
    await renderNew(req, res, typed, problemsOf(error))
  }
}

async function renderNew(req: Request, res: Response, typed: GroupInput, problems?: Problems): Promise<void> {
  const form = await groupForm(dbOf(req), { typed, problems })
  await render(req, res, 'groups/new', form, { status: problems ? 422 : 200 })
}

export async function showGroup(req: Request, res: Response): Promise<void> {
  const name = part(req, 'name')
  await orRenamed(req, res, 'group', name, async () => renderGroup(req, res, await groupByName(dbOf(req), name)))
}

type Extra = { typed?: GroupInput; members?: TypedMembers; problems?: Problems; conflict?: Conflict }

/** A group with its members, and whoever was searched for to be added. */
async function renderGroup(req: Request, res: Response, group: Group, extra: Extra = {}): Promise<void> {
  const db = dbOf(req)
  const rights = rightsOf(req)
  const query = {
    search: asked(req, 'search').trim().slice(0, 200),
    add: asked(req, 'add').trim().slice(0, 200),
    view: askedOne(req, 'view', ['all'] as const),
  }
  const listed = { search: query.search, size: pageSize }
  const [[counts], list, nested, form, found, above, owners] = await Promise.all([
    groupsByIds(db, [group.id]),
    pageAsked(req, (page) =>
      query.view === 'all'
        ? usersPage(db, { ...listed, page, group: group.name })
        : membersPage(db, group.id, { ...listed, page }),
    ),
    nestedGroups(db, group.id),
    groupForm(db, { group, ...extra }),
    query.add ? candidatesFor(db, group, query.add, rights.mayChange) : undefined,
    groupNames(db, group.groups ?? []),
    ownerNames(db, group),
  ])
  const through = query.view === 'all' ? await throughOf(db, group.id, list.rows) : new Map<string, string>()
  const isOwner = req.user !== undefined && (await ownsGroup(db, req.user.id, group.id))
  const data = {
    ...form,
    ...rights,
    conflict: extra.conflict,
    group,
    query,
    list: { ...list, rows: list.rows.map((user) => ({ ...user, stands: standing(user), via: through.get(user.id) })) },
    nested: query.view ? [] : nested.filter((one) => !query.search || one.name.includes(query.search.toLowerCase())),
    nestedTotal: nested.length,
    counts,
    found,
    marked,
    above: [...above.values()].sort(),
    owners,
    base: pathOf(group.name),
    pending: extra.members ? pending(extra.members) : [],
    mayMembers: group.type !== 'builtin' && (rights.mayChange || (isOwner && changesForPeople(req))),
    mayEdit: group.type !== 'builtin' && rights.mayChange,
    mayRemove: group.type === 'normal' && rights.mayChange,
  }
  await render(req, res, 'groups/show', data, {
    status: extra.problems ? 422 : 200,
    part: asked(req, 'part') === 'candidates' ? 'groups/_candidates' : 'groups/_members',
  })
}

const insideAtMost = 20

/** The first members of a group that is in another one, for its row there. */
export async function showInside(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const group = await groupByName(db, part(req, 'name'))
  const [nested, list] = await Promise.all([
    nestedGroups(db, group.id),
    membersPage(db, group.id, { size: insideAtMost }),
  ])
  const data = { group, nested, list, base: pathOf(group.name) }
  await render(req, res, 'groups/inside', data, { part: 'groups/_inside' })
}

/** The fields and the members that the page shows, in one change; what waits is kept when something is wrong with it. */
export async function saveGroup(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const group = await groupMeant(req)
  const form = formOf(req)
  const known = await declared(db)
  const typed = typedGroup(form, known, group)
  const members = typedMembers(form, true)
  const expectedSeq = Number(form.text('seq')) || undefined
  try {
    const saved = await changeGroupAndMembers(db, actorOf(req), group.id, { input: typed, ...members, expectedSeq })
    const more = howMany(members) > 0 ? `: ${said(members)}` : ''
    await redirect(req, res, pathOf(saved.name), `Group ${saved.name} is saved${more}.`)
  } catch (error) {
    const problems = problemsOf(error)
    const tooLate = problems['']
    const [now = group] = await groupsByIds(db, [group.id])
    const conflict =
      tooLate && expectedSeq !== undefined && now.seq !== expectedSeq
        ? await groupConflict(db, known, now, typed, expectedSeq, tooLate)
        : undefined
    await renderGroup(req, res, now, { typed, members, problems, ...(conflict && { conflict }) })
  }
}

/** What was added and taken out on the page, in one change. Owners change people only. */
export async function saveMembers(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const group = await groupByName(db, part(req, 'name'))
  const form = formOf(req)
  const members = typedMembers(form, rightsOf(req).mayChange)
  const back = safeBack(req, group)
  if (howMany(members) === 0) return redirect(req, res, back, 'Nothing was changed.', 'look')
  try {
    await doAct(req, { do: 'members', group: group.id, ...members }, form.text(authorityField))
    await redirect(req, res, back, `${said(members)} in ${group.name}.`)
  } catch (error) {
    await renderGroup(req, res, group, { members, problems: problemsOf(error) })
  }
}

/** The search and the page that the list stood at. */
function safeBack(req: Request, group: Group): string {
  const form = formOf(req)
  return path(pathOf(group.name), { search: form.text('search'), page: form.text('page'), add: form.text('add') })
}

export async function askRemoveGroup(req: Request, res: Response): Promise<void> {
  const group = await groupByName(dbOf(req), part(req, 'name'))
  await renderRemove(req, res, group)
}

export async function removeOneGroup(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const group = await groupMeant(req)
  const [counts] = await groupsByIds(db, [group.id])
  const typed = formOf(req).text('name').trim()
  if ((counts?.members ?? 0) > 1 && typed !== group.name)
    return renderRemove(req, res, group, { name: `Type ${group.name} to remove it.` }, typed)
  try {
    await removeGroup(db, actorOf(req), group.id)
    await redirect(req, res, '/groups', `Group ${group.name} is in the recycle bin.`)
  } catch (error) {
    await renderRemove(req, res, group, problemsOf(error), typed)
  }
}

async function renderRemove(req: Request, res: Response, group: Group, problems?: Problems, typed = ''): Promise<void> {
  const db = dbOf(req)
  const [[counts], { binDays }] = await Promise.all([groupsByIds(db, [group.id]), settings(db)])
  const data = { group, members: counts?.members ?? 0, binDays, typed, problems }
  await render(req, res, 'groups/remove', data, { status: problems ? 422 : 200 })
}
