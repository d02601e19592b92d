import { z } from 'zod'
import { setMode } from '../mode/mode.ts'
import { makeRecoveryCode } from '../mode/recovery.ts'
import { forgetUnshipped, unshippedChanges } from '../mode/unshipped.ts'
import { followMaster } from '../replication/follow.ts'
import { handOver } from '../replication/hand-over.ts'
import { leaveMaster, promote, promotion } from '../replication/promotion.ts'
import { becomeSlave } from '../replication/rejoin.ts'
import { command } from './command.ts'
import { moment, none, nothing, text } from './shapes.ts'

const shownPromotion = z.object({
  master: z.string(),
  masterAnswers: z.boolean(),
  seq: z.int(),
  provedAt: moment.optional(),
  missing: z.int(),
  isPartial: z.boolean(),
  others: z.array(z.object({ name: z.string(), seq: z.int().optional(), has: z.enum(['more', 'less']).optional() })),
  othersAt: moment.optional(),
  recoveryMade: moment.optional(),
})

const shownUnshipped = z.array(
  z.object({
    file: z.string(),
    kept: z.string(),
    changes: z.array(
      z.object({
        kind: z.string(),
        id: z.string(),
        name: z.string(),
        what: z.enum(['added', 'changed', 'removed']),
        fields: z.array(z.object({ field: z.string(), mine: z.string().optional(), now: z.string().optional() })),
      }),
    ),
  }),
)

/** Which node is master, and how that changes. */
export const modeCommands = {
  'mode-set': command(
    'change',
    z.strictObject({ mode: z.enum(['standalone', 'master']) }),
    nothing,
    async ({ db, actor }, { mode }) => {
      await setMode(db, actor, mode)
    },
  ),
  'recovery-code': command('change', none, z.object({ code: z.string() }), async ({ db, actor }) => ({
    code: await makeRecoveryCode(db, actor),
  })),
  'promote-plan': command('change', none, shownPromotion, ({ db }) => promotion(db)),
  promote: command(
    'change',
    z.strictObject({ code: text, force: z.boolean().default(false) }),
    nothing,
    async ({ db, actor }, { code, force }) => {
      await promote(db, actor, code, force)
    },
  ),
  'hand-over': command(
    'change',
    z.strictObject({ device: text }),
    z.object({ name: z.string() }),
    ({ db, actor }, { device }) => handOver(db, actor, device),
  ),
  follow: command('change', z.strictObject({ master: text }), nothing, async ({ db, actor }, { master }) => {
    await followMaster(db, actor, master)
  }),
  detach: command('change', none, nothing, async ({ db, actor }) => {
    await leaveMaster(db, actor)
  }),
  rejoin: command('change', z.strictObject({ master: text.optional() }), nothing, async ({ db, actor }, { master }) => {
    await becomeSlave(db, actor, master)
  }),
  'unshipped-list': command('change', none, shownUnshipped, ({ db }) => unshippedChanges(db)),
  'unshipped-forget': command('change', z.strictObject({ file: text }), nothing, async ({ db }, { file }) => {
    forgetUnshipped(db, file)
  }),
}
