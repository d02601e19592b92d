import type { Knex } from 'knex'

/** What slaves have asked this master to do and was done, so that asking twice does it once; it does not travel. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('requests', (table) => {
    table.string('id', 36).primary()
    table.string('done_at', 32).notNullable()
  })
}
