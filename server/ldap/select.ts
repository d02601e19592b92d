import { sees, type View } from './access.ts'
import { createPick } from './block.ts'
import { type Missed, whyMissing } from './lens.ts'
import type { Part } from './parts.ts'
import type { Schema } from './schema.ts'
import { slotOf } from './slots.ts'
import type { Tree } from './tree.ts'
import { workedOut } from './worked-out.ts'

/** Which attributes a search returns, worked out for each kind of entry. */
export type Selection = {
  /** For entries of this part. */
  cut: (part: Part) => Cut
  /** Whether something is asked for that is worked out for each answer: worked-out.ts. */
  wantsWorkedOut: boolean
  /** Whether memberOf, member, memberUid are asked for: they are encoded apart. */
  wantsMembers: boolean
  /** Names that were asked for and that nothing here has, or that are not for these eyes. */
  unknown: readonly string[]
  hidden: readonly string[]
}

/** A selection as it applies to one part: the mask by slot, and what the part itself contributes, ready to copy. */
export type Cut = { mask: Uint8Array; shared: Buffer }

const workedOutSlots = Object.keys(workedOut)
  .filter((name) => name !== 'hasSubordinates')
  .map(slotOf)
const memberSlots = [slotOf('memberOf'), slotOf('member'), slotOf('memberUid')]

/** By what was asked for, and with whose eyes: the same list comes again and again. */
export type Selections = WeakMap<readonly string[], Map<View, Selection>>

/** RFC 4511 section 4.5.1.8, `+` of RFC 3673, `@class` of RFC 4529. */
export function select(tree: Tree, view: View, requested: readonly string[], missed?: Missed): Selection {
  let ofList = tree.selections.get(requested)
  if (!ofList) {
    ofList = new Map()
    tree.selections.set(requested, ofList)
  }
  let selection = ofList.get(view)
  if (!selection) {
    selection = createSelection(tree.schema, view, requested)
    ofList.set(view, selection)
  }
  if (missed) {
    for (const name of selection.unknown) missed('unknown attribute', name)
    for (const name of selection.hidden) missed('hidden attribute', name)
  }
  return selection
}

const pick = createPick()

/** Not names of attributes: all, all operational ones, none. */
const special = new Set(['*', '+', '1.1'])

function createSelection(schema: Schema, view: View, requested: readonly string[]): Selection {
  const { slots } = schema
  const wanted = new Uint8Array(slots.length)
  const want = (slot: number): void => {
    if (slots[slot]!.isLive && sees(view, slots[slot]!.type)) wanted[slot] = 1
  }
  // A class that allows every attribute.
  const everything = requested.some((name) => name.startsWith('@') && isExtensible(schema, name.slice(1)))
  const all = everything || requested.length === 0 || requested.includes('*')
  const operational = everything || requested.includes('+')
  slots.forEach(({ type }, slot) => {
    if (type.isOperational ? operational : all) want(slot)
  })
  const unknown: string[] = []
  const hidden: string[] = []
  for (const name of distinct(requested)) {
    if (special.has(name)) continue
    const names = name.startsWith('@') ? attributesOfClass(schema, name.slice(1)) : [name]
    if (names.length === 0) unknown.push(name)
    for (const each of names) {
      const type = schema.attributeByName(each)
      if (type && sees(view, type)) for (const slot of schema.slotsOfFamily(type)) want(slot)
      const why = each === name ? whyMissing(schema, view, name) : undefined
      if (why) (why === 'unknown' ? unknown : hidden).push(name)
    }
  }
  const cuts = new Map<Part, Cut>()
  return {
    wantsWorkedOut: workedOutSlots.some((slot) => wanted[slot] === 1),
    wantsMembers: memberSlots.some((slot) => wanted[slot] === 1),
    unknown,
    hidden,
    cut(part) {
      let cut = cuts.get(part)
      if (!cut) {
        const mask = wanted.map((flag, slot) => flag & part.visible[slot]!)
        const shared = Buffer.allocUnsafe(pick.select(part.block, 0, mask))
        pick.copy(shared, 0)
        cut = { mask, shared }
        cuts.set(part, cut)
      }
      return cut
    },
  }
}

const isExtensible = (schema: Schema, className: string): boolean =>
  schema.objectClassByName(className)?.name === 'extensibleObject'

/** Without what is there in another case only: a class of many attributes may be named in a thousand ways. */
const distinct = (names: readonly string[]): Iterable<string> =>
  new Map(names.map((name) => [name.toLowerCase(), name])).values()

/** What a class and those above it allow. */
function attributesOfClass(schema: Schema, name: string): string[] {
  const names = new Set<string>()
  for (let of = schema.objectClassByName(name); of; of = of.sup ? schema.objectClassByName(of.sup) : undefined)
    for (const each of [...of.must, ...of.may]) names.add(each)
  return [...names]
}
