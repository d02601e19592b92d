import type { Request, Response } from 'express'
import { confirmPassword } from '../accounts/sign-in.ts'
import { Invalid, NotFound } from '../errors.ts'
import { noteKeyShown, rotateKey, synchronizationKey } from '../mode/key.ts'
import { setMode } from '../mode/mode.ts'
import { recoveryMade } from '../mode/recovery.ts'
import { unshippedFiles } from '../mode/unshipped.ts'
import { nodeStatus } from '../replication/status.ts'
import { formOf, part, problemsOf } from './form.ts'
import { actorOf, dbOf, nodeOf } from './node.ts'
import { redirect, render } from './render.ts'

/** How long a key stays on the screen; the page takes itself away even with scripts off. */
const shownSeconds = 60

export async function showMode(req: Request, res: Response): Promise<void> {
  await showPage(req, res)
}

async function showPage(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  await render(
    req,
    res,
    'mode/show',
    {
      ...(await joinedTo(req)),
      problems: {},
      recoveryMade: await recoveryMade(dbOf(req)),
      unshipped: unshippedFiles(dbOf(req)).length > 0,
      shownSeconds,
      syncPort: nodeOf(req).config.syncPort,
      ...extra,
    },
    { status },
  )
}

/** The node, and the slaves that would notice if it stopped being their master. */
async function joinedTo(req: Request) {
  const status = await nodeStatus(dbOf(req))
  return { status, slaves: status.devices.filter((device) => device.status === 'active').map(({ name }) => name) }
}

/** The key is shown to whoever types the password again, for a minute, and the record says so. */
export async function revealKey(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = req.user as Express.User
  mustBeMaster(req)
  if (!(await confirmPassword(db, user.id, formOf(req).text('password')))) {
    return showPage(req, res, { problems: { password: 'This is not your password. Look at Caps Lock.' } }, 422)
  }
  const key = await synchronizationKey(db)
  await noteKeyShown(db, actorOf(req))
  res.set('Refresh', `${shownSeconds}; url=/mode`)
  await showPage(req, res, { key })
}

export async function askNewKey(req: Request, res: Response): Promise<void> {
  mustBeMaster(req)
  await render(req, res, 'mode/new-key')
}

export async function newKey(req: Request, res: Response): Promise<void> {
  mustBeMaster(req)
  await rotateKey(dbOf(req), actorOf(req))
  await redirect(req, res, '/mode', 'There is a new Synchronization Key. The old one lets nobody join any more.')
}

const become = ['standalone', 'master'] as const

function askedMode(req: Request): (typeof become)[number] {
  const mode = become.find((one) => one === part(req, 'mode'))
  if (!mode || mode === dbOf(req).local.mode) throw new NotFound('There is no such change of mode.')
  return mode
}

export async function askMode(req: Request, res: Response): Promise<void> {
  const to = askedMode(req)
  await render(req, res, 'mode/become', { to, ...(await joinedTo(req)), problems: {} })
}

export async function saveMode(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const to = askedMode(req)
  const joined = await joinedTo(req)
  const typed = formOf(req).text('name').trim()
  try {
    if (to === 'standalone' && joined.slaves.length > 0 && typed !== db.local.name) {
      throw new Invalid({ name: `Type ${db.local.name} to make this node standalone.` })
    }
    await setMode(db, actorOf(req), to)
    await redirect(
      req,
      res,
      '/mode',
      to === 'master' ? 'This node is a master now. Slaves can join.' : 'This node is standalone now.',
    )
  } catch (error) {
    await render(req, res, 'mode/become', { to, ...joined, typed, problems: problemsOf(error) }, { status: 422 })
  }
}

function mustBeMaster(req: Request): void {
  const { local } = dbOf(req)
  if (local.mode !== 'master' || local.newer) throw new NotFound('Only a master has a Synchronization Key.')
}
