import type { IncomingMessage } from 'node:http'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { tokenActor } from '../accounts/tokens.ts'
import type { Actor } from '../audit/actor.ts'
import type { Db } from '../store/db.ts'
import { RequestProblem } from './problem.ts'

const realm = 'Bearer realm="Account Synchronization"'

/** Wrong tokens are counted by address. A right one is never held up by the wrong ones of a neighbour: it cannot be guessed. */
export function bearers(db: Db) {
  const wrong = new RateLimiterMemory({ points: 30, duration: 600 })
  return async (req: IncomingMessage): Promise<Actor> => {
    const address = req.socket.remoteAddress ?? ''
    const given = req.headers.authorization
    if (given === undefined)
      throw new RequestProblem(401, 'token', 'A bearer token is needed: “Authorization: Bearer ast_…”.', {
        'www-authenticate': realm,
      })
    const [, token = ''] = /^bearer +(\S+)$/i.exec(given) ?? []
    const actor = await tokenActor(db, token)
    if (actor) return address ? { ...actor, address } : actor
    await count(wrong, address)
    throw new RequestProblem(401, 'token', 'This token is not known here, was removed, or has ended.', {
      'www-authenticate': `${realm}, error="invalid_token"`,
    })
  }
}

async function count(wrong: RateLimiterMemory, address: string): Promise<void> {
  try {
    await wrong.consume(address)
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error
    const seconds = Math.max(1, Math.ceil(error.msBeforeNext / 1000))
    throw new RequestProblem(429, 'too-many', `Too many wrong tokens from ${address}. Wait ${seconds} seconds.`, {
      'retry-after': String(seconds),
    })
  }
}
