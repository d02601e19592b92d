import { z } from 'zod'
import type { Actor } from '../audit/actor.ts'
import { Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { applyAgain } from './again.ts'
import { changeMembers } from './group-members.ts'
import { acceptInvitation, openInvitation, removeInvitation } from './invitations.ts'
import { addOwnKey, changeOwn, removeOwnKey } from './own-account.ts'
import { setStatus } from './user-status.ts'
import { setPassword } from './users.ts'

const id = z.string().max(64)
const password = z.string().max(1024)
// What is wrong with it the domain says, in the words that a person gets at the master.
const typed = z.string().max(1_000_000)
const named = z.strictObject({ usernames: z.array(typed).max(10_000), groups: z.array(typed).max(10_000) })

/** What people do at any node: where that is a slave its master does it in their name (replication/forward.ts). */
export const actShape = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('own-password'), password }),
  z.strictObject({ do: z.literal('first-password'), password }),
  z.strictObject({
    do: z.literal('password'),
    user: id,
    password,
    mustChange: z.boolean(),
  }),
  z.strictObject({
    do: z.literal('status'),
    user: id,
    status: z.enum(['enabled', 'disabled', 'locked']),
    from: z.enum(['enabled', 'disabled', 'locked']).optional(),
  }),
  // The node that shows a link makes its secret, which goes nowhere: asked again, it is the same link, and no answer holds it.
  z.strictObject({ do: z.literal('invite'), user: id, tokenHash: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.strictObject({ do: z.literal('take-back-invitation'), user: id }),
  z.strictObject({ do: z.literal('own-fields'), extensions: z.record(id, z.record(id, typed)) }),
  z.strictObject({ do: z.literal('add-own-key'), key: typed }),
  z.strictObject({ do: z.literal('remove-own-key'), key: typed }),
  z.strictObject({ do: z.literal('members'), group: id, join: named, leave: named }),
  z.strictObject({
    do: z.literal('again'),
    kind: z.enum(['user', 'group']),
    id,
    body: z.string().max(1_000_000).nullable(),
    from: z.string().max(64),
  }),
])

export type Act = z.output<typeof actShape>

/** The names of all that this version can do. */
export const knownActs: ReadonlySet<string> = new Set(actShape.options.map(({ shape }) => shape.do.value))

/** What an authority opens: all that its person may do; with a password that must be changed, that; with a link, what it is for. */
export type Opens = 'all' | 'own-password' | { link: string }

/** Does it, with the rights of who asks. */
export async function runAct(db: Db, actor: Actor & { id: string }, act: Act, opens: Opens = 'all'): Promise<void> {
  if (opens === 'own-password' && act.do !== 'own-password')
    throw new Refused('Set a new password of your own first.', 'password')
  if (typeof opens === 'object' && act.do !== 'first-password')
    throw new Refused('A first-password link sets a password, and does nothing else.', 'link')
  switch (act.do) {
    case 'own-password':
      return setPassword(db, actor, actor.id, act.password, { by: 'self' })
    case 'first-password':
      if (typeof opens === 'string') throw new Refused('This takes a first-password link.', 'link')
      await acceptInvitation(db, opens.link, act.password, actor)
      return
    case 'password':
      return setPassword(db, actor, act.user, act.password, { mustChange: act.mustChange })
    case 'status':
      await setStatus(db, actor, act.user, act.status, act.from)
      return
    case 'invite':
      await openInvitation(db, actor, act.user, act.tokenHash)
      return
    case 'take-back-invitation':
      return removeInvitation(db, actor, act.user)
    case 'own-fields':
      return changeOwn(db, actor, actor.id, { extensions: act.extensions })
    case 'add-own-key':
      return addOwnKey(db, actor, actor.id, act.key)
    case 'remove-own-key':
      return removeOwnKey(db, actor, actor.id, act.key)
    case 'members':
      await changeMembers(db, actor, act.group, act.join, act.leave)
      return
    case 'again':
      await applyAgain(db, actor, act)
  }
}
