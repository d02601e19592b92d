import { setImmediate as others } from 'node:timers/promises'
import type { Knex } from 'knex'
import { feedRows } from '../store/objects.ts'
import { countIn, emptyHash, hashHex, stateHash } from '../store/position.ts'
import { bucketOf, buckets } from './wire.ts'

/** `<number of objects>:<hash>` per bucket. */
export type Digest = string[]

/** Hashes every live object anew, in slices: what is really kept, not what the running hash says. */
export async function digestOf(trx: Knex): Promise<Digest> {
  const heaps = Array.from({ length: buckets }, () => ({ count: 0, state: stateHash(emptyHash) }))
  for await (const rows of feedRows(trx, 0)) {
    for (const { kind, id, body } of rows) {
      const heap = heaps[bucketOf(id)]
      if (body === undefined || !heap) continue
      heap.count++
      countIn(heap.state, 1, kind, id, body)
    }
    await others()
  }
  return heaps.map(({ count, state }) => `${count}:${hashHex(state)}`)
}

export const differing = (mine: Digest, theirs: Digest): number[] =>
  theirs.flatMap((heap, bucket) => (mine[bucket] === heap ? [] : [bucket]))
