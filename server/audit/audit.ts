import { NotFound } from '../errors.ts'
import {
  type AuditFilter,
  type AuditRange,
  type AuditRow,
  auditActors,
  auditById,
  auditMatching,
  auditRows,
  batchCounts as countsOfBatch,
  type FieldChange,
  firstIdAt,
  seqBefore,
  undoableAfter,
} from '../store/audit.ts'
import { auditChain, type Chain } from '../store/audit-chain.ts'
import type { Db } from '../store/db.ts'

export type { AuditFilter, AuditRow } from '../store/audit.ts'
export type { Chain } from '../store/audit-chain.ts'

/** `before`: the number of a row; what is older than it is answered. */
export type AuditQuery = AuditFilter & { before?: number; size?: number }

/** The newest rows that match. */
export const auditPage = (db: Db, { before, size = 50, ...filter }: AuditQuery): Promise<AuditRange> =>
  auditMatching(db.reader, filter, { before, size: Math.min(Math.max(size, 1), 1000) })

/** What was done to an object after it stood at `since`, the newest first. */
export async function auditSince(db: Db, object: string, since: number): Promise<AuditRow[]> {
  const { rows } = await auditPage(db, { object, size: 100 })
  const later = rows.filter((row) => row.seq >= since)
  const oldest = later.at(-1)
  if (!oldest) return later
  // A write that moves many, such as an import, stands in the record at its last: it may be the one that led to `since`.
  const isLast = oldest.seq === since || (later.length > 1 && (await seqBefore(db.reader, oldest)) < since)
  return isLast ? later.slice(0, -1) : later
}

/** Everything that matches, oldest first, in slices. */
export const eachAuditRow = (db: Db, filter: AuditFilter): AsyncGenerator<AuditRow[]> => auditRows(db.reader, filter)

/** Who did something, for a list to choose from; not everybody, when they are many. */
export const auditActorNames = (db: Db): Promise<string[]> => auditActors(db.reader)

export async function auditRow(db: Db, id: number) {
  const row = Number.isSafeInteger(id) ? await auditById(db.reader, id) : undefined
  if (!row) throw new NotFound('There is no such row in the record.')
  return row
}

/** How many rows a batch has, and how many of them can still be taken back. */
export const batchCounts = (db: Db, batch: string): Promise<{ rows: number; undoable: number }> =>
  countsOfBatch(db.reader, batch)

/** What somebody did after a row that can be undone, the newest first; two tell one from several. */
export const lastUndoable = (db: Db, actor: string, after: number): Promise<AuditRow[]> =>
  undoableAfter(db.reader, actor, after)

/** Is the chain unbroken, and how many rows does it have? */
export const verifyAudit = (db: Db, progress?: (rows: number) => void): Promise<Chain> =>
  auditChain(db.reader, db.auditKey, progress)

/** What is wrong with the chain, as a sentence; undefined when nothing is. */
export function faultSentence({ brokenAt, fault }: Chain): string | undefined {
  switch (fault) {
    case undefined:
      return undefined
    case 'altered':
      return `Row ${brokenAt} was altered.`
    case 'numbered':
      return `Row ${brokenAt} has a number that it was not given.`
    case 'removed':
      return `Rows before row ${brokenAt} were removed.`
    case 'swapped':
      return `Row ${brokenAt} was swapped with a later one.`
    case 'inserted':
      return `Row ${brokenAt} was put in by somebody who does not have the key of this node.`
    case 'cut':
      return `Rows were cut off the end, from row ${brokenAt} on.`
    case 'seal':
      return 'The seal of the end is missing or was altered, so rows after the last one may have been cut off.'
  }
}

const boundaries = new WeakMap<Db, Map<string, number>>()

/**
 * Changes per day of the last `days` days, oldest first; `day` is its midnight on this node, ISO 8601. Rows are numbered
 * without gaps, so a day has as many as its first and the next day's first differ; what is past never moves again.
 */
export async function changesPerDay(
  db: Db,
  days: number,
  now = new Date(),
): Promise<{ day: string; changes: number }[]> {
  const known = boundaries.get(db) ?? new Map<string, number>()
  boundaries.set(db, known)
  const midnights = Array.from({ length: days + 1 }, (_, index) =>
    new Date(now.getFullYear(), now.getMonth(), now.getDate() - days + 1 + index).toISOString(),
  )
  for (const old of known.keys()) if (old < (midnights[0] as string)) known.delete(old)
  const firsts = await Promise.all(midnights.map((midnight) => known.get(midnight) ?? firstIdAt(db.reader, midnight)))
  for (const [index, midnight] of midnights.slice(0, -1).entries()) known.set(midnight, firsts[index] as number)
  return midnights.slice(0, -1).map((day, index) => ({
    day,
    changes: (firsts[index + 1] as number) - (firsts[index] as number),
  }))
}

const secret = new Set(['password', 'tokenHash'])
const silent = new Set(['added', 'changed', 'unlocked', 'passwordChanged', 'passwordHistory', 'invitation.tokenHash'])

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
    if ((was.get(field) ?? '') === (is.get(field) ?? '') || silent.has(field)) continue
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
