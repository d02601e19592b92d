import type { Knex } from 'knex'

/** Groups within groups, validity, the recycle bin, policies' counters, undo. */
export async function up(knex: Knex): Promise<void> {
  // ISO 8601 or '': text compares in order of time, and '' is before every moment.
  await knex.schema.alterTable('users', (table) => {
    table.string('valid_from', 32).notNullable().defaultTo('')
    table.string('valid_until', 32).notNullable().defaultTo('')
    table.string('locked_until', 32).notNullable().defaultTo('')
  })
  // Mail aliases share the pool of names, so an owner may have several.
  await knex.schema.alterTable('names', (table) => table.index('owner'))
  // Few accounts end: only those are in the index.
  await knex.schema.alterTable('users', (table) =>
    table.index(['valid_until'], 'users_valid_until', { predicate: knex.whereRaw("valid_until <> ''") }),
  )
  // `group_id` is a member of `of`.
  await createKeyed(knex, 'nestings', { of: 64, group_id: 64 }, ['of', 'group_id'])
  await knex.schema.alterTable('nestings', (table) => table.index('group_id'))
  await createKeyed(knex, 'owners', { user_id: 64, group_id: 64 }, ['user_id', 'group_id'])
  await knex.schema.createTable('removed', (table) => {
    table.string('id', 64).primary()
    table.string('kind', 16).notNullable()
    table.string('name', 254).notNullable()
    table.string('search', 510).notNullable()
    table.string('removed', 32).notNullable().index()
    table.string('until', 32).notNullable().index()
  })

  // One import or one bulk edit is one batch; `undo` says how to take a row back, without secrets.
  await knex.schema.alterTable('audit', (table) => {
    table.string('batch', 36).index()
    table.text('undo')
    table.integer('undone_by')
    table.index('actor')
  })
  // How long the chain is, under a MAC of its own: rows cut off its end would leave no gap.
  await knex.schema.createTable('audit_head', (table) => {
    table.integer('one').primary()
    table.integer('rows').notNullable()
    table.string('mac', 64).notNullable()
    table.string('seal', 64).notNullable()
  })

  // What this node saw of each person's sign-ins; it does not travel.
  await knex.schema.createTable('sign_ins', (table) => {
    table.string('user_id', 64).primary()
    table.integer('failures').notNullable()
    table.string('first_failure', 32)
    table.string('last_failure', 32)
    table.string('locked_until', 32)
    table.string('last_good', 32)
    table.string('last_door', 32)
  })
  // Sign-ins a day, for the home page.
  await knex.schema.createTable('sign_in_days', (table) => {
    table.string('day', 10).primary()
    table.integer('good').notNullable()
    table.integer('refused').notNullable()
  })
  await addSamples(knex)
}

/** One row an hour for the pictures of the home page: how many people, and how the slaves were at their worst. */
async function addSamples(knex: Knex): Promise<void> {
  await knex.schema.createTable('samples', (table) => {
    table.string('hour', 32).primary()
    table.integer('people').notNullable()
    table.integer('equal').notNullable()
    table.integer('behind').notNullable()
    table.integer('away').notNullable()
    table.integer('lag').notNullable()
  })
}

async function createKeyed(knex: Knex, name: string, columns: Record<string, number>, key: string[]): Promise<void> {
  const lines = Object.entries(columns).map(([column, length]) => `"${column}" varchar(${length}) not null`)
  const primary = `primary key (${key.map((column) => `"${column}"`).join()})`
  const withoutRowid = knex.client.config.client === 'sqlite3' ? ' without rowid' : ''
  await knex.raw(`create table "${name}" (${[...lines, primary].join()})${withoutRowid}`)
}
