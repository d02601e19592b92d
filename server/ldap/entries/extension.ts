import type { ExtensionValues } from '../../store/bodies.ts'
import type { Line } from '../block.ts'
import type { Schema } from '../schema.ts'

/** What the extensions of a person or a group come to as attributes. */
export function extensionLines(schema: Schema, kept: ExtensionValues, of: 'user' | 'group'): Line[] {
  const lines: Line[] = []
  for (const extension of schema.extensions()) {
    const values = kept[extension.name]
    if (!values) continue
    for (const { name, slot, type, field } of extension[of]) {
      const value = values[name]
      if (value === undefined || value === null || value === '') continue
      const texts = field.values(value)
      lines.push([slot, type.isSingle && texts.length > 1 ? texts.slice(0, 1) : texts])
    }
    if (of === 'group') continue
    for (const { slot, of: derive } of extension.derived) {
      const value = derive(values as Record<string, never>)
      if (value !== undefined) lines.push([slot, [value]])
    }
  }
  return lines
}

/** Extensions with values that nothing here knows how to show: their declaration comes later, or never. */
export function undeclared(schema: Schema, kept: ExtensionValues): string[] | undefined {
  let names: string[] | undefined
  for (const name of Object.keys(kept)) {
    if (schema.knows(name)) continue
    if (names) names.push(name)
    else names = [name]
  }
  return names
}
