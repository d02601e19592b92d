import type { Status, UserBody } from './bodies.ts'

/** How an account stands at a moment: its status, or what its dates make of it. */
export type State = Status | 'expired' | 'waiting'

/** In the order of lists: who may sign in comes first. */
export const states: readonly State[] = ['enabled', 'waiting', 'expired', 'locked', 'disabled']

export type Dates = Pick<UserBody, 'validFrom' | 'validUntil' | 'lockedUntil'>

/** `now` is ISO 8601, like the dates, so that text compares in order of time. What an administrator decided comes first. */
export function stateAt(
  { status, lockedUntil, validUntil, validFrom }: Dates & { status: Status },
  now: string,
): State {
  if (status !== 'enabled') return status
  if (lockedUntil && lockedUntil > now) return 'locked'
  if (validUntil && validUntil <= now) return 'expired'
  return validFrom && validFrom > now ? 'waiting' : 'enabled'
}
