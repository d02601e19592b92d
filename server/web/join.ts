import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { joinCodeState, joinCodes, makeJoinCode, removeJoinCode } from '../mode/join-codes.ts'
import { deviceStatuses } from '../replication/status.ts'
import { formOf, part, problemsOf } from './form.ts'
import { actorOf, dbOf, nodeOf } from './node.ts'
import { redirect, render } from './render.ts'

export async function showJoin(req: Request, res: Response): Promise<void> {
  mustBeMaster(req)
  await renderJoin(req, res)
}

async function renderJoin(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  const codes = await joinCodes(dbOf(req))
  await render(req, res, 'devices/join', { codes, problems: {}, typed: '', ...extra }, { status })
}

/** The code is shown in this answer and never again. */
export async function addJoinCode(req: Request, res: Response): Promise<void> {
  mustBeMaster(req)
  const typed = formOf(req).text('name')
  try {
    const made = await makeJoinCode(dbOf(req), actorOf(req), typed, addressOf(req))
    const { default: qrcode } = await import('qrcode')
    const qr = await qrcode.toString(made.code.toUpperCase(), { type: 'svg', margin: 1 })
    await render(req, res, 'devices/join-code', { made, qr, ...(await waitingOf(req, made.name)) })
  } catch (error) {
    await renderJoin(req, res, { typed, problems: problemsOf(error) }, 422)
  }
}

/** How it goes with the code for a name: how long it is good, and whether the slave is there. */
export async function showJoinWaiting(req: Request, res: Response): Promise<void> {
  const waiting = await waitingOf(req, part(req, 'name'))
  await render(req, res, 'devices/join-waiting', waiting, { part: 'devices/_join-waiting' })
}

async function waitingOf(req: Request, name: string) {
  const state = await joinCodeState(dbOf(req), name)
  if (!state) throw new NotFound(`There is no join code for “${name}”.`)
  const device = state.deviceId && (await deviceStatuses(dbOf(req))).find((one) => one.deviceId === state.deviceId)
  return { name, state, device, secondsLeft: Math.max(0, Math.round((Date.parse(state.until) - Date.now()) / 1000)) }
}

export async function takeBackJoinCode(req: Request, res: Response): Promise<void> {
  await removeJoinCode(dbOf(req), actorOf(req), part(req, 'name'))
  await redirect(req, res, '/devices/join', `The join code for ${part(req, 'name')} lets nobody join any more.`)
}

/** Where a slave finds this node. */
function addressOf(req: Request): string {
  const { config, db } = nodeOf(req)
  return config.syncPort === 8154 ? db.local.name : `${db.local.name}:${config.syncPort}`
}

function mustBeMaster(req: Request): void {
  if (dbOf(req).local.mode !== 'master') throw new NotFound('Only a master has slaves that join it.')
}
