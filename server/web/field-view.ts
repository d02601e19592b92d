import type { Problems } from '../errors.ts'
import type { Fields } from '../extensions/extension.ts'
import type { Field } from '../extensions/field.ts'
import { type Form, fieldId } from './form.ts'

/** One input as the page draws it. `saved` is what the store has, so that the page can say what changed. */
export type FieldView = {
  name: string
  id: string
  label: string
  type: Field['type'] | 'moment' | 'password'
  value: string
  saved: string
  problem?: string | undefined
  help?: string | undefined
  options?: readonly { value: string; label: string }[] | undefined
  required?: boolean
  /** Said beside the label, where most fields may stay empty. */
  needed?: boolean
  /** Shown, and settled by the program. */
  settled?: boolean
  maxLength?: number
  wide?: boolean
}

type Declaration = { name: string }

/** The fields of an extension with what is kept and what was typed. */
export function fieldViews(
  extension: Declaration,
  fields: Fields,
  kept: Record<string, unknown> | undefined,
  typed: Record<string, string> | undefined,
  problems: Problems,
): FieldView[] {
  return Object.entries(fields).map(([key, field]) => {
    const name = `${extension.name}.${key}`
    const saved = kept?.[key] === undefined ? '' : field.format(kept[key])
    const value = typed?.[key] ?? saved
    return {
      name,
      id: fieldId(name),
      label: field.label,
      type: field.type,
      value,
      saved,
      problem: problems[name],
      help: field.help,
      options: withKept(field.options, value),
      required: field.required,
      needed: field.required,
      settled: field.readOnly ?? false,
      maxLength: field.maxLength,
      wide: field.type === 'list',
    }
  })
}

/** An option that was taken away is still what somebody has. */
const withKept = (options: Field['options'], value: string): FieldView['options'] =>
  options && value && !options.some((option) => option.value === value)
    ? [...options, { value, label: value }]
    : options

/** What was typed into the fields of an extension. A switch that is off sends nothing, so its name is sent beside it. */
export function typedValues(
  form: Form,
  extension: Declaration,
  fields: Fields,
  kept: Record<string, unknown> | undefined,
): Record<string, string> {
  const switches = new Set(form.list('shown-switches'))
  const typed: Record<string, string> = {}
  for (const [key, field] of Object.entries(fields)) {
    const name = `${extension.name}.${key}`
    if (field.readOnly) continue
    if (switches.has(name)) typed[key] = form.has(name) ? 'yes' : kept?.[key] === undefined ? '' : 'no'
    else if (form.has(name)) typed[key] = form.text(name)
  }
  return typed
}

/** The values that a declaration begins with. */
export const initialValues = (fields: Fields): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([key, field]) => (field.initial ? [[key, field.initial] as const] : [])),
  )

/** What a declaration's title is called above its fields. */
export const sectionTitle = (extension: { title: string }): string => extension.title.replace(/ Extension$/, '')
