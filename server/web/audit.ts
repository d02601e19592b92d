import { stringify } from 'csv-stringify/sync'
import type { Request, Response } from 'express'
import { groupNames } from '../accounts/groups.ts'
import { may } from '../accounts/roles.ts'
import { usernames } from '../accounts/user-lists.ts'
import {
  type AuditFilter,
  type AuditRow,
  auditActorNames,
  auditPage,
  eachAuditRow,
  faultSentence,
} from '../audit/audit.ts'
import { chainCheck, checkChain } from '../audit/check.ts'
import { withReceipt } from '../replication/receipts.ts'
import { deviceStatuses } from '../replication/status.ts'
import type { Db } from '../store/db.ts'
import { fieldNames, piecesOf } from './audit-fields.ts'
import { asked, askedOne } from './form.ts'
import { dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { day, path } from './say.ts'
import { sendText } from './stream.ts'

const auditKinds = {
  user: 'People',
  group: 'Groups',
  plugin: 'Plugins',
  extension: 'Extensions',
  profile: 'Profiles',
  policy: 'Password policy',
  settings: 'Settings',
  client: 'LDAP clients',
  token: 'API tokens',
  device: 'Devices',
} as const

const vias = ['web', 'api', 'command line', 'ldap', 'replication', 'this node'] as const

/** What the record is asked by; the address of the page says it all. */
const auditQuery = (req: Request) => ({
  search: asked(req, 'search').trim().slice(0, 200),
  actor: asked(req, 'actor').trim().slice(0, 128),
  kind: askedOne(req, 'kind', Object.keys(auditKinds)),
  via: askedOne(req, 'via', vias),
  from: askedDay(req, 'from'),
  until: askedDay(req, 'until'),
  object: asked(req, 'object').slice(0, 64),
  batch: asked(req, 'batch').slice(0, 36),
})

type Query = ReturnType<typeof auditQuery>

const askedDay = (req: Request, name: string): string => {
  const text = asked(req, name)
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : ''
}

/** Days as this node counts them, both included; a part of a name is everybody who has it. */
const filterOf = ({ from, until, actor, ...query }: Query, actors: readonly string[]): AuditFilter => ({
  ...query,
  // The list of names is cut when they are many; what was typed may be one that is not in it.
  ...(actor && { actor: actors.includes(actor) ? actor : [actor, ...actors.filter((name) => isPart(actor, name))] }),
  ...(from && { from: midnight(from, 0) }),
  ...(until && { until: midnight(until, 1) }),
})

const isPart = (part: string, name: string): boolean => name.toLowerCase().includes(part.toLowerCase())

function midnight(text: string, days: number): string {
  const [year = 0, month = 1, date = 1] = text.split('-').map(Number)
  return new Date(year, month - 1, date + days).toISOString()
}

export async function showAudit(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const query = auditQuery(req)
  const before = Number(asked(req, 'before'))
  const isOlder = Number.isSafeInteger(before) && before > 0
  const actors = await auditActorNames(db)
  const [list, fieldName, devices] = await Promise.all([
    auditPage(db, { ...filterOf(query, actors), ...(isOlder && { before }) }),
    fieldNames(db),
    deviceStatuses(db),
  ])
  const following = devices.filter(({ status }) => status === 'active')
  res.set('HX-Replace-Url', path('/audit', { ...query, before: isOlder ? before : undefined }))
  const data = {
    query,
    list,
    days: byDay(list.rows),
    kinds: auditKinds,
    vias,
    actors,
    fieldName,
    piecesOf,
    homeOf: await homesOf(db, list.rows),
    receipts: await withReceipt(
      db,
      list.rows.map(({ id }) => id),
    ),
    /** How many slaves are known to hold a change, of how many. */
    devices: following.length,
    holding: (seq: number) => following.filter((device) => (device.seq ?? 0) >= seq).length,
    isOlder,
    isFiltered: Object.values(query).some(Boolean),
    mayUndo: req.user !== undefined && may(req.user.role, 'change'),
    total: db.audit.rows,
    ...(await chainState(req)),
  }
  await render(req, res, 'audit/index', data, { part: asked(req, 'part') === 'chain' ? 'audit/_chain' : 'audit/_list' })
}

const named: Record<string, string> = {
  plugin: '/plugins/',
  extension: '/extensions/',
  profile: '/profiles/',
  client: '/clients/',
}

/** Where what a row is about has its page now: it may have another name since, or none. */
async function homesOf(db: Db, rows: AuditRow[]): Promise<(row: AuditRow) => string | undefined> {
  const ids = (kind: string) => rows.flatMap(({ object }) => (object?.kind === kind ? [object.id] : []))
  const [people, groups] = await Promise.all([usernames(db, ids('user')), groupNames(db, ids('group'))])
  return ({ object, sentence }) => {
    if (!object) return undefined
    const { kind, id } = object
    if (kind === 'user') return people.has(id) ? `/users/${encodeURIComponent(people.get(id) ?? '')}` : undefined
    if (kind === 'group') return groups.has(id) ? `/groups/${encodeURIComponent(groups.get(id) ?? '')}` : undefined
    const base = named[kind]
    return base && !/^Removed|^Undid: Added/.test(sentence) ? `${base}${encodeURIComponent(object.name)}` : undefined
  }
}

async function chainState(req: Request) {
  const { running, last } = await chainCheck(dbOf(req))
  return { chain: { running, last, fault: last && faultSentence(last) } }
}

export async function checkAudit(req: Request, res: Response): Promise<void> {
  checkChain(dbOf(req))
  await redirect(req, res, '/audit')
}

/** A row with its drawing. */
type Drawn = AuditRow & { sign: Sign }

function byDay(rows: AuditRow[]): { title: string; rows: Drawn[] }[] {
  const days: { title: string; rows: Drawn[] }[] = []
  for (const row of rows) {
    const drawn = { ...row, sign: signOf(row.sentence) }
    const title = day(row.at)
    const last = days.at(-1)
    if (last?.title === title) last.rows.push(drawn)
    else days.push({ title, rows: [drawn] })
  }
  return days
}

type Sign = { icon: string; look: 'accent' | 'good' | 'look' | 'bad' | 'neutral' }

/** The first that fits the sentence. */
const signs: [RegExp, Sign][] = [
  [/nodes? confirmed:/, { icon: 'send', look: 'neutral' }],
  [/^Undid/, { icon: 'undo', look: 'accent' }],
  [/^Added|^Enabled|^Turned .* on|^Restored|^Brought/, { icon: 'plus', look: 'good' }],
  [/^Removed|^Revoked/, { icon: 'trash', look: 'bad' }],
  [/^Locked/, { icon: 'lock', look: 'look' }],
  [/^Unlocked/, { icon: 'unlock', look: 'accent' }],
  [/^Disabled|off$/, { icon: 'ban', look: 'look' }],
  [/password/i, { icon: 'key', look: 'neutral' }],
  [/Key/, { icon: 'eye', look: 'look' }],
  [/^Import/, { icon: 'file-up', look: 'accent' }],
]

const signOf = (sentence: string): Sign =>
  signs.find(([pattern]) => pattern.test(sentence))?.[1] ?? { icon: 'pencil', look: 'accent' }

const columns = [
  'row',
  'time',
  'who',
  'via',
  'address',
  'what',
  'kind',
  'name',
  'changes',
  'change',
  'batch',
  'undone by',
]

/** What is filtered, as CSV, oldest first. */
export async function exportAudit(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  res.type('csv').attachment('audit.csv')
  await sendText(res, csvOf(eachAuditRow(db, filterOf(auditQuery(req), await auditActorNames(db)))))
}

async function* csvOf(slices: AsyncIterable<AuditRow[]>): AsyncGenerator<string> {
  yield written([columns])
  for await (const rows of slices) yield written(rows.map(cells))
}

const cells = (row: AuditRow): (string | number)[] => [
  row.id,
  row.at,
  row.actor,
  row.via,
  row.address ?? '',
  row.sentence,
  row.object?.kind ?? '',
  row.object?.name ?? '',
  row.changes.map(({ field, before, after }) => `${field}: ${before ?? 'nothing'} > ${after ?? 'nothing'}`).join('; '),
  row.seq,
  row.batch ?? '',
  row.undoneBy ?? '',
]

const written = (rows: (string | number)[][]): string =>
  stringify(rows, { quoted: true, quoted_empty: true, escape_formulas: true, record_delimiter: '\r\n' })
