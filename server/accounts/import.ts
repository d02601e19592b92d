import { randomUUID } from 'node:crypto'
import { setImmediate as others } from 'node:timers/promises'
import type { Actor } from '../audit/actor.ts'
import { Invalid, messageOf, NotFound, type Problems, ReadOnly, Refused, Unavailable } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { columnOf, type PeopleFile, personOf, readPeople } from './csv.ts'
import { type CsvRow, maxRows, some } from './csv-file.ts'
import { addGroup, groupByName } from './groups.ts'
import { canonicalName, groupNameProblem } from './names.ts'
import { addUser, checkUser, type UserInput, userByUsername } from './users.ts'

export type RowResult = { line: number; username?: string; ok: boolean; column?: string; reason?: string }

/** One import, live: whoever looks at it sees how far it is. */
export type ImportJob = {
  id: string
  file: string
  dryRun: boolean
  total: number
  done: number
  added: number
  /** How many rows were refused; `refused` names the first ten thousand of them. */
  refusedRows: number
  refused: RowResult[]
  notices: string[]
  state: 'running' | 'done' | 'stopped' | 'failed'
  error?: string
  startedAt: string
}

const mostRefusedKept = 10_000
const mostJobsKept = 20

/** Enough at once to fill the password queue's workers and to share commits. */
const atOnce = 16

type Kept = { job: ImportJob; end: Promise<void> }
const kept = new Map<string, Kept>()
const running = new WeakSet<Db>()

/** Checks the file as a whole, then imports its rows in the background. */
export async function startImport(
  db: Db,
  actor: Actor,
  given: { file: string; text: Buffer; dryRun: boolean },
): Promise<ImportJob> {
  if (db.local.mode === 'slave') throw new ReadOnly(db.local.masterName ?? db.local.masterUrl ?? 'the master')
  if (!db.local.mode) throw new Unavailable('This node is not set up yet. Choose its mode first.')
  if (running.has(db))
    throw new Refused('An import is running already. Wait for its end, or stop it.', 'import-running')
  running.add(db)
  try {
    const file = readPeople(given.text)
    const job: ImportJob = {
      id: randomUUID(),
      file: given.file,
      dryRun: given.dryRun,
      total: await countRows(file),
      done: 0,
      added: 0,
      refusedRows: 0,
      refused: [],
      notices: file.notices,
      state: 'running',
      startedAt: new Date().toISOString(),
    }
    keep(
      job,
      importRows(db, actor, file, job).finally(() => running.delete(db)),
    )
    return job
  } catch (error) {
    running.delete(db)
    throw error
  }
}

export const importJob = (id: string): ImportJob | undefined => kept.get(id)?.job

export const latestImport = (): ImportJob | undefined => [...kept.values()].at(-1)?.job

/** Rows under way are finished; no new one is begun. */
export function stopImport(id: string): void {
  const job = importJob(id)
  if (job?.state === 'running') job.state = 'stopped'
}

/** The job, once nothing of it is under way. */
export async function importDone(id: string): Promise<ImportJob> {
  const found = kept.get(id)
  if (!found) throw new NotFound('There is no such import.')
  await found.end
  return found.job
}

function keep(job: ImportJob, end: Promise<void>): void {
  kept.set(job.id, { job, end })
  for (const [id, old] of kept) {
    if (kept.size <= mostJobsKept) break
    if (old.job.state !== 'running') kept.delete(id)
  }
}

async function countRows(file: PeopleFile): Promise<number> {
  let rows = 0
  for (const batch of file.rows()) {
    rows += batch.length
    if (rows > maxRows)
      throw new Invalid({ file: `The file has more than ${maxRows.toLocaleString('en')} rows. Split it into several.` })
    await others()
  }
  if (rows === 0) throw new Invalid({ file: 'The file has a header and no rows.' })
  return rows
}

/** What the rows of one import know of each other. */
type Import = {
  db: Db
  actor: Actor
  file: PeopleFile
  job: ImportJob
  /** username -> the line that took it. */
  taken: Map<string, number>
  /** What was found for each group that rows name. */
  groups: Map<string, Promise<GroupState>>
  /** Groups being made or made; in a dry run those that would be. */
  making: Map<string, Promise<unknown>>
  made: string[]
}

type GroupState = 'there' | 'missing' | { problem: string }

async function importRows(db: Db, actor: Actor, file: PeopleFile, job: ImportJob): Promise<void> {
  const all: Import = { db, actor, file, job, taken: new Map(), groups: new Map(), making: new Map(), made: [] }
  try {
    for (const batch of file.rows()) {
      await inParallel(batch, atOnce, async (row) => {
        if (job.state !== 'running') return
        report(job, await importRow(all, row))
      })
      if (job.state !== 'running') break
      await others()
    }
    if (job.state === 'running') job.state = 'done'
  } catch (error) {
    job.state = 'failed'
    job.error = messageOf(error)
  }
  if (all.made.length > 0) {
    const names = some(all.made.sort(), 200)
    job.notices.push(
      `${job.dryRun ? 'Groups that would be made' : 'Groups made'}, because the file names them: ${names}.`,
    )
  }
  if (job.refusedRows > job.refused.length)
    job.notices.push(`${job.refusedRows} rows were refused; the first ${job.refused.length} are listed.`)
}

function report(job: ImportJob, result: RowResult): void {
  job.done++
  if (result.ok) job.added++
  else if (++job.refusedRows <= mostRefusedKept) job.refused.push(result)
}

async function inParallel<T>(items: readonly T[], most: number, run: (item: T) => Promise<void>): Promise<void> {
  const left = items.values()
  const worker = async () => {
    for (const item of left) await run(item)
  }
  await Promise.all(Array.from({ length: most }, worker))
}

async function importRow(all: Import, row: CsvRow): Promise<RowResult> {
  const { line } = row
  if ('reason' in row) return { line, ok: false, column: row.column, reason: row.reason }
  const { input, problems } = personOf(all.file, row.cells)
  const { username } = input
  const refuse = (problems: Problems): RowResult => ({ line, username, ok: false, ...firstOf(problems) })
  if (Object.keys(problems).length > 0) return refuse(problems)
  const earlier = takeName(all, username, line)
  if (earlier) return refuse({ username: `“${username}” stands already in line ${earlier}.` })
  const found = await problemsOf(all, input)
  if (Object.keys(found).length > 0) return refuse(found)
  try {
    for (const name of input.groups ?? []) await makeGroup(all, name)
    if (!all.job.dryRun) await addUser(all.db, all.actor, input)
    return { line, username, ok: true }
  } catch (error) {
    if (error instanceof Invalid) return refuse(error.problems)
    throw error
  }
}

/** The line that has the name already, or nothing; two rows under way at once cannot both have it. */
function takeName(all: Import, username: string, line: number): number | undefined {
  const name = canonicalName(username)
  const earlier = all.taken.get(name)
  if (name && earlier === undefined) all.taken.set(name, line)
  return earlier
}

/** Everything that speaks against a row, while nothing is written. */
async function problemsOf(all: Import, input: UserInput): Promise<Problems> {
  if (await isThere(userByUsername(all.db, input.username)))
    return { username: `“${input.username}” already exists; nothing was changed.` }
  const there: string[] = []
  for (const name of input.groups ?? []) {
    const state = await groupState(all, name)
    if (typeof state === 'object') return { groups: `${name}: ${state.problem}` }
    if (state === 'there') there.push(name)
  }
  return checkUser(all.db, { ...input, groups: there })
}

function groupState(all: Import, name: string): Promise<GroupState> {
  const known = all.groups.get(canonicalName(name))
  if (known) return known
  const state = lookUpGroup(all, name)
  all.groups.set(canonicalName(name), state)
  return state
}

async function lookUpGroup(all: Import, name: string): Promise<GroupState> {
  if (await isThere(groupByName(all.db, name))) return 'there'
  const problem = groupNameProblem(canonicalName(name))
  if (problem) return { problem }
  if (await isThere(userByUsername(all.db, name))) return { problem: 'A user has this name already.' }
  return 'missing'
}

/** Made once, for the first good row that names it. */
async function makeGroup(all: Import, name: string): Promise<void> {
  if ((await groupState(all, name)) !== 'missing') return
  const making = all.making.get(canonicalName(name)) ?? addMissing(all, name)
  all.making.set(canonicalName(name), making)
  await making
}

async function addMissing(all: Import, name: string): Promise<void> {
  try {
    if (!all.job.dryRun) await addGroup(all.db, all.actor, { name, description: '' })
    all.made.push(canonicalName(name))
  } catch (error) {
    if (!(error instanceof Invalid)) throw error
    // Someone else may have made it since it was looked up.
    if (!(await isThere(groupByName(all.db, name)))) throw new Invalid({ groups: `${name}: ${error.message}` })
  }
}

async function isThere(found: Promise<unknown>): Promise<boolean> {
  try {
    await found
    return true
  } catch (error) {
    if (error instanceof NotFound || error instanceof Invalid) return false
    throw error
  }
}

function firstOf(problems: Problems): { column?: string; reason: string } {
  const [key, reason] = Object.entries(problems)[0] as [string, string]
  return { column: columnOf(key), reason }
}
