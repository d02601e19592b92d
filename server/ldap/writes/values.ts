import type { AttributeType } from '../attribute-types.ts'
import type { Described } from '../entry.ts'
import type { Schema } from '../schema.ts'

/** The attributes of an entry that a request may change, as a client sees them. */
export type Values = Map<AttributeType, readonly string[]>

/** What stands in an object, without what its entry gets from elsewhere: names of classes, memberships. */
export function valuesOf(schema: Schema, { lines }: Pick<Described, 'lines'>): Values {
  const values: Values = new Map()
  const fromExtensions = new Set<AttributeType>()
  for (const [slot, given] of lines) {
    const { type, extension, isLive } = schema.slots[slot]!
    if (given.length === 0 || !isLive || (extension && !schema.isOn(extension))) continue
    // What an extension gives goes before what every entry has, as in an answer.
    if (!extension && fromExtensions.has(type)) continue
    if (extension) fromExtensions.add(type)
    values.set(type, given)
  }
  return values
}

/** Classes of an entry with these lines: its own, and those that its extensions bring. */
export function classesOf(schema: Schema, { classes, lines }: Pick<Described, 'classes' | 'lines'>): string[] {
  const brought = lines.flatMap(([slot, values]) => {
    const { bring } = schema.slots[slot]!
    if (bring === undefined || values.length === 0) return []
    const { extension, classes } = schema.classesBrought(bring)
    return schema.isOn(extension) ? classes : []
  })
  return [...new Set([...classes, ...brought])]
}
