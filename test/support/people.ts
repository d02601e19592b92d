import type { User } from '../../server/accounts/user.ts'
import type { UserInput } from '../../server/accounts/user-input.ts'
import { addUser } from '../../server/accounts/users.ts'
import type { Actor } from '../../server/audit/actor.ts'
import type { Db } from '../../server/store/db.ts'

export const me: Actor = { name: 'the test', via: 'this node' }

/** Good enough for every rule; no secret. */
export const password = 'long-enough-1'

let number = 0

/** What is typed about somebody, with defaults for all that a test does not care about. */
export function somebody(given: Partial<UserInput> = {}): UserInput {
  number++
  return { username: `person${number}`, first: 'Some', last: `Body ${number}`, ...given }
}

export const aUser = (db: Db, given: Partial<UserInput> = {}): Promise<User> => addUser(db, me, somebody(given))
