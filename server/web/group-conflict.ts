import type { Declared } from '../accounts/declarations.ts'
import { type Group, type GroupInput, ownerNames } from '../accounts/groups.ts'
import type { Db } from '../store/db.ts'
import { type ChangedField, type ChangedList, type Conflict, conflictOf, extensionField } from './conflict.ts'
import { fieldId } from './form.ts'

/** What is saved of a group beside what was typed; `typed` is changed to hold what only others touched. */
export async function groupConflict(
  db: Db,
  known: Declared,
  group: Group,
  typed: GroupInput,
  since: number,
  said: string,
): Promise<Conflict> {
  const owners = await ownerNames(db, group)
  return conflictOf(
    db,
    { id: group.id, since, said },
    (name, base) =>
      (name === 'owners' ? ownersOf(owners, typed) : fieldOf(name, base, group, typed)) ??
      extensionField(name, base, (each) => known.extension(each)?.group?.fields, group.extensions, typed.extensions),
  )
}

function ownersOf(saved: string[], typed: GroupInput): ChangedList | undefined {
  if (!typed.owners) return undefined
  const take = (merged: string[]) => {
    typed.owners = merged
  }
  return { label: 'Owners', saved, typed: typed.owners, take }
}

const labels: Record<string, string> = { name: 'Group name', description: 'Description' }

function fieldOf(name: string, base: string, group: Group, typed: GroupInput): ChangedField | undefined {
  if (name !== 'name' && name !== 'description') return undefined
  const saved = group[name] ?? ''
  const take = () => Object.assign(typed, { [name]: saved })
  return { label: labels[name]!, id: fieldId(name), base, saved, typed: (typed[name] ?? saved).trim(), take }
}
