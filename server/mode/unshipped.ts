import { createReadStream, createWriteStream, existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import type { Db } from '../store/db.ts'
import { liveBody } from '../store/live.ts'
import { feedRows } from '../store/objects.ts'
import { forkOf } from './epoch.ts'

// Changes that were made here and that the master of a newer epoch never got, in a file for each epoch of this node: a line
// that says when, and one for each object as it was here. Bodies hold hashes, so the file is its owner's alone.

type Row = { kind: string; id: string; body?: string }

const fileName = (epochNo: number) => `unshipped-${epochNo}.jsonl`
const isFile = /^unshipped-\d+\.jsonl$/

/** Before this node goes over to a newer epoch: keeps what it has of a history that is not the master's. */
export async function keepUnshipped(db: Db, theirEpochs: readonly string[]): Promise<number> {
  const { epochNo, seq } = db.position
  const fork = forkOf(db.local.epochs ?? [], theirEpochs) ?? seq
  const file = join(db.dir, fileName(epochNo))
  if (seq <= fork || existsSync(file)) return 0
  let n = 0
  async function* lines() {
    yield `${JSON.stringify({ kept: new Date().toISOString() })}\n`
    for await (const rows of feedRows(db.reader, fork)) {
      n += rows.length
      yield rows.map(({ kind, id, body }) => `${JSON.stringify({ kind, id, body })}\n`).join('')
    }
  }
  await pipeline(lines, createWriteStream(`${file}.part`, { mode: 0o600, flush: true }))
  if (n > 0) renameSync(`${file}.part`, file)
  else rmSync(`${file}.part`)
  return n
}

export type UnshippedChange = {
  kind: string
  id: string
  name: string
  what: 'added' | 'changed' | 'removed'
  /** What differs: as it was here, and as it is now. Secrets are named and not shown. */
  fields: { field: string; mine?: string; now?: string }[]
}
export type UnshippedFile = { file: string; kept: string; changes: UnshippedChange[] }

/** What was kept, as somebody goes through it to make the changes again; what is so by now is left out. */
export async function unshippedChanges(db: Db): Promise<UnshippedFile[]> {
  const files: UnshippedFile[] = []
  for (const file of unshippedFiles(db)) {
    const changes: UnshippedChange[] = []
    let kept = ''
    for await (const line of linesOf(join(db.dir, file))) {
      const row: Row & { kept?: string } = JSON.parse(line)
      if (row.kept) kept = row.kept
      else if (!inner.has(row.kind)) changes.push(...(await compared(db, row)))
    }
    files.push({ file, kept, changes })
  }
  return files
}

/** Oldest first. */
export const unshippedFiles = (db: Db): string[] =>
  readdirSync(db.dir)
    .filter((name) => isFile.test(name))
    .sort((a, b) => numberIn(a) - numberIn(b))

const numberIn = (file: string): number => Number(/\d+/.exec(file)?.[0])

/** An object as it was here; undefined: not in that file. */
export async function unshippedBody(db: Db, file: string, kind: string, id: string): Promise<Row | undefined> {
  if (!unshippedFiles(db).includes(file)) return undefined
  for await (const line of linesOf(join(db.dir, file))) {
    const row: Row = JSON.parse(line)
    if (row.kind === kind && row.id === id) return row
  }
  return undefined
}

export const forgetUnshipped = (db: Db, file: string): void => {
  if (isFile.test(file)) rmSync(join(db.dir, file), { force: true })
}

const linesOf = (path: string): AsyncIterable<string> =>
  createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })

/** Kinds that say nothing to a person, or that belong to the node that is master. */
const inner = new Set(['revision', 'numbers', 'device', 'recovery', 'removed', 'nt-hash'])

type Body = Record<string, unknown>

/** Against what is here now; nothing where the same was made again meanwhile, or never differed. */
async function compared(db: Db, { kind, id, body }: Row): Promise<UnshippedChange[]> {
  const live = await liveBody(db.reader, kind, id)
  if (live === body) return []
  const mine: Body = body === undefined ? {} : JSON.parse(body)
  const now: Body = live === undefined ? {} : JSON.parse(live)
  const what = body === undefined ? 'removed' : live === undefined ? 'added' : 'changed'
  const fields = what === 'removed' ? [] : differences(mine, now)
  if (what === 'changed' && fields.length === 0) return []
  return [{ kind, id, name: nameIn(what === 'removed' ? now : mine) ?? kind, what, fields }]
}

const nameIn = ({ username, name }: Body): string | undefined =>
  typeof username === 'string' ? username : typeof name === 'string' ? name : undefined

const secrets = /password|hash|history|token|secret|invitation|^nt/i
// Numbers are never changed, but given anew to who is added again.
const dull = new Set(['changed', 'added', 'uidNumber', 'gidNumber'])

function differences(mine: Body, now: Body): UnshippedChange['fields'] {
  const [here, there] = [flat(mine), flat(now)]
  return [...new Set([...Object.keys(there), ...Object.keys(here)])]
    .filter((field) => !dull.has(field) && here[field] !== there[field])
    .map((field) =>
      secrets.test(field)
        ? { field, mine: 'another one' }
        : {
            field,
            ...(here[field] !== undefined && { mine: here[field] }),
            ...(there[field] !== undefined && { now: there[field] }),
          },
    )
}

function flat(body: Body, path = ''): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(body)) {
    const at = path ? `${path}.${name}` : name
    if (value !== null && typeof value === 'object' && !Array.isArray(value))
      Object.assign(out, flat(value as Body, at))
    else out[at] = Array.isArray(value) ? value.map(wordOf).join(', ') : String(value)
  }
  return out
}

const wordOf = (one: unknown): string => (typeof one === 'object' ? JSON.stringify(one) : String(one))
