import { isUtf8 } from 'node:buffer'
import { type AttributeType, attribute } from '../attribute-types.ts'
import { assertedKey } from '../matching.ts'
import { NotDone } from '../not-done.ts'
import type { Schema } from '../schema.ts'
import type { ObjectClass } from '../schema-classes.ts'
import { atEnd, Malformed, type Reader, readConstructed, readInteger, readOctets, readText, tag } from '../wire/ber.ts'
import { resultCode } from '../wire/result.ts'
import type { Values } from './values.ts'

const kinds = ['add', 'delete', 'replace', 'increment'] as const

/** One change of a modify request, RFC 4511 section 4.6, as it was sent. */
export type SentModification = { kind: (typeof kinds)[number]; attribute: string; values: Buffer[] }
/** The same, once it is known that it could be done to some entry. */
export type Modification = Omit<SentModification, 'values'> & { values: string[] }

export function readModifications(list: Reader): SentModification[] {
  const modifications: SentModification[] = []
  while (!atEnd(list)) {
    const change = readConstructed(list, tag.sequence)
    const kind = kinds[readInteger(change, tag.enumerated)]
    if (!kind) throw new Malformed('a modification of an unknown kind')
    const { attribute, values } = readAttribute(readConstructed(change, tag.sequence))
    if (kind === 'add' && values.length === 0) throw new Malformed(`no value to add to ${attribute}`)
    if (kind === 'increment' && values.length !== 1) throw new Malformed('an increment takes one value')
    modifications.push({ kind, attribute, values })
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

/** More changes nobody makes at once, and more text no entry holds; members are many, and short. */
const mostModifications = 10_000
const mostBytes = 256 * 1024
const ofMembers = new Set([attribute('member'), attribute('memberUid')])

/** Before work goes into values. */
export function refuseTooMuch(schema: Schema, sent: readonly { attribute: string; values: readonly Buffer[] }[]): void {
  if (sent.length > mostModifications)
    throw new NotDone(resultCode.adminLimitExceeded, `More than ${mostModifications} changes at once.`)
  let bytes = 0
  for (const { attribute: name, values } of sent) {
    const type = schema.attributeByName(name)
    if (!type || !ofMembers.has(type)) for (const value of values) bytes += value.length
  }
  if (bytes > mostBytes)
    throw new NotDone(resultCode.adminLimitExceeded, `More than ${mostBytes / 1024} kB of values at once.`)
}

/** Whether the schema knows what the request says: looked at before any entry is, so that it does not depend on one. */
export function checkModifications(schema: Schema, sent: readonly SentModification[]): Modification[] {
  refuseTooMuch(schema, sent)
  const checked = sent.map(({ kind, attribute, values }): Modification => {
    if (kind === 'increment' && typeOf(schema, attribute).syntax !== 'integer')
      throw new NotDone(resultCode.constraintViolation, `${attribute} is no number.`)
    return { kind, attribute, values: checkValues(schema, attribute, values, kind === 'delete') }
  })
  for (const { attribute } of checked) refuseOperational(schema, attribute)
  return checked
}

export function refuseOperational(schema: Schema, name: string): void {
  if (typeOf(schema, name).isOperational)
    throw new NotDone(resultCode.constraintViolation, `${name} is kept by the directory itself.`)
}

/** Values that an attribute of this name could have. What is to go may be named twice, as in OpenLDAP. */
export function checkValues(schema: Schema, name: string, values: readonly Buffer[], areToGo = false): string[] {
  const type = typeOf(schema, name)
  const texts = values.map((value) => textOf(type, value))
  if (type === objectClass) for (const each of texts) needClass(schema, each)
  const distinct = newList(type, texts)
  if (areToGo) return [...distinct.values()]
  if (distinct.size < texts.length)
    throw new NotDone(resultCode.attributeOrValueExists, `${name}: the same value twice.`)
  if (type.isSingle && texts.length > 1) throw new NotDone(resultCode.constraintViolation, `${name} takes one value.`)
  return texts
}

export function needClass(schema: Schema, name: string): ObjectClass {
  const known = schema.objectClassByName(name)
  if (!known) throw new NotDone(resultCode.invalidAttributeSyntax, `The schema has no class ${name}.`)
  return known
}

export const keyOf = (type: AttributeType, text: string): string => type.equality?.key(text) ?? text

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

/** Values of one attribute by what makes them equal: a request may name a hundred thousand. */
type List = Map<string, string>

/** The values as all modifications leave them, in their order; one that cannot be done leaves everything as it was. */
export function applyTo(
  schema: Schema,
  before: { values: Values; classes: readonly string[] },
  modifications: readonly Modification[],
): Wishes {
  const lists = new Map<AttributeType, List>()
  const listOf = (type: AttributeType): List => {
    const list =
      lists.get(type) ?? newList(type, type === objectClass ? before.classes : (before.values.get(type) ?? []))
    lists.set(type, list)
    return list
  }
  const wishes: Wishes = { values: new Map(before.values) }
  for (const each of modifications) {
    const type = typeOf(schema, each.attribute)
    if (type === userPassword) wishes.password = passwordWish(wishes.password, each)
    else change(type, each, listOf(type))
  }
  for (const [type, list] of lists) {
    if (type.isSingle && list.size > 1)
      throw new NotDone(resultCode.constraintViolation, `${type.names[0]} takes one value.`)
    const values = [...list.values()]
    if (type === objectClass) wishes.classes = values
    else if (values.length > 0) wishes.values.set(type, values)
    else wishes.values.delete(type)
  }
  return wishes
}

const newList = (type: AttributeType, values: readonly string[]): List =>
  new Map(values.map((value) => [keyOf(type, value), value]))

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

function change(type: AttributeType, { kind, attribute, values }: Modification, list: List): void {
  switch (kind) {
    case 'add':
      for (const value of values) {
        const key = keyOf(type, value)
        if (list.has(key)) throw new NotDone(resultCode.attributeOrValueExists, `${attribute} has this value already.`)
        list.set(key, value)
      }
      return
    case 'delete':
      if (list.size === 0) throw new NotDone(resultCode.noSuchAttribute, `There is no ${attribute} here.`)
      for (const value of values)
        if (!list.delete(keyOf(type, value)))
          throw new NotDone(resultCode.noSuchAttribute, `${attribute} does not have this value.`)
      if (values.length === 0) list.clear()
      return
    case 'replace':
      list.clear()
      for (const value of values) list.set(keyOf(type, value), value)
      return
    case 'increment':
      increment(type, attribute, BigInt(values[0]!), list)
  }
}

/** RFC 4525. */
function increment(type: AttributeType, attribute: string, by: bigint, list: List): void {
  if (list.size === 0) throw new NotDone(resultCode.noSuchAttribute, `There is no ${attribute} here.`)
  const values = [...list.values()].map((value) => {
    if (type.equality?.key(value) === undefined)
      throw new NotDone(resultCode.constraintViolation, `${attribute} is “${value}” here, which is no number.`)
    return String(BigInt(value) + by)
  })
  list.clear()
  for (const value of values) list.set(keyOf(type, value), value)
}

/** A delete with the old password and an add with the new one is how a person changes the own (RFC 3062 does it better). */
function passwordWish(was: PasswordWish | undefined, { kind, values }: Modification): PasswordWish {
  const [value, ...more] = values
  if (more.length > 0) throw new NotDone(resultCode.constraintViolation, 'There is one password.')
  if (kind === 'delete') return value === undefined ? { ...was } : { ...was, old: value }
  if (kind === 'increment' || value === undefined)
    throw new NotDone(resultCode.unwillingToPerform, 'A password is set, not taken away: disable the account instead.')
  return { ...was, wanted: value }
}
