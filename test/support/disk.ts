import type { Db } from '../../server/store/db.ts'

/** Not a page more, and none left of those that there are: as SQLite is answered by a disk that is full. */
export async function fillDisk(db: Db): Promise<void> {
  const [{ page_count: pages }] = await db.writer.raw('PRAGMA page_count')
  await db.writer.raw(`PRAGMA max_page_count = ${pages}`)
  for (let hasRoom = true; hasRoom; )
    hasRoom = await db
      .writer('requests')
      .insert({ id: `filler ${Math.random()} ${'x'.repeat(1000)}`, done_at: '2999' })
      .then(
        () => true,
        () => false,
      )
}

export async function makeRoom(db: Db): Promise<void> {
  await db.writer.raw('PRAGMA max_page_count = 1000000000')
  await db.writer('requests').where('id', 'like', 'filler %').delete()
}
