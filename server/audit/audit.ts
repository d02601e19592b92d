import type { FieldChange } from '../store/audit.ts'
import { type AuditRow, auditChain, auditMatching, auditPerDay } from '../store/audit.ts'
import type { Db } from '../store/db.ts'

export type { AuditRow } from '../store/audit.ts'

export type AuditQuery = { search?: string; object?: string; page?: number; size?: number }

export async function auditPage(
  db: Db,
  query: AuditQuery,
): Promise<{ rows: AuditRow[]; total: number; page: number; pages: number; size: number }> {
  const size = query.size ?? 50
  const page = query.page ?? 1
  const { rows, total } = await auditMatching(db.reader, { ...query, page, size })
  return { rows, total, page, size, pages: Math.max(1, Math.ceil(total / size)) }
}

/** Is the chain unbroken, and how many rows does it have? */
export const verifyAudit = (db: Db): Promise<{ rows: number; brokenAt?: number }> => auditChain(db.reader, db.auditKey)

export const changesPerDay = (db: Db, days: number): Promise<{ day: string; changes: number }[]> =>
  auditPerDay(db.reader, days)

const secret = new Set(['password', 'tokenHash'])
const silent = new Set(['added', 'changed', 'passwordChanged'])

/** Field by field, what differs between two bodies. Secrets are named, never shown. `show` gives a value its readable form. */
export function changesBetween(
  before: object | undefined,
  after: object | undefined,
  show: (field: string, value: string) => string = (_, value) => value,
): FieldChange[] {
  const was = leaves(before)
  const is = leaves(after)
  const changes: FieldChange[] = []
  for (const field of new Set([...was.keys(), ...is.keys()])) {
    if (was.get(field) === is.get(field) || silent.has(field)) continue
    if (secret.has(field)) changes.push({ field, after: 'changed; never shown' })
    else changes.push({ field, before: shown(was.get(field)), after: shown(is.get(field)) })
    function shown(value: string | undefined) {
      return value === undefined || value === '' ? undefined : show(field, value)
    }
  }
  return changes
}

/** `extensions.contact.mail` and the like; a list is one value. */
function leaves(value: object | undefined, path = ''): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name, member] of Object.entries(value ?? {})) {
    if (member === undefined) continue
    if (member !== null && typeof member === 'object' && !Array.isArray(member)) {
      for (const [inner, text] of leaves(member, `${path}${name}.`)) found.set(inner, text)
    } else {
      found.set(`${path}${name}`, Array.isArray(member) ? member.join(', ') : String(member))
    }
  }
  return found
}
