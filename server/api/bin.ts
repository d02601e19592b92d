import { z } from 'zod'
import { type Binned, binned, binnedByName, binPage, purge, undelete } from '../accounts/bin.ts'
import type { Db } from '../store/db.ts'
import { command } from './command.ts'
import { count, moment, nothing, pageNumber, text } from './shapes.ts'

const kind = z.enum(['user', 'group'])

const shownBinned = z
  .object({
    id: z.string(),
    kind,
    name: z.string().meta({ description: 'Username, or name of the group.' }),
    title: z.string().meta({ description: 'First and last name, or what the group is for.' }),
    removed: moment,
    until: moment,
    by: z.string(),
  })
  .meta({ id: 'Binned', description: 'What lies in the recycle bin.' })

const restored = z.object({
  kind,
  name: z.string(),
  left: z.array(z.string()).meta({ description: 'Aliases that somebody else has by now.' }),
})

/** By id, or by kind and the name it had; of several the one that was removed last. */
const found = (db: Db, args: { id?: string; kind?: Binned['kind']; name?: string }): Promise<Binned> =>
  args.id === undefined ? binnedByName(db, args.kind ?? 'user', args.name ?? '') : binned(db, args.id)

const which = { id: text.optional(), kind: kind.optional(), name: text.optional() }

export const binCommands = {
  'bin-list': command(
    'read',
    z.strictObject({
      search: text.optional(),
      kind: kind.optional(),
      page: pageNumber.optional(),
      limit: count.optional(),
    }),
    z.object({ items: z.array(shownBinned), page: z.int(), pages: z.int(), total: z.int() }),
    async ({ db }, { limit, ...query }) => {
      const { rows, page, pages, total } = await binPage(db, { ...query, size: limit ?? 100 })
      return { items: rows, page, pages, total }
    },
  ),
  'bin-show': command('read', z.strictObject({ id: text }), shownBinned, ({ db }, { id }) => binned(db, id)),
  undelete: command(
    'change',
    z.strictObject({ ...which, newName: text.optional().meta({ description: 'When somebody else has the old one.' }) }),
    restored,
    async ({ db, actor }, { newName, ...args }) => {
      const { id } = await found(db, args)
      return undelete(db, actor, id, newName === undefined ? {} : { name: newName })
    },
  ),
  purge: command('change', z.strictObject(which), nothing, async ({ db, actor }, args) => {
    await purge(db, actor, (await found(db, args)).id)
  }),
}
