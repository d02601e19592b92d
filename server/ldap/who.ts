import { mayNotSignIn } from '../accounts/sign-in.ts'
import { type View, views } from './access.ts'
import type { Account, Entry } from './entry.ts'
import type { Tree } from './tree.ts'

/** Who a connection is. Only the id is kept: what it may do is looked up for each request. */
export type Session = {
  /** Id of the object that is bound; undefined: anonymous. */
  accountId: string | undefined
  /** Where the client is. */
  address: string
}

export type Who = { view: View; self: Entry | undefined }

/** An account that was disabled, locked or removed, or has ended, since it was bound is anonymous from its next request on. */
export function whoIs(session: Session, tree: Tree): Who {
  const self = session.accountId === undefined ? undefined : tree.entryById(session.accountId)
  if (!self?.account || standsInTheWay(self.account)) return { view: views.anonymous, self: undefined }
  return { view: views[self.account.view], self }
}

/** Why the account opens nowhere at this moment; undefined: it does. */
export const standsInTheWay = ({ standing }: Account): string | undefined => standing && mayNotSignIn(standing)
