import { baseDomain } from '../accounts/domain.ts'
import { countGroups } from '../accounts/groups.ts'
import { countUsers } from '../accounts/users.ts'
import { type CertificateEnd, certificateEnds } from '../filesync/certificates.ts'
import { reportsOf, type SambaReport } from '../samba/reports.ts'
import type { DeviceScope } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import type { Contact } from '../store/devices.ts'
import type { Local, Mode } from '../store/local.ts'
import { version } from '../version.ts'
import { changedAfter, contactsOf } from './contact.ts'
import { deviceList } from './devices.ts'
import type { Report } from './report.ts'
import { isWhole } from './scope.ts'
import { lastScrub, type Scrub } from './scrub.ts'
import { servedSince, workerOf } from './serving.ts'
import { type DeviceTrouble, troubleOf } from './trouble.ts'
import type { AnswerMode } from './wire.ts'

/** The slave's side: its line to the master. */
export type MasterStatus = {
  url: string
  name: string
  /** The master's web pages, when it said where they are. */
  webUrl?: string
  reachable: boolean
  /** Since when it is (not) reachable, ISO 8601. */
  since: string
  lastContact?: string
  /** 0 while this node holds what the master last said it has. */
  lagSeconds: number
  phase: 'idle' | AnswerMode
  received: number
  total: number
  problem?: string
  /** The last moment at which both hashes agreed, ISO 8601. */
  provedAt?: string
}

export type DeviceStatus = {
  deviceId: string
  name: string
  status: 'active' | 'revoked'
  state: 'equal' | 'behind' | 'away' | 'revoked'
  address?: string
  version?: string
  joined: string
  /** Where it stood when it last asked. */
  seq?: number
  /** Changes it has not confirmed. */
  lag: number
  /** Since the first of them was made; of who has all, how long the last one took. Absent while nothing is known. */
  lagSeconds?: number
  lastContact?: string
  /** When its state hash last agreed with this master's, ISO 8601. */
  provedAt?: string
  certificateDays?: number
  /** Of its services, the first to end first. */
  certificates: CertificateEnd[]
  /** What it told of itself. */
  report?: Report
  /** How its Samba was found when it was last asked; absent: there is none, or it has not been heard of. */
  samba?: SambaReport
  /** Which secrets it holds; absent: all. */
  scope?: DeviceScope
  /** When it was said to be stolen, ISO 8601. */
  stolen?: string
  /** What is wrong, the worst first, each with what to do. */
  trouble: DeviceTrouble[]
}

export type NodeStatus = {
  deviceId: string
  name: string
  mode?: Mode
  version: string
  clusterId: string
  epoch: { no: number; id: string }
  seq: number
  stateHash: string
  objects: number
  users: number
  groups: number
  /** When this process began to serve, ISO 8601; absent when it does not. */
  startedAt?: string
  baseDomain?: string
  /** What the last look at everything that is kept has found. */
  scrub?: Scrub
  master?: MasterStatus
  /** Another node is master since a newer epoch: this one changes nothing any more. */
  newer?: Local['newer']
  devices: DeviceStatus[]
}

export async function nodeStatus(db: Db): Promise<NodeStatus> {
  const { position, local } = db
  const [users, groups, domain, devices] = await Promise.all([
    countUsers(db),
    countGroups(db),
    baseDomain(db),
    deviceStatuses(db),
  ])
  return {
    deviceId: local.deviceId,
    name: local.name,
    mode: local.mode,
    version,
    clusterId: position.clusterId,
    epoch: { no: position.epochNo, id: position.epochId },
    seq: position.seq,
    stateHash: position.hash,
    objects: position.objects,
    users,
    groups,
    startedAt: servedSince(db),
    baseDomain: domain,
    scrub: lastScrub(db),
    master: local.mode === 'slave' ? masterStatus(db) : undefined,
    newer: local.newer,
    devices,
  }
}

export function masterStatus(db: Db): MasterStatus {
  const line = workerOf(db)?.line
  return {
    url: db.local.masterUrl ?? '',
    name: db.local.masterName ?? '',
    webUrl: db.local.masterWeb,
    reachable: line?.reachable ?? false,
    since: line?.since ?? db.local.since ?? '',
    lastContact: line?.lastContact,
    lagSeconds: lagSeconds(db),
    phase: line?.phase ?? 'idle',
    received: line?.received ?? 0,
    total: line?.total ?? 0,
    problem: line?.problem ?? (line ? undefined : 'The service is not running, so nothing is pulled.'),
    provedAt: db.local.provedAt,
  }
}

/** Seconds since this node is known to be behind, or since it was last heard from the master. */
function lagSeconds(db: Db): number {
  const line = workerOf(db)?.line
  const from = line?.reachable ? line.behindSince : (line?.lastContact ?? db.local.provedAt)
  return from ? Math.max(0, Math.round((Date.now() - Date.parse(from)) / 1000)) : 0
}

const awayMs = 15_000

/** Every slave as this master sees it; worst first. */
export async function deviceStatuses(db: Db): Promise<DeviceStatus[]> {
  if (db.local.mode === 'slave') return []
  const known = contactsOf(db)
  const sambas = reportsOf(db)
  const ends = await certificateEnds(db)
  const statuses = (await deviceList(db)).map(({ deviceId, name, status, joined, scope, stolen }): DeviceStatus => {
    const contact = known?.all.get(deviceId)
    const isOpen = (known?.open.get(deviceId)?.size ?? 0) > 0
    const lastContact = isOpen ? new Date().toISOString() : contact?.lastContact
    // Behind a clock that was turned back a last contact is to come, and says nothing.
    const sinceContact = lastContact === undefined ? awayMs : Math.abs(Date.now() - Date.parse(lastContact))
    const isHere = isOpen || sinceContact < awayMs
    // What one with a scope shall hold was compared when it asked.
    const isProved = isWhole(scope) ? contact?.hash === db.position.hash : contact?.provedSeq === contact?.seq
    const isEqual = contact?.seq === db.position.seq && isProved
    const device = {
      deviceId,
      name,
      status,
      state: (status === 'revoked'
        ? 'revoked'
        : !isHere
          ? 'away'
          : isEqual
            ? 'equal'
            : 'behind') as DeviceStatus['state'],
      address: contact?.address,
      version: contact?.version,
      joined,
      seq: contact?.seq,
      lag: Math.max(0, db.position.seq - (contact?.seq ?? 0)),
      lagSeconds: contact && secondsBehind(db, contact),
      lastContact,
      provedAt: contact?.provedAt,
      certificateDays: contact?.report?.certificateUntil ? daysTo(contact.report.certificateUntil) : undefined,
      certificates: ends.get(deviceId) ?? [],
      report: contact?.report,
      samba: sambas.get(deviceId),
      scope: isWhole(scope) ? undefined : scope,
      stolen,
    }
    return { ...device, trouble: troubleOf(device) }
  })
  const rank = { away: 0, behind: 1, equal: 2, revoked: 3 }
  return statuses.sort((a, b) => rank[a.state] - rank[b.state] || (a.name < b.name ? -1 : 1))
}

function secondsBehind(db: Db, { seq, lastContact, tookSeconds }: Contact): number | undefined {
  if (seq >= db.position.seq) return tookSeconds
  const from = changedAfter(db, seq) ?? Date.parse(lastContact)
  return Math.max(0, (Date.now() - from) / 1000)
}

const daysTo = (iso: string): number => Math.floor((Date.parse(iso) - Date.now()) / 86_400_000)

/** A change as the slaves have it: how many of them, and whether one that answers is still to confirm it. */
export type Reached = { seq: number; devices: number; having: number; isComing: boolean }

export async function reachedBy(db: Db, seq: number): Promise<Reached | undefined> {
  const devices = (await deviceStatuses(db)).filter(({ state }) => state !== 'revoked')
  if (devices.length === 0) return undefined
  const has = (device: DeviceStatus) => (device.seq ?? 0) >= seq
  const isComing = devices.some((device) => !has(device) && device.state !== 'away')
  return { seq, devices: devices.length, having: devices.filter(has).length, isComing }
}
