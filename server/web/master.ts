import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { handOver } from '../replication/hand-over.ts'
import { promote, promotion } from '../replication/promotion.ts'
import { nodeStatus } from '../replication/status.ts'
import { formOf, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'

/** On a slave: what would be lost, and the recovery code. */
export async function askPromote(req: Request, res: Response): Promise<void> {
  mustBe(req, 'slave')
  await render(req, res, 'mode/promote', { plan: await promotion(dbOf(req)), problems: {} })
}

export async function savePromote(req: Request, res: Response): Promise<void> {
  mustBe(req, 'slave')
  const plan = await promotion(dbOf(req))
  try {
    await promote(dbOf(req), actorOf(req), formOf(req).text('code'))
    await redirect(req, res, '/mode', 'This node is master now. Tell the other slaves to follow it.')
  } catch (error) {
    await render(req, res, 'mode/promote', { plan, problems: problemsOf(error) }, { status: 422 })
  }
}

/** On the master: which slave takes over. */
export async function askHandOver(req: Request, res: Response): Promise<void> {
  mustBe(req, 'master')
  await render(req, res, 'mode/hand-over', { slaves: await equalSlaves(req), problems: {} })
}

export async function saveHandOver(req: Request, res: Response): Promise<void> {
  mustBe(req, 'master')
  try {
    const { name } = await handOver(dbOf(req), actorOf(req), formOf(req).text('device'))
    await redirect(req, res, '/mode', `${name} is master now, and this node its slave.`)
  } catch (error) {
    await render(
      req,
      res,
      'mode/hand-over',
      { slaves: await equalSlaves(req), problems: problemsOf(error) },
      { status: 422 },
    )
  }
}

const equalSlaves = async (req: Request) =>
  (await nodeStatus(dbOf(req))).devices.filter(({ state }) => state === 'equal')

function mustBe(req: Request, mode: 'master' | 'slave'): void {
  if (dbOf(req).local.mode !== mode) throw new NotFound(`This is a page of a ${mode}. This node is none.`)
}
