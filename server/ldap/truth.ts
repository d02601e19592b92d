import type { AttributeType } from './attribute-types.ts'
import type { Entry } from './entry.ts'
import type { Rule } from './matching.ts'
import type { Slot } from './slots.ts'
import type { Tree } from './tree.ts'

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

export const nobody: Candidates = { count: 0, lists: [] }
export const constant = (value: Truth): Test => ({
  evaluate: () => value,
  candidates: value === truth.true ? undefined : nobody,
})

/** Always true: no entry needs looking at. */
export const everything: Test = constant(truth.true)
export const never = constant(truth.undefined)
export const nowhere = constant(truth.false)

export const toTruth = (claim: boolean): Truth => (claim ? truth.true : truth.false)
