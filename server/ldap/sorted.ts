import { sees, type View } from './access.ts'
import type { SortKey } from './controls/sort.ts'
import { type Entry, isGone } from './entry.ts'
import { type Finder, tooLate } from './find.ts'
import { later } from './later.ts'
import { type Rule, ruleByName } from './matching.ts'
import type { Slot } from './slots.ts'
import type { Tree } from './tree.ts'
import { readableSlots, someValueOf } from './values.ts'
import { type ResultCode, resultCode } from './wire/result.ts'

/** In which order entries are told, RFC 2891. */
export type Order = { keys: readonly OrderKey[] }
type OrderKey = { rule: Rule & Ordering; slots: readonly Slot[]; direction: 1 | -1 }
type Ordering = { compare: NonNullable<Rule['compare']> }
type Item = { entry: Entry; keys: readonly (string | undefined)[] }

/** Why it cannot be sorted so, and by which attribute. */
export type SortProblem = { code: ResultCode; attribute: string }

const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export function orderOf(tree: Tree, view: View, keys: readonly SortKey[]): Order | SortProblem {
  const found: OrderKey[] = []
  for (const { attribute, rule: name, isReverse } of keys) {
    const type = tree.schema.attributeByName(attribute)
    // A denied attribute is as unknown as one that is not in the schema: an order would tell of its values.
    if (!type || !sees(view, type)) return { code: resultCode.noSuchAttribute, attribute }
    const slots = readableSlots(type, tree, view)
    const named = name === undefined ? (type.ordering ?? type.equality) : ruleByName(name)
    if (!named) return { code: resultCode.inappropriateMatching, attribute }
    // Most attributes have no ORDERING rule in the standards; what makes their values equal puts them in order as well.
    const rule = { ...named, compare: named.compare ?? byCodePoint }
    found.push({ rule, slots, direction: isReverse ? -1 : 1 })
  }
  return { keys: found }
}

/** The least of the values, as the RFC asks. */
function keyOf(tree: Tree, entry: Entry, { rule, slots }: OrderKey): string | undefined {
  let least: string | undefined
  someValueOf(tree, entry, slots, (value) => {
    const key = rule.key(value)
    if (key !== undefined && (least === undefined || rule.compare(key, least) < 0)) least = key
    return false
  })
  return least
}

/** No value is larger than any value (RFC 2891 section 2.2): entries without the attribute come last, or first in reverse. */
function compareItems(order: Order, a: Item, b: Item): number {
  for (const [i, { rule, direction }] of order.keys.entries()) {
    const [one, other] = [a.keys[i], b.keys[i]]
    if (one === other) continue
    const difference = compareKeys(rule, one, other)
    if (difference !== 0) return difference * direction
  }
  return 0
}

function compareKeys({ compare }: Ordering, one: string | undefined, other: string | undefined): number {
  if (one === undefined) return 1
  return other === undefined ? -1 : compare(one, other)
}

/** Where a value would stand in a sorted list, by its first key: the first place that is not before it. */
export function placeOf(tree: Tree, entries: readonly Entry[], order: Order, value: string): number {
  const [key] = order.keys
  const wanted = key?.rule.key(value)
  if (!key || wanted === undefined) return entries.length
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const found = keyOf(tree, entries[middle]!, key)
    const isBefore = compareKeys(key.rule, found, wanted) * key.direction < 0
    if (isBefore) low = middle + 1
    else high = middle
  }
  return low
}

export type Sorting = { next: (deadline: number) => Entry[] | typeof later | typeof tooLate }

/** Everything that a finder finds, in order; worked out a slice at a time. */
export function sortFound(tree: Tree, finder: Finder, order: Order, endAt: number): Sorting {
  const items: Item[] = []
  let merging: Generator<void, Item[]> | undefined
  let sorted: Entry[] | undefined

  function collect(deadline: number): typeof later | typeof tooLate | undefined {
    for (;;) {
      const entry = finder.next(deadline)
      if (entry === undefined) return undefined
      if (typeof entry === 'symbol') return entry
      items.push({ entry, keys: order.keys.map((key) => keyOf(tree, entry, key)) })
      if ((items.length & 255) === 0 && performance.now() > deadline) return later
    }
  }

  return {
    next(deadline) {
      if (sorted) return sorted
      const stopped = merging ? undefined : collect(deadline)
      if (stopped) return stopped
      merging ??= sortInSlices(items, (a, b) => compareItems(order, a, b))
      for (;;) {
        const step = merging.next()
        if (step.done) {
          sorted = step.value.map(({ entry }) => entry)
          return sorted
        }
        const now = performance.now()
        if (now > endAt) return tooLate
        if (now > deadline) return later
      }
    },
  }
}

const runLength = 512

/** A merge sort that stops every few hundred steps. */
function* sortInSlices<T>(items: T[], compare: (a: T, b: T) => number): Generator<void, T[]> {
  let runs: T[][] = []
  for (let at = 0; at < items.length; at += runLength) {
    runs.push(items.slice(at, at + runLength).sort(compare))
    yield
  }
  while (runs.length > 1) {
    const merged: T[][] = []
    for (let at = 0; at < runs.length; at += 2) merged.push(yield* mergeTwo(runs[at]!, runs[at + 1] ?? [], compare))
    runs = merged
  }
  return runs[0] ?? []
}

function* mergeTwo<T>(left: T[], right: T[], compare: (a: T, b: T) => number): Generator<void, T[]> {
  const merged: T[] = []
  let [l, r] = [0, 0]
  while (l < left.length || r < right.length) {
    const isLeft = r >= right.length || (l < left.length && compare(left[l]!, right[r]!) <= 0)
    merged.push(isLeft ? left[l++]! : right[r++]!)
    if (merged.length % runLength === 0) yield
  }
  return merged
}

/** A finder over a sorted list. */
export function inOrder(sorting: Sorting): Finder {
  let position = 0
  let entries: Entry[] | undefined
  return {
    held: () => entries?.length ?? 0,
    next(deadline) {
      if (!entries) {
        const sorted = sorting.next(deadline)
        if (typeof sorted === 'symbol') return sorted
        entries = sorted
      }
      // What was removed since is passed over.
      while (position < entries.length && isGone(entries[position]!)) position++
      return entries[position++]
    },
  }
}
