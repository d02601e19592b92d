import { z } from 'zod'
import { parseMoment } from '../accounts/moments.ts'
import { undoBatch, undoChange } from '../accounts/undo.ts'
import { auditPage, auditRow, faultSentence, verifyAudit } from '../audit/audit.ts'
import { Invalid } from '../errors.ts'
import { command } from './command.ts'
import { count, cursorOf, firstLimit, listOf, markOf, moment, none, text } from './shapes.ts'

const shownRow = z
  .object({
    id: z.int(),
    at: moment,
    actor: z.string(),
    via: z.string(),
    address: z.string().optional(),
    sentence: z.string(),
    object: z.object({ kind: z.string(), id: z.string(), name: z.string() }).optional(),
    changes: z.array(z.object({ field: z.string(), before: z.string().optional(), after: z.string().optional() })),
    seq: z.int(),
    batch: z.string().optional().meta({ description: 'One import or one bulk edit; it can be undone as a whole.' }),
    undoable: z.boolean(),
    undoneBy: z.int().optional().meta({ description: 'The row that took it back.' }),
    undoes: z.int().optional().meta({ description: 'The row that it takes back.' }),
  })
  .meta({ id: 'AuditRow', description: 'Who did what to whom.' })

const filter = {
  search: text.optional(),
  actor: text.optional(),
  kind: text.optional().meta({ description: 'Of the object: user, group, device ...' }),
  via: text.optional(),
  object: text.optional().meta({ description: 'Id of the object.' }),
  batch: text.optional(),
  from: text.optional().meta({ description: 'From this day or moment on, as 2026-11-23 or 2026-11-23T17:30.' }),
  until: text.optional().meta({ description: 'Until this day ends, or this moment.' }),
}

/** A day means its begin, or its end, on this node. */
function bound(field: 'from' | 'until', typed: string | undefined): string | undefined {
  const moment = parseMoment(typed ?? '', field === 'from' ? 'begin' : 'end')
  if (moment !== null) return moment
  throw new Invalid({ [field]: `“${typed}” must be a day or a moment, as 2026-11-23 or 2026-11-23T17:30.` })
}

const rowId = z.int().positive()

export const undoneBatch = z.object({
  undone: z.int(),
  refused: z
    .array(z.object({ sentence: z.string(), reason: z.string() }))
    .meta({ description: 'What somebody changed since is left as it is.' }),
})

export const auditCommands = {
  audit: command(
    'audit',
    z.strictObject({ ...filter, after: z.string().max(1024).optional(), limit: count.optional() }),
    listOf(shownRow).extend({
      lookedBackTo: moment.optional().meta({ description: 'Only so far back was looked; “next” looks on.' }),
    }),
    async ({ db }, { after, limit = firstLimit, from, until, ...query }) => {
      const before = markOf(after)?.[0]
      const page = await auditPage(db, {
        ...query,
        from: bound('from', from),
        until: bound('until', until),
        ...(before !== undefined && { before: Number(before) }),
        size: limit,
      })
      const next = cursorOf(page.older === undefined ? undefined : [page.older, ''])
      return { items: page.rows, next, ...(page.lookedBackTo && { lookedBackTo: page.lookedBackTo }) }
    },
  ),
  'audit-show': command('audit', z.strictObject({ id: rowId }), shownRow, ({ db }, { id }) => auditRow(db, id)),
  'audit-verify': command(
    'audit',
    none,
    z.object({
      rows: z.int().meta({ description: 'How many rows were proved.' }),
      brokenAt: z.int().optional(),
      fault: z.string().optional(),
      problem: z.string().optional().meta({ description: 'What is wrong, as a sentence.' }),
    }),
    async ({ db, progress, signal }) => {
      const chain = await verifyAudit(db, (rows) => {
        signal.throwIfAborted()
        void progress({ done: rows })
      })
      const problem = faultSentence(chain)
      return { ...chain, ...(problem && { problem }) }
    },
  ),
  'audit-undo': command(
    'change',
    z.strictObject({ id: rowId }),
    z.object({ sentence: z.string() }),
    async ({ db, actor }, { id }) => {
      const { sentence } = await auditRow(db, id)
      await undoChange(db, actor, id)
      return { sentence }
    },
  ),
  'batch-undo': command('change', z.strictObject({ batch: text }), undoneBatch, ({ db, actor }, { batch }) =>
    undoBatch(db, actor, batch),
  ),
}
