import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, type Problems } from '../errors.ts'
import { canonical } from '../store/canonical.ts'
import type { Db } from '../store/db.ts'
import { groupNamesByIds } from '../store/groups.ts'
import { type Move, objectsByIds } from '../store/objects.ts'
import { userIdsByName } from '../store/users.ts'
import { type Change, write } from '../store/write.ts'
import { type Column, columnOf, type RowInput } from './columns.ts'
import type { Declared } from './declarations.ts'
import type { ImportJob } from './import.ts'
import { type GroupState, groupState, makeGroup } from './import-groups.ts'
import { canonicalName } from './names.ts'
import { hashPassword, newPassword } from './passwords.ts'
import { judgePassword } from './policies.ts'
import { applyProfile, type Profile } from './profiles.ts'
import type { Table, TableRow } from './table.ts'
import { judgeInput, type UserInput, type UserValues } from './user-input.ts'
import { changeOne, changeUser, insertUser, type ListedUser, toUser, type User } from './users.ts'

export type Outcome = 'added' | 'changed' | 'unchanged' | 'refused'
export type CellChange = { column: string; before: string; after: string }

/** What became of a row, or in a dry run what would. */
export type RowResult = {
  line: number
  username?: string
  /** First and last name. */
  name?: string
  ok: boolean
  outcome: Outcome
  /** What the reason of a refusal is about. */
  column?: string
  reason?: string
  changes?: CellChange[]
}

/** What the rows of one import know of each other. */
export type Import = {
  db: Db
  actor: Actor
  declared: Declared
  table: Table
  columns: readonly Column[]
  /** What each place of a row means; undefined for what is left out. */
  placed: readonly (Column | undefined)[]
  job: ImportJob
  clears: boolean
  lenient: boolean
  newPasswords: boolean
  profile: Profile | undefined
  /** Username or alias -> the line that took it. */
  taken: Map<string, number>
  /** What was found for each group that rows name. */
  groups: Map<string, Promise<GroupState>>
  /** Groups being made or made; in a dry run those that would be. */
  making: Map<string, Promise<string | undefined>>
  made: string[]
  /** Column -> how many of its values were left out. */
  leftOut: Map<string, number>
  /** Usernames with the passwords that were made for them. */
  passwords: [string, string][]
}

/** A row that was read and has not been refused yet. */
type Read = { line: number; username: string; input: RowInput; before: ListedUser | undefined }
type Ready = Read & { typed: Partial<UserInput>; hash: string | undefined; made: string | undefined }

/** Imports some rows, in their order; one that is refused spoils no other. */
export async function importBatch(all: Import, rows: readonly TableRow[]): Promise<RowResult[]> {
  const results = new Map<number, RowResult>()
  const read = await readRows(all, rows, results)
  const ready: Ready[] = []
  // Checked one after the other, for a group that an earlier row brings is there for the next; hashed together.
  for (const row of read) {
    const found = await checkRow(all, row)
    if ('ready' in found) ready.push(found.ready)
    else results.set(row.line, found.result)
  }
  await Promise.all(ready.map(takeHash))
  await writeRows(all, ready, results)
  return rows.flatMap(({ line }) => results.get(line) ?? [])
}

async function readRows(all: Import, rows: readonly TableRow[], results: Map<number, RowResult>): Promise<Read[]> {
  const found: Read[] = []
  for (const row of rows) {
    const { line } = row
    if ('reason' in row) {
      results.set(line, { line, ok: false, outcome: 'refused', column: row.column, reason: row.reason })
      continue
    }
    const { input, problems } = personOf(all, row.cells)
    const username = canonicalName(input.username ?? '')
    const read = { line, username, input, before: undefined }
    if (username === '') problems.username ??= 'Username is needed.'
    const earlier = all.taken.get(username)
    if (earlier === undefined) all.taken.set(username, line)
    else problems.username ??= `“${input.username}” stands already in ${all.table.unit} ${earlier}.`
    if (Object.keys(problems).length > 0) results.set(line, refusal(all, read, problems))
    else found.push(read)
  }
  const people = await peopleNamed(
    all.db,
    found.map(({ username }) => username),
  )
  return found.map((row) => ({ ...row, before: people.get(row.username) }))
}

/** The person of a row, and what is wrong with single cells: key -> sentence. */
function personOf(all: Import, cells: readonly string[]): { input: RowInput; problems: Problems } {
  const input: RowInput = { pluginsOn: [], pluginsOff: [] }
  const problems: Problems = {}
  for (const [place, column] of all.placed.entries()) {
    if (!column) continue
    const cell = cells[place] ?? ''
    // An attribute may have several values: a field that takes one takes the first.
    const one = all.table.groups && !column.isList ? (cell.split('\n')[0] as string) : cell
    const problem = column.take(one, input, all.clears)
    if (problem && all.lenient && !column.required) leaveOut(all, column.key)
    else if (problem) problems[column.key] = problem
  }
  return { input, problems }
}

const leaveOut = (all: Import, key: string): void => {
  const column = columnOf(all.columns, key) ?? key
  all.leftOut.set(column, (all.leftOut.get(column) ?? 0) + 1)
}

async function peopleNamed(db: Db, usernames: string[]): Promise<Map<string, ListedUser>> {
  const ids = await userIdsByName(db.reader, usernames)
  if (ids.size === 0) return new Map()
  const users = [...(await objectsByIds(db.reader, 'user', [...ids.values()])).values()].map(toUser)
  const named = await withGroupNames(db, users)
  return new Map(named.map((user) => [user.username, user]))
}

async function withGroupNames<T extends User>(db: Db, users: T[]): Promise<(T & { groupNames: string[] })[]> {
  const names = await groupNamesByIds(
    db.reader,
    users.flatMap(({ groups }) => groups),
  )
  return users.map((user) => ({ ...user, groupNames: user.groups.flatMap((id) => names.get(id) ?? []).sort() }))
}

/** Everything that speaks against a row, while nothing is written. */
async function checkRow(all: Import, row: Read): Promise<{ result: RowResult } | { ready: Ready }> {
  const { job } = all
  const refused = (problems: Problems) => ({ result: refusal(all, row, problems) })
  if (row.before && job.mode === 'add')
    return refused({ username: `“${row.username}” already exists; nothing was changed.` })
  if (!row.before && job.mode === 'update')
    return refused({ username: `There is no user “${row.username}”; nobody was added.` })
  const typed = typedOf(all, row)
  const groups = await checkGroups(all, typed)
  if ('problem' in groups) return refused({ groups: groups.problem })
  const made = all.newPasswords && !row.before && !typed.password && !typed.passwordHash ? newPassword() : undefined
  if (made) Object.assign(typed, { mustChange: true })
  // A group that only bad rows name is not made, nor is a hash; everything else is judged where it is written.
  const isCostly = job.dryRun || groups.missing.length > 0 || typed.password !== undefined
  const judged = isCostly ? await judgeRow(all, row, { ...typed, groups: typed.groups && groups.there }) : undefined
  if (judged && Object.keys(judged.problems).length > 0) return refused(judged.problems)
  const twice = aliasTwice(all, row, typed)
  if (twice) return refused(twice)
  for (const name of groups.missing) {
    const problem = await makeGroup(all, name)
    if (problem) return refused({ groups: problem })
  }
  if (job.dryRun) {
    const before = row.before ?? nobody
    const groupNames = typed.groups ? [...new Set(typed.groups.map(canonicalName))].sort() : before.groupNames
    const after = { ...before, ...judged?.values, groupNames } as ListedUser
    return { result: resultOf(all, { ...row, typed, hash: undefined, made }, after) }
  }
  return { ready: { ...row, typed, hash: typed.passwordHash, made } }
}

/** Somebody of whom nothing is said. */
const nobody = {
  username: '',
  first: '',
  last: '',
  status: 'enabled',
  role: 'person',
  groups: [],
  groupNames: [],
  plugins: [],
  extensions: {},
} as unknown as ListedUser

/** A row as what is typed about a person: plugins as a whole list, and for somebody new the profile beneath it. */
function typedOf(all: Import, { input, before }: Read): Partial<UserInput> {
  const { pluginsOn, pluginsOff, ...typed } = input
  const profile =
    !before && all.profile
      ? applyProfile(all.profile, {
          first: input.first ?? '',
          last: input.last ?? '',
          username: canonicalName(input.username ?? ''),
        })
      : undefined
  const plugins = new Set([...(before?.plugins ?? profile?.plugins ?? []), ...pluginsOn])
  for (const name of pluginsOff) plugins.delete(name)
  if (profile || pluginsOn.length + pluginsOff.length > 0) typed.plugins = [...plugins]
  if (!profile) return typed
  typed.groups = [...new Set([...profile.groups, ...(typed.groups ?? [])])]
  const extensions = { ...profile.extensions }
  for (const [name, values] of Object.entries(typed.extensions ?? {})) {
    const given = Object.fromEntries(Object.entries(values).filter(([, text]) => text !== ''))
    extensions[name] = { ...extensions[name], ...given }
  }
  // A profile may name an extension that was turned off since.
  for (const name of Object.keys(extensions)) if (!all.declared.extension(name)?.on) delete extensions[name]
  return { ...typed, extensions }
}

async function checkGroups(
  all: Import,
  typed: Partial<UserInput>,
): Promise<{ problem: string } | { there: string[]; missing: string[] }> {
  const there: string[] = []
  const missing: string[] = []
  for (const name of typed.groups ?? []) {
    const state = await groupState(all, name)
    if (typeof state === 'object' && !all.lenient) return { problem: `${name}: ${state.problem}` }
    if (typeof state === 'object') {
      leaveOut(all, 'groups')
      typed.groups = typed.groups?.filter((other) => other !== name)
    } else if (state === 'there') there.push(name)
    else missing.push(name)
  }
  return { there, missing }
}

/** What an input comes to; with `lenient`, without the values that cannot be taken. */
async function judgeRow(
  all: Import,
  row: Read,
  typed: Partial<UserInput>,
): Promise<{ values: UserValues; problems: Problems }> {
  const was = row.before && { id: row.before.id, body: row.before }
  const judged = await judgeInput(all.db.reader, all.declared, typed, was as never)
  if (all.lenient && dropBad(all, typed, judged.problems)) return judgeRow(all, row, typed)
  if (typed.password) {
    const about = {
      ...row.before,
      ...judged.values,
      username: row.username,
      first: typed.first ?? '',
      last: typed.last ?? '',
    }
    const problem = await judgePassword(all.db, all.db.reader, typed.password, { groups: [], ...about } as never, {
      by: 'other',
    })
    if (problem) judged.problems.password = problem
  }
  return judged
}

/** Takes the values out that cannot be taken; false when there are none, or something else is wrong as well. */
function dropBad(all: Import, typed: Partial<UserInput>, problems: Problems): boolean {
  const bad = Object.keys(problems).flatMap((key) => {
    const [extension = '', field = ''] = key.split('.')
    return typed.extensions?.[extension]?.[field] === undefined ? [] : [{ key, extension, field }]
  })
  if (bad.length === 0 || bad.length < Object.keys(problems).length) return false
  for (const { key, extension, field } of bad) {
    const { [field]: _, ...rest } = typed.extensions?.[extension] ?? {}
    typed.extensions = { ...typed.extensions, [extension]: rest }
    leaveOut(all, key)
  }
  return true
}

/** Aliases are one pool with usernames, also among rows that are not written yet. */
function aliasTwice(all: Import, row: Read, typed: Partial<UserInput>): Problems | undefined {
  for (const { key, isName } of all.columns) {
    if (!isName) continue
    const [extension = '', field = ''] = key.split('.')
    const parsed = all.declared.extension(extension)?.user[field]?.parse(typed.extensions?.[extension]?.[field] ?? '')
    if (!parsed || 'problem' in parsed || parsed.value === undefined) continue
    for (const name of [parsed.value].flat().map((text) => canonicalName(String(text)))) {
      const earlier = all.taken.get(name)
      if (earlier !== undefined && earlier !== row.line)
        return { [key]: `“${name}” stands already in ${all.table.unit} ${earlier}.` }
      all.taken.set(name, row.line)
    }
  }
  return undefined
}

async function takeHash(row: Ready): Promise<void> {
  const password = row.typed.password ?? row.made
  if (password) row.hash = await hashPassword(password)
}

async function writeRows(all: Import, ready: Ready[], results: Map<number, RowResult>): Promise<void> {
  if (ready.length === 0) return
  const after = new Map<Ready, User>()
  // An administrator may be the last one, which is known only after the change: such a row has a transaction of its own.
  const alone = ready.filter(({ before }) => before?.role === 'administrator')
  const shared = ready.filter((row) => !alone.includes(row))
  await write(all.db, all.actor, async (real) => {
    const { change, release } = holdBack(real)
    const objects = await objectsByIds(
      change.trx,
      'user',
      shared.flatMap(({ before }) => before?.id ?? []),
    )
    after.clear()
    for (const row of shared)
      await orRefuse(all, row, results, async (typed) => {
        const was = row.before && objects.get(row.before.id)
        if (row.before && !was) throw new NotFound('This person does not exist any more.')
        const user = was
          ? await changeOne(change, all.declared, was, typed, row.hash)
          : await insertUser(change, all.declared, { username: '', first: '', last: '', ...typed }, row.hash)
        after.set(row, user)
      })
    await release()
  })
  for (const row of alone)
    await orRefuse(all, row, results, async ({ password, ...typed }) => {
      const hash = row.hash === undefined ? {} : { passwordHash: row.hash }
      after.set(row, await changeUser(all.db, all.actor, row.before?.id ?? '', { ...typed, ...hash }))
    })
  const named = await withGroupNames(all.db, [...after.values()])
  const byId = new Map(named.map((user) => [user.id, user]))
  for (const [row, user] of after) {
    results.set(row.line, resultOf(all, row, byId.get(user.id) as ListedUser))
    if (row.made) all.passwords.push([user.username, row.made])
  }
}

/**
 * The same change, with what is put kept back and moved at once: a few statements, not a few for each person. Rows of one
 * import never stand on each other: who has a name twice was refused before.
 */
function holdBack(change: Change): { change: Change; release: () => Promise<void> } {
  const moves = new Map<string, Move>()
  const put: Change['put'] = async (kind, id, body) =>
    void moves.set(`${kind}/${id}`, { kind, id, body: canonical(body), value: body })
  return { change: { ...change, put }, release: () => change.move([...moves.values()]) }
}

/** Does it; a problem refuses the row, and with `lenient` only the value. */
async function orRefuse(
  all: Import,
  row: Ready,
  results: Map<number, RowResult>,
  run: (typed: Partial<UserInput>) => Promise<void>,
): Promise<void> {
  try {
    await run(row.typed)
  } catch (error) {
    if (error instanceof NotFound) {
      results.set(row.line, refusal(all, row, { username: error.message }))
      return
    }
    if (!(error instanceof Invalid)) throw error
    if (all.lenient && dropBad(all, row.typed, error.problems)) return orRefuse(all, row, results, run)
    results.set(row.line, refusal(all, row, error.problems))
  }
}

function refusal(all: Import, row: Pick<Read, 'line' | 'input'>, problems: Problems): RowResult {
  const [key, reason] = Object.entries(problems)[0] as [string, string]
  const { username, first, last } = row.input
  const name = [first, last].filter(Boolean).join(' ')
  return { line: row.line, username, name, ok: false, outcome: 'refused', column: columnOf(all.columns, key), reason }
}

function resultOf(all: Import, row: Ready, after: ListedUser): RowResult {
  const changes: CellChange[] = []
  const { before, typed } = row
  for (const column of all.columns) {
    if (!column.show) continue
    // Of somebody new, what every new person has is not worth a line.
    const [was, is] = [column.show(before ?? nobody), column.show(after)]
    if (was !== is) changes.push({ column: column.name, before: before ? was : '', after: is })
  }
  if (typed.password || typed.passwordHash || row.made)
    changes.push({ column: 'core.password', before: '', after: 'set; never shown' })
  const outcome = before === undefined ? 'added' : changes.length > 0 ? 'changed' : 'unchanged'
  const name = `${after.first} ${after.last}`
  return { line: row.line, username: after.username, name, ok: true, outcome, changes }
}
