import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { revokeDevice } from '../replication/devices.ts'
import { type DeviceStatus, nodeStatus } from '../replication/status.ts'
import { asked, askedOne, askedPage, formOf, part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'

const states = ['away', 'behind', 'equal', 'revoked'] as const
const pageSize = 100

/** Worst first, then by name. */
export const worstFirst = (devices: readonly DeviceStatus[]): DeviceStatus[] =>
  [...devices].sort((a, b) => states.indexOf(a.state) - states.indexOf(b.state) || a.name.localeCompare(b.name, 'en'))

export const countStates = (devices: readonly DeviceStatus[]): Record<DeviceStatus['state'], number> => {
  const counts = { equal: 0, behind: 0, away: 0, revoked: 0 }
  for (const device of devices) counts[device.state] += 1
  return counts
}

export async function showDevices(req: Request, res: Response): Promise<void> {
  const { devices, seq } = await nodeStatus(dbOf(req))
  const query = { state: askedOne(req, 'state', states), search: asked(req, 'search').trim() }
  const word = query.search.toLowerCase()
  const matching = worstFirst(devices).filter(
    (device) =>
      (query.state ? device.state === query.state : device.state !== 'revoked' || word !== '') &&
      [device.name, device.address ?? '', device.deviceId].some((text) => text.toLowerCase().includes(word)),
  )
  const pages = Math.max(1, Math.ceil(matching.length / pageSize))
  const page = Math.min(askedPage(req), pages)
  const rows = matching.slice((page - 1) * pageSize, page * pageSize)
  const list = { rows, total: matching.length, page, pages, size: pageSize }
  await render(
    req,
    res,
    'devices/index',
    { query, list, seq, counts: countStates(devices), base: '/devices' },
    { part: 'devices/_list' },
  )
}

async function deviceOf(req: Request): Promise<{ device: DeviceStatus; seq: number }> {
  const { devices, seq } = await nodeStatus(dbOf(req))
  const device = devices.find((one) => one.deviceId === part(req, 'id'))
  if (!device) throw new NotFound(`There is no device ${part(req, 'id')}.`)
  return { device, seq }
}

export async function showDevice(req: Request, res: Response): Promise<void> {
  await render(req, res, 'devices/show', await deviceOf(req), { part: 'devices/_device' })
}

export async function askRevoke(req: Request, res: Response): Promise<void> {
  await render(req, res, 'devices/revoke', { ...(await deviceOf(req)), problems: {} })
}

export async function revoke(req: Request, res: Response): Promise<void> {
  const { device, seq } = await deviceOf(req)
  const typed = formOf(req).text('name').trim()
  if (typed !== device.name) {
    const problems = { name: `Type ${device.name} to revoke it.` }
    return render(req, res, 'devices/revoke', { device, seq, typed, problems }, { status: 422 })
  }
  try {
    await revokeDevice(dbOf(req), actorOf(req), device.deviceId)
    await redirect(req, res, '/devices', `${device.name} is revoked. It receives nothing any more.`)
  } catch (error) {
    await render(req, res, 'devices/revoke', { device, seq, typed, problems: problemsOf(error) }, { status: 422 })
  }
}
