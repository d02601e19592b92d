import { findSlot, type Line, someValue } from './block.ts'
import type { Entry } from './entry.ts'
import { type AttributeType, attribute } from './schema.ts'
import { type Slot, slotsOfType } from './slots.ts'

/**
 * Attributes that clients find entries by. Others need no index of their own: `uid` is the name of the entry among its
 * siblings and `entryUUID` its id (evaluate.ts asks the tree), and who is a member of what members.ts knows.
 */
const indexed = ['cn', 'displayName', 'mail', 'uidNumber', 'gidNumber', 'sn', 'givenName', 'ou', 'dc']

/** Key of a value -> the one entry that has it, or all of them. */
type Index = Map<string, Entry | Set<Entry>>

export type Indexes = {
  /** `lines`: what the entry was encoded from. */
  add: (entry: Entry, lines: readonly Line[]) => void
  remove: (entry: Entry) => void
  /** Undefined when the attribute has no index. */
  find: (type: AttributeType, key: string) => Entry | Set<Entry> | 'none' | undefined
}

export function createIndexes(): Indexes {
  const byType = new Map<AttributeType, Index>()
  const bySlot: ({ type: AttributeType; index: Index } | undefined)[] = []
  const places: { slot: Slot; type: AttributeType; index: Index }[] = []
  for (const name of indexed) {
    const type = attribute(name)
    const index: Index = new Map()
    byType.set(type, index)
    for (const slot of slotsOfType(type)) {
      places.push({ slot, type, index })
      bySlot[slot] = { type, index }
    }
  }

  function addKeys(entry: Entry, lines: readonly Line[]): void {
    // Several attributes mostly have the same value (cn and displayName): then they share one string in memory.
    let last = ''
    for (const [slot, values] of lines) {
      const place = bySlot[slot]
      if (!place) continue
      for (const value of values) {
        const key = place.type.equality!.key(value)
        if (key === undefined) continue
        if (key !== last) last = key
        put(place.index, last, entry)
      }
    }
  }

  function eachKey(entry: Entry, take: (index: Index, key: string) => void): void {
    const { bytes } = entry.slab
    for (const { slot, type, index } of places) {
      const at = findSlot(bytes, entry.at, slot)
      if (at < 0) continue
      someValue(bytes, at, (value) => {
        const key = type.equality!.key(value)
        if (key !== undefined) take(index, key)
        return false
      })
    }
  }

  return {
    add: addKeys,
    remove: (entry) => eachKey(entry, (index, key) => take(index, key, entry)),
    find(type, key) {
      const index = byType.get(type)
      return index && (index.get(key) ?? 'none')
    },
  }
}

function put(index: Index, key: string, entry: Entry): void {
  const there = index.get(key)
  if (there === undefined) index.set(key, entry)
  else if (there instanceof Set) there.add(entry)
  else if (there !== entry) index.set(key, new Set([there, entry]))
}

function take(index: Index, key: string, entry: Entry): void {
  const there = index.get(key)
  if (there === entry) index.delete(key)
  else if (there instanceof Set) {
    there.delete(entry)
    if (there.size === 0) index.delete(key)
  }
}
