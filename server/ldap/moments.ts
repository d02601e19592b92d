/** Objects whose entries change by the clock alone: an account that begins or ends. */
export type Moments = {
  /** `at` in milliseconds since 1970; undefined: nothing is ahead. */
  set: (id: string, at: number | undefined) => void
  /** When to look again; Infinity when nothing is ahead. */
  next: () => number
  /** Takes out those whose moment has come. */
  takeDue: (now: number) => string[]
}

export function createMoments(): Moments {
  const moments = new Map<string, number>()
  let earliest = Number.POSITIVE_INFINITY
  return {
    set(id, at) {
      if (at === undefined) moments.delete(id)
      else {
        moments.set(id, at)
        if (at < earliest) earliest = at
      }
    },
    next: () => earliest,
    takeDue(now) {
      const due: string[] = []
      earliest = Number.POSITIVE_INFINITY
      for (const [id, at] of moments) {
        if (at <= now) due.push(id)
        else if (at < earliest) earliest = at
      }
      for (const id of due) moments.delete(id)
      return due
    },
  }
}
