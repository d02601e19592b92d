import type { AuditEnd } from './audit-chain.ts'
import type { Changed } from './bodies.ts'
import type { LateMemberships } from './memberships.ts'
import { type HashWork, noHashWork } from './nt-hashes.ts'
import type { FeedRow, Row } from './objects.ts'
import { hashHex, type Position, type StateHash, stateHash } from './position.ts'
import type { Receipt } from './receipts.ts'

/** The feed while a transaction moves it. */
export type Head = Omit<Position, 'hash'> & {
  state: StateHash
  changes: Changed[]
  /** Takes the changes of a full sync as they come, instead of `changes`. */
  refill?: Refill
  /** The same as rows of the feed, for the tail: tail.ts. */
  moved: FeedRow[]
  /** So much has changed that listeners should read everything again. */
  many: boolean
  auditKey: Buffer
  audit: AuditEnd
  /** What slaves are to confirm: receipts.ts. */
  receipts: Receipt[]
  /** The store holds nothing yet: no old row needs to be looked for. */
  fresh: boolean
  late?: LateMemberships
  /** Rows that the job under way has read and not moved since, by kind and id. */
  known: Map<string, Row>
  /** Lists of members that the job under way has touched: revisions.ts. */
  lists: Set<string>
  /** Whose NT hash has to be seen to after the job under way: nt-hashes.ts. */
  hashes: HashWork
  /** The names of everything that moves were freed beforehand, so all of them are taken again. */
  namesFreed: boolean
  /** Damaged rows are replaced. Otherwise one that moves on a slave stops the move, for a repair to find all of them. */
  mends: boolean
}

export const headAt = (position: Position, auditKey: Buffer, audit: AuditEnd): Head => {
  const { hash, ...rest } = position
  return {
    ...rest,
    state: stateHash(hash),
    changes: [],
    moved: [],
    many: false,
    auditKey,
    audit: { ...audit },
    receipts: [],
    fresh: false,
    known: new Map(),
    lists: new Set(),
    hashes: noHashWork(),
    namesFreed: false,
    mends: false,
  }
}

export const positionOf = (head: Head): Position => {
  const { clusterId, epochNo, epochId, epochSig, seq, objects, horizon } = head
  return { clusterId, epochNo, epochId, epochSig, seq, objects, horizon, hash: hashHex(head.state) }
}

export const samePosition = (position: Position, head: Head): boolean =>
  position.seq === head.seq &&
  position.epochId === head.epochId &&
  position.horizon === head.horizon &&
  position.hash === hashHex(head.state)

/** Somebody who holds everything in memory and takes a full sync as it is applied, rather than read it all again afterwards. */
export type Refill = {
  add: (changes: Changed[]) => Promise<void>
  /** It is committed: what was taken is what counts from now on. */
  done: () => Promise<void>
  /** It was taken back: forget what was taken. */
  failed: () => Promise<void>
}
