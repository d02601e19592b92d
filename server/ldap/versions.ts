import type { Entry } from './entry.ts'
import { everyone, type Members } from './members.ts'

/**
 * Of which change an entry, as it is answered, is the outcome. That is more than its own object: a person's `memberOf` names
 * groups, a group's `member` names people, and an extension that is turned off takes attributes from everybody. Worked out
 * from numbers that every node has alike, so that whoever replicates from here may go on with another node.
 */
export type Versions = {
  /** A group or a plugin got its name, or lost it with its entry, at this change. */
  named: (key: string, seq: number) => void
  /** The entry of this object is another one since this change: store/revisions.ts. */
  revised: (id: string, seq: number) => void
  extension: (name: string, seq: number) => void
  base: (seq: number) => void
  of: (entry: Entry) => number
}

export function createVersions(members: Members): Versions {
  const names = new Map<string, number>()
  const revisions = new Map<string, number>()
  const extensions = new Map<string, number>()
  let baseSeq = 0

  const later = (map: Map<string, number>, key: string, seq: number): void => {
    if (seq > (map.get(key) ?? 0)) map.set(key, seq)
  }

  function of(entry: Entry): number {
    let seq = Math.max(entry.seq, baseSeq)
    for (const name of entry.part.extensions) seq = Math.max(seq, extensions.get(name) ?? 0)
    if (entry.membership) {
      // Also groups that are gone: their members have lost them.
      for (const key of entry.membership.groups) seq = Math.max(seq, names.get(key) ?? 0)
    }
    // Members of the groups that are in it are its members.
    if (entry.membersKey && entry.membersKey !== everyone)
      for (const key of members.below(entry.membersKey)) seq = Math.max(seq, revisions.get(key) ?? 0)
    return Math.max(seq, revisions.get(entry.id) ?? 0)
  }

  return {
    named: (key, seq) => later(names, key, seq),
    revised: (id, seq) => later(revisions, id, seq),
    extension: (name, seq) => later(extensions, name, seq),
    base: (seq) => {
      baseSeq = Math.max(baseSeq, seq)
    },
    of,
  }
}
