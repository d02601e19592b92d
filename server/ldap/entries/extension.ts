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
      const texts = textsOf(field.values(value))
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

/** A value that was kept when its field was of another type may be a list where a text is meant, or the other way round. */
function textsOf(values: unknown): string[] {
  if (!Array.isArray(values)) return [String(values)]
  if (values.length === 1 && typeof values[0] === 'string') return values
  return values.every((value) => typeof value === 'string' && value !== '')
    ? (values as string[])
    : values.flat().flatMap((value) => (value === null || value === undefined || value === '' ? [] : [String(value)]))
}
