import { createRequire } from 'node:module'
import type * as re2 from 're2js'
import type { Extension, Fields, Plugin } from './extension.ts'
import { choice, date, email, type Field, list, number, onOff, telephone, text } from './field.ts'

/** An extension made in the pages, as plain values: it travels like any object, before what needs it. */
export type OwnExtension = {
  title: string
  summary: string
  objectClass: string
  fields: OwnField[]
  /** By whom and when it was made, ISO 8601. */
  by?: string
  added?: string
}

export type OwnField = {
  name: string
  label: string
  type: Field['type']
  attribute: string
  help?: string
  required?: boolean
  maxLength?: number
  /** type choice. */
  options?: string[]
  /** type number. */
  least?: number
  most?: number
  /** type text and list: an RE2 pattern that the whole value must fit, and the sentence when it does not. */
  pattern?: string
  patternHelp?: string
}

export type OwnPlugin = { title: string; badge: string; summary: string; by?: string; added?: string }

/** The declaration that the plain values stand for; from here on it is like one of the program. */
export const extensionFrom = (name: string, own: OwnExtension): Extension => ({
  name,
  title: own.title,
  summary: own.summary,
  objectClass: own.objectClass,
  isOnAtFirst: true,
  isOwn: true,
  user: Object.fromEntries(
    own.fields.flatMap((field) => {
      const made = fieldFrom(field)
      return made ? [[field.name, made]] : []
    }),
  ),
})

export const pluginFrom = (name: string, own: OwnPlugin): Plugin => ({ name, ...own, isOnAtFirst: true, isOwn: true })

/** Undefined for a type of a newer version: its values are kept untouched. */
function fieldFrom(own: OwnField): Fields[string] | undefined {
  const { pattern: source, options = [], ...rest } = own
  const pattern = source === undefined || patternProblem(source) ? undefined : wholly(source)
  const given = { ...rest, ...(pattern ? { pattern } : {}) }
  switch (own.type) {
    case 'text':
      return text(given)
    case 'list':
      return list({ ...given, entry: own.label })
    case 'email':
      return email(given)
    case 'telephone':
      return telephone(given)
    case 'choice':
      return choice({ ...given, options: options.map((value) => ({ value, label: value })) })
    case 'number':
      return number(given)
    case 'switch':
      return onOff(given)
    case 'date':
      return date(given)
  }
  return undefined
}

// Loaded when the first pattern is met: most nodes never see one.
const load = createRequire(import.meta.url)
const compile = (pattern: string) => (load('re2js') as typeof re2).RE2JS.compile(pattern)

/** Patterns of people run in RE2, in linear time: none can hold the node up, whatever is typed. */
function wholly(pattern: string): { test: (value: string) => boolean } {
  const compiled = compile(pattern)
  return { test: (value) => compiled.matches(value) }
}

/** What is wrong with a pattern, in words; undefined when it can be used. */
export function patternProblem(pattern: string): string | undefined {
  try {
    compile(pattern)
    return undefined
  } catch {
    return `“${pattern}” is no pattern. Write one as in [A-Z]{2}[0-9]{4}; look-ahead and back-references are not there.`
  }
}

/** Steps of a compiled pattern: `[A-Z]{2}[0-9]{4}` has 8, and each value takes its time by them. */
const mostSteps = 600

/** What is wrong with a pattern that is typed now. One that is kept already is used, whatever its size. */
export function typedPatternProblem(pattern: string): string | undefined {
  const problem = patternProblem(pattern)
  if (problem || compile(pattern).programSize() <= mostSteps) return problem
  return 'The pattern is too large: repeat fewer times, and say how long a value may be under “Longest”.'
}
