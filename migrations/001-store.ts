import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  // The feed: one row per object, at the seq of its latest change. Reading it in order of seq is reading it in order of rows.
  await knex.schema.createTable('objects', (table) => {
    table.bigInteger('seq').primary()
    table.string('kind', 32).notNullable()
    table.string('id', 64).notNullable()
    table.boolean('deleted').notNullable().defaultTo(false)
    table.text('body')
    table.unique(['kind', 'id'])
  })
  await knex.schema.createTable('position', (table) => {
    table.integer('one').primary()
    table.string('cluster_id', 36).notNullable()
    table.integer('epoch_no').notNullable()
    table.string('epoch_id', 36).notNullable()
    table.text('epoch_sig').notNullable()
    table.bigInteger('seq').notNullable()
    table.string('hash', 32).notNullable()
    table.integer('objects').notNullable()
    table.bigInteger('horizon').notNullable()
  })
  // Commit points of this epoch: a slave's (seq, hash) must be one of them.
  await knex.schema.createTable('positions', (table) => {
    table.bigInteger('seq').primary()
    table.string('hash', 32).notNullable()
  })
  // What belongs to this node alone and never travels.
  await knex.schema.createTable('local', (table) => {
    table.string('name', 64).primary()
    table.text('value').notNullable()
  })

  // Projections of the feed, for pages and for unique names.
  await createKeyed(knex, 'names', { name: 254, owner: 64 }, ['name'])
  await knex.schema.createTable('users', (table) => {
    table.string('id', 64).primary()
    table.string('username', 64).notNullable().index()
    table.string('sort_name', 254).notNullable().index()
    table.string('status', 16).notNullable().index()
    table.string('role', 16).notNullable()
    table.integer('uid_number').notNullable().index()
    table.text('search').notNullable()
    // Names of the extensions that hold a value, with commas around each.
    table.string('filled', 254).notNullable()
  })
  await knex.schema.createTable('groups', (table) => {
    table.string('id', 64).primary()
    table.string('name', 254).notNullable().index()
    table.string('description', 254).notNullable()
    table.string('type', 16).notNullable()
    table.integer('gid_number').notNullable().index()
  })
  // `of`: a group's id, or `plugin:<name>`.
  await createKeyed(knex, 'memberships', { of: 64, user_id: 64 }, ['of', 'user_id'])
  await knex.schema.createTable('devices', (table) => {
    table.string('id', 64).primary()
    table.string('device_id', 32).notNullable().index()
    table.string('token_hash', 64).notNullable()
    table.string('status', 16).notNullable()
  })

  // How far each slave is, as this node has seen it.
  await knex.schema.createTable('contacts', (table) => {
    table.string('device_id', 32).primary()
    table.bigInteger('seq').notNullable()
    table.string('hash', 32).notNullable()
    table.string('address', 64)
    table.string('version', 32)
    table.string('last_contact', 32).notNullable()
  })
  await knex.schema.createTable('sessions', (table) => {
    table.string('id', 64).primary()
    table.string('user_id', 64).index()
    table.text('data').notNullable()
    table.bigInteger('expires_at').notNullable().index()
  })
  await knex.schema.createTable('audit', (table) => {
    table.increments('id')
    table.string('at', 32).notNullable()
    table.string('actor', 128).notNullable()
    table.string('via', 32).notNullable()
    table.string('address', 64)
    table.text('sentence').notNullable()
    table.string('kind', 32)
    table.string('object', 64).index()
    table.string('name', 254)
    table.text('changes').notNullable()
    table.bigInteger('seq').notNullable()
    table.string('mac', 64).notNullable()
  })
}

/** A table that is little more than its key: SQLite then keeps the rows in the key itself, instead of everything twice. */
async function createKeyed(knex: Knex, name: string, columns: Record<string, number>, key: string[]): Promise<void> {
  const lines = Object.entries(columns).map(([column, length]) => `"${column}" varchar(${length}) not null`)
  const primary = `primary key (${key.map((column) => `"${column}"`).join()})`
  const withoutRowid = knex.client.config.client === 'sqlite3' ? ' without rowid' : ''
  await knex.raw(`create table "${name}" (${[...lines, primary].join()})${withoutRowid}`)
}
