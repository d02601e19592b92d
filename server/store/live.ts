import type { Knex } from 'knex'

/** The body of any object, also of a kind that this version does not know, as it is kept; undefined when it is not there. */
export async function liveBody(db: Knex, kind: string, id: string): Promise<string | undefined> {
  const row: { body: string | null } | undefined = await db('objects').where({ kind, id, deleted: false }).first('body')
  return row?.body ?? undefined
}
