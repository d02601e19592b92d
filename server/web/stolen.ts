import { stringify } from 'csv-stringify/sync'
import type { Request, Response } from 'express'
import { reportStolen, secretsHeldBy } from '../replication/stolen.ts'
import { deviceOf } from './devices.ts'
import { formOf } from './form.ts'
import { answerJob } from './jobs.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { people } from './say.ts'

const namedAtMost = 500

/** Before: whose secrets are on it. Afterwards: who has a new password by now. */
export async function askStolen(req: Request, res: Response): Promise<void> {
  await show(req, res)
}

async function show(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  const { device } = await deviceOf(req)
  const held = await secretsHeldBy(dbOf(req), device.deviceId)
  const named = [...held.people]
    .sort((a, b) => Number(a.hasNewPassword) - Number(b.hasNewPassword))
    .slice(0, namedAtMost)
  const data = { device, held, named, problems: {}, ...extra }
  await render(req, res, held.stolen ? 'devices/stolen' : 'devices/ask-stolen', data, {
    status,
    ...(held.stolen && { part: 'devices/_stolen' }),
  })
}

export async function stolen(req: Request, res: Response): Promise<void> {
  const { device } = await deviceOf(req)
  const typed = formOf(req).text('name').trim()
  if (typed !== device.name)
    return show(req, res, { typed, problems: { name: `Type ${device.name} to cut it off.` } }, 422)
  const back = `/devices/${encodeURIComponent(device.deviceId)}/stolen`
  const job = await reportStolen(dbOf(req), actorOf(req), device.deviceId, back)
  const done = await answerJob(req, res, job)
  if (done)
    await redirect(req, res, back, `${device.name} is cut off. ${people(done.changed)} must set a new password.`)
}

/** Whose secrets it held, for whoever has to call them. */
export async function sendHeld(req: Request, res: Response): Promise<void> {
  const { device } = await deviceOf(req)
  const held = await secretsHeldBy(dbOf(req), device.deviceId)
  const rows = held.people.map((one) => [one.username, one.first, one.last, one.hasNewPassword ? 'yes' : 'no'])
  const text = stringify([['username', 'first', 'last', 'new password since'], ...rows], {
    quoted: true,
    escape_formulas: true,
    record_delimiter: '\r\n',
  })
  res.type('csv').attachment(`held-by-${device.name}.csv`).send(text)
}
