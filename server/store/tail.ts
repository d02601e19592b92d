import type { Db } from './db.ts'
import type { Head } from './head.ts'
import type { FeedRow } from './objects.ts'
import type { Position } from './position.ts'

/**
 * The end of the feed in memory, so that slaves that wait for a change are answered without a query: for each object that
 * has moved after `from`, its row, in the order of the feed.
 */
export type Tail = { from: number; rows: Map<string, FeedRow>; characters: number }

const rowsAtMost = 2000
const charactersAtMost = 4_000_000

export const emptyTail = (from: number): Tail => ({ from, rows: new Map(), characters: 0 })

/** What a commit moved goes onto the end; of a commit that moved very much nothing is kept, and the tail begins behind it. */
export function keepTail(db: Db, before: Position, head: Head): void {
  if (head.many || before.epochId !== head.epochId) {
    db.tail = emptyTail(head.seq)
    return
  }
  const { tail } = db
  const drop = (name: string, row: FeedRow) => {
    tail.rows.delete(name)
    tail.characters -= row.body?.length ?? 0
  }
  for (const row of head.moved) {
    const name = `${row.kind}\0${row.id}`
    const old = tail.rows.get(name)
    if (old) drop(name, old)
    tail.rows.set(name, row)
    tail.characters += row.body?.length ?? 0
  }
  for (const [name, row] of tail.rows) {
    if (tail.rows.size <= rowsAtMost && tail.characters <= charactersAtMost) return
    drop(name, row)
    tail.from = row.seq
  }
}

/** What has moved after `since`; undefined when the tail does not reach back so far. */
export function tailAfter(db: Db, since: number): FeedRow[] | undefined {
  if (since < db.tail.from) return undefined
  return [...db.tail.rows.values()].filter(({ seq }) => seq > since)
}
