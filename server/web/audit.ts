import type { Request, Response } from 'express'
import { type AuditRow, auditPage } from '../audit/audit.ts'
import { asked, askedPage } from './form.ts'
import { dbOf } from './node.ts'
import { render } from './render.ts'
import { day, path } from './say.ts'

export async function showAudit(req: Request, res: Response): Promise<void> {
  const object = asked(req, 'object')
  const query = { search: asked(req, 'search').trim().slice(0, 200), ...(object ? { object } : {}) }
  const list = await auditPage(dbOf(req), { ...query, page: askedPage(req), size: 50 })
  res.set('HX-Replace-Url', path('/audit', { ...query, page: list.page > 1 ? list.page : undefined }))
  const days = byDay(list.rows)
  await render(req, res, 'audit/index', { query, list, days, base: '/audit' }, { part: 'audit/_list' })
}

function byDay(rows: AuditRow[]): { title: string; rows: AuditRow[] }[] {
  const days: { title: string; rows: AuditRow[] }[] = []
  for (const row of rows) {
    const title = day(row.at)
    const last = days.at(-1)
    if (last?.title === title) last.rows.push(row)
    else days.push({ title, rows: [row] })
  }
  return days
}
