import type { Request, Response } from 'express'
import { exportUsers } from '../accounts/csv.ts'
import { declared } from '../accounts/declarations.ts'
import { allGroups, groupNames } from '../accounts/groups.ts'
import { inviteUser } from '../accounts/invitations.ts'
import { pluginList } from '../accounts/plugins.ts'
import { generatedPassword, policyOf, policyOfNew } from '../accounts/policies.ts'
import { settings } from '../accounts/settings.ts'
import { lastSignIns, signInFacts } from '../accounts/sign-ins.ts'
import type { User } from '../accounts/user.ts'
import type { UserInput } from '../accounts/user-input.ts'
import { usersPage } from '../accounts/user-lists.ts'
import { addUser, changeUser, countUsers, removeUser, userById, userByUsername } from '../accounts/users.ts'
import { Invalid, NotFound, type Problems, Refused } from '../errors.ts'
import { receiptOfUser } from '../replication/receipts.ts'
import type { Status } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { states } from '../store/state.ts'
import { authorityField, doAct } from './act.ts'
import type { Conflict } from './conflict.ts'
import { asked, askedOne, type Form, formOf, pageAsked, pageSize, part, problemsOf } from './form.ts'
import { userMeant } from './meant.ts'
import { nearHit } from './near-hit.ts'
import { actorOf, dbOf } from './node.ts'
import { linkOf } from './password.ts'
import { passwordEnds, policyRules } from './policy-rules.ts'
import { orRenamed } from './renamed.ts'
import { asksForPart, redirect, render } from './render.ts'
import { mayHelpThis, rightsOf } from './rights.ts'
import { path, zone } from './say.ts'
import { safePath } from './sign-in.ts'
import { standing } from './standing.ts'
import { sendText } from './stream.ts'
import { userConflict } from './user-conflict.ts'
import {
  beginning,
  emptyUser,
  factsOf,
  profileOf,
  type TypedUser,
  typedUser,
  userForm,
  withProfile,
} from './user-form.ts'

const statuses = ['enabled', 'locked', 'disabled'] as const
const sorts = ['name', 'username', 'status', 'number'] as const

/** What a list of people is asked by; the address of the page says it all. */
const userQuery = (req: Request) => ({
  search: asked(req, 'search').trim().slice(0, 200),
  group: asked(req, 'group').slice(0, 64) || undefined,
  plugin: asked(req, 'plugin').slice(0, 64) || undefined,
  status: askedOne(req, 'status', states),
  sort: askedOne(req, 'sort', sorts),
  order: askedOne(req, 'order', ['asc', 'desc'] as const),
  /** How many a page; the usual number is left out. */
  size: askedOne(req, 'size', ['100', '500'] as const),
})

export async function showUsers(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const query = userQuery(req)
  const [list, plugins, groups, all] = await Promise.all([
    pageAsked(req, (page) => usersPage(db, { ...query, page, size: Number(query.size ?? pageSize) })),
    pluginList(db),
    // The part of the page that a search gets has no list of groups to choose from.
    asksForPart(req) ? [] : allGroups(db),
    countUsers(db),
  ])
  // What was searched stands in the address, without the fields that were left empty.
  res.set('HX-Replace-Url', path('/users', { ...query, page: list.page > 1 ? list.page : undefined }))
  const near = list.total === 0 ? await nearHit(db, { ...query, size: 1 }) : undefined
  const signIns = await lastSignIns(
    db,
    list.rows.map(({ id }) => id),
  )
  const rows = list.rows.map((user) => ({ ...user, stands: standing(user), lastSignIn: signIns.get(user.id) }))
  const data = {
    query,
    list: { ...list, rows },
    near,
    plugins: plugins.filter((plugin) => plugin.on),
    groups,
    all,
    states,
  }
  await render(req, res, 'users/index', { ...data, ...rightsOf(req), base: '/users' }, { part: 'users/_list' })
}

export async function newUser(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const profile = await profileOf(db, asked(req, 'profile'))
  const typed = await beginning(db, profile)
  await renderNew(req, res, { typed: { ...typed, mustChange: (await policyOf(db, emptyUser)).mustChange }, profile })
}

type New = Omit<Parameters<typeof userForm>[1], 'user'> & { firstPassword?: string; status?: number }

async function renderNew(req: Request, res: Response, { firstPassword, status = 200, ...given }: New): Promise<void> {
  const db = dbOf(req)
  const form = await userForm(db, { user: emptyUser, ...given })
  const { minLength } = await policyOf(db, emptyUser)
  const passwordHelp = `At least ${minLength} characters. A short sentence is easy to keep.`
  await render(req, res, 'users/new', { ...form, firstPassword, passwordHelp, zoneName: zone() }, { status })
}

export async function addNewUser(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const form = formOf(req)
  const typed = typedUser(form, await declared(db))
  const firstPassword = form.text('first-password') || 'typed'
  const profile = await profileOf(db, form.text('profile')).catch((error) => {
    if (!(error instanceof NotFound)) throw error
    return error
  })
  if (profile instanceof NotFound) {
    const problems = {
      '': `Not added: ${profile.message} What it filled in is kept; go through it, and add without it.`,
    }
    return renderNew(req, res, { typed, problems, firstPassword, status: 422 })
  }
  try {
    const { password, ...input } = {
      ...withProfile(typed, profile),
      ...(await firstPasswordOf(db, form, firstPassword, typed)),
    }
    const user = await addUser(db, actorOf(req), { ...input, ...(password ? { password } : {}) })
    if (firstPassword === 'typed') return redirectTo(req, res, user, `${user.first} ${user.last} was added.`)
    await showFirstPassword(req, res, user, password)
  } catch (error) {
    await renderNew(req, res, { typed, problems: problemsOf(error), profile, firstPassword, status: 422 })
  }
}

/** Shown in the answer itself and kept nowhere: whoever opens the page again does not see it again. */
async function showFirstPassword(req: Request, res: Response, user: User, password?: string): Promise<void> {
  const data = { user, isAdded: true, mustChange: user.mustChange }
  if (password !== undefined) return render(req, res, 'users/password-once', { ...data, password })
  try {
    const invitation = await inviteUser(dbOf(req), actorOf(req), user.id)
    await render(req, res, 'users/password-once', { ...data, ...(await linkOf(req, invitation)) })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    await redirectTo(req, res, user, `${user.first} ${user.last} was added, without a link. ${error.message}`, 'look')
  }
}

async function firstPasswordOf(
  db: Db,
  form: Form,
  way: string,
  { groups }: TypedUser,
): Promise<Pick<Partial<UserInput>, 'password'>> {
  if (way === 'generated') return { password: generatedPassword(await policyOfNew(db, groups)) }
  if (way === 'link') return {}
  const password = form.text('password')
  if (password !== form.text('password2')) throw new Invalid({ password2: 'The two passwords are not the same.' })
  return { password }
}

const redirectTo = (req: Request, res: Response, user: User, text: string, kind?: 'good' | 'look' | 'bad') =>
  redirect(req, res, `/users/${encodeURIComponent(user.username)}`, text, kind)

export async function showUser(req: Request, res: Response): Promise<void> {
  const username = part(req, 'username')
  await orRenamed(req, res, 'user', username, async () => {
    const user = await userByUsername(dbOf(req), username)
    if (user.username !== username) return redirect(req, res, `/users/${encodeURIComponent(user.username)}`)
    await renderUser(req, res, user)
  })
}

type Extra = { typed?: TypedUser; problems?: Record<string, string>; conflict?: Conflict; status?: number }

async function renderUser(req: Request, res: Response, user: User, extra: Extra = {}): Promise<void> {
  const db = dbOf(req)
  const { status = 200, conflict, ...given } = extra
  const [form, facts, policy, signIn, receipt] = await Promise.all([
    userForm(db, { user, ...given }),
    factsOf(db, user, asked(req, 'plugin')),
    policyOf(db, user),
    signInFacts(db, user.id),
    receiptOfUser(db, user.id),
  ])
  const data = {
    ...form,
    ...facts,
    ...rightsOf(req),
    conflict,
    signIn,
    lastReceipt: receipt,
    stands: standing(user),
    rules: policyRules(policy),
    passwordEnds: passwordEnds(policy, user.passwordChanged),
    mayHelpThis: mayHelpThis(req, user),
    zoneName: zone(),
  }
  await render(req, res, 'users/show', data, { status })
}

export async function saveUser(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = await userMeant(req)
  const form = formOf(req)
  const known = await declared(db)
  const typed = typedUser(form, known, user)
  const seq = Number(form.text('seq')) || undefined
  try {
    const saved = await changeUser(db, actorOf(req), user.id, typed, seq)
    await redirectTo(req, res, saved, `${saved.first} ${saved.last} is saved.`)
  } catch (error) {
    const problems = problemsOf(error)
    const said = problems['']
    const now = (await userById(db, user.id)) ?? user
    if (said && seq !== undefined && now.seq !== seq) {
      const groups = [...(await groupNames(db, now.groups)).values()]
      const conflict = await userConflict(db, known, { ...now, groupNames: groups }, typed, { form, since: seq, said })
      return renderUser(req, res, now, { typed, problems, conflict, status: 422 })
    }
    await renderUser(req, res, user, { typed, problems, status: 422 })
  }
}

const done: Record<Status, string> = {
  enabled: 'may sign in',
  locked: 'is locked',
  disabled: 'is disabled',
}

export async function saveStatus(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = await userMeant(req)
  const form = formOf(req)
  const status = statuses.find((one) => one === form.text('status'))
  // From a list, or from the person's own page.
  const back = form.has('back') ? safePath(form.text('back')) : `/users/${encodeURIComponent(user.username)}`
  if (!status) throw new Invalid({ status: 'Status must be enabled, locked or disabled.' })
  try {
    // What the page showed: somebody else may have disabled the account since.
    const from = status === 'disabled' ? undefined : askedOne(req, 'from', statuses)
    const act = { do: 'status' as const, user: user.id, status, ...(from && { from }) }
    await doAct(req, act, form.text(authorityField))
    const { state, note } = standing((await userById(db, user.id)) ?? user)
    const but = status === 'enabled' && state !== 'enabled' ? `is enabled, but ${state} ${note}` : done[status]
    await redirect(req, res, back, `${user.first} ${user.last} ${but.trim()}.`)
  } catch (error) {
    const problems = problemsOf(error)
    // At a slave there was a page before this, which asked for the own password.
    if (authorityField in problems) return renderStatus(req, res, user, status, problems)
    await redirect(req, res, back, Object.values(problems).join(' '), 'bad')
  }
}

/** At a slave: its master goes by the own password of who asks. */
export async function askStatus(req: Request, res: Response): Promise<void> {
  const status = askedOne(req, 'status', statuses)
  if (!status) throw new Invalid({ status: 'Status must be enabled, locked or disabled.' })
  await renderStatus(req, res, await userMeant(req), status)
}

const verbs = { locked: 'Lock', disabled: 'Disable' } as const

async function renderStatus(
  req: Request,
  res: Response,
  user: User,
  status: Status,
  problems: Problems = {},
): Promise<void> {
  const from = askedOne(req, 'from', statuses)
  const verb = status === 'enabled' ? (from === 'locked' ? 'Unlock' : 'Enable') : verbs[status]
  const data = { user, status, from, verb, problems }
  await render(req, res, 'users/status', data, { status: Object.keys(problems).length > 0 ? 422 : 200 })
}

export async function askRemoveUser(req: Request, res: Response): Promise<void> {
  const user = await userByUsername(dbOf(req), part(req, 'username'))
  await render(req, res, 'users/remove', { user, ...(await settings(dbOf(req))) })
}

export async function removeOneUser(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = await userMeant(req)
  try {
    await removeUser(db, actorOf(req), user.id)
    await redirect(req, res, '/users', `${user.first} ${user.last} is in the recycle bin.`)
  } catch (error) {
    const data = { user, problems: problemsOf(error), ...(await settings(db)) }
    await render(req, res, 'users/remove', data, { status: 422 })
  }
}

/** The people whom a list shows, as CSV in the columns that the import reads; passwords never leave. */
export async function exportListed(req: Request, res: Response): Promise<void> {
  const { search, group, plugin, status } = userQuery(req)
  res.type('csv').attachment('users.csv')
  await sendText(res, exportUsers(dbOf(req), { search, group, plugin, status }))
}
