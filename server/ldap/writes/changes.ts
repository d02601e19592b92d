import { isUtf8 } from 'node:buffer'
import { type AttributeType, attribute } from '../attribute-types.ts'
import { assertedKey } from '../matching.ts'
import { NotDone } from '../not-done.ts'
import type { Schema } from '../schema.ts'
import { atEnd, Malformed, type Reader, readConstructed, readInteger, readOctets, readText, tag } from '../wire/ber.ts'
import { resultCode } from '../wire/result.ts'
import type { Values } from './values.ts'

const kinds = ['add', 'delete', 'replace', 'increment'] as const

/** One change of a modify request, RFC 4511 section 4.6. */
export type Modification = { kind: (typeof kinds)[number]; attribute: string; values: Buffer[] }

export function readModifications(list: Reader): Modification[] {
  const modifications: Modification[] = []
  while (!atEnd(list)) {
    const change = readConstructed(list, tag.sequence)
    const kind = kinds[readInteger(change, tag.enumerated)]
    if (!kind) throw new Malformed('a modification of an unknown kind')
    modifications.push({ kind, ...readAttribute(readConstructed(change, tag.sequence)) })
  }
  return modifications
}

export function readAttribute(from: Reader): { attribute: string; values: Buffer[] } {
  const name = readText(from)
  const set = readConstructed(from, tag.set)
  const values: Buffer[] = []
  while (!atEnd(set)) values.push(readOctets(set))
  return { attribute: name, values }
}

const objectClass = attribute('objectClass')
const userPassword = attribute('userPassword')

/** What a modify asks of passwords, apart from what it asks of attributes: they are not there to be compared with. */
export type PasswordWish = { old?: string; wanted?: string }

export type Wishes = {
  values: Values
  /** The list of classes that was asked for; undefined: as they are. */
  classes?: string[]
  password?: PasswordWish
}

/** The values as all modifications leave them, in their order; one that cannot be done leaves everything as it was. */
export function applyTo(
  schema: Schema,
  before: { values: Values; classes: readonly string[] },
  modifications: readonly Modification[],
): Wishes {
  const values: Values = new Map(before.values)
  const wishes: Wishes = { values }
  let classes: readonly string[] = before.classes
  for (const each of modifications) {
    const type = typeOf(schema, each.attribute)
    if (type === userPassword) {
      wishes.password = passwordWish(wishes.password, each)
      continue
    }
    if (type.isOperational)
      throw new NotDone(resultCode.constraintViolation, `${each.attribute} is kept by the directory itself.`)
    const texts = each.values.map((value) => textOf(type, value))
    if (type === objectClass) {
      classes = changed(type, each, classes, texts)
      wishes.classes = [...classes]
      continue
    }
    const next = changed(type, each, values.get(type) ?? [], texts)
    if (next.length > 0) values.set(type, next)
    else values.delete(type)
  }
  for (const [type, list] of values)
    if (type.isSingle && list.length > 1)
      throw new NotDone(resultCode.constraintViolation, `${type.names[0]} takes one value.`)
  return wishes
}

export function typeOf(schema: Schema, name: string): AttributeType {
  const type = schema.attributeByName(name)
  if (!type) throw new NotDone(resultCode.undefinedAttributeType, `The schema has no attribute ${name}.`)
  return type
}

export function textOf(type: AttributeType, value: Buffer): string {
  const text = isUtf8(value) ? value.toString('utf8') : undefined
  const isValue = text !== undefined && (!type.equality || assertedKey(type.equality, text) !== undefined)
  if (!isValue) throw new NotDone(resultCode.invalidAttributeSyntax, `That is not a value of ${type.names[0]}.`)
  return text
}

function changed(
  type: AttributeType,
  { kind, attribute }: Modification,
  current: readonly string[],
  given: readonly string[],
): readonly string[] {
  const key = (value: string): string => type.equality?.key(value) ?? value
  const keys = new Set(given.map(key))
  if (keys.size < given.length)
    throw new NotDone(resultCode.attributeOrValueExists, `${attribute}: the same value twice.`)
  switch (kind) {
    case 'add': {
      if (given.length === 0) throw new Malformed(`no value to add to ${attribute}`)
      if (current.some((value) => keys.has(key(value))))
        throw new NotDone(resultCode.attributeOrValueExists, `${attribute} has this value already.`)
      return [...current, ...given]
    }
    case 'delete': {
      if (current.length === 0) throw new NotDone(resultCode.noSuchAttribute, `There is no ${attribute} here.`)
      if (given.length === 0) return []
      const rest = current.filter((value) => !keys.has(key(value)))
      if (rest.length > current.length - given.length)
        throw new NotDone(resultCode.noSuchAttribute, `${attribute} does not have this value.`)
      return rest
    }
    case 'replace':
      return given
    case 'increment': {
      const [by, ...more] = given
      if (by === undefined || more.length > 0) throw new Malformed('an increment takes one value')
      if (type.syntax !== 'integer') throw new NotDone(resultCode.constraintViolation, `${attribute} is no number.`)
      if (current.length === 0) throw new NotDone(resultCode.noSuchAttribute, `There is no ${attribute} here.`)
      return current.map((value) => String(BigInt(value) + BigInt(by)))
    }
  }
}

/** A delete with the old password and an add with the new one is how a person changes the own (RFC 3062 does it better). */
function passwordWish(was: PasswordWish | undefined, { kind, values }: Modification): PasswordWish {
  const [value, ...more] = values
  if (more.length > 0) throw new NotDone(resultCode.constraintViolation, 'There is one password.')
  if (value !== undefined && !isUtf8(value))
    throw new NotDone(resultCode.constraintViolation, 'A password is text in UTF-8.')
  if (kind === 'delete') return value === undefined ? { ...was } : { ...was, old: value.toString('utf8') }
  if (kind === 'increment' || value === undefined)
    throw new NotDone(resultCode.unwillingToPerform, 'A password is set, not taken away: disable the account instead.')
  return { ...was, wanted: value.toString('utf8') }
}
