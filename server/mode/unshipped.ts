import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Db } from '../store/db.ts'
import { readPrivate, removePrivate, writePrivate } from '../store/files.ts'
import { liveBody } from '../store/live.ts'
import { type FeedRow, feedRows } from '../store/objects.ts'

/** Changes that were made here and that the master of a newer epoch never got. Bodies hold hashes: the file is its owner's alone. */
export type Unshipped = { epoch: string; kept: string; rows: FeedRow[] }

const fileName = (epochNo: number) => `unshipped-${epochNo}.json`
const isFile = /^unshipped-\d+\.json$/

/** Before this node goes over to a newer epoch: keeps what it changed after that epoch began. */
export async function keepUnshipped(db: Db, epochStart: number): Promise<number> {
  const { epochNo, epochId, seq } = db.position
  if (!Number.isSafeInteger(epochStart) || seq <= epochStart) return 0
  const rows: FeedRow[] = []
  for await (const some of feedRows(db.reader, epochStart)) rows.push(...some)
  if (rows.length === 0) return 0
  const unshipped: Unshipped = { epoch: `${epochNo}.${epochId}`, kept: new Date().toISOString(), rows }
  writePrivate(join(db.dir, fileName(epochNo)), JSON.stringify(unshipped))
  return rows.length
}

export type UnshippedChange = { kind: string; id: string; name: string; what: string }
export type UnshippedFile = { file: string; kept: string; changes: UnshippedChange[] }

/** What was kept, as somebody goes through it to make the changes again: names of fields, never a secret. */
export async function unshippedChanges(db: Db): Promise<UnshippedFile[]> {
  const files = readdirSync(db.dir).filter((name) => isFile.test(name))
  return Promise.all(
    files.sort().map(async (file) => {
      const { kept, rows }: Unshipped = JSON.parse(readPrivate(join(db.dir, file)) ?? '{"kept":"","rows":[]}')
      const changes = await Promise.all(rows.map((row) => compared(db, row)))
      return { file, kept, changes: changes.filter((change) => change !== undefined) }
    }),
  )
}

export const forgetUnshipped = (db: Db, file: string): void => {
  if (isFile.test(file)) removePrivate(join(db.dir, file))
}

/** Against what is here now; undefined where the same was made again meanwhile, or never differed. */
async function compared(db: Db, { kind, id, body }: FeedRow): Promise<UnshippedChange | undefined> {
  if (kind === 'revision' || kind === 'numbers') return undefined
  const now = await liveBody(db.reader, kind, id)
  if (now === body) return undefined
  const was: Record<string, unknown> = body === undefined ? {} : JSON.parse(body)
  const is: Record<string, unknown> = now === undefined ? {} : JSON.parse(now)
  const fields = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
    (field) => field !== 'changed' && JSON.stringify(was[field]) !== JSON.stringify(is[field]),
  )
  const what = body === undefined ? 'removed' : now === undefined ? 'added' : `changed: ${fields.join(', ')}`
  return { kind, id, name: nameIn(body === undefined ? is : was) ?? id, what }
}

const nameIn = ({ username, name }: Record<string, unknown>): string | undefined =>
  typeof username === 'string' ? username : typeof name === 'string' ? name : undefined
