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
  await knex.schema.createTable('names', (table) => {
    table.string('name', 254).primary()
    table.string('owner', 64).notNullable().index()
  })
  await knex.schema.createTable('users', (table) => {
    table.string('id', 64).primary()
    table.string('username', 64).notNullable().index()
    table.string('sort_name', 254).notNullable().index()
    table.string('status', 16).notNullable().index()
    table.string('role', 16).notNullable()
    table.integer('uid_number').notNullable().index()
    table.text('search').notNullable()
  })
  await knex.schema.createTable('groups', (table) => {
    table.string('id', 64).primary()
    table.string('name', 254).notNullable().index()
    table.string('description', 254).notNullable()
    table.string('type', 16).notNullable()
    table.integer('gid_number').notNullable().index()
  })
  await createMemberships(knex)
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

/** `of`: a group's id, `plugin:<name>` or `extension:<name>`. A row is nothing but its key, so SQLite keeps it in the key alone. */
async function createMemberships(knex: Knex): Promise<void> {
  if (knex.client.config.client === 'sqlite3') {
    await knex.raw(
      'create table memberships ("of" varchar(64) not null, user_id varchar(64) not null, primary key ("of", user_id)) without rowid',
    )
    return
  }
  await knex.schema.createTable('memberships', (table) => {
    table.string('of', 64).notNullable()
    table.string('user_id', 64).notNullable()
    table.primary(['of', 'user_id'])
  })
}
