import type { AttributeType } from '../attribute-types.ts'
import { NotDone } from '../not-done.ts'
import type { FieldSlot, Schema } from '../schema.ts'
import { resultCode } from '../wire/result.ts'

/** Typed texts of extensions, as forms and imports give them: extension -> field -> text. */
export type Typed = Record<string, Record<string, string>>

/** The field that keeps an attribute of people, or of groups; of several that of an extension that is on. */
export function fieldOf(
  schema: Schema,
  type: AttributeType,
  of: 'user' | 'group',
): { extension: string; field: FieldSlot } | undefined {
  const found = schema
    .extensions()
    .flatMap(({ name, [of]: fields }) =>
      fields.flatMap((field) => (field.type === type ? [{ extension: name, field }] : [])),
    )
  return found.find(({ extension }) => schema.isOn(extension)) ?? found[0]
}

/** Puts the values of an attribute into what is typed for its field; false: no field keeps it. */
export function typeInto(
  typed: Typed,
  schema: Schema,
  type: AttributeType,
  of: 'user' | 'group',
  values: readonly string[],
): boolean {
  const kept = fieldOf(schema, type, of)
  if (!kept) return false
  const { extension, field } = kept
  if (values.length > 1 && field.field.type !== 'list')
    throw new NotDone(resultCode.constraintViolation, `${type.names[0]} takes one value here.`)
  typed[extension] = { ...typed[extension], [field.name]: values.join('\n') }
  return true
}
