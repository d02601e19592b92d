import { mayNotSignIn } from '../accounts/sign-in.ts'
import { type View, views } from './access.ts'
import type { Account, Entry } from './entry.ts'
import type { SortedView } from './list-view.ts'
import type { PagedSearch } from './paged.ts'
import { createShelf, type Shelf } from './shelf.ts'
import type { Tree } from './tree.ts'

/** How a client came in. What comes by TLS, over loopback or by the Unix socket is seen by nobody else. */
export type Door = 'plain' | 'tls' | 'unix'

/** Who a connection is. Only the id is kept: what it may do is looked up for each request. */
export type Session = {
  /** Id of the object that is bound; undefined: anonymous. */
  accountId: string | undefined
  /** The account is a service's, not a person's. */
  isClient: boolean
  /** Bound by SASL EXTERNAL on the Unix socket, which only this machine's own user and root can open. */
  isMachine: boolean
  /** Signed in with a password that has to be changed first: nothing else is open. */
  mustChange: boolean
  /** Where the client is. */
  address: string
  /** The slave where the client is, for what this node does for it. */
  site?: string
  /** The request of that slave: audit/actor.ts. */
  request?: string
  /** The password of a person, where the master must be asked to do what they want. Nowhere but here, until the next bind. */
  password?: string | undefined
  door: Door
  /** The rule about networks that has let its address through. */
  allowedBy: Account['from']
  /** Paged searches under way, by cookie. */
  pages: Map<string, PagedSearch>
  /** Sorted lists that are looked at through a window, by context. */
  lists: Map<string, SortedView>
  /** Where those are counted, together with those of all others. */
  shelf: Shelf
  /** Searches that stay open to tell of changes. */
  watching: number
}

export const newSession = (address: string, door: Door, shelf: Shelf = createShelf(0)): Session => ({
  accountId: undefined,
  isClient: false,
  isMachine: false,
  mustChange: false,
  address,
  door,
  allowedBy: undefined,
  pages: new Map(),
  lists: new Map(),
  shelf,
  watching: 0,
})

/** Anonymous from here on. What was under way under the old identity ends with it. */
export function forget(session: Session): void {
  session.accountId = undefined
  session.isClient = false
  session.isMachine = false
  session.mustChange = false
  session.password = undefined
  leave(session)
}

/** Gives up what is kept for its next request. */
export function leave({ pages, lists, shelf }: Session): void {
  if (pages.size + lists.size === 0) return
  for (const cookie of [...pages.keys(), ...lists.keys()]) shelf.take(cookie)
  pages.clear()
  lists.clear()
}

/** `others`: with what eyes a person sees the entries of others, where anything of them is published. */
export type Who = { view: View; self: Entry | undefined; others?: View | undefined }

/**
 * An account that was disabled, locked or removed, or has ended, since it was bound is anonymous from its next request on; so
 * is a client that may no longer come from where it is. `setsOwnPassword`: the request does that and nothing else, which is
 * open to those who must.
 */
export function whoIs(session: Session, tree: Tree, setsOwnPassword = false): Who {
  if (session.isMachine) return { view: views.administrator, self: undefined }
  const self = session.accountId === undefined ? undefined : tree.entryById(session.accountId)
  if (!self?.account || standsInTheWay(self.account) || !isAllowed(session, self.account))
    return { view: views.anonymous, self: undefined }
  if (session.mustChange && !setsOwnPassword) return { view: views.anonymous, self }
  const { view } = self.account
  // At a slave it sees the hashes that travel there, and the master shows it no others.
  const seesHashes = session.site === undefined && isConfidential(session)
  if (view === 'samba' && !seesHashes) return { view: views.read, self }
  return { view: views[view], self, others: view === 'person' ? tree.published() : undefined }
}

/** Why somebody who sees no entry sees none. */
export const whyNothing = ({ self }: Who): string =>
  self ? 'Your own password has to be changed first.' : 'Bind first: nothing here is for anonymous clients.'
/** Whether two see the same of everybody: only then may one go on with what the other has found. */
export const isSameWho = (a: Who, b: Who): boolean => a.view === b.view && a.self === b.self && a.others === b.others

/** An address is held against the same rule once: this is asked for every request. */
function isAllowed(session: Session, { from }: Account): boolean {
  if (from && session.allowedBy !== from) {
    if (!from(session.address)) return false
    session.allowedBy = from
  }
  return true
}

/** Whether it is a service or an administrator, and not a person or somebody unknown: who may send more at once. */
export function isService(session: Session, tree: Tree): boolean {
  const { accountId, isClient, isMachine } = session
  if (accountId === undefined || isClient) return isClient || isMachine
  return tree.entryById(accountId)?.account?.view === 'administrator'
}

const isLoopback = (address: string): boolean => address === '::1' || /^(::ffff:)?127\./.test(address)

/** Whether nobody between here and the client can read along. */
export const isConfidential = ({ door, address }: Session): boolean => door !== 'plain' || isLoopback(address)

/** Why the account opens nowhere at this moment; undefined: it does. */
export const standsInTheWay = ({ standing }: Account): string | undefined => standing && mayNotSignIn(standing)
