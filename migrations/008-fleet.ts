import type { Knex } from 'knex'

/** What this master keeps of its slaves: who has confirmed what shut somebody out, what each tells of itself, and how far behind it was. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('receipts', (table) => {
    // The row of the audit that says what was done.
    table.integer('id').primary()
    table.string('batch', 36).nullable().unique()
    table.bigInteger('seq').notNullable()
    table.string('at', 32).notNullable()
    table.string('actor', 128).notNullable()
    table.text('sentence').notNullable()
    table.string('kind', 64).notNullable()
    table.string('object', 64).notNullable().index()
    table.string('name', 128).notNullable()
    table.integer('people').notNullable()
    table.text('awaits').notNullable()
    table.text('confirmed').notNullable()
    table.string('told', 8).notNullable().index()
  })
  await knex.schema.alterTable('contacts', (table) => {
    table.text('report').nullable()
  })
  await knex.schema.createTable('lags', (table) => {
    table.string('device_id', 20).notNullable()
    table.string('slot', 32).notNullable().index()
    table.integer('changes').notNullable()
    table.float('seconds').notNullable()
    table.primary(['device_id', 'slot'])
  })
  await knex.schema.createTable('join_codes', (table) => {
    table.string('key_id', 16).primary()
    table.string('secret_hash', 64).notNullable()
    table.string('name', 64).notNullable()
    table.string('made', 32).notNullable()
    table.string('until', 32).notNullable()
    table.string('used', 32).nullable()
    table.string('device_id', 20).nullable()
  })
}
