import type { Log } from '../log.ts'
import { openKept } from '../samba/kept.ts'
import type { Changed } from '../store/bodies.ts'
import { type Db, onChanges } from '../store/db.ts'
import type { Refill } from '../store/head.ts'
import { openHash } from '../store/nt-hashes.ts'
import { entriesGoneSince, liveObjects, objectsByIds, objectsOf } from '../store/objects.ts'
import { csnOf } from './csn.ts'
import type { Directory } from './directory.ts'
import type { SyncFeed } from './sync.ts'

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
  directory.reread = (ids) =>
    changesOf(db, ids).catch((error) => {
      log.error({ err: error, objects: ids.length }, 'LDAP entries could not be brought up to date')
      return []
    })
  directory.open = {
    hash: (id, body) => openHash(db.dir, id, body),
    kept: (id, body) => openKept(db.dir, id, body),
    isHere: (deviceId) => deviceId === db.local.deviceId,
  }
  directory.csnOf = (seq) => csnOf(db.position, seq)
  const stop = onChanges(db, (changes) => {
    if (changes !== 'all') directory.apply(changes)
    else if (!isRefilling)
      void load(everything(db)).catch((error) => log.error({ err: error }, 'the directory could not be read again'))
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
  await load(everything(db))
  return () => {
    stop()
    directory.reread = async () => []
  }
}

/** What those who replicate from here need of the store. */
export const feedOf = (db: Db): SyncFeed => ({
  position: () => db.position,
  goneSince: (seq) => entriesGoneSince(db.reader, seq),
})

/** Declarations first, so that nobody has to be described twice. */
async function* everything(db: Db): AsyncGenerator<Changed[]> {
  const extensions = await objectsOf(db.reader, 'extension')
  yield extensions.map((each) => ({ kind: 'extension', ...each }))
  const domains = await objectsOf(db.reader, 'windows')
  yield domains.map((each) => ({ kind: 'windows', ...each }))
  yield* liveObjects(db)
}

async function changesOf(db: Db, ids: readonly string[]): Promise<Changed[]> {
  const [users, groups, machines] = await Promise.all([
    objectsByIds(db.reader, 'user', ids),
    objectsByIds(db.reader, 'group', ids),
    objectsByIds(db.reader, 'machine', ids),
  ])
  return [
    ...Array.from(users.values(), (each): Changed => ({ kind: 'user', ...each })),
    ...Array.from(groups.values(), (each): Changed => ({ kind: 'group', ...each })),
    ...Array.from(machines.values(), (each): Changed => ({ kind: 'machine', ...each })),
  ]
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
