/** Chance that repeats itself: what a seed gives today it gives tomorrow, so that a difference can be looked into. */
export type Chance = {
  below: (most: number) => number
  /** True once in so many times. */
  oneIn: (times: number) => boolean
  pick: <T>(list: readonly T[]) => T
  /** Up to so many of them, in any order, perhaps one twice. */
  some: <T>(list: readonly T[], most: number) => T[]
}

/** mulberry32 */
export function chance(seed: number): Chance {
  let state = seed >>> 0
  const below = (most: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * most)
  }
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  return {
    below,
    oneIn: (times) => below(times) === 0,
    pick,
    some: (list, most) => Array.from({ length: below(most + 1) }, () => pick(list)),
  }
}
