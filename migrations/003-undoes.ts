import type { Knex } from 'knex'

/**
 * The row that takes another one back names it, under its own MAC. Until now the other row named the one that took it back,
 * which no MAC could cover: it was written later.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('audit', (table) => {
    table.integer('undoes')
  })
  await knex.schema.alterTable('audit', (table) =>
    table.index(['undoes'], 'audit_undoes', { predicate: knex.whereRaw('undoes is not null') }),
  )
  // knex would copy the whole table.
  await knex.raw('alter table audit drop column undone_by')
}
