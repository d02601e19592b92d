import type { Request, Response } from 'express'
import { exportUsers } from '../accounts/csv.ts'
import { allGroups } from '../accounts/groups.ts'
import { pluginList } from '../accounts/plugins.ts'
import { addUser, changeUser, countUsers, removeUser, setStatus, userByUsername, usersPage } from '../accounts/users.ts'
import { Invalid } from '../errors.ts'
import type { Status } from '../store/bodies.ts'
import { asked, askedOne, askedPage, formOf, pageSize, part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { path } from './say.ts'
import { emptyUser, factsOf, typedUser, userForm } from './user-form.ts'

const statuses = ['enabled', 'locked', 'disabled'] as const
const sorts = ['name', 'username', 'status', 'number'] as const

/** What a list of people is asked by; the address of the page says it all. */
export const userQuery = (req: Request) => ({
  search: asked(req, 'search').trim().slice(0, 200),
  group: asked(req, 'group') || undefined,
  plugin: asked(req, 'plugin') || undefined,
  status: askedOne(req, 'status', statuses),
  sort: askedOne(req, 'sort', sorts),
  order: askedOne(req, 'order', ['asc', 'desc'] as const),
})

export async function showUsers(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const query = userQuery(req)
  const [list, plugins, groups, all] = await Promise.all([
    usersPage(db, { ...query, page: askedPage(req), size: pageSize }),
    pluginList(db),
    allGroups(db),
    countUsers(db),
  ])
  // What was searched stands in the address, without the fields that were left empty.
  res.set('HX-Replace-Url', path('/users', { ...query, page: list.page > 1 ? list.page : undefined }))
  const on = plugins.filter((plugin) => plugin.on)
  await render(
    req,
    res,
    'users/index',
    { query, list, plugins: on, groups, all, statuses, base: '/users' },
    { part: 'users/_list' },
  )
}

export async function newUser(req: Request, res: Response): Promise<void> {
  await render(req, res, 'users/new', await userForm(dbOf(req), { user: emptyUser }))
}

export async function addNewUser(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const form = formOf(req)
  const typed = typedUser(form)
  try {
    const password = form.text('password')
    if (password !== form.text('password2')) throw new Invalid({ password2: 'The two passwords are not the same.' })
    const user = await addUser(db, actorOf(req), { ...typed, ...(password ? { password } : {}) })
    await redirect(req, res, `/users/${encodeURIComponent(user.username)}`, `${user.first} ${user.last} was added.`)
  } catch (error) {
    const problems = problemsOf(error)
    await render(req, res, 'users/new', await userForm(db, { user: emptyUser, typed, problems }), { status: 422 })
  }
}

export async function showUser(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = await userByUsername(db, part(req, 'username'))
  if (user.username !== part(req, 'username')) return redirect(req, res, `/users/${encodeURIComponent(user.username)}`)
  const facts = await factsOf(db, user, asked(req, 'plugin'))
  await render(req, res, 'users/show', { ...(await userForm(db, { user })), ...facts })
}

export async function saveUser(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = await userByUsername(db, part(req, 'username'))
  const form = formOf(req)
  const typed = typedUser(form, user)
  try {
    const saved = await changeUser(db, actorOf(req), user.id, typed, Number(form.text('seq')) || undefined)
    await redirect(req, res, `/users/${encodeURIComponent(saved.username)}`, `${saved.first} ${saved.last} is saved.`)
  } catch (error) {
    const problems = problemsOf(error)
    const page = { ...(await userForm(db, { user, typed, problems })), ...(await factsOf(db, user, '')) }
    await render(req, res, 'users/show', page, { status: 422 })
  }
}

const done: Record<Status, string> = {
  enabled: 'may sign in',
  locked: 'is locked',
  disabled: 'is disabled',
}

export async function saveStatus(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = await userByUsername(db, part(req, 'username'))
  const status = statuses.find((one) => one === formOf(req).text('status'))
  if (!status) throw new Invalid({ status: 'Status must be enabled, locked or disabled.' })
  const to = `/users/${encodeURIComponent(user.username)}`
  try {
    await setStatus(db, actorOf(req), user.id, status)
    await redirect(req, res, to, `${user.first} ${user.last} ${done[status]}.`)
  } catch (error) {
    await redirect(req, res, to, Object.values(problemsOf(error)).join(' '), 'bad')
  }
}

export async function askRemoveUser(req: Request, res: Response): Promise<void> {
  const user = await userByUsername(dbOf(req), part(req, 'username'))
  await render(req, res, 'users/remove', { user })
}

export async function removeOneUser(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = await userByUsername(db, part(req, 'username'))
  try {
    await removeUser(db, actorOf(req), user.id)
    await redirect(req, res, '/users', `${user.first} ${user.last} was removed.`)
  } catch (error) {
    await render(req, res, 'users/remove', { user, problems: problemsOf(error) }, { status: 422 })
  }
}

/** All users as CSV, in the columns that the import reads; passwords never leave. */
export async function exportAllUsers(req: Request, res: Response): Promise<void> {
  res.type('csv').attachment('users.csv')
  for await (const text of exportUsers(dbOf(req))) {
    if (!res.write(text)) await new Promise((resolve) => res.once('drain', resolve).once('close', resolve))
    if (res.destroyed) return
  }
  res.end()
}
