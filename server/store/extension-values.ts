import type { Knex } from 'knex'

/** Ids of the people who have a value in an extension, in slices: one walk over a narrow table. */
export async function* idsWithValues(trx: Knex, extension: string, slice = 250): AsyncGenerator<string[]> {
  yield* inOrder(
    (after) =>
      trx('users')
        // Names of extensions have no % and no quotes; “_” stands for itself.
        .whereRaw("filled like ? escape '\\'", [`%,${extension.replaceAll('_', '\\_')},%`])
        .where('id', '>', after)
        .orderBy('id')
        .limit(slice)
        .select('id'),
    slice,
  )
}

/** Ids of everything in a table of ids, in slices. */
export async function* allIds(trx: Knex, table: 'users' | 'groups' | 'removed', slice = 250): AsyncGenerator<string[]> {
  yield* inOrder((after) => trx(table).where('id', '>', after).orderBy('id').limit(slice).select('id'), slice)
}

async function* inOrder(
  read: (after: string) => PromiseLike<{ id: string }[]>,
  slice: number,
): AsyncGenerator<string[]> {
  for (let after = ''; ; ) {
    const rows = await read(after)
    if (rows.length > 0) yield rows.map(({ id }) => id)
    if (rows.length < slice) return
    after = rows.at(-1)?.id ?? ''
  }
}
