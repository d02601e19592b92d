import { isUtf8 } from 'node:buffer'
import { sees, type View } from './access.ts'
import { type AttributeType, attribute } from './attribute-types.ts'
import { findSlot, someValue } from './block.ts'
import type { Entry } from './entry.ts'
import type { Slot } from './slots.ts'
import type { Tree } from './tree.ts'
import { workedOut } from './worked-out.ts'

const ofMembers: ReadonlySet<Slot> = new Set(['memberOf', 'member', 'memberUid'].map((name) => attribute(name).number))
const workedOutIn = new Map(Object.entries(workedOut).map(([name, work]) => [attribute(name).number, work]))

/** Where values of this type, and of those below it, may stand that this view may read. */
export function readableSlots(type: AttributeType, tree: Tree, view: View): readonly Slot[] {
  const { slots, slotsOfFamily } = tree.schema
  const all = slotsOfFamily(type)
  // Whoever asks has been let through for this very type.
  if (type.family.length === 1) return all
  const isReadable = (slot: Slot): boolean => sees(view, slots[slot]!.type)
  return all.every(isReadable) ? all : all.filter(isReadable)
}

/** What a filter holds values against; undefined: it is no text, and fits none. */
export const textOf = (value: Buffer): string | undefined => (isUtf8(value) ? value.toString('utf8') : undefined)

/** Whether the entry has a value in one of these slots that passes. */
export function someValueOf(
  tree: Tree,
  entry: Entry,
  slots: readonly Slot[],
  passes: (value: string) => boolean,
): boolean {
  const { visible } = entry.part
  for (const slot of slots) {
    if (visible[slot] !== 1) continue
    const own = findSlot(entry.slab.bytes, entry.at, slot)
    if (own >= 0) {
      if (someValue(entry.slab.bytes, own, passes)) return true
      continue
    }
    const { block } = entry.part
    const shared = findSlot(block, 0, slot)
    if (shared >= 0) {
      if (someValue(block, shared, passes)) return true
      continue
    }
    const work = workedOutIn.get(slot)
    if (work) {
      const value = work(tree, entry)
      if (value !== undefined && passes(value)) return true
    } else if (ofMembers.has(slot)) {
      const members = tree.members.blockOf(entry)
      const at = members ? findSlot(members, 0, slot) : -1
      if (at >= 0 && someValue(members!, at, passes)) return true
    }
  }
  return false
}
