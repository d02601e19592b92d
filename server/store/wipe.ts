import { setImmediate as others } from 'node:timers/promises'
import type { Knex } from 'knex'
import { isKnownKind } from './bodies.ts'
import { LateMemberships } from './memberships.ts'
import { feedRows, foundIn } from './objects.ts'
import { type Projected, project } from './project.ts'

const projections = [
  'names',
  'users',
  'groups',
  'memberships',
  'nestings',
  'owners',
  'removed',
  'devices',
  'taken',
  'files',
]

/** Empties the feed and its projections inside a transaction: the start of a full sync. Readers see the old state until it commits. */
export async function wipe(trx: Knex): Promise<void> {
  for (const table of ['objects', 'positions', ...projections]) await trx(table).delete()
}

/**
 * Writes every projection anew from the feed: after an upgrade, when this version knows kinds and fields that the last one
 * only kept.
 */
export async function projectAgain(db: Knex): Promise<void> {
  await db.transaction(async (trx) => {
    for (const table of projections) await trx(table).delete()
    const late = new LateMemberships()
    for await (const rows of feedRows(trx, 0)) {
      const live = rows
        .filter((row) => foundIn(row).isSound)
        .flatMap(({ kind, id, body }) =>
          body !== undefined && isKnownKind(kind)
            ? [{ kind, id, was: undefined, now: JSON.parse(body) } as Projected]
            : [],
        )
      await project(trx, live, true, late)
      await others()
    }
    await late.insert(trx)
  })
}
