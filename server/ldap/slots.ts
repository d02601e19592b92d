import { type AttributeType, attribute, standardTypes } from './attribute-types.ts'

/**
 * A slot is a place where an entry may hold an attribute, as two bytes in its layout. Each standard attribute type has one,
 * numbered like the type, and each field of an extension has one more of its own (schema.ts): what an extension gives stays
 * apart from what every entry has, and an extension that is turned off hides its slots without any entry being written again.
 */
export type Slot = number

export type SlotInfo = {
  type: AttributeType
  /** The extension that fills it. */
  extension?: string
  /** What an entry gets with a value in it: a number of `Schema.classesBrought`. */
  bring?: number
  /** More than one slot may hold this attribute. */
  isContested: boolean
  /** False when nothing fills it any more: its extension was changed or removed. */
  isLive: boolean
}

export const slotOf = (name: string): Slot => attribute(name).number

/** Where the layout keeps the RDN; no attribute stands in it. */
export const rdnSlot: Slot = standardTypes.length

/** What every directory begins with. */
export const standardSlots: readonly SlotInfo[] = [
  ...standardTypes.map((type) => ({ type, isContested: false, isLive: true })),
  { type: attribute('entryDN'), isContested: false, isLive: false },
]

/** As many as two bytes can name. */
export const mostSlots = 0x1_0000
