import type { Declared } from '../accounts/declarations.ts'
import type { User } from '../accounts/user.ts'
import { type AuditRow, auditPage } from '../audit/audit.ts'
import type { Db } from '../store/db.ts'
import { fieldId } from './form.ts'
import { toLocal } from './moment.ts'
import type { TypedUser } from './user-form.ts'

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

type Field = { label: string; id: string; base: string; saved: string; typed: string; take: () => void }

/**
 * Sets what was typed beside what somebody else saved after `since`. Fields that only they touched are taken over, so that
 * saving again does not undo their work unseen; `typed` is changed for it.
 */
export async function conflictOf(
  db: Db,
  known: Declared,
  user: User & { groupNames: string[] },
  typed: TypedUser,
  since: number,
  said: string,
): Promise<Conflict> {
  const { rows } = await auditPage(db, { object: user.id, size: 50 })
  const theirs = rows.filter((row) => row.seq > since)
  const conflict: Conflict = { said, taken: [], both: [] }
  const [last] = theirs
  if (last) Object.assign(conflict, { by: last.actor, at: last.at })
  for (const [name, base] of firstValues(theirs)) {
    const list = listOf(name, user)
    if (list) {
      if (mergeList(typed, list, base)) conflict.taken.push({ label: list.label })
      continue
    }
    const field = fieldOf(known, name, base, typed, user)
    if (!field || field.typed === field.saved) continue
    if (field.typed === field.base) {
      field.take()
      conflict.taken.push({ label: field.label })
    } else conflict.both.push({ id: field.id, label: field.label, saved: field.saved, typed: field.typed })
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

type List = { name: 'groups' | 'plugins'; label: string; saved: string[] }

function listOf(name: string, user: User & { groupNames: string[] }): List | undefined {
  if (name === 'groups') return { name, label: 'Groups', saved: user.groupNames }
  if (name === 'plugins') return { name, label: 'Services', saved: user.plugins }
  return undefined
}

/** Theirs and mine together: what each added and took away. */
function mergeList(typed: TypedUser, { name, saved }: List, base: string): boolean {
  const before = new Set(base.split(', ').filter(Boolean))
  const mine = typed[name]
  const merged = new Set([
    ...saved.filter((one) => mine.includes(one) || !before.has(one)),
    ...mine.filter((one) => !before.has(one)),
  ])
  const differs = merged.size !== mine.length || mine.some((one) => !merged.has(one))
  typed[name] = [...merged]
  return differs
}

const labels: Record<string, string> = {
  username: 'Username',
  first: 'First name',
  last: 'Last name',
  role: 'Role',
  validFrom: 'Valid from',
  validUntil: 'Valid until',
}

function fieldOf(known: Declared, name: string, base: string, typed: TypedUser, user: User): Field | undefined {
  if (name === 'validFrom' || name === 'validUntil') {
    const saved = toLocal(user[name])
    return field(name, toLocal(base), saved, typed[name] ?? saved, () => delete typed[name])
  }
  if (name === 'username' || name === 'first' || name === 'last' || name === 'role') {
    const saved = user[name]
    return field(name, base, saved, typed[name] ?? saved, () => Object.assign(typed, { [name]: saved }))
  }
  const [, extension = '', key = ''] = /^extensions\.([^.]+)\.(.+)$/.exec(name) ?? []
  const declared = known.extension(extension)?.user[key]
  if (!declared) return undefined
  const kept = user.extensions[extension]?.[key]
  const saved = kept === undefined ? '' : declared.format(kept)
  const text = (typed.extensions[extension]?.[key] ?? saved).replaceAll('\r\n', '\n').trim()
  const take = () => {
    const values = typed.extensions[extension]
    if (values) values[key] = saved
  }
  return {
    label: declared.label,
    id: fieldId(`${extension}.${key}`),
    base: formatted(base, declared.type),
    saved,
    typed: text,
    take,
  }
}

const field = (name: string, base: string, saved: string, typed: string, take: () => void): Field => ({
  label: labels[name] ?? name,
  id: fieldId(name),
  base,
  saved,
  typed,
  take,
})

/** A value as the audit writes it, as the form would. */
const formatted = (value: string, type: string): string => {
  if (type === 'list') return value.split(', ').join('\n')
  if (type === 'switch') return value === '' ? '' : value === 'true' ? 'yes' : 'no'
  return value
}
