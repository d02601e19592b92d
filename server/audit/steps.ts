import type { UndoStep } from '../store/audit.ts'

/** What never stands in the audit, and what is no decision of anybody. */
const left = new Set(['password', 'passwordHistory', 'passwordChanged', 'invitation', 'added', 'changed', 'unlocked'])

/**
 * How to take an edit back: each path that differs, with its value before and after (null: none). A field of an extension is
 * a path of its own, so that two edits of one person can be undone apart.
 */
export function editStep(kind: string, id: string, was: object, now: object): UndoStep | undefined {
  const before = paths(was)
  const after = paths(now)
  const step = { kind, id, was: {} as Record<string, unknown>, now: {} as Record<string, unknown> }
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const [from, to] = [before.get(path) ?? null, after.get(path) ?? null]
    if (isSame(from, to)) continue
    step.was[path] = from
    step.now[path] = to
  }
  return Object.keys(step.was).length > 0 ? step : undefined
}

/** Two values of a body, in any order of a list. */
export const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(tidy(a)) === JSON.stringify(tidy(b))

const tidy = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.length === 0 ? null : [...value].sort()
  return value ?? null
}

/** `status`, `extensions/contact/city`: the path and value of everything an edit can change. */
export function paths(body: object): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const [name, value] of Object.entries(body)) {
    // Of a person it belongs to the password; of a policy it is a rule.
    const isOfPassword = name === 'mustChange' && 'username' in body
    if (left.has(name) || isOfPassword || value === undefined) continue
    if (name !== 'extensions') found.set(name, value)
    else
      for (const [extension, values] of Object.entries(value as Record<string, object>))
        for (const [field, one] of Object.entries(values)) found.set(`extensions/${extension}/${field}`, one)
  }
  return found
}
