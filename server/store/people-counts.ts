import { type Names, numberOf, type People } from './people-index.ts'

/** `users.filled` -> how many people have it. */
export const countFillings = ({ fillings }: People): Map<string, number> => countsIn(fillings, fillings.counts)

/** `memberships.of` -> how many people are in it directly. */
export const countDirect = ({ belongings }: People): Map<string, number> => countsIn(belongings, belongings.counts)

/** How many different people are in each, also through the groups in it. `above`: group -> all that it is in. */
export function countInEffect(people: People, above: ReadonlyMap<string, Iterable<string>>): Map<string, number> {
  const { belongings, of } = people
  const reached: number[][] = []
  for (const [name, groups] of above)
    reached[numberOf(belongings, name)] = Array.from(groups, (group) => numberOf(belongings, group))
  const counts = belongings.counts.slice()
  // Who was counted last in each group: nobody counts twice.
  const last = new Int32Array(counts.length).fill(-1)
  for (let place = 0; place < people.ids.length; place++) {
    const start = of.starts[place] as number
    const end = start + (of.sizes[place] as number)
    for (let at = start; at < end; at++) last[of.values[at] as number] = place
    for (let at = start; at < end; at++)
      for (const through of reached[of.values[at] as number] ?? []) {
        if (last[through] === place) continue
        last[through] = place
        counts[through] = (counts[through] as number) + 1
      }
  }
  return countsIn(belongings, counts)
}

const countsIn = ({ numberOf }: Names, counts: readonly number[]): Map<string, number> =>
  new Map(Array.from(numberOf, ([name, number]) => [name, counts[number] ?? 0]))
