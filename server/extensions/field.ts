/** How a value stands in LDAP: picks syntax and matching rule in the schema and the index. */
export type Matching = 'caseIgnore' | 'caseExact' | 'integer' | 'telephone'

/** Result of checking one typed value: the value to keep (undefined: none given), or the sentence to say. */
export type Checked<T> = { value: T | undefined } | { problem: string }

/** One field of an extension. Form, check, storage, LDAP, CSV and docs are loops over these. */
export type Field<T = string> = {
  type: 'text' | 'email' | 'telephone' | 'choice' | 'number' | 'switch'
  label: string
  help?: string
  /** LDAP attribute type, RFC 4519 / RFC 4524 / RFC 2307 names. */
  attribute: string
  matching: Matching
  /** CSV column after `extensions.<extension>.`; the field's own name where not given. */
  column?: string
  required: boolean
  maxLength: number
  options?: readonly { value: string; label: string }[]
  /** What the form of a new person shows. `{username}` is filled in. */
  initial?: string
  /** Typed text (form, CSV) -> value or problem. */
  parse: (typed: string) => Checked<T>
  /** Value -> text for form, CSV and LDAP. */
  format: (value: T) => string
}

type Given = {
  label: string
  attribute: string
  help?: string
  column?: string
  required?: boolean
  maxLength?: number
  initial?: string
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be refused
const CONTROL = /[\u0000-\u001f\u007f]/

function checkText(given: Given, typed: string, maxLength: number): Checked<string> {
  const value = typed.normalize('NFC').trim()
  if (value === '') {
    return given.required ? { problem: `${given.label} is needed.` } : { value: undefined }
  }
  if (CONTROL.test(value)) return { problem: `${given.label} must be one line without control characters.` }
  if (value.length > maxLength) {
    return { problem: `${given.label} must not be longer than ${maxLength} characters; it has ${value.length}.` }
  }
  return { value }
}

function field(
  type: Field['type'],
  matching: Matching,
  given: Given,
  rule?: (value: string) => string | undefined,
): Field {
  const maxLength = given.maxLength ?? 128
  return {
    type,
    matching,
    label: given.label,
    help: given.help,
    attribute: given.attribute,
    column: given.column,
    initial: given.initial,
    required: given.required ?? false,
    maxLength,
    format: (value) => value,
    parse: (typed) => {
      const checked = checkText(given, typed, maxLength)
      if ('problem' in checked || checked.value === undefined) return checked
      const problem = rule?.(checked.value)
      return problem ? { problem } : checked
    },
  }
}

export type TextGiven = Given & {
  /** Characters that must not stand in the value; named in the problem. */
  refuse?: string
  pattern?: RegExp
  /** The sentence when `pattern` does not match: what is allowed, with an example. */
  patternHelp?: string
  matching?: Matching
}

export const text = (given: TextGiven): Field =>
  field('text', given.matching ?? 'caseIgnore', given, (value) => {
    const refused = [...(given.refuse ?? '')].find((character) => value.includes(character))
    if (refused) return `${given.label} must not contain “${refused}”.`
    if (given.pattern && !given.pattern.test(value))
      return given.patternHelp ?? `${given.label} is not written as it must be.`
    return undefined
  })

// Linear by construction: one @, no white space, a dot inside the domain. Delivery proves the rest.
const EMAIL = /^[^\s@<>(),;:"[\]\\]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$/i

export const email = (given: Given): Field =>
  field('email', 'caseIgnore', { maxLength: 254, ...given }, (value) =>
    EMAIL.test(value) ? undefined : `${given.label} must look like name@example.lan.`,
  )

export const telephone = (given: Given): Field =>
  field('telephone', 'telephone', { maxLength: 64, ...given }, (value) =>
    /^[+0-9][0-9 ()./-]*( ?(ext|x) ?[0-9]+)?$/i.test(value)
      ? undefined
      : `${given.label} may hold digits, spaces and + ( ) . / -, as in +46 40 555 7260. Write an extension as “ext 12”.`,
  )

export type ChoiceGiven<V extends string> = Given & {
  options: readonly { value: V; label: string }[]
  initial?: V
  matching?: Matching
}

export function choice<V extends string>(given: ChoiceGiven<V>): Field<V> {
  const base = field('choice', given.matching ?? 'caseIgnore', given, (value) =>
    given.options.some((option) => option.value === value)
      ? undefined
      : `${given.label} must be one of: ${given.options
          .slice(0, 12)
          .map((option) => option.value)
          .join(', ')}${given.options.length > 12 ? ', …' : ''}.`,
  )
  return { ...base, options: given.options } as Field<V>
}
