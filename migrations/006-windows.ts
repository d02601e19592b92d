import type { Knex } from 'knex'

/** Names, numbers and SIDs that computers and Samba's own entries hold, each with one owner. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('taken', (table) => {
    table.string('key', 320).primary()
    table.string('owner', 64).notNullable().index()
  })
}
