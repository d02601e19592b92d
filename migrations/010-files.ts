import type { Knex } from 'knex'

/** Files that follow the accounts: what the feed says of them, and what only this node knows: where they lie, and how it left them. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('files', (table) => {
    table.string('id', 36).primary()
    table.string('set_id', 36).notNullable().index()
    table.string('path', 1024).notNullable()
    table.string('for', 20).nullable()
    table.string('sha256', 64).notNullable().index()
  })
  await knex.schema.createTable('file_places', (table) => {
    table.string('set_id', 36).primary()
    table.string('set_name', 64).notNullable()
    table.string('dir', 1024).notNullable()
    /** The device of the file system; another one means that it is not mounted. */
    table.string('volume', 32).nullable()
    table.string('edits', 8).notNullable()
    table.string('afterwards', 128).notNullable()
  })
  await knex.schema.createTable('file_seen', (table) => {
    table.string('set_id', 36).notNullable()
    table.string('path', 1024).notNullable()
    table.string('sha256', 64).notNullable()
    table.string('content', 64).notNullable()
    table.integer('mode').notNullable()
    table.bigInteger('size').notNullable()
    table.string('mtime', 32).notNullable()
    table.string('inode', 32).notNullable()
    table.primary(['set_id', 'path'])
  })
}
