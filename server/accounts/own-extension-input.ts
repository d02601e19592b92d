import type { Problems } from '../errors.ts'
import { attributeProblem, objectClassProblem } from '../extensions/attributes.ts'
import { type Field, hidden } from '../extensions/field.ts'
import { type OwnExtension, type OwnField, typedPatternProblem } from '../extensions/own.ts'
import type { Declared } from './declarations.ts'

/** What is typed about an extension of one's own. What is left out is proposed from title and labels. */
export type OwnExtensionInput = {
  name?: string
  title: string
  summary?: string
  objectClass?: string
  fields: OwnFieldInput[]
}

export type OwnFieldInput = Partial<Omit<OwnField, 'type' | 'maxLength' | 'least' | 'most'>> & {
  type?: string
  maxLength?: string | number
  least?: string | number
  most?: string | number
}

export const fieldTypes: readonly { type: Field['type']; label: string }[] = [
  { type: 'text', label: 'Text' },
  { type: 'list', label: 'List of texts' },
  { type: 'choice', label: 'One of a list' },
  { type: 'switch', label: 'Yes or no' },
  { type: 'number', label: 'Whole number' },
  { type: 'date', label: 'Day' },
  { type: 'email', label: 'E-mail address' },
  { type: 'telephone', label: 'Telephone number' },
]

export const mostFields = 40

/**
 * The one place where an extension of one's own is judged. Problems have the paths of a form: `title`, `fields.0.label`.
 * `was`: its name and how it was, when it is changed.
 */
export function judgeOwnExtension(
  declared: Declared,
  prefix: string,
  input: OwnExtensionInput,
  was?: { name: string; own: OwnExtension },
): { name: string; own: OwnExtension; problems: Problems } {
  const problems: Problems = {}
  const title = line(input.title)
  const others = declared.extensions.filter((extension) => extension.name !== was?.name)
  const name = was?.name ?? (line(input.name) || (title && freeName(title, 'extension', others)))
  const objectClass = line(input.objectClass) || was?.own.objectClass || proposedAttribute(prefix, name)
  const summary = line(input.summary)

  const titleIs = textProblem('Title', title, 64, true)
  if (titleIs) problems.title = titleIs
  else if (others.some((one) => same(one.title, title))) problems.title = `There is an extension “${title}” already.`
  if (!was && !titleIs) {
    const nameIs = extensionNameProblem(name, others)
    if (nameIs) problems.name = nameIs
  }
  const summaryIs = textProblem('Summary', summary, 200)
  if (summaryIs) problems.summary = summaryIs
  const classIs =
    titleIs && !input.objectClass ? undefined : (objectClassProblem(objectClass) ?? classTaken(objectClass, others))
  if (classIs) problems.objectClass = classIs

  const fields = judgeFields({ prefix, name, others }, input.fields, problems)
  return { name, own: { title, summary, objectClass, fields }, problems }
}

const line = (typed: string | undefined): string => (typed ?? '').normalize('NFC').trim()
const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

function textProblem(label: string, text: string, most: number, isNeeded = false): string | undefined {
  if (isNeeded && text === '') return `${label} is needed.`
  if (text.length > most) return `${label} must not be longer than ${most} characters; it has ${text.length}.`
  if (hidden.test(text)) return `${label} must be one line without control characters.`
  return undefined
}

/** Values are kept by these names: one that every object has would be found where nothing was typed. */
const isOfEveryObject = (name: string): boolean => name in Object.prototype

/** Why an extension or plugin cannot be called this, or undefined. */
export function declaredNameProblem(what: string, name: string): string | undefined {
  if (!/^[a-z][a-z0-9_-]{1,31}$/.test(name))
    return `${what} must have 2–32 of a–z, 0–9, “_”, “-” and begin with a letter, as in staff_card.`
  if (isOfEveryObject(name)) return `“${name}” is a word of this program. Choose another name.`
  if (name === 'new') return `“new” is the address of another page. Choose another name.`
  return undefined
}

function extensionNameProblem(name: string, others: Declared['extensions']): string | undefined {
  const written = declaredNameProblem('Name', name)
  if (written) return written
  const isTaken = others.some((one) => one.name === name || one.alias?.name.toLowerCase() === name)
  return isTaken ? `There is an extension “${name}” already. Choose another name.` : undefined
}

function classTaken(name: string, others: Declared['extensions']): string | undefined {
  const owner = others.find(({ objectClass, group }) => same(objectClass, name) || same(group?.objectClass ?? '', name))
  return owner ? `The object class “${name}” belongs to ${owner.title}. Choose another.` : undefined
}

/** A name made of a title or label; of one without Latin letters, a word with the first number that is free. */
export function freeName(words: string, instead: string, taken: readonly { name?: string | undefined }[]): string {
  const proposed = proposedName(words)
  for (let number = 1; proposed === ''; number++)
    if (!taken.some(({ name }) => name === `${instead}_${number}`)) return `${instead}_${number}`
  return proposed
}

type Context = { prefix: string; name: string; others: Declared['extensions'] }

function judgeFields({ prefix, name, others }: Context, typed: OwnFieldInput[], problems: Problems): OwnField[] {
  if (typed.length === 0) problems.fields = 'An extension needs at least one field.'
  if (typed.length > mostFields) problems.fields = `An extension must not have more than ${mostFields} fields.`
  const taken = new Map<string, string>()
  for (const { title, user, group, derived } of others) {
    for (const { attribute } of [...Object.values(user), ...Object.values(group?.fields ?? {})])
      taken.set(attribute.toLowerCase(), title)
    for (const attribute of Object.keys(derived ?? {})) taken.set(attribute.toLowerCase(), title)
  }
  const fields: OwnField[] = []
  for (const [index, input] of typed.slice(0, mostFields).entries()) {
    const say = (key: string, problem: string | undefined) => {
      if (problem) problems[`fields.${index}.${key}`] ??= problem
    }
    fields.push(judgeField({ prefix, name, taken, before: fields, names: [...typed, ...fields] }, input, say))
  }
  return fields
}

type FieldContext = {
  prefix: string
  name: string
  taken: Map<string, string>
  before: OwnField[]
  /** Every name that is in use or was typed. */
  names: readonly { name?: string | undefined }[]
}
type Say = (key: string, problem: string | undefined) => void

function judgeField({ prefix, name, taken, before, names }: FieldContext, input: OwnFieldInput, say: Say): OwnField {
  const label = line(input.label)
  const labelIs = textProblem('Label', label, 64, true)
  say('label', labelIs)
  const isTwice = label !== '' && before.some((field) => same(field.label, label))
  if (isTwice) say('label', `Two fields are called “${label}”.`)
  const type = fieldTypes.find((one) => one.type === input.type)?.type
  if (!type) say('type', 'Choose what the field holds.')

  const fieldName = line(input.name) || (label && freeName(label, 'field', names))
  if (!labelIs && !isTwice) {
    if (!/^[a-z][a-zA-Z0-9_]{0,31}$/.test(fieldName))
      say('name', 'Name must have at most 32 letters, digits and “_” and begin with a–z, as in card_number.')
    if (isOfEveryObject(fieldName)) say('name', `“${fieldName}” is a word of this program. Choose another name.`)
    // Columns of CSV are read in any case.
    if (before.some((field) => same(field.name, fieldName))) say('name', `Two fields have the name “${fieldName}”.`)
  }
  const attribute =
    line(input.attribute) || freeAttribute(taken, prefix, name, /[a-z0-9]/i.test(plain(label)) ? label : fieldName)
  if (line(input.attribute) || !labelIs) say('attribute', attributeProblem(attribute, type ?? 'text'))
  const owner = taken.get(attribute.toLowerCase())
  if (owner && label) say('attribute', `The attribute “${attribute}” belongs to ${owner} already. Choose another.`)
  taken.set(attribute.toLowerCase(), `the field “${label}”`)

  const field: OwnField = { name: fieldName, label, type: type ?? 'text', attribute }
  const help = line(input.help)
  say('help', textProblem('Help', help, 200))
  if (help) field.help = help
  if (input.required) field.required = true
  judgeLimits(field, input, say)
  return field
}

function judgeLimits(field: OwnField, input: OwnFieldInput, say: Say): void {
  const isText = field.type === 'text' || field.type === 'list'
  if (isText) {
    const maxLength = whole(input.maxLength)
    if (maxLength === null || (maxLength !== undefined && (maxLength < 1 || maxLength > 1024)))
      say('maxLength', 'Longest must be a whole number from 1 to 1024.')
    else if (maxLength !== undefined) field.maxLength = maxLength
    const pattern = line(input.pattern)
    say('pattern', textProblem('Pattern', pattern, 200) ?? (pattern ? typedPatternProblem(pattern) : undefined))
    if (pattern) field.pattern = pattern
    const patternHelp = line(input.patternHelp)
    say('patternHelp', textProblem('Sentence', patternHelp, 200))
    if (patternHelp && pattern) field.patternHelp = patternHelp
  }
  if (field.type === 'choice') {
    const options = [...new Set((input.options ?? []).map(line).filter(Boolean))]
    if (options.length === 0) say('options', 'Write what there is to choose from, one a line.')
    if (options.length > 200) say('options', 'There must not be more than 200 to choose from.')
    for (const option of options) say('options', textProblem(`“${option.slice(0, 20)}”`, option, 64))
    field.options = options
  }
  if (field.type === 'number') {
    const least = whole(input.least)
    const most = whole(input.most)
    if (least === null) say('least', 'Least must be a whole number.')
    if (most === null) say('most', 'Most must be a whole number.')
    if (typeof least === 'number') field.least = least
    if (typeof most === 'number') field.most = most
    if (typeof most === 'number' && most < (least ?? 0)) say('most', `Most must not be less than ${least ?? 0}.`)
  }
}

/** undefined: nothing typed; null: no whole number. */
function whole(typed: string | number | undefined): number | undefined | null {
  const text = String(typed ?? '').trim()
  if (text === '') return undefined
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(value) ? value : null
}

/** Card number -> card_number */
const proposedName = (label: string): string =>
  plain(label)
    .replace(/^[^a-z]+/i, '')
    .replace(/[^a-z0-9]+/gi, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase()
    .slice(0, 32)

/** example, Card number -> exampleCardNumber */
const proposedAttribute = (prefix: string, label: string): string =>
  `${prefix}${plain(label)
    .split(/[^a-z0-9]+/i)
    .filter(Boolean)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')}`.slice(0, 48)

const plain = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '')

/** The proposal for a label; with the extension's name in it when another field has it. */
function freeAttribute(taken: Map<string, string>, prefix: string, extension: string, label: string): string {
  const short = proposedAttribute(prefix, label)
  return taken.has(short.toLowerCase()) ? proposedAttribute(prefix, `${extension} ${label}`) : short
}

/** example.lan -> example: what names of attributes made here begin with, so that none clashes with a standard. */
export function prefixOf(baseDomain: string | undefined): string {
  const letters =
    (baseDomain ?? '')
      .split('.')[0]
      ?.replace(/[^a-z0-9]/gi, '')
      .replace(/^[0-9]+/, '') ?? ''
  return letters.toLowerCase().slice(0, 16) || 'own'
}
