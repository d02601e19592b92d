import type { Declared } from '../accounts/declarations.ts'
import type { User } from '../accounts/user.ts'
import type { Db } from '../store/db.ts'
import { type ChangedField, type ChangedList, type Conflict, conflictOf, extensionField } from './conflict.ts'
import { fieldId } from './form.ts'
import { toLocal } from './moment.ts'
import type { TypedUser } from './user-form.ts'

/** What is saved of a person beside what was typed; `typed` is changed to hold what only others touched. */
export function userConflict(
  db: Db,
  known: Declared,
  user: User & { groupNames: string[] },
  typed: TypedUser,
  since: number,
  said: string,
): Promise<Conflict> {
  return conflictOf(
    db,
    { id: user.id, since, said },
    (name, base) =>
      listOf(name, user, typed) ??
      fieldOf(name, base, user, typed) ??
      extensionField(name, base, (each) => known.extension(each)?.user, user.extensions, typed.extensions),
  )
}

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
