import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { revokeDevice } from '../replication/devices.ts'
import { type LagPoint, lagHistory } from '../replication/lags.ts'
import { type DeviceStatus, nodeStatus } from '../replication/status.ts'
import type { DeviceTrouble } from '../replication/trouble.ts'
import { type Spark, spark } from './chart.ts'
import { behindChart } from './device-charts.ts'
import { asked, askedOne, askedPage, formOf, part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { count, span } from './say.ts'
import { sitesOf } from './sites.ts'

const states = ['away', 'behind', 'equal', 'revoked'] as const
const pageSize = 100
const mostTiles = 200

/** Worst first, then by name. */
export const worstFirst = (devices: readonly DeviceStatus[]): DeviceStatus[] =>
  [...devices].sort((a, b) => rankOf(a) - rankOf(b) || a.name.localeCompare(b.name, 'en'))

const rankOf = (device: DeviceStatus): number =>
  states.indexOf(device.state) * 2 + (device.trouble.some(({ code }) => code !== 'version') ? 0 : 1)

export const countStates = (devices: readonly DeviceStatus[]): Record<DeviceStatus['state'], number> => {
  const counts = { equal: 0, behind: 0, away: 0, revoked: 0 }
  for (const device of devices) counts[device.state] += 1
  return counts
}

/** A device as the list shows it. */
type Listed = DeviceStatus & { spark?: Spark; lagWords: string; worst?: DeviceTrouble | undefined }

export async function showDevices(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const [{ devices, seq }, history] = await Promise.all([nodeStatus(db), lagHistory(db)])
  const query = {
    state: askedOne(req, 'state', states),
    search: asked(req, 'search').trim(),
    open: asked(req, 'open').slice(0, 20),
  }
  const word = query.search.toLowerCase()
  const matching = worstFirst(devices).filter(
    (device) =>
      (query.state ? device.state === query.state : device.state !== 'revoked' || word !== '') &&
      [device.name, device.address ?? '', device.deviceId].some((text) => text.toLowerCase().includes(word)),
  )
  const pages = Math.max(1, Math.ceil(matching.length / pageSize))
  const page = Math.min(askedPage(req), pages)
  const joined = devices.filter(({ status }) => status === 'active')
  const rows = listed(matching.slice((page - 1) * pageSize, page * pageSize), joined, history)
  const open = rows.find(({ deviceId }) => deviceId === query.open)
  const list = { rows, total: matching.length, page, pages, size: pageSize }
  const byName = [...joined].sort((a, b) => a.name.localeCompare(b.name, 'en'))
  const data = {
    query,
    list,
    seq,
    counts: countStates(devices),
    base: '/devices',
    sites: joined.length > 1 && joined.length <= mostTiles ? sitesOf(byName) : [],
    open: open && { device: open, chart: behindChart(history.get(open.deviceId) ?? []) },
  }
  await render(req, res, 'devices/index', data, { part: 'devices/_list' })
}

/** The rows of a page; sparklines of one column have one scale, so that calm looks calm. */
function listed(rows: DeviceStatus[], all: DeviceStatus[], history: Map<string, LagPoint[]>): Listed[] {
  const gone = sitesGone(all)
  const lines = rows.map(({ deviceId, lagSeconds }) => {
    const points = (history.get(deviceId) ?? []).map(({ seconds }) => seconds)
    return points.length > 0 ? [...points.slice(0, -1), Math.max(points.at(-1) ?? 0, lagSeconds ?? 0)] : []
  })
  const most = Math.max(1, ...lines.flat().map((value) => value ?? 0))
  return rows.map((device, index) => ({
    ...device,
    spark: spark(lines[index] ?? [], most),
    lagWords: lagWords(device),
    worst: worstOf(device, gone),
  }))
}

function lagWords({ state, seq, lag, lagSeconds, lastContact }: DeviceStatus): string {
  if (state === 'revoked') return ''
  if (state === 'away') return lastContact ? span(Date.now() - Date.parse(lastContact)) : 'not known'
  if (seq === undefined) return 'not known'
  if (state === 'equal') return lagSeconds === undefined ? 'none' : shortly(lagSeconds)
  return lagSeconds === undefined ? count(lag, 'change') : span(lagSeconds * 1000)
}

/** 0.1 s */
const shortly = (seconds: number): string => (seconds < 60 ? `${seconds.toFixed(1)} s` : span(seconds * 1000))

/** Names of devices whose whole site is away: that is one line that broke. */
function sitesGone(devices: DeviceStatus[]): Set<string> {
  const gone = sitesOf(devices).filter((site) => site.name && site.devices.every(({ state }) => state === 'away'))
  return new Set(gone.flatMap((site) => site.devices.map(({ name }) => name)))
}

function worstOf(device: DeviceStatus, gone: Set<string>): DeviceTrouble | undefined {
  const [first] = device.trouble.filter(({ code }) => code !== 'version')
  if (first?.code !== 'away' || !gone.has(device.name)) return first
  return { ...first, title: 'No contact. The whole site went at once' }
}

export async function deviceOf(req: Request): Promise<{ device: DeviceStatus; seq: number }> {
  const { devices, seq } = await nodeStatus(dbOf(req))
  const device = devices.find((one) => one.deviceId === part(req, 'id'))
  if (!device) throw new NotFound(`There is no device ${part(req, 'id')}.`)
  return { device, seq }
}

export async function showDevice(req: Request, res: Response): Promise<void> {
  const found = await deviceOf(req)
  const { deviceId } = found.device
  const chart = behindChart((await lagHistory(dbOf(req), deviceId)).get(deviceId) ?? [])
  await render(req, res, 'devices/show', { ...found, chart }, { part: 'devices/_device' })
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
