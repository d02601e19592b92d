import type { AttributeType } from './attribute-types.ts'
import type { Candidates, Test } from './truth.ts'
import { everything, type Truth, toTruth, truth } from './truth.ts'
import { someValueOf } from './values.ts'

/** AND. */
export function all(tests: Test[]): Test {
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

/** OR. */
export function some(given: Test[]): Test {
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
