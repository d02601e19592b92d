/**
 * What clients have left for later: searches of which they take one page after the other, sorted lists in which they scroll.
 * Whoever does not come back leaves something behind, so all of it together holds no more than so many entries: the oldest goes.
 */
export type Shelf = {
  /** `of`: where it lies under its cookie, and is taken away from. */
  put: (of: Map<string, unknown>, cookie: string, entries: number) => void
  take: (cookie: string) => void
  entries: () => number
}

export function createShelf(most: number): Shelf {
  const kept = new Map<string, { of: Map<string, unknown>; entries: number }>()
  let total = 0

  function take(cookie: string): void {
    total -= kept.get(cookie)?.entries ?? 0
    kept.delete(cookie)
  }

  return {
    put(of, cookie, entries) {
      for (const [old, { of: place }] of kept) {
        if (total + entries <= most) break
        take(old)
        place.delete(old)
      }
      kept.set(cookie, { of, entries })
      total += entries
    },
    take,
    entries: () => total,
  }
}
