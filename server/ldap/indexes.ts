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
  'sambaSID',
  'sambaSIDList',
]

/** Key of a value -> the one entry that has it, or all of them. Arrays, as a Set takes five times the memory. */
type Index = Map<string, Entry | Entry[]>
type Key = { index: Index; key: string }

export type Indexes = {
  add: (entry: Entry, lines: readonly Line[]) => void
  /** To be called while the entry still holds what it was: only keys that really change are moved. */
  change: (entry: Entry, lines: readonly Line[]) => void
  remove: (entry: Entry) => void
  /** Takes in the slots that have come; to be called before an entry fills one of them. */
  learn: () => void
  /** Undefined when the attribute has no index. */
  find: (type: AttributeType, key: string) => Entry | readonly Entry[] | 'none' | undefined
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

  function eachKey(lines: readonly Line[], each: (index: Index, key: string) => void): void {
    // Several attributes mostly have the same value (cn and displayName): then they share one string in memory.
    let last = ''
    for (const [slot, values] of lines) {
      const place = bySlot[slot]
      if (!place) continue
      for (const value of values) {
        const key = place.type.equality!.key(value)
        if (key === undefined) continue
        if (key !== last) last = key
        each(place.index, last)
      }
    }
  }

  function keysOf(entry: Entry): Key[] {
    const { bytes } = entry.slab
    const keys: Key[] = []
    eachSlot(bytes, entry.at, (slot, at) => {
      const place = bySlot[slot]
      if (!place) return
      someValue(bytes, at, (value) => {
        const key = place.type.equality!.key(value)
        if (key !== undefined) keys.push({ index: place.index, key })
        return false
      })
    })
    return keys
  }

  function change(entry: Entry, lines: readonly Line[]): void {
    const before = keysOf(entry)
    const after: Key[] = []
    eachKey(lines, (index, key) => after.push({ index, key }))
    for (const { index, key } of before) if (!has(after, index, key)) take(index, key, entry)
    for (const { index, key } of after) if (!has(before, index, key)) put(index, key, entry)
  }

  learn()
  return {
    learn,
    add: (entry, lines) => eachKey(lines, (index, key) => put(index, key, entry)),
    change,
    remove(entry) {
      for (const { index, key } of keysOf(entry)) take(index, key, entry)
    },
    find(type, key) {
      const index = byType.get(type)
      return index && (index.get(key) ?? 'none')
    },
  }
}

const has = (keys: readonly Key[], index: Index, key: string): boolean =>
  keys.some((each) => each.index === index && each.key === key)

/** The keys of an entry come one after the other: where it is in a list already, it is the last. */
function put(index: Index, key: string, entry: Entry): void {
  const there = index.get(key)
  if (there === undefined) index.set(key, entry)
  else if (!Array.isArray(there)) {
    if (there !== entry) index.set(key, [there, entry])
  } else if (there.at(-1) !== entry) there.push(entry)
}

function take(index: Index, key: string, entry: Entry): void {
  const there = index.get(key)
  if (there === entry) index.delete(key)
  else if (Array.isArray(there) && takeFrom(there, entry) && there.length === 0) index.delete(key)
}

/** Takes one out of a list without order; false when it is not in it. */
export function takeFrom(list: Entry[], entry: Entry): boolean {
  const at = list.indexOf(entry)
  if (at < 0) return false
  const last = list.pop()!
  if (last !== entry) list[at] = last
  return true
}
