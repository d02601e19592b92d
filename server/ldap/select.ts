import { sees, type View } from './access.ts'
import { copySelected, selectedLength } from './block.ts'
import type { Part } from './parts.ts'
import type { Schema } from './schema.ts'
import { slotOf } from './slots.ts'
import type { Tree } from './tree.ts'

/** Which attributes a search returns, worked out for each kind of entry. */
export type Selection = {
  /** For entries of this part. */
  cut: (part: Part) => Cut
  wantsEntryDn: boolean
  /** Whether memberOf, member, memberUid are asked for: they are encoded apart. */
  wantsMembers: boolean
}

/** A selection as it applies to one part: the mask by slot, and what the part itself contributes, ready to copy. */
export type Cut = { mask: Uint8Array; shared: Buffer }

const entryDnSlot = slotOf('entryDN')
const memberSlots = [slotOf('memberOf'), slotOf('member'), slotOf('memberUid')]
const maxKept = 500
const maxKeyLength = 1000

/** RFC 4511 section 4.5.1.8, and `+` of RFC 3673. Selections are few and come again and again, so they are kept. */
export function select(tree: Tree, view: View, requested: readonly string[]): Selection {
  const key = `${view.name} ${requested.join(' ')}`
  let selection = tree.selections.get(key)
  if (!selection) {
    selection = createSelection(tree.schema, view, requested)
    if (key.length <= maxKeyLength) {
      if (tree.selections.size >= maxKept) tree.selections.clear()
      tree.selections.set(key, selection)
    }
  }
  return selection
}

function createSelection(schema: Schema, view: View, requested: readonly string[]): Selection {
  const { slots } = schema
  const wanted = new Uint8Array(slots.length)
  const want = (slot: number): void => {
    if (slots[slot]!.isLive && sees(view, slots[slot]!.type)) wanted[slot] = 1
  }
  const all = requested.length === 0 || requested.includes('*')
  const operational = requested.includes('+')
  slots.forEach(({ type }, slot) => {
    if (type.isOperational ? operational : all) want(slot)
  })
  for (const name of requested) {
    const type = schema.attributeByName(name)
    if (type) for (const slot of schema.slotsOfFamily(type)) want(slot)
  }
  const cuts = new Map<Part, Cut>()
  return {
    wantsEntryDn: wanted[entryDnSlot] === 1,
    wantsMembers: memberSlots.some((slot) => wanted[slot] === 1),
    cut(part) {
      let cut = cuts.get(part)
      if (!cut) {
        const mask = wanted.map((flag, slot) => flag & part.visible[slot]!)
        const shared = Buffer.allocUnsafe(selectedLength(part.block, 0, mask))
        copySelected(part.block, 0, mask, shared, 0)
        cut = { mask, shared }
        cuts.set(part, cut)
      }
      return cut
    },
  }
}
