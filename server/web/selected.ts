import type { Request, Response } from 'express'
import { removeUser, setStatus, type User, userByUsername } from '../accounts/users.ts'
import { Invalid, NotFound } from '../errors.ts'
import { formOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { people } from './say.ts'
import { safePath } from './sign-in.ts'

/** What the bar over the list can do with the people that are selected in it. */
const actions = {
  lock: { status: 'locked', said: 'locked' },
  unlock: { status: 'enabled', said: 'unlocked' },
  disable: { status: 'disabled', said: 'disabled' },
  enable: { status: 'enabled', said: 'enabled' },
} as const

const mostAtOnce = 1000

export async function saveSelected(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const users = await selectedUsers(req)
  const back = safePath(form.text('back'))
  if (users.length === 0) return redirect(req, res, back, 'Nobody is selected. Tick people in the list first.', 'look')
  const action = form.text('action')
  if (action === 'remove') return render(req, res, 'users/remove-selected', { users, back })
  const chosen = actions[action as keyof typeof actions]
  if (!chosen) throw new Invalid({ action: 'Choose what to do with the people that are selected.' })
  const refused = await each(users, (user) => setStatus(dbOf(req), actorOf(req), user.id, chosen.status))
  await sayResult(req, res, back, users.length - refused.length, chosen.said, refused)
}

/** The count under the confirmation, typed wrong: the same page again with what is wrong. */
export async function removeSelected(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const users = await selectedUsers(req)
  const back = safePath(form.text('back'))
  if (form.text('count').trim() !== String(users.length)) {
    const problems = { count: `Type ${users.length} to remove ${people(users.length)}.` }
    return render(
      req,
      res,
      'users/remove-selected',
      { users, back, problems, typed: form.text('count') },
      { status: 422 },
    )
  }
  const refused = await each(users, (user) => removeUser(dbOf(req), actorOf(req), user.id))
  await sayResult(req, res, back, users.length - refused.length, 'removed', refused)
}

async function selectedUsers(req: Request): Promise<User[]> {
  const names = [...new Set(formOf(req).list('usernames'))]
  if (names.length > mostAtOnce) throw new Invalid({ usernames: `Select at most ${mostAtOnce} people at once.` })
  const found: User[] = []
  for (const name of names) {
    // Somebody else may have removed one of them in the meantime.
    const user = await userByUsername(dbOf(req), name).catch((error) => {
      if (!(error instanceof NotFound)) throw error
    })
    if (user) found.push(user)
  }
  return found
}

/** Does it one by one and goes on after a refusal; returns the sentences. */
async function each(users: User[], change: (user: User) => Promise<unknown>): Promise<string[]> {
  const refused: string[] = []
  for (const user of users) {
    try {
      await change(user)
    } catch (error) {
      if (!(error instanceof Invalid)) throw error
      refused.push(`${user.first} ${user.last}: ${error.message}`)
    }
  }
  return refused
}

async function sayResult(
  req: Request,
  res: Response,
  back: string,
  changed: number,
  said: string,
  refused: string[],
): Promise<void> {
  const sentence = changed > 0 ? `${people(changed)} ${said}.` : `Nobody was ${said}.`
  await redirect(req, res, back, [sentence, ...refused.slice(0, 3)].join(' '), refused.length > 0 ? 'look' : 'good')
}
