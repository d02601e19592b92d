import type { Knex } from 'knex'
import type { Bodies, Kind } from './bodies.ts'
import { projectDevices } from './devices.ts'
import { projectFiles } from './files-kept.ts'
import { projectGroups } from './groups.ts'
import type { LateMemberships } from './memberships.ts'
import { freeNames, hasNames, namesOf, takeNames } from './names.ts'
import { projectRemoved } from './removed.ts'
import { inSlices } from './slices.ts'
import { projectTaken } from './taken.ts'
import { projectUsers } from './users.ts'

/** One object before and after; undefined: it was not there, or is removed. */
export type Projection<K extends Kind> = { id: string; was: Bodies[K] | undefined; now: Bodies[K] | undefined }
export type Projected = { [K in Kind]: { kind: K } & Projection<K> }[Kind]

/** Writes the tables that pages and unique names read, from the same change, on master and slave alike. */
export async function project(
  trx: Knex,
  changes: Projected[],
  namesFreed = false,
  late?: LateMemberships,
): Promise<void> {
  const of = <K extends Kind>(kind: K) => changes.filter((change) => change.kind === kind) as unknown as Projection<K>[]
  const renamed = changes.filter((change) => namesFreed || String(namesBefore(change)) !== String(namesAfter(change)))
  // All names are freed before any is taken: two people may swap theirs, or a group take over a person's.
  await freeNames(
    trx,
    renamed.filter((change) => !namesFreed && namesBefore(change).length > 0).map((change) => change.id),
  )
  await projectGroups(trx, of('group'))
  await projectUsers(trx, of('user'), late)
  await projectDevices(trx, of('device'))
  await projectRemoved(trx, of('removed'))
  await projectFiles(trx, of('file'))
  await projectTaken(trx, changes)
  await takeNames(
    trx,
    renamed.flatMap((change) => namesAfter(change).map((name) => ({ name, owner: change.id }))),
  )
}

/** Takes away everything that was made of these objects, without asking what they were; not of others that have the same id. */
export async function unproject(trx: Knex, objects: readonly { kind: string; id: string }[]): Promise<void> {
  await freeNames(
    trx,
    objects.filter(({ kind }) => hasNames(kind)).map(({ id }) => id),
  )
  for (const [kind, tables] of Object.entries(madeOf)) {
    const ids = objects.filter((object) => object.kind === kind).map(({ id }) => id)
    for (const [table, column] of tables) await inSlices(ids, (slice) => trx(table).whereIn(column, slice).delete())
  }
}

type Made = readonly (readonly [table: string, column: string])[]

const madeOf: Partial<Record<Kind, Made>> = {
  user: [
    ['users', 'id'],
    ['memberships', 'user_id'],
    ['taken', 'owner'],
  ],
  group: [
    ['groups', 'id'],
    ['nestings', 'group_id'],
    ['owners', 'group_id'],
    ['taken', 'owner'],
  ],
  machine: [['taken', 'owner']],
  kept: [['taken', 'owner']],
  device: [['devices', 'id']],
  removed: [['removed', 'id']],
  file: [['files', 'id']],
}

const namesIn = (change: Projected, when: 'was' | 'now'): string[] => {
  const body = change.kind === 'user' || change.kind === 'group' ? change[when] : undefined
  return body ? namesOf(body) : []
}
const namesBefore = (change: Projected) => namesIn(change, 'was')
const namesAfter = (change: Projected) => namesIn(change, 'now')
