import type { Declared } from '../accounts/declarations.ts'
import type { User } from '../accounts/user.ts'
import type { Db } from '../store/db.ts'
import {
  type ChangedField,
  type ChangedList,
  type Conflict,
  conflictOf,
  extensionField,
  type FilledList,
} from './conflict.ts'
import { type Form, fieldId } from './form.ts'
import { toLocal } from './moment.ts'
import type { TypedUser } from './user-form.ts'

/** What is saved of a person beside what was typed; `typed` is changed to hold what only others touched. */
export function userConflict(
  db: Db,
  known: Declared,
  user: User & { groupNames: string[] },
  typed: TypedUser,
  { form, since, said }: { form: Form; since: number; said: string },
): Promise<Conflict> {
  const filled = filledLists(form, user, typed)
  return conflictOf(
    db,
    { id: user.id, since, said },
    (name, base) =>
      (filled.length === 0 ? listOf(name, user, typed) : undefined) ??
      fieldOf(name, base, user, typed) ??
      extensionField(name, base, (each) => known.extension(each)?.user, user.extensions, typed.extensions),
    filled,
  )
}

/** Groups and services are changed on pages of their own too, where the record names no person. */
const filledLists = (form: Form, user: User & { groupNames: string[] }, typed: TypedUser): FilledList[] =>
  ['groups', 'plugins'].flatMap((name) => {
    const list = listOf(name, user, typed)
    return list && form.has(`was-${name}`)
      ? [{ ...list, base: form.text(`was-${name}`).split(',').filter(Boolean) }]
      : []
  })

function listOf(name: string, user: User & { groupNames: string[] }, typed: TypedUser): ChangedList | undefined {
  if (name !== 'groups' && name !== 'plugins') return undefined
  const [label, saved] = name === 'groups' ? ['Groups', user.groupNames] : ['Services', user.plugins]
  const take = (merged: string[]) => {
    typed[name] = merged
  }
  return { label, saved, typed: typed[name], take }
}

const labels: Record<string, string> = {
  username: 'Username',
  first: 'First name',
  last: 'Last name',
  role: 'Role',
  validFrom: 'Valid from',
  validUntil: 'Valid until',
}

function fieldOf(name: string, base: string, user: User, typed: TypedUser): ChangedField | undefined {
  const given = { label: labels[name] ?? name, id: fieldId(name) }
  if (name === 'validFrom' || name === 'validUntil') {
    const saved = toLocal(user[name])
    const take = () => void delete typed[name]
    return { ...given, base: toLocal(base), saved, typed: typed[name] ?? saved, take }
  }
  if (name !== 'username' && name !== 'first' && name !== 'last' && name !== 'role') return undefined
  const saved = user[name]
  return { ...given, base, saved, typed: typed[name] ?? saved, take: () => Object.assign(typed, { [name]: saved }) }
}
