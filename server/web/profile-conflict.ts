import type { Declared } from '../accounts/declarations.ts'
import type { Profile, ProfileInput } from '../accounts/profiles.ts'
import type { Db } from '../store/db.ts'
import { type ChangedField, type ChangedList, type Conflict, conflictOf } from './conflict.ts'
import { fieldId } from './form.ts'

/** What is saved of a profile beside what was typed; `typed` is changed to hold what only others touched. */
export const profileConflict = (
  db: Db,
  known: Declared,
  profile: Profile,
  typed: ProfileInput,
  since: number,
  said: string,
): Promise<Conflict> =>
  conflictOf(
    db,
    { id: profile.id, since, said },
    (name, base) =>
      listOf(name, profile, typed) ??
      fieldOf(name, base, profile, typed) ??
      templateOf(name, base, known, profile, typed),
  )

function listOf(name: string, profile: Profile, typed: ProfileInput): ChangedList | undefined {
  if (name !== 'groups' && name !== 'plugins') return undefined
  const [label, saved] = name === 'groups' ? ['Groups', profile.groupNames] : ['Services', profile.plugins]
  const take = (merged: string[]) => {
    typed[name] = merged
  }
  return { label, saved, typed: typed[name], take }
}

function fieldOf(name: string, base: string, profile: Profile, typed: ProfileInput): ChangedField | undefined {
  if (name !== 'name' && name !== 'description') return undefined
  const saved = profile[name]
  const take = () => {
    typed[name] = saved
  }
  const label = name === 'name' ? 'Name' : 'Description'
  return { label, id: fieldId(name), base, saved, typed: typed[name].trim(), take }
}

/** A template is kept as it is typed, whatever type its field has. */
function templateOf(
  name: string,
  base: string,
  known: Declared,
  profile: Profile,
  typed: ProfileInput,
): ChangedField | undefined {
  const [, extension = '', key = ''] = /^extensions\.([^.]+)\.(.+)$/.exec(name) ?? []
  const field = known.extension(extension)?.user[key]
  const values = typed.extensions[extension]
  if (!field || values?.[key] === undefined) return undefined
  const saved = profile.extensions[extension]?.[key] ?? ''
  const take = () => {
    values[key] = saved
  }
  const now = values[key].replaceAll('\r\n', '\n').trim()
  return { label: field.label, id: fieldId(`${extension}.${key}`), base, saved, typed: now, take }
}
