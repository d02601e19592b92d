import { Refused } from '../errors.ts'
import type { UserBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { objectById } from '../store/objects.ts'
import { userIdByName } from '../store/users.ts'
import { canonicalName } from './names.ts'
import { verifyPassword } from './passwords.ts'
import { toUser, type User } from './users.ts'

/** Why this person may not sign in anywhere, whatever the password; undefined: may. Every door asks this. */
export const mayNotSignIn = (user: Pick<UserBody, 'status'>): string | undefined =>
  user.status === 'enabled' ? undefined : `Account is ${user.status}`

/**
 * The person behind a username and password. Refused says one thing for every reason, in the same time, so that nobody
 * learns who exists; Unavailable when too many ask at once.
 */
export async function signIn(db: Db, username: string, password: string): Promise<User> {
  const id = await userIdByName(db.reader, canonicalName(username.slice(0, 256)))
  const object = id === undefined ? undefined : await objectById(db.reader, 'user', id)
  const fits = await verifyPassword(object?.body.password, password)
  if (!object || !fits || mayNotSignIn(object.body)) throw new Refused('Username and password do not match.', 'sign-in')
  return toUser(object)
}

/** The password typed once more before something dangerous or secret. */
export async function confirmPassword(db: Db, userId: string, password: string): Promise<boolean> {
  const object = await objectById(db.reader, 'user', userId)
  return verifyPassword(object?.body.password, password)
}
