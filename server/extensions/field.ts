/** How a value stands in LDAP: picks syntax and matching rule in the schema and the index. */
export type Matching = 'caseIgnore' | 'caseExact' | 'integer' | 'telephone' | 'boolean'

/** Result of checking one typed value: the value to keep (undefined: none given), or the sentence to say. */
export type Checked<T> = { value: T | undefined } | { problem: string }

/** One field of an extension. Form, check, storage, LDAP, CSV and docs are loops over these. */
export type Field<T = string> = {
  type: 'text' | 'list' | 'email' | 'telephone' | 'choice' | 'number' | 'switch' | 'date'
  label: string
  help?: string
  /** LDAP attribute type, RFC 4519 / RFC 4524 / RFC 2307 names. */
  attribute: string
  matching: Matching
  /** CSV column after `extensions.<extension>.`; the field's own name where not given. */
  column?: string
  required: boolean
  maxLength: number
  /** What is allowed, in words, for who reads about the field: “at most 128 characters”. */
  rule: string
  options?: readonly { value: string; label: string }[]
  /** What the form of a new person, or of a new group, begins with. */
  initial?: string
  /** The names of users, groups and this field's values are one pool: nobody may have what somebody else has. */
  isName?: boolean
  /** Shown on the form, and settled by the program. */
  readOnly?: boolean
  /** Typed text (form, CSV) -> value or problem. */
  parse: (typed: string) => Checked<T>
  /** Value -> text for form and CSV; each entry of a list on a line of its own. */
  format: (value: T) => string
  /** Value -> the values of the attribute. */
  values: (value: T) => readonly string[]
}

/** Values outlive declarations: what comes back from the recycle bin may be of the type that its field had then. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value]
  if (Array.isArray(value)) return value.flatMap(textsOf)
  return value === null || value === undefined ? [] : [String(value)]
}

type Given = {
  label: string
  attribute: string
  help?: string
  column?: string
  required?: boolean
  maxLength?: number
  initial?: string
  isName?: boolean
  readOnly?: boolean
}

/**
 * What no line of text may hold: control characters, halves of characters, line ends of Unicode, what turns the rest of a
 * line around, and what has no width, so that two names could look alike. Joiners stay: some scripts are written with them.
 */
export const hidden =
  /[\p{Cc}\p{Cs}\u200b\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/u

function checkText(given: Given, typed: string, maxLength: number): Checked<string> {
  const value = typed.normalize('NFC').trim()
  if (value === '') {
    return given.required ? { problem: `${given.label} is needed.` } : { value: undefined }
  }
  if (hidden.test(value)) return { problem: `${given.label} must be one line without control characters.` }
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
    isName: given.isName,
    readOnly: given.readOnly,
    required: given.required ?? false,
    maxLength,
    rule: `at most ${maxLength} characters`,
    format: (value) => textsOf(value).join(', '),
    values: textsOf,
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
  pattern?: Pick<RegExp, 'test'>
  /** The sentence when `pattern` does not match: what is allowed, with an example. */
  patternHelp?: string
  matching?: Matching
}

export function text(given: TextGiven): Field {
  const base = field('text', given.matching ?? 'caseIgnore', given, (value) => {
    const refused = [...(given.refuse ?? '')].find((character) => value.includes(character))
    if (refused) return `${given.label} must not contain “${refused}”.`
    if (given.pattern && !given.pattern.test(value))
      return given.patternHelp ?? `${given.label} is not written as it must be.`
    return undefined
  })
  const without = given.refuse ? `, without ${[...given.refuse].join(' ')}` : ''
  return { ...base, rule: `${base.rule}${without}${given.patternHelp ? `. ${given.patternHelp}` : ''}` }
}

// Linear by construction: one @, no white space, a dot inside the domain. Delivery proves the rest.
const EMAIL = /^[^\s@<>(),;:"[\]\\]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$/i

export const email = (given: Given): Field => ({
  ...field('email', 'caseIgnore', { maxLength: 254, ...given }, (value) =>
    EMAIL.test(value) ? undefined : `${given.label} must look like name@example.lan.`,
  ),
  rule: 'as in name@example.lan',
})

export const telephone = (given: Given): Field => ({
  ...field('telephone', 'telephone', { maxLength: 64, ...given }, (value) =>
    /^[+0-9][0-9 ()./-]*( ?(ext|x) ?[0-9]+)?$/i.test(value)
      ? undefined
      : `${given.label} may hold digits, spaces and + ( ) . / -, as in +46 40 555 7260. Write an extension as “ext 12”.`,
  ),
  rule: 'as in +46 40 555 7260 ext 12',
})

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
  const labels = given.options.map((option) => option.label)
  const rule = labels.length < 16 ? labels.join(', ') : `${labels.length} to choose from`
  return { ...base, options: given.options, rule } as Field<V>
}

export type ListGiven = TextGiven & {
  /** How many entries at most. */
  most?: number
  /** What one entry is called in a sentence: “Alias 3 …”. */
  entry: string
  rule?: (entry: string) => string | undefined
  /** How an entry is written in the end: lower case, say. */
  tidy?: (entry: string) => string
}

/** Several texts, one a line; in CSV and elsewhere a comma or semicolon parts them too, unless an entry may hold one. */
export function list(given: ListGiven & { separator?: RegExp }): Field<string[]> {
  const most = given.most ?? 50
  const one = text({ ...given, label: given.entry, required: false })
  const separator = given.separator ?? /[\n,;]+/
  return {
    ...(one as unknown as Field<never>),
    type: 'list',
    label: given.label,
    rule: `at most ${most} entries, each ${one.rule}`,
    required: given.required ?? false,
    format: (value) => textsOf(value).join('\n'),
    values: textsOf,
    parse: (typed) => {
      if (typed.length > (given.maxLength ?? 128) * most + most)
        return { problem: `${given.label} must not be longer than ${most} entries.` }
      const entries: string[] = []
      for (const part of typed.split(separator)) {
        const checked = one.parse(part)
        if ('problem' in checked) return checked
        if (checked.value === undefined) continue
        const entry = given.tidy?.(checked.value) ?? checked.value
        const problem = given.rule?.(entry)
        if (problem) return { problem }
        if (!entries.includes(entry)) entries.push(entry)
      }
      if (entries.length > most) return { problem: `${given.label} must not have more than ${most} entries.` }
      if (entries.length === 0) return given.required ? { problem: `${given.label} is needed.` } : { value: undefined }
      return { value: entries }
    },
  }
}

/** A whole number. */
export function number(given: Given & { least?: number; most?: number }): Field<number> {
  const { least = 0, most = Number.MAX_SAFE_INTEGER } = given
  const base = field('number', 'integer', { maxLength: 16, ...given })
  const rule = `from ${least}${given.most === undefined ? ' up' : ` to ${most}`}`
  const range = `${given.label} must be a whole number ${rule}.`
  return {
    ...(base as unknown as Field<never>),
    rule,
    format: (value) => textsOf(value).join(', '),
    values: textsOf,
    parse: (typed) => {
      const checked = checkText(given, typed, 16)
      if ('problem' in checked) return typed.trim() === '' ? checked : { problem: range }
      if (checked.value === undefined) return { value: undefined }
      const value = /^-?[0-9]{1,16}$/.test(checked.value) ? Number(checked.value) : Number.NaN
      return Number.isSafeInteger(value) && value >= least && value <= most ? { value } : { problem: range }
    },
  }
}

const yes = new Set(['1', 'yes', 'y', 'true', 'on', 'enabled'])
const no = new Set(['0', 'no', 'n', 'false', 'off', 'disabled'])

/** Yes or no. `ldap` gives the two words of the attribute; without it they are TRUE and FALSE of RFC 4517. */
export function onOff(given: Given & { ldap?: readonly [yes: string, no: string] }): Field<boolean> {
  const base = field('switch', given.ldap ? 'caseIgnore' : 'boolean', { maxLength: 8, ...given })
  const [isOn, isOff] = given.ldap ?? ['TRUE', 'FALSE']
  return {
    ...(base as unknown as Field<never>),
    rule: 'yes or no',
    format: (value) => (value === true ? 'yes' : 'no'),
    values: (value) => [value === true ? isOn : isOff],
    parse: (typed) => {
      const word = typed.trim().toLowerCase()
      if (word === '') return given.required ? { problem: `${given.label} is needed.` } : { value: undefined }
      if (yes.has(word)) return { value: true }
      return no.has(word) ? { value: false } : { problem: `${given.label} must be yes or no.` }
    },
  }
}

/** A day, as 2026-11-23. */
export const date = (given: Given): Field => ({
  ...field('date', 'caseIgnore', { maxLength: 10, ...given }, (value) =>
    isDay(value) ? undefined : `${given.label} must be a day written as 2026-11-23.`,
  ),
  rule: 'as in 2026-11-23',
})

const isDay = (value: string): boolean =>
  /^\d{4}-\d\d-\d\d$/.test(value) && new Date(`${value}T00:00:00Z`).toJSON()?.slice(0, 10) === value
