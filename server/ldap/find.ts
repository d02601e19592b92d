import { mayRead, type View } from './access.ts'
import type { Entry } from './entry.ts'
import { prepare } from './evaluate.ts'
import { later } from './later.ts'
import { type Missed, shapeOf } from './lens.ts'
import type { Tree } from './tree.ts'
import { everything, type Test, truth } from './truth.ts'
import type { Who } from './who.ts'
import { type Filter, partsOf } from './wire/filter.ts'

export const scopes = ['base', 'one', 'sub', 'children'] as const
export type Scope = (typeof scopes)[number]

export type Query = { base: Entry; scope: Scope; filter: Filter }

/** The time of the whole search is over. */
export const tooLate = Symbol('too late')

/** The entries that a search finds, one after the other; undefined when there are no more. */
export type Finder = {
  next: (deadline: number) => Entry | typeof later | typeof tooLate | undefined
  /** How many entries it holds on to. */
  held?: () => number
}

/** Everybody sees with one pair of eyes, but a person: the own entry with one, what is published with another. */
type Pass = { view: View; test: Test | undefined; entries: readonly Entry[]; isOthers: boolean }

/** `endAt`: when the search has taken long enough, by the clock of `performance.now`. */
export function find(tree: Tree, who: Who, query: Query, endAt: number, missed?: Missed): Finder {
  const { base, scope } = query
  const passes = passesOf(tree, who, query, missed)
  // The clock is read only now and then; it costs more than most entries do, but not more than a long filter.
  const stride = Math.max(1, Math.floor(16 / partsOf(query.filter)))
  let [pass] = passes
  let turn = 0
  let position = 0

  function next(deadline: number): ReturnType<Finder['next']> {
    const stopAt = Math.min(deadline, endAt)
    while (pass) {
      const { view, test, entries, isOthers } = pass
      while (position < entries.length) {
        const entry = entries[position++]!
        if (position % stride === 0 && performance.now() > stopAt) {
          position--
          return performance.now() > endAt ? tooLate : later
        }
        if (!isInScope(entry, base, scope) || !mayRead(view, who.self, entry)) continue
        if (isOthers && entry === who.self) continue
        if (test && test.evaluate(entry) !== truth.true) continue
        return entry
      }
      pass = passes[++turn]
      position = 0
    }
    return undefined
  }

  return { next, held: () => passes.reduce((sum, { entries }) => sum + entries.length, 0) }
}

function passesOf(tree: Tree, { view, others }: Who, query: Query, missed: Missed | undefined): Pass[] {
  const { base, scope, filter } = query
  const passWith = (eyes: View, isOthers: boolean): Pass => {
    const test = prepare(filter, tree, eyes, isOthers ? undefined : missed)
    if (missed && !isOthers && scope !== 'base' && test !== everything && !test.candidates)
      missed('filter without index', shapeOf(filter))
    const entries = candidatesOf(base, scope, test)
    const isSettled = test === everything || (scope !== 'base' && test.candidates?.areFound)
    return { view: eyes, test: isSettled ? undefined : test, entries, isOthers }
  }
  const first = passWith(view, false)
  return others ? [first, passWith(others, true)] : [first]
}

/** The entries to look at, as they are now: a search over several turns is not disturbed by what changes in between. */
function candidatesOf(base: Entry, scope: Scope, test: Test): readonly Entry[] {
  if (scope === 'base') return [base]
  const { candidates } = test
  if (!candidates) return entriesBelow(base, scope)
  const { lists } = candidates
  if (lists.length === 1) return [...lists[0]!]
  const all = new Set<Entry>()
  for (const list of lists) for (const entry of list) all.add(entry)
  return [...all]
}

/** Parents before children, as clients that copy a tree expect. */
export function entriesBelow(base: Entry, scope: Scope): Entry[] {
  const found: Entry[] = scope === 'sub' ? [base] : []
  const visit = (container: Entry): void => {
    for (const entry of container.children?.values() ?? []) {
      found.push(entry)
      if (entry.children && scope !== 'one') visit(entry)
    }
  }
  visit(base)
  return found
}

export function isInScope(entry: Entry, base: Entry, scope: Scope): boolean {
  // Gone while the search was under way.
  if (entry.place < 0 && entry !== base) return false
  switch (scope) {
    case 'base':
      return entry === base
    case 'one':
      return entry.parent === base
    case 'sub':
      return entry === base || isBelow(entry, base)
    case 'children':
      return isBelow(entry, base)
  }
}

function isBelow(entry: Entry, base: Entry): boolean {
  for (let above = entry.parent; above; above = above.parent) if (above === base) return true
  return false
}
