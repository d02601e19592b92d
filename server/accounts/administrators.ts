import { Invalid } from '../errors.ts'
import type { UserBody } from '../store/bodies.ts'
import { objectsByIds } from '../store/objects.ts'
import { administratorIds } from '../store/users.ts'
import type { Change } from '../store/write.ts'

/**
 * An administrator who can sign in now, and whose account does not end by itself: with one of them a cluster can always
 * be looked after.
 */
const isLasting = (body: UserBody, now: string): boolean =>
  body.role === 'administrator' &&
  body.status === 'enabled' &&
  body.password !== undefined &&
  body.validUntil === undefined &&
  (body.validFrom ?? '') <= now

/** Throws when a change would leave the cluster without an administrator; `now` undefined: the person is removed. */
export async function refuseLastAdministrator(
  change: Change,
  id: string,
  was: UserBody,
  now: UserBody | undefined,
): Promise<void> {
  const moment = new Date().toISOString()
  if (!isLasting(was, moment) || (now && isLasting(now, moment))) return
  const others = await objectsByIds(change.trx, 'user', await administratorIds(change.trx, id))
  if ([...others.values()].some(({ body }) => isLasting(body, moment))) return
  throw new Invalid({
    '': `${was.first} ${was.last} is the last administrator who can sign in. Make another one first.`,
  })
}
