import type { PolicyBody } from '../store/bodies.ts'

export type Rule = Exclude<keyof PolicyBody, 'group' | 'blocklist'>

/** What holds until somebody settles otherwise. */
export const defaultPolicy: PolicyBody = {
  minLength: 8,
  minStrength: 2,
  blocklist: [],
  history: 5,
  minAgeDays: 0,
  maxAgeDays: 0,
  graceDays: 7,
  lockAfter: 10,
  lockWindowMinutes: 10,
  lockMinutes: 15,
  mustChange: true,
}

type Stricter = { [R in Rule]: (a: PolicyBody[R], b: PolicyBody[R]) => PolicyBody[R] }

const least = (a: number, b: number): number => Math.min(a, b)
const most = (a: number, b: number): number => Math.max(a, b)
/** For rules where 0 means that there is no bound. */
const leastButNone = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : Math.min(a, b))
/** For rules where 0 means without end. */
const mostOrEndless = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : Math.max(a, b))

/** Rule by rule, the stricter of two values. */
const stricter: Stricter = {
  minLength: most,
  minStrength: most,
  history: most,
  minAgeDays: most,
  maxAgeDays: leastButNone,
  graceDays: least,
  lockAfter: leastButNone,
  // Tries are remembered for longer.
  lockWindowMinutes: most,
  lockMinutes: mostOrEndless,
  mustChange: (a, b) => a || b,
}

export const rules = Object.keys(stricter) as Rule[]

/** A policy with the name of whom it is for. */
export type NamedPolicy = { name: string; policy: PolicyBody }

/** The strictest of each rule, and whose it is; words that any of them refuses. The first is the default. */
export function strictest(first: NamedPolicy, others: readonly NamedPolicy[]): { policy: PolicyBody; from: Source } {
  const words = [first, ...others].flatMap(({ policy }) => policy.blocklist ?? [])
  const policy: PolicyBody = { ...first.policy, blocklist: [...new Set(words)] }
  const from = Object.fromEntries(rules.map((rule) => [rule, first.name])) as Source
  for (const other of others) for (const rule of rules) take(rule, other)
  return { policy, from }

  function take<R extends Rule>(rule: R, other: NamedPolicy): void {
    const value = stricter[rule](policy[rule], other.policy[rule])
    if (value === policy[rule]) return
    policy[rule] = value
    from[rule] = other.name
  }
}

export type Source = Record<Rule, string>
