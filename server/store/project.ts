import type { Knex } from 'knex'
import type { Bodies, Kind } from './bodies.ts'
import { projectDevices } from './devices.ts'
import { projectGroups } from './groups.ts'
import { freeNames, takeNames } from './names.ts'
import { projectUsers } from './users.ts'

/** One object before and after; undefined: it was not there, or is removed. */
export type Projection<K extends Kind> = { id: string; was: Bodies[K] | undefined; now: Bodies[K] | undefined }
export type Projected = { [K in Kind]: { kind: K } & Projection<K> }[Kind]

/** Writes the tables that pages and unique names read, from the same change, on master and slave alike. */
export async function project(trx: Knex, changes: Projected[], namesFreed = false): Promise<void> {
  const of = <K extends Kind>(kind: K) => changes.filter((change) => change.kind === kind) as unknown as Projection<K>[]
  const renamed = changes.filter((change) => namesFreed || nameBefore(change) !== nameAfter(change))
  // All names are freed before any is taken: two people may swap theirs, or a group take over a person's.
  await freeNames(
    trx,
    renamed.filter((change) => !namesFreed && nameBefore(change) !== undefined).map((change) => change.id),
  )
  await projectGroups(trx, of('group'))
  await projectUsers(trx, of('user'))
  await projectDevices(trx, of('device'))
  await takeNames(
    trx,
    renamed.flatMap((change) => {
      const name = nameAfter(change)
      return name === undefined ? [] : [{ name, owner: change.id }]
    }),
  )
}

const nameIn = (change: Projected, when: 'was' | 'now'): string | undefined => {
  if (change.kind === 'user') return change[when]?.username
  if (change.kind === 'group') return change[when]?.name
  return undefined
}
const nameBefore = (change: Projected) => nameIn(change, 'was')
const nameAfter = (change: Projected) => nameIn(change, 'now')
