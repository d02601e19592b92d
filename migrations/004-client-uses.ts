import type { Knex } from 'knex'

/** What this node saw of LDAP clients; it does not travel. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('client_uses', (table) => {
    table.string('client_id', 64).primary()
    table.string('last_used', 32).notNullable()
    table.string('address', 64).notNullable()
  })
  await knex.schema.createTable('client_misses', (table) => {
    table.string('client_id', 64).notNullable()
    table.string('kind', 32).notNullable()
    table.string('what', 254).notNullable()
    table.integer('times').notNullable()
    table.string('first_seen', 32).notNullable()
    table.string('last_seen', 32).notNullable()
    table.primary(['client_id', 'kind', 'what'])
  })
}
