import { hash } from 'node:crypto'
import type { Knex } from 'knex'

type Row = { seq: number; kind: string; id: string; body: string | null; deleted: boolean | number }

/** Each live object with the digest that stands for it in the state hash: a row that no longer fits its digest is damaged. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('objects', (table) => table.binary('digest', 16))
  for (let after = 0; ; ) {
    const rows: Row[] = await knex('objects').where('seq', '>', after).orderBy('seq').limit(200)
    const last = rows.at(-1)
    if (!last) return
    const live = rows.flatMap(({ seq, kind, id, body, deleted }) =>
      deleted ? [] : [seq, hash('sha256', `${kind}\0${id}\0${body}`, 'buffer').subarray(0, 16)],
    )
    const values = Array(live.length / 2)
      .fill('(?, ?)')
      .join()
    if (live.length > 0)
      await knex.raw(
        `with given (seq, digest) as (values ${values})
         update objects set digest = (select digest from given where given.seq = objects.seq)
         where seq in (select seq from given)`,
        live,
      )
    after = last.seq
  }
}
