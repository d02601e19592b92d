import { type AttributeType, attribute } from './attribute-types.ts'
import { eachSlot, type Line, someValue } from './block.ts'
import type { Entry } from './entry.ts'
import type { SlotInfo } from './slots.ts'

/**
 * Attributes that clients find entries by. Others need no index of their own: `uid` is the name of the entry among its
 * siblings and `entryUUID` its id (evaluate.ts asks the tree), and who is a member of what members.ts knows. Attributes that
 * only extensions have all get one: what they are asked for nobody can know beforehand.
 */
const indexed = [
  'cn',
  'displayName',
  'mail',
  'uidNumber',
  'gidNumber',
  'sn',
  'givenName',
  'ou',
  'dc',
  'mailLocalAddress',
]

/** Key of a value -> the one entry that has it, or all of them. */
type Index = Map<string, Entry | Set<Entry>>

export type Indexes = {
  /** `lines`: what the entry was encoded from. */
  add: (entry: Entry, lines: readonly Line[]) => void
  remove: (entry: Entry) => void
  /** Takes in the slots that have come; to be called before an entry fills one of them. */
  learn: () => void
  /** Undefined when the attribute has no index. */
  find: (type: AttributeType, key: string) => Entry | Set<Entry> | 'none' | undefined
}

export function createIndexes(slots: readonly SlotInfo[]): Indexes {
  const byType = new Map<AttributeType, Index>()
  const bySlot: ({ type: AttributeType; index: Index } | undefined)[] = []
  for (const name of indexed) byType.set(attribute(name), new Map())

  function learn(): void {
    for (let slot = bySlot.length; slot < slots.length; slot++) {
      const { type } = slots[slot]!
      if (type.number < 0 && type.equality && !byType.has(type)) byType.set(type, new Map())
      const index = byType.get(type)
      bySlot.push(index && { type, index })
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

  function removeKeys(entry: Entry): void {
    const { bytes } = entry.slab
    eachSlot(bytes, entry.at, (slot, at) => {
      const place = bySlot[slot]
      if (!place) return
      someValue(bytes, at, (value) => {
        const key = place.type.equality!.key(value)
        if (key !== undefined) take(place.index, key, entry)
        return false
      })
    })
  }

  learn()
  return {
    learn,
    add: addKeys,
    remove: removeKeys,
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
