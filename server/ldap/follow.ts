import type { Log } from '../log.ts'
import type { Changed } from '../store/bodies.ts'
import { type Db, onChanges } from '../store/db.ts'
import { liveObjects, type Refill } from '../store/objects.ts'
import type { Directory } from './directory.ts'

/**
 * Reads the store into the directory and keeps it up to date from then on: each commit in its own tick, a full sync while
 * it is applied. Returns how to stop.
 */
export async function followFeed(db: Db, directory: Directory, log: Log): Promise<() => void> {
  let isRefilling = false
  let turn: Promise<void> = Promise.resolve()
  /** One loading after the other. */
  const load = (chunks: AsyncIterable<Changed[]>): Promise<void> => {
    const loaded = turn.then(() => directory.load(chunks))
    turn = loaded.catch(() => {})
    return loaded
  }
  const stop = onChanges(db, (changes) => {
    if (changes !== 'all') directory.apply(changes)
    else if (!isRefilling)
      void load(liveObjects(db)).catch((error) => log.error({ err: error }, 'the directory could not be read again'))
  })
  db.refill = () => {
    isRefilling = true
    const { chunks, refill } = channel()
    const loaded = load(chunks)
    loaded.catch(() => {})
    const ended = () => {
      isRefilling = false
    }
    return {
      add: refill.add,
      done: () => refill.done().then(() => loaded.finally(ended)),
      failed: () => refill.failed().finally(ended),
    }
  }
  await load(liveObjects(db))
  return stop
}

/** What one side adds, the other reads; an add waits until it was read, so that nothing piles up. */
function channel(): { chunks: AsyncIterable<Changed[]>; refill: Refill } {
  type Item = { changes?: Changed[]; isTakenBack?: boolean; taken: () => void }
  const waiting: Item[] = []
  let wake = () => {}
  const put = (item: Omit<Item, 'taken'>): Promise<void> =>
    new Promise((resolve) => {
      waiting.push({ ...item, taken: resolve })
      wake()
    })
  async function* read(): AsyncGenerator<Changed[]> {
    for (;;) {
      const item = waiting.shift()
      if (!item) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        continue
      }
      item.taken()
      if (item.isTakenBack) throw new Error('The full sync was taken back.')
      if (!item.changes) return
      yield item.changes
    }
  }
  return {
    chunks: read(),
    refill: {
      add: (changes) => put({ changes }),
      done: () => put({}),
      failed: () => put({ isTakenBack: true }),
    },
  }
}
