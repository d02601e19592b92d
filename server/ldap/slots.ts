import type { Field } from '../extensions/field.ts'
import { extensions } from '../extensions/index.ts'
import { type AttributeType, attribute, attributeTypes } from './schema.ts'

/**
 * A slot is a place where an entry may hold an attribute, as one byte in its layout. Each attribute type has one, numbered
 * like the type, and each field of an extension has one more of its own: what an extension gives stays apart from what
 * every entry has, and an extension that is turned off hides its slots without any entry being written again.
 */
export type Slot = number

type SlotInfo = { type: AttributeType; extension: string | undefined }

export type FieldSlot = { extension: string; name: string; field: Field; slot: Slot }

export const slots: SlotInfo[] = attributeTypes.map((type) => ({ type, extension: undefined }))

/** In the order of the declarations. */
export const fieldSlots: FieldSlot[] = extensions.flatMap((extension) =>
  Object.entries(extension.user).map(([name, field]) => {
    const slot = slots.push({ type: attribute(field.attribute), extension: extension.name }) - 1
    return { extension: extension.name, name, field, slot }
  }),
)

/** Not a slot: where the layout keeps the RDN. */
export const rdnSlot = 255
if (slots.length >= rdnSlot) throw new Error(`${slots.length} slots do not fit in a byte`)

export const slotOf = (name: string): Slot => attribute(name).number

const slotsByType: Slot[][] = attributeTypes.map((type) =>
  slots.flatMap((slot, number) => (slot.type === type ? [number] : [])),
)

const slotsByFamily = attributeTypes.map((type) => type.family.flatMap((each) => slotsByType[each.number]!))

/** Where values of this attribute type (and its subtypes) may be. */
export const slotsOfFamily = (type: AttributeType): readonly Slot[] => slotsByFamily[type.number]!

/** Where values of exactly this attribute type may be. */
export const slotsOfType = (type: AttributeType): Slot[] => slotsByType[type.number]!
