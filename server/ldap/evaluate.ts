import { sees, type View } from './access.ts'
import { type AttributeType, attribute } from './attribute-types.ts'
import { type Description, readDescription } from './description.ts'
import { type NamePart, parseDn } from './dn.ts'
import type { Entry } from './entry.ts'
import { type Missed, whyMissing } from './lens.ts'
import { all, some } from './logic.ts'
import { assertedKey, fits, isInChain, type Rule, ruleByName } from './matching.ts'
import { substrings } from './substrings.ts'
import type { Tree } from './tree.ts'
import {
  type Candidates,
  constant,
  everything,
  never,
  nobody,
  nowhere,
  type Test,
  type Truth,
  toTruth,
  truth,
} from './truth.ts'
import { readableSlots, someValueOf, textOf } from './values.ts'
import type { Filter } from './wire/filter.ts'

const objectClass = attribute('objectClass')
const structuralObjectClass = attribute('structuralObjectClass')
const memberOf = attribute('memberOf')
const member = attribute('member')
const memberUid = attribute('memberUid')
const uid = attribute('uid')
const entryDn = attribute('entryDN')
const entryUuid = attribute('entryUUID')
const hasSubordinates = attribute('hasSubordinates')

/** `missed` hears of what the filter names and cannot be asked for here. */
export function prepare(filter: Filter, tree: Tree, view: View, missed?: Missed): Test {
  const test = (each: Filter): Test => prepare(each, tree, view, missed)
  switch (filter.kind) {
    case 'and':
      return all(filter.filters.map(test))
    case 'or':
      return some(filter.filters.map(test))
    case 'not': {
      const inner = test(filter.filter)
      if (inner === never) return never
      return { evaluate: (entry) => -inner.evaluate(entry) as Truth }
    }
  }
  const { attribute: name } = filter
  if (name === undefined) return extensible(filter as Extensible, tree.schema.attributeTypes(), tree, view)
  const description = seen(name, tree, view, missed)
  return description ? withOptions(description, askFor(filter, description.type, tree, view, missed)) : never
}

type Item = Exclude<Filter, { filters: Filter[] } | { filter: Filter }>
type Extensible = Filter & { kind: 'extensible' }

function askFor(filter: Item, type: AttributeType, tree: Tree, view: View, missed: Missed | undefined): Test {
  switch (filter.kind) {
    case 'present':
      return present(type, tree, view)
    case 'equal':
    case 'approximate':
      return equal(type, type.equality, filter.value, tree, view, missed)
    case 'atLeast':
      return ordered(type, type.ordering, filter.value, tree, view, (order) => order >= 0)
    case 'atMost':
      return ordered(type, type.ordering, filter.value, tree, view, (order) => order <= 0)
    case 'substrings':
      return substrings(type, filter, tree, view)
    case 'extensible':
      return extensible(filter, [type], tree, view)
  }
}

/** A denied attribute is as unknown as one that is not in the schema. */
function seen(name: string, tree: Tree, view: View, missed: Missed | undefined): Description | undefined {
  const description = readDescription(tree.schema, name)
  const why = missed && (description ? whyMissing(tree.schema, view, description.type.names[0]!) : 'unknown')
  if (why) missed?.(`${why} in a filter`, name)
  return description && sees(view, description.type) ? description : undefined
}

/** No value here has an option: what can be asked of an attribute is false of `cn;lang-sv`, and not undefined. */
const withOptions = ({ hasOptions }: Description, test: Test): Test => (hasOptions && test !== never ? nowhere : test)

function present(type: AttributeType, tree: Tree, view: View): Test {
  if (type === objectClass) return everything
  if (type === entryDn || type === hasSubordinates) return { evaluate: () => truth.true }
  if (type === memberOf) return { evaluate: (entry) => toTruth(tree.members.groupsOf(entry).length > 0) }
  if (type === member || type === memberUid) {
    return { evaluate: (entry) => toTruth(entry.membersKey !== undefined && tree.members.countOf(entry) > 0) }
  }
  const slots = readableSlots(type, tree, view)
  return { evaluate: (entry) => toTruth(someValueOf(tree, entry, slots, () => true)) }
}

function equal(
  type: AttributeType,
  rule: Rule | undefined,
  value: Buffer,
  tree: Tree,
  view: View,
  missed?: Missed,
): Test {
  const text = type === structuralObjectClass ? nameOfClass(value, tree) : textOf(value)
  const key = rule && text !== undefined ? assertedKey(rule, text) : undefined
  if (!rule || text === undefined || key === undefined) return never
  if (rule === type.equality) {
    if (type === objectClass) return hasClass(text, tree, missed)
    if (type === memberOf) return isMemberOf(text, tree)
    if (type === member) return hasMember(entryNamed(text, tree), tree)
    if (type === memberUid) return hasMember(userCalled(key, tree), tree)
    if (type === entryDn) return isNamed(text, tree)
  }
  const slots = readableSlots(type, tree, view)
  const passes = rule.matches
    ? (found: string) => matches(rule, found, key)
    : (found: string) => rule.key(found) === key
  return {
    evaluate: (entry) => toTruth(someValueOf(tree, entry, slots, passes)),
    // The index holds the keys of the equality rule of exactly this type.
    candidates: rule === type.equality && type.family.length === 1 ? indexed(type, key, tree) : undefined,
    equality: rule === type.equality ? { tree, type, rule, key, slots } : undefined,
  }
}

const nameOfClass = (value: Buffer, tree: Tree): string | undefined =>
  tree.schema.objectClassByName(textOf(value) ?? '')?.name

function indexed(type: AttributeType, key: string, tree: Tree): Candidates | undefined {
  if (type === uid) {
    const found = tree.entriesByUid(key)
    return { count: found.length, lists: [found], areFound: true }
  }
  if (type === entryUuid) {
    const found = tree.entryById(key)
    const list = found ? [found, ...tree.containers()] : tree.containers()
    return { count: list.length, lists: [list] }
  }
  const found = tree.indexes.find(type, key)
  if (found === undefined) return undefined
  if (found === 'none') return nobody
  const list = 'id' in found ? [found] : found
  return { count: list.length, lists: [list] }
}

function hasClass(name: string, tree: Tree, missed: Missed | undefined): Test {
  const known = tree.schema.objectClassByName(name)
  if (missed && !(known && tree.schema.isClassShown(known))) missed('unknown class', name)
  if (!known) return never
  const folded = known.name.toLowerCase()
  const parts = tree.parts.ofClass(folded)
  return {
    evaluate: (entry) => toTruth(entry.part.classes.has(folded)),
    candidates: {
      count: parts.reduce((sum, part) => sum + part.entries.length, 0),
      lists: parts.map((part) => part.entries),
    },
  }
}

const entryNamed = (text: string, tree: Tree): Entry | undefined => tree.resolve(parseDn(text) ?? []).entry

const userCalled = (key: string, tree: Tree): Entry | undefined =>
  tree.entriesByUid(key).find((entry) => entry.membership)

function isMemberOf(dn: string, tree: Tree): Test {
  const group = entryNamed(dn, tree)
  if (!group?.membersKey) return constant(truth.false)
  const { members } = tree
  return {
    evaluate: (entry) => toTruth(members.isMember(entry, group)),
    candidates: { count: members.countOf(group), lists: [members.usersOf(group)] },
  }
}

function hasMember(user: Entry | undefined, tree: Tree): Test {
  if (!user) return constant(truth.false)
  const groups = tree.members.groupsOf(user)
  return {
    evaluate: (entry) => toTruth(groups.includes(entry)),
    candidates: { count: groups.length, lists: [groups] },
  }
}

function isNamed(dn: string, tree: Tree): Test {
  const named = entryNamed(dn, tree)
  if (!named) return constant(truth.false)
  return { evaluate: (entry) => toTruth(entry === named), candidates: { count: 1, lists: [[named]] } }
}

function ordered(
  type: AttributeType,
  rule: Rule | undefined,
  value: Buffer,
  tree: Tree,
  view: View,
  isWanted: (order: number) => boolean,
): Test {
  const text = textOf(value)
  const key = rule && text !== undefined ? assertedKey(rule, text) : undefined
  if (!rule?.compare || key === undefined) return never
  const slots = readableSlots(type, tree, view)
  const passes = (found: string): boolean => {
    const other = rule.key(found)
    return other !== undefined && isWanted(rule.compare!(other, key))
  }
  return { evaluate: (entry) => toTruth(someValueOf(tree, entry, slots, passes)) }
}

/**
 * An extensible match: an attribute and its own equality rule, or another rule by name, or a rule and every attribute that it
 * is for. What is not known, or does not go together, is Undefined and no error, as RFC 4511 section 4.5.1.7 asks.
 */
function extensible(filter: Extensible, types: readonly AttributeType[], tree: Tree, view: View): Test {
  const text = textOf(filter.value)
  if (text === undefined) return never
  const named = filter.rule === undefined ? types[0]?.equality : ruleByName(filter.rule)
  const ofRule = types.flatMap((type) =>
    named && sees(view, type) && fits(named, type) ? [{ type, rule: ruleFor(named, type) }] : [],
  )
  const key = named && assertedKey(named, text)
  if (!named || key === undefined || ofRule.length === 0) return never
  // An ordering rule asks for what is less (RFC 4517 section 4.2.2).
  const tests = ofRule.map(({ type, rule }) =>
    rule.compare
      ? ordered(type, rule, filter.value, tree, view, (order) => order < 0)
      : equal(type, rule, filter.value, tree, view),
  )
  const inValues = tests.length === 1 ? tests[0]! : { evaluate: some(tests).evaluate }
  if (!filter.withDnAttributes) return inValues
  const inDn = (entry: Entry): boolean =>
    partsOfName(tree.dnOf(entry)).some((part) => {
      const type = tree.schema.attributeByName(part.type)
      return ofRule.some((each) => each.type === type) && matches(named, part.value, key)
    })
  return {
    evaluate: (entry) => {
      const value = inValues.evaluate(entry)
      return value !== truth.true && inDn(entry) ? truth.true : value
    },
  }
}

let lastName = { text: '', parts: [] as readonly NamePart[] }

/** One name is asked for by each part of a filter, one after the other. */
function partsOfName(text: string): readonly NamePart[] {
  if (text !== lastName.text) lastName = { text, parts: (parseDn(text) ?? []).flat() }
  return lastName.parts
}

/** Memberships are told through every nesting already: what goes up the chain finds is what equality finds. */
const ruleFor = (rule: Rule, type: AttributeType): Rule => (isInChain(rule) && type.equality ? type.equality : rule)

const matches = (rule: Rule, value: string, asserted: string): boolean => {
  const key = rule.key(value)
  if (key === undefined) return false
  if (rule.compare) return rule.compare(key, asserted) < 0
  return rule.matches ? rule.matches(key, asserted) : key === asserted
}
