import { anyAttribute, classOfAttribute } from '../extensions/attributes.ts'
import { type Extension, type Fields, underAlias } from '../extensions/extension.ts'
import type { Field, Matching } from '../extensions/field.ts'
import { builtInExtensions } from '../extensions/index.ts'
import {
  type AttributeRow,
  type AttributeType,
  attributeType,
  spellings,
  standardType,
  standardTypes,
} from './attribute-types.ts'
import { unregisteredOid } from './oid.ts'
import { auxiliaryClass, groupClasses, type ObjectClass, standardClasses, userClasses } from './schema-classes.ts'
import { serviceAttributes } from './schema-core.ts'
import { mostSlots, type Slot, type SlotInfo, standardSlots } from './slots.ts'

/**
 * What one directory knows: the standard attributes and classes, and those of its extensions. It learns an extension that was
 * made in the pages while it runs. A slot keeps its number and meaning for good, so that entries which are described already
 * stay readable; a field that means something else gets another slot.
 */
export type Schema = {
  /** By number; it only grows. */
  slots: readonly SlotInfo[]
  /** Moves on with whatever a client can see. */
  version: () => number
  /** In the order in which values stand in an entry. */
  extensions: () => readonly ExtensionSlots[]
  knows: (extension: string) => boolean
  isOn: (extension: string) => boolean
  setOn: (extension: string, isOn: boolean) => void
  /**
   * Takes in what an extension of this cluster is now; undefined: it is gone. Gives the extensions whose values stand in
   * other slots than before: who has any must be described again.
   */
  declare: (name: string, extension: Extension | undefined) => string[]
  classesBrought: (bring: number) => { extension: string; classes: readonly string[] }
  /** By name in any case, or OID. */
  attributeByName: (description: string) => AttributeType | undefined
  objectClassByName: (name: string) => ObjectClass | undefined
  /** Where values of this attribute type (and its subtypes) may be. */
  slotsOfFamily: (type: AttributeType) => readonly Slot[]
  /** False where only extensions that are off bring it: then nothing here has it. */
  isTypeShown: (type: AttributeType) => boolean
  isClassShown: (objectClass: ObjectClass) => boolean
  /** Of the standards and of the extensions that are on. */
  attributeTypes: () => AttributeType[]
  objectClasses: () => ObjectClass[]
}

// biome-ignore lint/suspicious/noExplicitAny: fields of mixed value types
export type FieldSlot = { name: string; slot: Slot; type: AttributeType; field: Field<any> }
export type DerivedSlot = { slot: Slot; of: (values: Record<string, never>) => string | undefined }
export type ExtensionSlots = { name: string; user: FieldSlot[]; group: FieldSlot[]; derived: DerivedSlot[] }

type Side = { kind: 'user' | 'group'; base: readonly string[]; carrier: ObjectClass | undefined; isDeclared: boolean }

// An attribute that no standard describes gets its rules from the declaration.
const rulesOf: Record<Matching, Omit<AttributeRow, 'oid' | 'names'>> = {
  // With an order: days and card numbers are asked for from and until.
  caseIgnore: {
    equality: 'caseIgnoreMatch',
    ordering: 'caseIgnoreOrderingMatch',
    substrings: 'caseIgnoreSubstringsMatch',
    syntax: 'directoryString',
  },
  caseExact: { equality: 'caseExactMatch', substrings: 'caseExactSubstringsMatch', syntax: 'directoryString' },
  integer: { equality: 'integerMatch', ordering: 'integerOrderingMatch', syntax: 'integer' },
  telephone: {
    equality: 'telephoneNumberMatch',
    substrings: 'telephoneNumberSubstringsMatch',
    syntax: 'telephoneNumber',
  },
  boolean: { equality: 'booleanMatch', syntax: 'boolean' },
}

const serviceRows = new Map(serviceAttributes.map((row) => [row.names.toLowerCase(), row]))

/** What makes an entry the one it is belongs to the program; an extension that names one of these does not get it. */
const settled = new Set(
  'objectclass cn commonname uid userid uidnumber gidnumber member memberuid memberof userpassword dc domaincomponent'.split(
    ' ',
  ),
)

const descriptor = /^[a-z][a-z0-9-]{0,99}$/i

const standardByName = new Map(classSpellings(standardClasses))

function classSpellings(classes: readonly ObjectClass[]): [string, ObjectClass][] {
  return classes.flatMap((each) =>
    [each.name.toLowerCase(), each.oid].map((name): [string, ObjectClass] => [name, each]),
  )
}

export function createSchema(): Schema {
  const slots: SlotInfo[] = standardSlots.map((info) => ({ ...info }))
  const numbers = new Map<string, Slot>()
  const types = new Map<string, AttributeType>()
  const brings: { extension: string; classes: readonly string[] }[] = []
  const bringNumbers = new Map<string, number>()
  const own = new Map<string, Extension>()
  const on = new Set<string>()
  let version = 0
  let now = nothingDeclared()

  function nothingDeclared() {
    return {
      names: new Set<string>(),
      extensions: [] as ExtensionSlots[],
      types: new Map<string, AttributeType>(),
      /** Which extensions bring a type or a class. */
      typesOf: new Map<AttributeType, Set<string>>(),
      classes: new Map<string, { name: string; attributes: Set<string>; extensions: Set<string> }>(),
      classByName: new Map<string, ObjectClass>(),
      slotsByType: new Map<AttributeType, Slot[]>(),
      families: new Map<AttributeType, Slot[]>(),
    }
  }

  /** Works everything out anew from the declarations; what is as it was keeps its slot. */
  function settle(): void {
    version++
    now = nothingDeclared()
    for (let slot = standardSlots.length; slot < slots.length; slot++) slots[slot]!.isLive = false
    const byName = (a: Extension, b: Extension): number => (a.name < b.name ? -1 : 1)
    for (const extension of [...builtInExtensions, ...[...own.values()].sort(byName)]) {
      if (now.names.has(extension.name)) continue
      now.names.add(extension.name)
      for (const each of [extension, underAlias(extension) ?? []].flat())
        if (!each.isOutOfLdap) now.extensions.push(place(each))
    }
    now.classByName = new Map(
      classSpellings([...now.classes.values()].map(({ name, attributes }) => auxiliaryClass(name, [...attributes]))),
    )
    slots.forEach(({ isLive, type }, slot) => {
      if (!isLive) return
      const same = now.slotsByType.get(type)
      if (same) same.push(slot)
      else now.slotsByType.set(type, [slot])
    })
    for (const same of now.slotsByType.values()) for (const slot of same) slots[slot]!.isContested = same.length > 1
  }

  function place(extension: Extension): ExtensionSlots {
    const { name, group, derived = {} } = extension
    const side = sideOf('user', extension.objectClass, name)
    return {
      name,
      user: fieldSlots(name, extension.user, side),
      group: group ? fieldSlots(name, group.fields, sideOf('group', group.objectClass, name)) : [],
      derived: Object.entries(derived).flatMap(([attribute, of]) => {
        const type = typeOf(name, attribute, 'caseIgnore', false)
        const slot = type && slotFor(name, `derived|${attribute}`, type, side)
        return slot === undefined ? [] : [{ slot, of }]
      }),
    }
  }

  function fieldSlots(extension: string, fields: Fields, side: Side): FieldSlot[] {
    return Object.entries(fields).flatMap(([name, field]) => {
      const type = typeOf(extension, field.attribute, field.matching, field.type === 'list')
      const slot = type && slotFor(extension, `${name}|${field.type}`, type, side)
      return slot === undefined || !type ? [] : [{ name, slot, type, field }]
    })
  }

  function sideOf(kind: Side['kind'], className: string, extension: string): Side {
    const base = kind === 'user' ? userClasses : groupClasses
    const standard = standardByName.get(className.toLowerCase())
    // A second structural class would break the entry.
    const fits = standard && (standard.kind === 'AUXILIARY' || base.includes(standard.name))
    if (standard || !descriptor.test(className))
      return { kind, base, carrier: fits ? standard : undefined, isDeclared: false }
    const key = className.toLowerCase()
    const known = now.classes.get(key) ?? { name: className, attributes: new Set(), extensions: new Set() }
    known.extensions.add(extension)
    now.classes.set(key, known)
    return { kind, base, carrier: auxiliaryClass(known.name, []), isDeclared: true }
  }

  function typeOf(extension: string, name: string, matching: Matching, isList: boolean): AttributeType | undefined {
    const standard = standardType(name)
    if (standard) return standard.isOperational || settled.has(name.toLowerCase()) ? undefined : standard
    if (!descriptor.test(name)) return undefined
    const key = name.toLowerCase()
    const service = serviceRows.get(key)
    let type = now.types.get(key)
    if (!type) {
      const identity = `${key}|${matching}`
      type =
        types.get(identity) ??
        attributeType(service ?? { oid: unregisteredOid('attribute', name), names: name, ...rulesOf[matching] }, -1)
      types.set(identity, type)
      type.isSingle = true
      for (const spelling of spellings(type)) now.types.set(spelling, type)
      now.typesOf.set(type, new Set())
    }
    if (isList && !service) type.isSingle = false
    now.typesOf.get(type)!.add(extension)
    return type
  }

  /** The slot of a field; another one when anything about it that stands in entries has changed. */
  function slotFor(extension: string, field: string, type: AttributeType, side: Side): Slot | undefined {
    const bring = bringOf(extension, type, side)
    const key = [extension, side.kind, field, type.oid, type.equality?.name, bring].join('|')
    let slot = numbers.get(key)
    if (slot === undefined) {
      if (slots.length >= mostSlots) return undefined
      slot = slots.push({ type, extension, bring, isContested: false, isLive: true }) - 1
      numbers.set(key, slot)
    }
    slots[slot]!.isLive = true
    return slot
  }

  /** The classes that an entry needs for this attribute, beside those that it has anyway. */
  function bringOf(extension: string, type: AttributeType, { base, carrier, isDeclared }: Side): number {
    const [name] = type.names as [string]
    const special = classOfAttribute[name.toLowerCase()]
    const classes: string[] = []
    if (carrier && !base.includes(carrier.name)) classes.push(carrier.name)
    if (special) classes.push(special)
    else if (isDeclared) now.classes.get(carrier!.name.toLowerCase())!.attributes.add(name)
    else if (![...base, ...classes].some((each) => allows(each, name))) classes.push(anyAttribute)
    const key = `${extension}|${classes}`
    let bring = bringNumbers.get(key)
    if (bring === undefined) {
      bring = brings.push({ extension, classes }) - 1
      bringNumbers.set(key, bring)
    }
    return bring
  }

  const placesByName = (): Map<string, string> =>
    new Map(
      now.extensions.map(({ name, user, group, derived }) => [
        name,
        [user, group, derived].map((each) => each.map(({ slot }) => slot)).join('|'),
      ]),
    )

  function declare(name: string, extension: Extension | undefined): string[] {
    if (builtInExtensions.some((each) => each.name === name)) return []
    if (!extension && !own.has(name)) return []
    const before = placesByName()
    if (extension) own.set(name, extension)
    else own.delete(name)
    settle()
    const after = placesByName()
    return [...new Set([...before.keys(), ...after.keys()])].filter((each) => before.get(each) !== after.get(each))
  }

  function slotsOfFamily(type: AttributeType): readonly Slot[] {
    let found = now.families.get(type)
    if (!found) {
      found = type.family.flatMap((each) => now.slotsByType.get(each) ?? [])
      now.families.set(type, found)
    }
    return found
  }

  const isShown = (extensions: Iterable<string>): boolean => [...extensions].some((name) => on.has(name))
  /** What no extension brings is of the standards. */
  const isShownIfBrought = (extensions: Iterable<string> | undefined): boolean => !extensions || isShown(extensions)

  settle()
  return {
    slots,
    version: () => version,
    extensions: () => now.extensions,
    knows: (extension) => now.names.has(extension),
    isOn: (extension) => on.has(extension),
    setOn(extension, isOn) {
      if (on.has(extension) === isOn) return
      if (isOn) on.add(extension)
      else on.delete(extension)
      version++
    },
    declare,
    classesBrought: (bring) => brings[bring]!,
    attributeByName: (description) =>
      standardType(description) ?? now.types.get(description) ?? now.types.get(description.toLowerCase()),
    objectClassByName: (name) => standardByName.get(name.toLowerCase()) ?? now.classByName.get(name.toLowerCase()),
    slotsOfFamily,
    isTypeShown: (type) => isShownIfBrought(now.typesOf.get(type)),
    isClassShown: ({ name }) => isShownIfBrought(now.classes.get(name.toLowerCase())?.extensions),
    attributeTypes: () => [
      ...standardTypes,
      ...[...now.typesOf].flatMap(([type, extensions]) => (isShown(extensions) ? [type] : [])),
    ],
    objectClasses: () => [
      ...standardClasses,
      ...[...now.classes.values()].flatMap(({ name, attributes, extensions }) =>
        isShown(extensions) ? [auxiliaryClass(name, [...attributes])] : [],
      ),
    ],
  }
}

function allows(className: string, attribute: string): boolean {
  for (let above = standardByName.get(className.toLowerCase()); above; ) {
    if (above.may.includes(attribute) || above.must.includes(attribute)) return true
    above = above.sup ? standardByName.get(above.sup.toLowerCase()) : undefined
  }
  return false
}
