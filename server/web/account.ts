import type { Request, Response } from 'express'
import { extensionList } from '../accounts/extensions.ts'
import { groupNames } from '../accounts/groups.ts'
import { mayUse, pluginList } from '../accounts/plugins.ts'
import { confirmPassword } from '../accounts/sign-in.ts'
import { setPassword } from '../accounts/users.ts'
import { countWrongTry, refuseWhenUsedUp } from '../auth/rate-limits.ts'
import { Invalid, type Problems } from '../errors.ts'
import { extensionByName } from '../extensions/index.ts'
import { formOf, problemsOf } from './form.ts'
import { actorOf, dbOf, nodeOf } from './node.ts'
import { keepSession, twice } from './password.ts'
import { redirect, render } from './render.ts'

export async function showAccount(req: Request, res: Response): Promise<void> {
  await showOwn(req, res)
}

/** What everybody may see of themselves: nothing here is about anybody else. */
async function showOwn(req: Request, res: Response, problems: Problems = {}, status = 200): Promise<void> {
  const db = dbOf(req)
  const user = req.user as Express.User
  const [plugins, groups, states] = await Promise.all([pluginList(db), groupNames(db, user.groups), extensionList(db)])
  const services = plugins.filter((plugin) => plugin.on).map((plugin) => ({ ...plugin, use: mayUse(user, plugin) }))
  const facts = states.filter((state) => state.on).flatMap((state) => factsOf(user, state.name))
  await render(
    req,
    res,
    'account/show',
    { user, services, groups: [...groups.values()].sort(), facts, problems },
    { status },
  )
}

function factsOf(user: Express.User, name: string): { label: string; value: string }[] {
  const values = user.extensions[name] ?? {}
  return Object.entries(extensionByName(name)?.user ?? {}).flatMap(([key, field]) => {
    const value = values[key]
    return value === undefined ? [] : [{ label: field.label, value: field.format(value as never) }]
  })
}

export async function saveOwnPassword(req: Request, res: Response): Promise<void> {
  const { db, limits } = nodeOf(req)
  const user = req.user as Express.User
  const form = formOf(req)
  await refuseWhenUsedUp(limits.name, user.username)
  try {
    const password = twice(form)
    if (!(await confirmPassword(db, user.id, form.text('current')))) {
      await countWrongTry(limits.name, user.username)
      throw new Invalid({ current: 'This is not your password. Look at Caps Lock.' })
    }
    await setPassword(db, actorOf(req), user.id, password)
    await keepSession(req, user.username)
    await redirect(req, res, '/account', 'Your password is changed. Other sessions of yours have ended.')
  } catch (error) {
    await showOwn(req, res, problemsOf(error), 422)
  }
}
