import type { Request, Response } from 'express'
import { countBin } from '../accounts/bin.ts'
import { may } from '../accounts/roles.ts'
import { signInsPerDay } from '../accounts/sign-ins.ts'
import { endingWithin, statusCounts } from '../accounts/user-lists.ts'
import { countUsers } from '../accounts/users.ts'
import { auditPage, changesPerDay } from '../audit/audit.ts'
import { ownDisk } from '../replication/report.ts'
import { hourlySamples, peoplePerDay } from '../replication/samples.ts'
import { type DeviceStatus, type NodeStatus, nodeStatus } from '../replication/status.ts'
import { diskFree, mb } from '../replication/trouble.ts'
import type { State } from '../store/state.ts'
import { countStates, worstFirst } from './devices.ts'
import { changesChart, devicesChart, lagChart, peopleChart, signInsChart } from './home-charts.ts'
import { concernsOfMaster } from './master-concerns.ts'
import { dbOf } from './node.ts'
import { render } from './render.ts'
import { count, listed, num, people, span, when } from './say.ts'
import { type Site, sitesOf } from './sites.ts'

const mostTiles = 60
const mostConcerns = 5
const endingDays = 14
const fullBytes = 1_000_000

export async function showHome(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const seesRecord = req.user !== undefined && may(req.user.role, 'audit')
  const [status, users, statuses, recent, perDay, signIns, samples, ending, binned] = await Promise.all([
    nodeStatus(db),
    countUsers(db),
    statusCounts(db),
    seesRecord ? auditPage(db, { size: 6 }) : undefined,
    changesPerDay(db, 14),
    signInsPerDay(db, 14),
    hourlySamples(db, 24),
    endingWithin(db, endingDays),
    countBin(db),
  ])
  const devices = worstFirst(status.devices.filter((device) => device.state !== 'revoked'))
  const counts = countStates(devices)
  // Who may not open the pages of the network is not sent there.
  const ofNode = seesRecord
    ? [...concernsOfDisk(await ownDisk(db)), ...(await concernsOfMaster(db, devices.length))]
    : []
  const concerns = [
    ...ofNode,
    ...(seesRecord ? concernsOf(status, devices) : []),
    ...concernsOfPeople(statuses, ending),
  ]
  const data = {
    status,
    users,
    statuses,
    counts,
    concerns,
    binned,
    seesRecord,
    recent: recent?.rows ?? [],
    signIns,
    charts: {
      people: peopleChart(await peoplePerDay(db, 30, users)),
      signIns: signInsChart(signIns),
      changes: status.master ? undefined : changesChart(perDay),
      devices: devices.length > 0 ? devicesChart(samples) : undefined,
      lag: devices.length > 0 || status.master ? lagChart(samples, status.master !== undefined) : undefined,
    },
    headline: ofNode.find(({ kind }) => kind === 'bad')?.title ?? headlineOf(status, counts, devices.length),
    below: belowOf(status, users, devices.length),
    sites: sitesOf(devices.slice(0, mostTiles)),
    more: Math.max(0, devices.length - mostTiles),
    devices: devices.length,
    uptime: status.startedAt && span(Date.now() - Date.parse(status.startedAt)),
  }
  await render(req, res, 'home/show', data, { part: 'home/_home' })
}

/** The state of the node and of what it looks after, in words. */
function headlineOf(status: NodeStatus, counts: ReturnType<typeof countStates>, devices: number): string {
  const { master } = status
  if (master && !master.reachable) return `${master.name} has not answered since ${when(master.since)}`
  if (master && master.phase !== 'idle') return `Receiving accounts: ${num(master.received)} of ${num(master.total)}`
  if (master) return `This copy is equal to ${master.name}`
  const attention = counts.behind + counts.away
  if (attention > 0)
    return `${attention} of ${count(devices, 'device')} ${attention === 1 ? 'needs' : 'need'} attention`
  return 'Everything is in order'
}

function belowOf({ master, seq }: NodeStatus, users: number, devices: number): string {
  if (master && !master.reachable)
    return `Sign-ins go on with accounts as of change ${num(seq)}. Changes arrive when it is back.`
  if (master) return `${people(users)} are served here, with or without the master.`
  const where = devices > 0 ? `on ${count(devices + 1, 'node')}` : 'on this node'
  return `${people(users)} ${users === 1 ? 'is' : 'are'} served ${where}.`
}

type Concern = {
  kind: 'bad' | 'look' | 'neutral'
  icon: string
  title: string
  text: string
  href?: string
  action?: string
}

/** Of devices the master says the same (trouble.ts); of itself nobody else could. */
function concernsOfDisk(disk: Awaited<ReturnType<typeof ownDisk>>): Concern[] {
  if (!disk || disk.free >= diskFree) return []
  const isFull = disk.free < fullBytes
  return [
    {
      kind: isFull ? 'bad' : 'look',
      icon: 'server',
      title: isFull ? 'The disk of this node is full' : `Only ${mb(disk.free)} are free on the disk of this node`,
      text: isFull
        ? 'Sign-ins go on; changes are refused. Free space on the disk of its data directory: it goes on by itself.'
        : 'Once it is full, sign-ins go on and changes are refused. Free space on the disk of its data directory.',
    },
  ]
}

/** What needs somebody, each with where to go. */
function concernsOf(status: NodeStatus, devices: DeviceStatus[]): Concern[] {
  const concerns: Concern[] = []
  const { master } = status
  if (master && !master.reachable) {
    const text = `${master.problem ?? 'No answer.'} It is tried again by itself.`
    concerns.push({
      kind: 'look',
      icon: 'unplug',
      title: `${master.name} is away`,
      text,
      href: '/mode',
      action: 'Mode',
    })
  } else if (master?.problem) {
    concerns.push({
      kind: 'look',
      icon: 'alert',
      title: 'Replication has a problem',
      text: master.problem,
      href: '/mode',
      action: 'Mode',
    })
  }
  const aboutDevices = sitesOf(devices).flatMap(concernsOfSite)
  concerns.push(...aboutDevices.slice(0, mostConcerns))
  if (aboutDevices.length > mostConcerns) {
    const title = `${num(aboutDevices.length - mostConcerns)} more of this kind`
    concerns.push({
      kind: 'look',
      icon: 'server',
      title,
      text: 'The devices page has them all.',
      href: '/devices',
      action: 'Devices',
    })
  }
  return concerns
}

type Ending = Awaited<ReturnType<typeof endingWithin>>

function concernsOfPeople(statuses: Record<State, number>, ending: Ending): Concern[] {
  const concerns: Concern[] = []
  if (statuses.locked > 0) {
    concerns.push({
      kind: 'neutral',
      icon: 'lock',
      title: `${people(statuses.locked)} ${statuses.locked === 1 ? 'is' : 'are'} locked`,
      text: 'They cannot sign in anywhere.',
      href: '/users?status=locked',
      action: 'People',
    })
  }
  const [first] = ending.rows
  if (first) {
    const names = ending.rows.map(({ username, validUntil }) => `${username} ${when(validUntil)}`)
    if (ending.total > names.length) names.push(`${num(ending.total - names.length)} more`)
    concerns.push({
      kind: 'neutral',
      icon: 'hourglass',
      title: `${count(ending.total, 'account')} ${ending.total === 1 ? 'ends' : 'end'} within ${endingDays} days`,
      text: `${listed(names)}.`,
      href: `/users/${encodeURIComponent(first.username)}`,
      action: 'Show the first',
    })
  }
  return concerns
}

/** A whole site at once is one thing to look at: its line, rather than its nodes. */
function concernsOfSite({ name, devices }: Site<DeviceStatus>): Concern[] {
  if (name && devices.every((device) => device.state === 'away')) {
    const since = devices
      .map((device) => device.lastContact ?? '')
      .sort()
      .at(-1)
    const text = `${contactOf(since || undefined)} All its nodes at once: the line of the site?`
    return [
      { kind: 'bad', icon: 'unplug', title: `${name} is away`, text, href: '/devices?state=away', action: 'Devices' },
    ]
  }
  return devices.flatMap(concernOfDevice)
}

const contactOf = (last: string | undefined): string =>
  last ? `No contact since ${when(last)}.` : 'No contact since this node was started.'

function concernOfDevice(device: DeviceStatus): Concern[] {
  const href = `/devices/${encodeURIComponent(device.deviceId)}`
  if (device.state === 'away') {
    const text = `${contactOf(device.lastContact)} It goes on serving its own copy.`
    return [{ kind: 'bad', icon: 'unplug', title: `${device.name} is away`, text, href, action: 'Show' }]
  }
  if (device.state === 'behind') {
    const text = `${count(device.lag, 'change')} behind. It catches up by itself.`
    return [{ kind: 'look', icon: 'clock', title: `${device.name} is behind`, text, href, action: 'Show' }]
  }
  return []
}
