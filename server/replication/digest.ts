import { setImmediate as others } from 'node:timers/promises'
import type { Knex } from 'knex'
import { feedRows, foundIn } from '../store/objects.ts'
import { countIn, emptyHash, hashHex, stateHash } from '../store/position.ts'
import { bucketOf, buckets } from './wire.ts'

/** `<number of objects>:<hash>` per bucket. */
export type Digest = string[]

/** What is really kept, hashed anew; `damaged`: the buckets with rows that are not as they were written, and how many of those. */
export type Counted = { digest: Digest; hash: string; objects: number; damaged: Map<number, number> }

/** Hashes every live object anew, in slices: what is really kept, not what the running hash says. */
export async function countAll(trx: Knex): Promise<Counted> {
  const heaps = Array.from({ length: buckets }, () => ({ count: 0, state: stateHash(emptyHash) }))
  const all = stateHash(emptyHash)
  const damaged = new Map<number, number>()
  let objects = 0
  for await (const rows of feedRows(trx, 0)) {
    for (const row of rows) {
      const bucket = bucketOf(row.id)
      const heap = heaps[bucket]
      const { digest, isSound } = foundIn(row)
      if (!isSound) damaged.set(bucket, (damaged.get(bucket) ?? 0) + 1)
      if (!digest || !heap) continue
      objects++
      heap.count++
      countIn(heap.state, 1, digest)
      countIn(all, 1, digest)
    }
    await others()
  }
  return { digest: heaps.map(({ count, state }) => `${count}:${hashHex(state)}`), hash: hashHex(all), objects, damaged }
}

export const differing = (mine: Digest, theirs: Digest): number[] =>
  theirs.flatMap((heap, bucket) => (mine[bucket] === heap ? [] : [bucket]))
