import { setImmediate as others } from 'node:timers/promises'
import { stringify } from 'csv-stringify/sync'
import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { whyNoChange } from '../store/local.ts'
import { columnsOf } from './columns.ts'
import { tableOfCsv } from './csv.ts'
import { maxRows, some } from './csv-file.ts'
import { type Declared, declared } from './declarations.ts'
import { tableOfEntries } from './entries.ts'
import { finishGroups } from './import-groups.ts'
import { type Import, importBatch, type Outcome, type RowResult } from './import-rows.ts'
import { keepLatest, newProgress, type Progress, runToEnd, stop } from './jobs.ts'
import { isLdif, readLdif } from './ldif.ts'
import { type Mapping, mapColumns } from './mapping.ts'
import { profileByName } from './profiles.ts'
import { needRight } from './roles.ts'
import type { Table } from './table.ts'

export type { CellChange, Outcome, RowResult } from './import-rows.ts'

/** add: who exists is refused; update: who is missing is refused; both: neither. */
export type ImportMode = 'add' | 'update' | 'both'

export type ImportOptions = {
  mode?: ImportMode | undefined
  /** What the source's columns mean; without it their names are read. */
  mapping?: Mapping | undefined
  /** An empty value takes away what is there. */
  clears?: boolean | undefined
  /** A value that cannot be taken is left out, and the person comes without it. */
  lenient?: boolean | undefined
  /** Name of a profile that new people get. */
  profile?: string | undefined
  /** New people without a password get one, to be handed out once. */
  newPasswords?: boolean | undefined
}

/** The bytes of a file, or a table that was read already. */
export type ImportGiven = { file: string; dryRun: boolean } & ({ text: Buffer } | { table: Table }) & ImportOptions

/** One import, live: whoever looks at it sees how far it is. */
export type ImportJob = Progress & {
  file: string
  dryRun: boolean
  mode: ImportMode
  unit: Table['unit']
  added: number
  changed: number
  unchanged: number
  /** How many rows were refused; `refused` names the first ten thousand of them. */
  refusedRows: number
  refused: RowResult[]
  /** How many groups were made, or would be. */
  groups: number
  notices: string[]
  /** New passwords wait to be fetched. */
  passwords: number
}

const mostRefusedKept = 10_000
const mostRowsKept = 5_000
const mostJobsWithRows = 4

type Kept = { job: ImportJob; end: Promise<void>; rows: Record<Outcome, RowResult[]>; passwords: [string, string][] }
const kept = new Map<string, Kept>()
const running = new WeakSet<Db>()

/** What a file holds. Throws Invalid for what is no such file at all, and for more rows than can be taken. */
export async function readTable(db: Db, file: string, text: Buffer): Promise<Table> {
  const table = isLdif(file, text) ? await tableOfEntries(db, readLdif(text), 'line') : tableOfCsv(text)
  await countRows(table)
  return table
}

/** Checks the source as a whole, then imports its rows in the background. */
export async function startImport(db: Db, actor: Actor, given: ImportGiven): Promise<ImportJob> {
  needRight(actor, 'change')
  const why = whyNoChange(db.local)
  if (why) throw why
  if (running.has(db))
    throw new Refused('An import is running already. Wait for its end, or stop it.', 'import-running')
  running.add(db)
  try {
    const known = await declared(db)
    const table = 'table' in given ? given.table : await readTable(db, given.file, given.text)
    const job = await newJob(table, given)
    const all = await newImport(db, actor, known, table, given, job)
    keep(
      all,
      importRows(all).finally(() => running.delete(db)),
    )
    return job
  } catch (error) {
    running.delete(db)
    throw error
  }
}

async function newJob(table: Table, given: ImportGiven): Promise<ImportJob> {
  return {
    ...newProgress(await countRows(table)),
    file: given.file,
    dryRun: given.dryRun,
    mode: given.mode ?? 'add',
    unit: table.unit,
    added: 0,
    changed: 0,
    unchanged: 0,
    refusedRows: 0,
    refused: [],
    groups: 0,
    notices: [...table.notices],
    passwords: 0,
  }
}

async function newImport(
  db: Db,
  actor: Actor,
  known: Declared,
  table: Table,
  given: ImportGiven,
  job: ImportJob,
): Promise<Import> {
  const columns = columnsOf(known)
  const needed = columns
    .filter(({ name, required }) => required && (job.mode !== 'update' || name === 'core.username'))
    .map(({ name }) => name)
  const mapped = mapColumns(table, known, columns, given.mapping, needed)
  job.notices.push(...mapped.notices)
  return {
    db,
    // One import is one batch: its rows in the audit are undone together.
    actor: { ...actor, batch: job.id },
    declared: known,
    table,
    columns,
    placed: mapped.columns,
    job,
    clears: given.clears ?? false,
    lenient: given.lenient ?? false,
    newPasswords: given.newPasswords ?? false,
    profile: given.profile ? await profileByName(db, given.profile) : undefined,
    taken: new Map(),
    groups: new Map(),
    making: new Map(),
    made: [],
    leftOut: new Map(),
    passwords: [],
  }
}

export const importJob = (id: string): ImportJob | undefined => kept.get(id)?.job

/** The jobs that are remembered, the latest first. */
export const importJobs = (): ImportJob[] => [...kept.values()].map(({ job }) => job).reverse()

/** What became of the rows, a page of one outcome in the order of the source. */
export function importedRows(
  id: string,
  outcome: Outcome,
  query: { page: number; size: number },
): { rows: RowResult[]; total: number; page: number; pages: number; size: number } {
  const rows = kept.get(id)?.rows[outcome] ?? []
  const pages = Math.max(1, Math.ceil(rows.length / query.size))
  const page = Math.min(query.page, pages)
  return {
    rows: rows.slice((page - 1) * query.size, page * query.size),
    total: rows.length,
    page,
    pages,
    size: query.size,
  }
}

/** The passwords that an import made, as CSV. They are handed out once and are nowhere else. */
export function takeNewPasswords(id: string): string | undefined {
  const found = kept.get(id)
  if (!found || found.passwords.length === 0 || found.job.state === 'running') return undefined
  const rows = found.passwords.splice(0)
  found.job.passwords = 0
  return stringify([['username', 'password'], ...rows], { record_delimiter: '\r\n', escape_formulas: true })
}

/** Rows under way are finished; no new one is begun. */
export function stopImport(id: string): void {
  const job = importJob(id)
  if (job) stop(job)
}

/** The job, once nothing of it is under way. */
export async function importDone(id: string): Promise<ImportJob> {
  const found = kept.get(id)
  if (!found) throw new NotFound('There is no such import.')
  await found.end
  return found.job
}

function keep(all: Import, end: Promise<void>): void {
  const rows: Kept['rows'] = { added: [], changed: [], unchanged: [], refused: [] }
  kept.set(all.job.id, { job: all.job, end, rows, passwords: all.passwords })
  keepLatest(kept)
  for (const old of [...kept.values()].reverse().slice(mostJobsWithRows))
    for (const outcome of Object.keys(old.rows) as Outcome[]) old.rows[outcome] = []
}

async function countRows(table: Table): Promise<number> {
  let rows = 0
  for (const batch of table.rows()) {
    rows += batch.length
    if (rows > maxRows)
      throw new Invalid({ file: `The file has more than ${maxRows.toLocaleString('en')} rows. Split it into several.` })
    await others()
  }
  if (rows === 0)
    throw new Invalid({
      file: table.unit === 'line' ? 'The file has a header and no rows.' : 'No people were found in it.',
    })
  return rows
}

/** So many rows share a transaction: others who write wait for one of them at most. */
const together = 100

async function importRows(all: Import): Promise<void> {
  const { job } = all
  await runToEnd(job, async () => {
    for (const batch of all.table.rows()) {
      for (let at = 0; at < batch.length && job.state === 'running'; at += together) {
        for (const result of await importBatch(all, batch.slice(at, at + together))) report(all, result)
        await others()
      }
      if (job.state !== 'running') break
    }
    if (job.state === 'running') await finishGroups(all)
  })
  job.passwords = all.passwords.length
  job.groups = all.made.length
  job.notices.push(...closingNotices(all))
}

function report({ job }: Import, result: RowResult): void {
  job.done++
  const outcome = result.outcome
  const rows = kept.get(job.id)?.rows[outcome]
  if (outcome === 'refused') {
    if (++job.refusedRows <= mostRefusedKept) job.refused.push(result)
  } else job[outcome]++
  if (rows && rows.length < mostRowsKept) rows.push(result)
}

function closingNotices({ job, made, leftOut }: Import): string[] {
  const notices: string[] = []
  if (made.length > 0) {
    const names = some(made.sort(), 200)
    notices.push(`${job.dryRun ? 'Groups that would be made' : 'Groups made'}, because the file names them: ${names}.`)
  }
  for (const [column, times] of leftOut)
    notices.push(
      `${times === 1 ? 'One value' : `${times.toLocaleString('en')} values`} of ${column} cannot be taken here and ${times === 1 ? 'is' : 'are'} left out.`,
    )
  if (job.refusedRows > job.refused.length)
    notices.push(`${job.refusedRows} rows were refused; the first ${job.refused.length} are listed.`)
  return notices
}
