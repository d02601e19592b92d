import type { NextFunction, Request, Response } from 'express'
import { userByUsername } from '../accounts/users.ts'
import { checkClaimCode, forgetClaimCode } from '../auth/claim.ts'
import { countWrongTry, refuseWhenUsedUp } from '../auth/rate-limits.ts'
import { saved } from '../auth/session.ts'
import { Invalid, type Problems, Unavailable } from '../errors.ts'
import { allowed, ownRoot } from '../filesync/places.ts'
import { noteKeyShown, synchronizationKey } from '../mode/key.ts'
import { setUpOwn } from '../mode/set-up.ts'
import { joinProgress, startJoin } from '../replication/joining.ts'
import type { Db } from '../store/db.ts'
import type { Mode } from '../store/local.ts'
import { askedOne, formOf, problemsOf } from './form.ts'
import { actorOf, dbOf, nodeOf } from './node.ts'
import { passwordProblems } from './password.ts'
import { render } from './render.ts'
import { begin } from './sign-in.ts'

const modes: readonly Mode[] = ['master', 'slave', 'standalone']

/** How long the last page of the set-up shows the key again. */
const doneMs = 10 * 60_000

/** What was typed to join, so that the page can show it while the node joins; in memory only. */
const joining = new WeakMap<Db, { master: string; key: string; name: string; receiveFiles: boolean }>()

/** Until the node is set up there is nothing else to see. */
export function toSetUpFirst(req: Request, res: Response, next: NextFunction): void {
  if (dbOf(req).local.mode) {
    next()
    return
  }
  if (req.get('HX-Request') === 'true') return void res.status(401).set('HX-Redirect', '/setup').end()
  res.redirect(303, '/setup')
}

export async function showClaim(req: Request, res: Response): Promise<void> {
  if (req.session.claimedAt) return res.redirect(303, joinProgress(dbOf(req)) ? '/setup/joining' : '/setup/mode')
  await render(req, res, 'setup/claim', { problems: {} })
}

/** Only who can read this node's terminal or files has the code. */
export async function claim(req: Request, res: Response): Promise<void> {
  const { db, limits } = nodeOf(req)
  const typed = formOf(req).text('code')
  const again = (problem: string, status: number) =>
    render(req, res, 'setup/claim', { typed, problems: { code: problem } }, { status })
  try {
    await refuseWhenUsedUp(limits.claim, req.ip ?? '')
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    return again(error.message, 429)
  }
  if (!checkClaimCode(db.dir, typed)) {
    await countWrongTry(limits.claim, req.ip ?? '')
    return again(
      'This is not the code. It stands where the node was started, and in the file claim-code of its data directory.',
      422,
    )
  }
  await new Promise<void>((resolve, reject) => req.session.regenerate((error) => (error ? reject(error) : resolve())))
  req.session.claimedAt = req.session.seenAt = Date.now()
  await saved(req)
  res.redirect(303, '/setup/mode')
}

export async function showModes(req: Request, res: Response): Promise<void> {
  await render(req, res, 'setup/mode', { chosen: askedOne(req, 'mode', modes) ?? 'master' })
}

export async function showDetails(req: Request, res: Response): Promise<void> {
  const mode = askedOne(req, 'mode', modes)
  if (!mode) return res.redirect(303, '/setup/mode')
  const { name } = dbOf(req).local
  const kept = mode === 'slave' ? joining.get(dbOf(req)) : undefined
  const failed = mode === 'slave' ? joinProgress(dbOf(req))?.problems : undefined
  const typed = { name, master: '', key: '', receiveFiles: true, domain: '', admin: '', first: '', last: '', ...kept }
  await render(req, res, 'setup/details', { mode, typed, problems: failed ?? {}, ownRoot: ownRoot(dbOf(req)) })
}

const texts = (req: Request, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, formOf(req).text(name).trim()]))

export async function setUpOwnAccounts(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const form = formOf(req)
  const mode = form.text('mode') === 'standalone' ? 'standalone' : 'master'
  const typed = texts(req, ['domain', 'name', 'admin', 'first', 'last'])
  const [domain, name, admin, first, last] = ['domain', 'name', 'admin', 'first', 'last'].map(
    (key) => typed[key] ?? '',
  ) as [string, string, string, string, string]
  try {
    const missing = { ...needed({ domain, admin, first, last }), ...passwordProblems(form) }
    if (Object.keys(missing).length > 0) throw new Invalid(missing)
    const password = form.text('password')
    await setUpOwn(
      db,
      { ...actorOf(req), name: admin },
      { mode, domain, admin, password, first, last, ...(name ? { name } : {}) },
    )
  } catch (error) {
    return render(req, res, 'setup/details', { mode, typed, problems: problemsOf(error) }, { status: 422 })
  }
  forgetClaimCode(db.dir)
  req.session.setUpAt = Date.now()
  await begin(req, res, await userByUsername(db, admin), '/setup/done')
}

const labels = { domain: 'The base domain', admin: 'A username', first: 'A first name', last: 'A last name' }

const needed = (typed: Record<keyof typeof labels, string>): Problems =>
  Object.fromEntries(
    Object.entries(labels).flatMap(([name, label]) =>
      typed[name as keyof typeof labels] ? [] : [[name, `${label} is needed.`]],
    ),
  )

export async function setUpSlave(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const [master, key, name] = ['master', 'key', 'name'].map((one) => formOf(req).text(one).trim()) as [
    string,
    string,
    string,
  ]
  const typed = { master, key, name, receiveFiles: formOf(req).text('receiveFiles') === 'yes' }
  try {
    joining.set(db, typed)
    startJoin(db, actorOf(req), typed)
  } catch (error) {
    const data = { mode: 'slave', typed, problems: problemsOf(error), ownRoot: ownRoot(db) }
    return render(req, res, 'setup/details', data, { status: 422 })
  }
  res.redirect(303, '/setup/joining')
}

/** The steps as they happen. The work goes on whether somebody looks or not. */
export async function showJoining(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const progress = joinProgress(db)
  if (!progress) return res.redirect(303, '/setup')
  if (progress.done && !progress.problems) return toDone(req, res)
  if (!progress.problems && req.get('HX-Request') !== 'true') res.set('Refresh', '3')
  const typed = joining.get(db) ?? { master: progress.master, key: '', name: progress.name }
  await render(
    req,
    res,
    'setup/joining',
    { progress, typed, problems: progress.problems ?? {} },
    { part: 'setup/_joining' },
  )
}

async function toDone(req: Request, res: Response): Promise<void> {
  joining.delete(dbOf(req))
  forgetClaimCode(dbOf(req).dir)
  req.session.setUpAt ??= Date.now()
  await saved(req)
  if (req.get('HX-Request') === 'true') res.set('HX-Redirect', '/setup/done').end()
  else res.redirect(303, '/setup/done')
}

/** The last page: for a master its Device ID and key, for a slave the proof. */
export async function showReady(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const { setUpAt } = req.session
  if (!setUpAt || Date.now() - setUpAt > doneMs || !db.local.mode) return res.redirect(303, '/')
  const isMaster = db.local.mode === 'master'
  if (isMaster && !req.user) return res.redirect(303, '/login')
  const key = isMaster ? await synchronizationKey(db) : undefined
  if (key) await noteKeyShown(db, actorOf(req))
  await render(req, res, 'setup/done', {
    key,
    progress: joinProgress(db),
    receivedIn: allowed(db).receives && ownRoot(db),
  })
}
