import type { Request, Response } from 'express'
import { Invalid, messageOf, NotFound, Refused } from '../errors.ts'
import { forgetUnshipped, unshippedBody, unshippedChanges, unshippedFiles } from '../mode/unshipped.ts'
import { authorityField, doAct } from './act.ts'
import { formOf, problemsOf } from './form.ts'
import { dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { count } from './say.ts'

// What was changed here and never reached the node that is master now: looked at, made again there, forgotten.

const mostShown = 500
const isAgain = (kind: string): kind is 'user' | 'group' => kind === 'user' || kind === 'group'

export async function showUnshipped(req: Request, res: Response): Promise<void> {
  await showPage(req, res)
}

async function showPage(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  const lists = (await unshippedChanges(dbOf(req))).map((list) => ({
    ...list,
    total: list.changes.length,
    changes: list.changes
      .slice(0, mostShown)
      .map((one) => ({ ...one, value: `${list.file} ${one.kind} ${one.id}`, isAgain: isAgain(one.kind) })),
  }))
  await render(req, res, 'mode/unshipped', { lists, problems: {}, chosen: [], refused: [], ...extra }, { status })
}

/** Makes the chosen ones again: here, or on a slave by its master in the person's name. Each stands for itself. */
export async function applyUnshipped(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const chosen = form.list('change')
  const refused: { name: string; problem: string }[] = []
  let done = 0
  try {
    if (chosen.length === 0) throw new Invalid({ '': 'Choose at least one change.' })
    // Groups first: people refer to them.
    for (const one of [...chosen].sort((a, b) => Number(a.includes(' user ')) - Number(b.includes(' user ')))) {
      const [file = '', kind = '', id = ''] = one.split(' ')
      const row = await unshippedBody(dbOf(req), file, kind, id)
      if (!row || !isAgain(kind)) continue
      try {
        const body = row.body ?? null
        await doAct(req, { do: 'again', kind, id, body, from: dbOf(req).local.name }, form.text(authorityField))
        done++
      } catch (error) {
        const isOfThis =
          error instanceof NotFound ||
          (error instanceof Refused && error.code === 'in-bin') ||
          (error instanceof Invalid && error.problems[authorityField] === undefined)
        if (!isOfThis) throw error
        refused.push({ name: nameIn(row.body) ?? kind, problem: messageOf(error) })
      }
    }
    if (refused.length > 0) return showPage(req, res, { refused, done }, 422)
    await redirect(req, res, '/mode/unshipped', `Made ${count(done, 'change')} again.`)
  } catch (error) {
    await showPage(req, res, { problems: problemsOf(error), chosen, done }, 422)
  }
}

function nameIn(body: string | undefined): string | undefined {
  const { username, name } = body === undefined ? {} : JSON.parse(body)
  return username ?? name
}

export async function askForget(req: Request, res: Response): Promise<void> {
  if (unshippedFiles(dbOf(req)).length === 0) throw new NotFound('Nothing is kept here.')
  await render(req, res, 'mode/forget')
}

export async function forgetLists(req: Request, res: Response): Promise<void> {
  for (const file of unshippedFiles(dbOf(req))) forgetUnshipped(dbOf(req), file)
  await redirect(req, res, '/mode', 'They are forgotten.')
}
