import type { Knex } from 'knex'

/** What is done after a change of files is owed until it has succeeded, also to a process that was started since. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('file_places', (table) => {
    table.boolean('owed').notNullable().defaultTo(false)
  })
}
