import { isUtf8 } from 'node:buffer'
import { sees, type View } from './access.ts'
import { type AttributeType, attribute } from './attribute-types.ts'
import { findSlot, someValue } from './block.ts'
import { type Description, readDescription } from './description.ts'
import { type NamePart, parseDn } from './dn.ts'
import type { Entry } from './entry.ts'
import { type Missed, whyMissing } from './lens.ts'
import { assertedKey, fits, isInChain, type Rule, ruleByName } from './matching.ts'
import type { Slot } from './slots.ts'
import type { Tree } from './tree.ts'
import type { Filter } from './wire/filter.ts'
import { workedOut } from './worked-out.ts'

/** Three-valued logic, RFC 4511 section 4.5.1.7; numbers, so that AND is the least, OR the greatest and NOT the opposite. */
export const truth = { false: -1, undefined: 0, true: 1 } as const
export type Truth = (typeof truth)[keyof typeof truth]

/** A filter made ready for one search. */
export type Test = {
  evaluate: (entry: Entry) => Truth
  /** Entries among which all matches are, where that is known without looking at every entry. */
  candidates?: Candidates
  /** Set when the test is an equality: many of them in an OR are one look-up in a set. */
  equality?: { tree: Tree; type: AttributeType; rule: Rule; key: string; slots: readonly Slot[] }
}

/** An entry may be in more than one list. `areFound`: all of them match, none needs to be looked at. */
export type Candidates = { count: number; lists: Iterable<Entry>[]; areFound?: boolean }

const nobody: Candidates = { count: 0, lists: [] }
const constant = (value: Truth): Test => ({
  evaluate: () => value,
  candidates: value === truth.true ? undefined : nobody,
})

/** Always true: no entry needs looking at. */
export const everything: Test = constant(truth.true)
const never = constant(truth.undefined)
const nowhere = constant(truth.false)

const objectClass = attribute('objectClass')
const structuralObjectClass = attribute('structuralObjectClass')
const memberOf = attribute('memberOf')
const member = attribute('member')
const memberUid = attribute('memberUid')
const uid = attribute('uid')
const entryDn = attribute('entryDN')
const entryUuid = attribute('entryUUID')
const hasSubordinates = attribute('hasSubordinates')
const workedOutIn = new Map(Object.entries(workedOut).map(([name, work]) => [attribute(name).number, work]))

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

function all(tests: Test[]): Test {
  if (tests.length === 0) return everything
  if (tests.length === 1) return tests[0]!
  let best: Candidates | undefined
  for (const { candidates } of tests) if (candidates && (!best || candidates.count < best.count)) best = candidates
  return {
    candidates: best && { ...best, areFound: false },
    evaluate(entry) {
      let least: Truth = truth.true
      for (const test of tests) {
        const value = test.evaluate(entry)
        if (value === truth.false) return value
        if (value < least) least = value
      }
      return least
    },
  }
}

function some(given: Test[]): Test {
  if (given.length === 1) return given[0]!
  const tests = joinEqualities(given)
  return {
    candidates: union(tests),
    evaluate(entry) {
      let greatest: Truth = truth.false
      for (const test of tests) {
        const value = test.evaluate(entry)
        if (value === truth.true) return value
        if (value > greatest) greatest = value
      }
      return greatest
    },
  }
}

/**
 * Samba asks for hundreds of names in one OR. Each by itself would make the work grow with the square of their number,
 * because every entry found by one of them is then held against all of them.
 */
function joinEqualities(tests: Test[]): Test[] {
  const joined: Test[] = []
  const byType = new Map<AttributeType, Test[]>()
  for (const test of tests) {
    const type = test.equality?.type
    if (!type) joined.push(test)
    else if (byType.has(type)) byType.get(type)!.push(test)
    else byType.set(type, [test])
  }
  for (const same of byType.values()) joined.push(same.length > 1 ? oneOf(same) : same[0]!)
  return joined
}

function oneOf(tests: Test[]): Test {
  const { tree, rule, slots } = tests[0]!.equality!
  const keys = new Set(tests.map((test) => test.equality!.key))
  const matches = (value: string): boolean => {
    const key = rule.key(value)
    return key !== undefined && keys.has(key)
  }
  return {
    evaluate: (entry) => toTruth(someValueOf(tree, entry, slots, matches)),
    candidates: union(tests),
  }
}

/** All candidates of all tests; undefined when one of them may match anything. */
function union(tests: readonly Test[]): Candidates | undefined {
  const all: Candidates = { count: 0, lists: [] }
  for (const { candidates } of tests) {
    if (!candidates) return undefined
    all.count += candidates.count
    for (const list of candidates.lists) all.lists.push(list)
  }
  return all
}

const toTruth = (claim: boolean): Truth => (claim ? truth.true : truth.false)

/** Where values of this type, and of those below it, may stand that this view may read. */
export function readableSlots(type: AttributeType, tree: Tree, view: View): readonly Slot[] {
  const { slots, slotsOfFamily } = tree.schema
  const all = slotsOfFamily(type)
  // Whoever asks has been let through for this very type.
  if (type.family.length === 1) return all
  const isReadable = (slot: Slot): boolean => sees(view, slots[slot]!.type)
  return all.every(isReadable) ? all : all.filter(isReadable)
}

const textOf = (value: Buffer): string | undefined => (isUtf8(value) ? value.toString('utf8') : undefined)

/** Whether the entry has a value in one of these slots that passes. */
export function someValueOf(
  tree: Tree,
  entry: Entry,
  slots: readonly Slot[],
  passes: (value: string) => boolean,
): boolean {
  const { visible } = entry.part
  for (const slot of slots) {
    if (visible[slot] !== 1) continue
    const own = findSlot(entry.slab.bytes, entry.at, slot)
    if (own >= 0) {
      if (someValue(entry.slab.bytes, own, passes)) return true
      continue
    }
    const { block } = entry.part
    const shared = findSlot(block, 0, slot)
    if (shared >= 0) {
      if (someValue(block, shared, passes)) return true
      continue
    }
    const work = workedOutIn.get(slot)
    if (work) {
      const value = work(tree, entry)
      if (value !== undefined && passes(value)) return true
    } else if (slot === memberOf.number || slot === member.number || slot === memberUid.number) {
      const members = tree.members.blockOf(entry)
      const at = members ? findSlot(members, 0, slot) : -1
      if (at >= 0 && someValue(members!, at, passes)) return true
    }
  }
  return false
}

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

function substrings(type: AttributeType, filter: Filter & { kind: 'substrings' }, tree: Tree, view: View): Test {
  const rule = type.substrings
  if (!rule) return never
  const fold = (piece: Buffer, edge?: 'start' | 'end'): string | undefined => {
    const text = textOf(piece)
    return text === undefined ? undefined : foldPiece(rule, text, edge)
  }
  const initial = filter.initial && fold(filter.initial, 'start')
  const final = filter.final && fold(filter.final, 'end')
  const any = filter.any.map((piece) => fold(piece))
  if ((filter.initial && initial === undefined) || (filter.final && final === undefined)) return never
  if (any.includes(undefined)) return never
  const slots = readableSlots(type, tree, view)
  const passes = (found: string): boolean => {
    const value = rule.key(found)
    return value !== undefined && hasPieces(value, initial ?? '', any as string[], final ?? '')
  }
  return { evaluate: (entry) => toTruth(someValueOf(tree, entry, slots, passes)) }
}

/** White space means nothing at the ends of the whole value; at those of a piece it is inside (RFC 4518 section 2.6.1). */
function foldPiece(rule: Rule, piece: string, edge: 'start' | 'end' | undefined): string | undefined {
  const key = assertedKey(rule, piece)
  if (key === undefined || rule.syntax === 'telephoneNumber') return key
  if (key === '') return edge === 'end' ? '' : ' '
  const before = edge !== 'start' && /^\s/.test(piece) ? ' ' : ''
  const after = edge !== 'end' && /\s$/.test(piece) ? ' ' : ''
  return `${before}${key}${after}`
}

/** Pieces in order, none overlapping. */
function hasPieces(value: string, initial: string, any: readonly string[], final: string): boolean {
  if (!value.startsWith(initial)) return false
  let at = initial.length
  for (const piece of any) {
    const found = value.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return value.length - at >= final.length && value.endsWith(final)
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
