import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { Unavailable } from '../errors.ts'

const tenMinutes = 600

/**
 * Wrong tries, counted in memory by address (many accounts guessed at). What is guessed of one account is counted with the
 * account (accounts/sign-ins.ts).
 */
export type Limits = ReturnType<typeof rateLimits>

export function rateLimits() {
  return {
    address: new RateLimiterMemory({ points: 60, duration: tenMinutes }),
    claim: new RateLimiterMemory({ points: 10, duration: tenMinutes }),
    welcome: new RateLimiterMemory({ points: 60, duration: tenMinutes }),
  }
}

/** Throws when `key` has used up its wrong tries. */
export async function refuseWhenUsedUp(limiter: RateLimiterMemory, key: string): Promise<void> {
  const used = await limiter.get(key)
  if (used && used.consumedPoints >= limiter.points) throw tooMany(used.msBeforeNext)
}

/** Counts a wrong try. */
export async function countWrongTry(limiter: RateLimiterMemory, key: string): Promise<void> {
  await limiter.consume(key).catch((error) => {
    if (!(error instanceof RateLimiterRes)) throw error
  })
}

const tooMany = (ms: number): Unavailable => {
  const minutes = Math.max(1, Math.ceil(ms / 60_000))
  return new Unavailable(
    `Too many wrong tries. Wait ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}, then try again.`,
    Math.ceil(ms / 1000),
  )
}
