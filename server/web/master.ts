import type { Request, Response } from 'express'
import { confirmPassword } from '../accounts/sign-in.ts'
import { Invalid, NotFound, Refused, Unavailable } from '../errors.ts'
import { setMode } from '../mode/mode.ts'
import { makeRecoveryCode, recoveryMade } from '../mode/recovery.ts'
import { followMaster } from '../replication/follow.ts'
import { handOver } from '../replication/hand-over.ts'
import { leaveMaster, promote, promotion } from '../replication/promotion.ts'
import { becomeSlave } from '../replication/rejoin.ts'
import { nodeStatus } from '../replication/status.ts'
import { formOf, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'

// Which node is master, and how that changes. Each act has a page that says first what would happen.

/** Shows the page again with what is wrong, where the act does not work out. */
async function act(req: Request, res: Response, view: string, data: object, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    const isWhole = error instanceof Refused || error instanceof Unavailable
    const problems = isWhole ? { '': error.message } : problemsOf(error)
    await render(req, res, view, { ...data, problems }, { status: 422 })
  }
}

/** On a slave: what would be lost, and the recovery code. */
export async function askPromote(req: Request, res: Response): Promise<void> {
  mustBe(req, 'slave')
  await render(req, res, 'mode/promote', { plan: await promotion(dbOf(req)), problems: {}, force: false })
}

export async function savePromote(req: Request, res: Response): Promise<void> {
  mustBe(req, 'slave')
  const force = formOf(req).text('force') === 'yes'
  await act(req, res, 'mode/promote', { plan: await promotion(dbOf(req)), force }, async () => {
    await promote(dbOf(req), actorOf(req), formOf(req).text('code'), force)
    await redirect(req, res, '/mode', 'This node is master now. Slaves that can reach it follow by themselves.')
  })
}

/** On the master: which slave takes over. */
export async function askHandOver(req: Request, res: Response): Promise<void> {
  mustBe(req, 'master')
  await render(req, res, 'mode/hand-over', { slaves: await equalSlaves(req), problems: {} })
}

export async function saveHandOver(req: Request, res: Response): Promise<void> {
  mustBe(req, 'master')
  await act(req, res, 'mode/hand-over', { slaves: await equalSlaves(req) }, async () => {
    const { name } = await handOver(dbOf(req), actorOf(req), formOf(req).text('device'))
    await redirect(req, res, '/mode', `${name} is master now, and this node its slave.`)
  })
}

const equalSlaves = async (req: Request) =>
  (await nodeStatus(dbOf(req))).devices.filter(({ state, scope }) => state === 'equal' && !scope)

/** On the master: the code with which a slave takes its place once it is gone. */
export async function askRecovery(req: Request, res: Response): Promise<void> {
  mustBe(req, 'master')
  await render(req, res, 'mode/recovery', { made: await recoveryMade(dbOf(req)), problems: {} })
}

/** Told once, on this page; it is kept nowhere. */
export async function makeRecovery(req: Request, res: Response): Promise<void> {
  mustBe(req, 'master')
  const made = await recoveryMade(dbOf(req))
  await act(req, res, 'mode/recovery', { made }, async () => {
    if (!(await confirmPassword(dbOf(req), (req.user as Express.User).id, formOf(req).text('password'))))
      throw new Invalid({ password: 'This is not your password. Look at Caps Lock.' })
    const code = await makeRecoveryCode(dbOf(req), actorOf(req))
    await render(req, res, 'mode/recovery', { made, code, problems: {} })
  })
}

/** On a slave: the same master, or the new one, at an address that this node does not find by itself. */
export async function askFollow(req: Request, res: Response): Promise<void> {
  mustBe(req, 'slave')
  await render(req, res, 'mode/follow', { problems: {}, typed: '' })
}

export async function saveFollow(req: Request, res: Response): Promise<void> {
  mustBe(req, 'slave')
  const typed = formOf(req).text('master')
  await act(req, res, 'mode/follow', { typed }, async () => {
    await followMaster(dbOf(req), actorOf(req), typed)
    await redirect(req, res, '/mode', `This node follows the master at ${typed.trim()}.`)
  })
}

export async function askDetach(req: Request, res: Response): Promise<void> {
  mustBe(req, 'slave')
  await render(req, res, 'mode/detach', { problems: {}, typed: '' })
}

export async function saveDetach(req: Request, res: Response): Promise<void> {
  mustBe(req, 'slave')
  const typed = formOf(req).text('name').trim()
  await act(req, res, 'mode/detach', { typed }, async () => {
    needName(req, typed, 'to detach this node')
    await leaveMaster(dbOf(req), actorOf(req))
    await redirect(req, res, '/mode', 'This node is standalone now, with the accounts that it had.')
  })
}

/** On a master in whose place another node is master. */
export async function askRejoin(req: Request, res: Response): Promise<void> {
  mustBeReplaced(req)
  await render(req, res, 'mode/rejoin', { problems: {}, typed: '' })
}

export async function saveRejoin(req: Request, res: Response): Promise<void> {
  mustBeReplaced(req)
  const typed = formOf(req).text('master').trim()
  await act(req, res, 'mode/rejoin', { typed }, async () => {
    await becomeSlave(dbOf(req), actorOf(req), typed || undefined)
    await redirect(req, res, '/mode', `This node is a slave of ${dbOf(req).local.masterName} now.`)
  })
}

export async function askStay(req: Request, res: Response): Promise<void> {
  mustBeReplaced(req)
  await render(req, res, 'mode/stay', { problems: {}, typed: '' })
}

export async function saveStay(req: Request, res: Response): Promise<void> {
  mustBeReplaced(req)
  const typed = formOf(req).text('name').trim()
  await act(req, res, 'mode/stay', { typed }, async () => {
    needName(req, typed, 'to keep this node master')
    await setMode(dbOf(req), actorOf(req), 'master')
    await redirect(req, res, '/mode', 'This node goes on as master, in a newer epoch.')
  })
}

function needName(req: Request, typed: string, to: string): void {
  const { name } = dbOf(req).local
  if (typed !== name) throw new Invalid({ name: `Type ${name} ${to}.` })
}

function mustBe(req: Request, mode: 'master' | 'slave'): void {
  const { local } = dbOf(req)
  if (local.mode !== mode || local.newer) throw new NotFound(`This is a page of a ${mode}. This node is none.`)
}

function mustBeReplaced(req: Request): void {
  if (!dbOf(req).local.newer) throw new NotFound('No other node is known to be master in place of this one.')
}
