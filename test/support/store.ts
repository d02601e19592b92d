import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setUpOwn } from '../../server/mode/set-up.ts'
import { closeDb, type Db, openDb } from '../../server/store/db.ts'
import { me, password } from './people.ts'

export const aFolder = (name = 'node'): string => mkdtempSync(join(tmpdir(), `account-sync-${name}-`))

/** A store of its own; `close` takes it away again. */
export async function aStore(): Promise<{ db: Db; close: () => Promise<void> }> {
  const dir = aFolder()
  const db = await openDb(dir)
  return {
    db,
    close: async () => {
      await closeDb(db)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A store set up as master (or standalone), without any listener. */
export async function aMasterStore(mode: 'master' | 'standalone' = 'master') {
  const store = await aStore()
  await setUpOwn(store.db, me, { mode, domain: 'example.lan', admin: 'admin', password, name: 'master.example.lan' })
  return store
}
