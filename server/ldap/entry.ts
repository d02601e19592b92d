import type { UserBody } from '../store/bodies.ts'
import type { Kept, Slab } from './arena.ts'
import type { Line } from './block.ts'
import type { Membership } from './members.ts'
import type { Part } from './parts.ts'

/** What entries/ make of an object: everything the directory needs to hold it. */
export type Described = {
  /** What no person, group, client or container is. */
  kind?: EntryKind
  /** `uid=anna` as it is written. */
  rdn: string
  classes: readonly string[]
  lines: readonly Line[]
  account?: Account
  /** For users: what they are members of. */
  memberOf?: readonly string[]
  /** For groups: under which key users name them in `memberOf`. */
  membersKey?: string
  /** For the group of everybody of a kind who are not listed: under which key those are members. */
  holds?: string
  /** For groups: ids of the groups that its members are members of as well. */
  groupsAbove?: readonly string[]
  /** Extensions with values that nothing here can show yet. */
  undeclared?: readonly string[]
  /** When the description is to be made anew, in milliseconds since 1970, although nothing was changed. */
  changesAt?: number
  /** The last such moment that has passed since somebody did change them, ISO 8601. */
  turnedAt?: string
}

/** A computer, the Windows domain, an entry that Samba keeps for itself. */
export type EntryKind = 'machine' | 'windows' | 'kept'

/** What binding needs to know; never part of what is encoded. */
export type Account = {
  /** PHC string; undefined while there is no password. */
  hash: string | undefined
  /** What decides, with the clock, whether a person may bind; undefined where nothing does: enabled, or no person. */
  standing: Pick<UserBody, 'status' | 'validFrom' | 'validUntil' | 'lockedUntil'> | undefined
  /** Whether it may bind from this address; absent: from anywhere. */
  from?: (address: string) => boolean
  /** It is the Samba of another node, and binds there: it would see here what does not travel to that node. */
  isElsewhere?: true
  /** Whose eyes it gets once bound: a key of `views` in access.ts. */
  view: 'person' | 'administrator' | 'auth' | 'read' | 'samba'
}

/** One entry of the tree. The attributes of its own are a block in the arena; what it shares with others is in its part. */
export type Entry = Kept & {
  id: string
  kind: EntryKind | undefined
  seq: number
  /** Folded RDN, the key among its siblings. */
  key: string
  /** The entry above; undefined for the base. */
  parent: Entry | undefined
  part: Part
  /** Index in `part.entries`; -1 once the entry is gone. */
  place: number
  /** Entries below by key; only containers have any. */
  children: Map<string, Entry> | undefined
  membership: Membership | undefined
  membersKey: string | undefined
  account: Account | undefined
  undeclared: readonly string[] | undefined
}

/** Removed since it was found. What stands outside of the tree, as the root DSE does, has no place and is there all the same. */
export const isGone = ({ place, parent }: Entry): boolean => place < 0 && parent !== undefined

const noSlab: Slab = { bytes: Buffer.alloc(1), live: 0 }

export const newEntry = (id: string, parent: Entry | undefined, part: Part): Entry => ({
  id,
  kind: undefined,
  seq: 0,
  key: '',
  parent,
  part,
  place: -1,
  children: undefined,
  membership: undefined,
  membersKey: undefined,
  account: undefined,
  undeclared: undefined,
  slab: noSlab,
  at: 0,
  size: 0,
})
