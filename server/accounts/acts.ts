import { z } from 'zod'
import type { Actor } from '../audit/actor.ts'
import { Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { applyAgain } from './again.ts'
import { setPassword, setStatus } from './users.ts'

/** What people do at any node: where that is a slave its master does it in their name (replication/forward.ts). */
export const actShape = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('own-password'), password: z.string().max(1024) }),
  z.strictObject({
    do: z.literal('password'),
    user: z.string().max(64),
    password: z.string().max(1024),
    mustChange: z.boolean(),
  }),
  z.strictObject({
    do: z.literal('status'),
    user: z.string().max(64),
    status: z.enum(['enabled', 'disabled', 'locked']),
    from: z.enum(['enabled', 'disabled', 'locked']).optional(),
  }),
  z.strictObject({
    do: z.literal('again'),
    kind: z.enum(['user', 'group']),
    id: z.string().max(64),
    body: z.string().max(1_000_000).nullable(),
    from: z.string().max(64),
  }),
])

export type Act = z.output<typeof actShape>

/** Does it, with the rights of who asks. `onlyOwnPassword`: nothing else is open to them before they have a new one. */
export async function runAct(
  db: Db,
  actor: Actor & { id: string },
  act: Act,
  { onlyOwnPassword = false } = {},
): Promise<void> {
  if (onlyOwnPassword && act.do !== 'own-password')
    throw new Refused('Set a new password of your own first.', 'password')
  switch (act.do) {
    case 'own-password':
      return setPassword(db, actor, actor.id, act.password, { by: 'self' })
    case 'password':
      return setPassword(db, actor, act.user, act.password, { mustChange: act.mustChange })
    case 'status':
      await setStatus(db, actor, act.user, act.status, act.from)
      return
    case 'again':
      await applyAgain(db, actor, act)
  }
}
