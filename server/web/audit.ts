import { stringify } from 'csv-stringify/sync'
import type { Request, Response } from 'express'
import { may } from '../accounts/roles.ts'
import {
  type AuditFilter,
  type AuditRow,
  auditActorNames,
  auditPage,
  eachAuditRow,
  faultSentence,
} from '../audit/audit.ts'
import { chainCheck, checkChain } from '../audit/check.ts'
import { fieldNames } from './audit-fields.ts'
import { asked, askedOne } from './form.ts'
import { dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { day, path } from './say.ts'
import { sendText } from './stream.ts'

export const auditKinds = {
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

/** Days as this node counts them, both included. */
const filterOf = ({ from, until, ...query }: Query): AuditFilter => ({
  ...query,
  ...(from && { from: midnight(from, 0) }),
  ...(until && { until: midnight(until, 1) }),
})

function midnight(text: string, days: number): string {
  const [year = 0, month = 1, date = 1] = text.split('-').map(Number)
  return new Date(year, month - 1, date + days).toISOString()
}

export async function showAudit(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const query = auditQuery(req)
  const before = Number(asked(req, 'before'))
  const isOlder = Number.isSafeInteger(before) && before > 0
  const [list, actors, fieldName] = await Promise.all([
    auditPage(db, { ...filterOf(query), ...(isOlder && { before }) }),
    auditActorNames(db),
    fieldNames(db),
  ])
  res.set('HX-Replace-Url', path('/audit', { ...query, before: isOlder ? before : undefined }))
  const data = {
    query,
    list,
    days: byDay(list.rows),
    kinds: auditKinds,
    vias,
    actors,
    fieldName,
    isOlder,
    isFiltered: Object.values(query).some(Boolean),
    mayUndo: req.user !== undefined && may(req.user.role, 'change'),
    total: db.audit.rows,
    ...chainState(req),
  }
  await render(req, res, 'audit/index', data, { part: asked(req, 'part') === 'chain' ? 'audit/_chain' : 'audit/_list' })
}

function chainState(req: Request) {
  const { running, last } = chainCheck(dbOf(req))
  return { chain: { running, last, fault: last && faultSentence(last) } }
}

export async function checkAudit(req: Request, res: Response): Promise<void> {
  checkChain(dbOf(req))
  await redirect(req, res, '/audit')
}

/** A row with its drawing, and whether what it is about has gone. */
type Drawn = AuditRow & { sign: Sign; isGone: boolean }

function byDay(rows: AuditRow[]): { title: string; rows: Drawn[] }[] {
  const days: { title: string; rows: Drawn[] }[] = []
  for (const row of rows) {
    const drawn = { ...row, sign: signOf(row.sentence), isGone: /^Removed|^Undid: removed/.test(row.sentence) }
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
  [/^Undid/, { icon: 'undo', look: 'accent' }],
  [/^Added|^Enabled|^Turned .* on|^Restored|^Brought/, { icon: 'plus', look: 'good' }],
  [/^Removed|^Revoked/, { icon: 'trash', look: 'bad' }],
  [/^Disabled|^Locked|off$/, { icon: 'ban', look: 'look' }],
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
  res.type('csv').attachment('audit.csv')
  await sendText(res, csvOf(eachAuditRow(dbOf(req), filterOf(auditQuery(req)))))
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
