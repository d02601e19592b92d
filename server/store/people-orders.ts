import type { Order, People } from './people-index.ts'

type Compare = (a: number, b: number) => number

export const orderNames = ['name', 'username', 'number'] as const

function compareBy(people: People, order: Order): Compare {
  const { texts, nameSizes, usernameSizes, uidNumbers, ids } = people
  const byId: Compare = (a, b) => ((ids[a] as string) < (ids[b] as string) ? -1 : 1)
  if (order === 'number') return (a, b) => (uidNumbers[a] as number) - (uidNumbers[b] as number) || byId(a, b)
  const { values, starts } = texts
  const sizes = order === 'name' ? nameSizes : usernameSizes
  const from: (place: number) => number =
    order === 'name'
      ? (place) => starts[place] as number
      : (place) => (starts[place] as number) + (nameSizes[place] as number)
  return (a, b) => {
    const [atA, atB, sizeA, sizeB] = [from(a), from(b), sizes[a] as number, sizes[b] as number]
    for (let at = 0; at < sizeA && at < sizeB; at++) {
      const differ = (values[atA + at] as number) - (values[atB + at] as number)
      if (differ !== 0) return differ
    }
    return sizeA - sizeB || byId(a, b)
  }
}

export function without(order: Uint32Array, left: readonly number[]): Uint32Array {
  const isLeft = new Set(left)
  return order.filter((place) => !isLeft.has(place))
}

/** Both in one order. Few comparisons, for whoever is there stands in order already. */
export function merged(people: People, order: Uint32Array, places: readonly number[], name: Order): Uint32Array {
  const compare = compareBy(people, name)
  const all = new Uint32Array(order.length + places.length)
  let from = 0
  let at = 0
  for (const place of [...places].sort(compare)) {
    const until = placeIn(order, place, compare, from)
    all.set(order.subarray(from, until), at)
    at += until - from
    from = until
    all[at++] = place
  }
  all.set(order.subarray(from), at)
  return all
}

function placeIn(order: Uint32Array, place: number, compare: Compare, from: number): number {
  let low = from
  for (let high = order.length; low < high; ) {
    const middle = (low + high) >> 1
    if (compare(order[middle] as number, place) < 0) low = middle + 1
    else high = middle
  }
  return low
}
