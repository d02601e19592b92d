import { type AuditRow, auditSince } from '../audit/audit.ts'
import type { Fields } from '../extensions/extension.ts'
import type { Db } from '../store/db.ts'
import { fieldId } from './form.ts'

/** What the page says when somebody else saved first. */
export type Conflict = {
  said: string
  by?: string
  at?: string
  /** Changed by somebody else and left alone by this person: taken over into the form. */
  taken: { label: string }[]
  /** Changed by both. */
  both: { id: string; label: string; saved: string; typed: string }[]
}

/** A field that somebody else has changed; `base`: what the form was filled with. */
export type ChangedField = {
  label: string
  id: string
  base: string
  saved: string
  typed: string
  /** Puts what is saved in place of what was typed. */
  take: () => void
}

/** A list of names that somebody else has changed: what each added and took away goes together. */
export type ChangedList = {
  label: string
  saved: readonly string[]
  typed: readonly string[]
  take: (merged: string[]) => void
}

/** What a form was filled with of a list that is changed elsewhere too, as a person's groups on the page of a group. */
export type FilledList = ChangedList & { base: string[] }

/**
 * Sets what was typed beside what somebody else saved after `since`. Fields that only they touched are taken over, so that
 * saving again does not undo their work unseen. `find`: the field or list that the audit has by this name, with its value then.
 */
export async function conflictOf(
  db: Db,
  { id, since, said }: { id: string; since: number; said: string },
  find: (name: string, base: string) => ChangedField | ChangedList | undefined,
  lists: FilledList[] = [],
): Promise<Conflict> {
  const theirs = await auditSince(db, id, since)
  const conflict: Conflict = { said, taken: [], both: [] }
  const [last] = theirs
  if (last) Object.assign(conflict, { by: last.actor, at: last.at })
  for (const list of lists) if (mergeList(list, list.base)) conflict.taken.push({ label: list.label })
  for (const [name, base] of firstValues(theirs)) {
    const found = find(name, base)
    if (!found) continue
    const { label } = found
    if (!('id' in found)) {
      if (mergeList(found, base.split(', ').filter(Boolean))) conflict.taken.push({ label })
      continue
    }
    const { saved, typed } = found
    if (typed === saved) continue
    if (typed === found.base) {
      found.take()
      conflict.taken.push({ label })
    } else conflict.both.push({ id: found.id, label, saved, typed })
  }
  return conflict
}

/** Each field that was changed, with the value that the form was filled with. */
function firstValues(rows: AuditRow[]): Map<string, string> {
  const values = new Map<string, string>()
  for (const { changes } of [...rows].reverse())
    for (const { field, before } of changes) if (!values.has(field)) values.set(field, before ?? '')
  return values
}

function mergeList({ saved, typed, take }: ChangedList, base: string[]): boolean {
  const before = new Set(base)
  const merged = new Set([
    ...saved.filter((one) => typed.includes(one) || !before.has(one)),
    ...typed.filter((one) => !before.has(one)),
  ])
  const differs = merged.size !== typed.length || typed.some((one) => !merged.has(one))
  take([...merged])
  return differs
}

/** A field of an extension, by the name that the audit has for it; `declared`: the fields of one extension. */
export function extensionField(
  name: string,
  base: string,
  declared: (extension: string) => Fields | undefined,
  saved: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined,
  typed: Record<string, Record<string, string>> | undefined,
): ChangedField | undefined {
  const [, extension = '', key = ''] = /^extensions\.([^.]+)\.(.+)$/.exec(name) ?? []
  const field = declared(extension)?.[key]
  if (!field) return undefined
  const kept = saved?.[extension]?.[key]
  const now = kept === undefined ? '' : field.format(kept)
  return {
    label: field.label,
    id: fieldId(`${extension}.${key}`),
    base: formatted(base, field.type),
    saved: now,
    typed: (typed?.[extension]?.[key] ?? now).replaceAll('\r\n', '\n').trim(),
    take: () => {
      const values = typed?.[extension]
      if (values) values[key] = now
    },
  }
}

/** A value as the audit writes it, as the form would. */
const formatted = (value: string, type: string): string => {
  if (type === 'list') return value.split(', ').join('\n')
  if (type === 'switch') return value === '' ? '' : value === 'true' ? 'yes' : 'no'
  return value
}
