import type { Knex } from 'knex'
import type { Role, Status, UserBody } from './bodies.ts'
import { containing } from './like.ts'
import { belongings, insertMemberships, type Membership, removeMemberships } from './memberships.ts'
import type { Projection } from './project.ts'
import { inSlices, insertRows } from './slices.ts'
import { type State, states } from './state.ts'

export type UserRow = {
  id: string
  username: string
  sort_name: string
  status: Status
  role: Role
  uid_number: number
  search: string
  filled: string
  /** ISO 8601, or '' for no bound. */
  valid_from: string
  valid_until: string
  locked_until: string
}

/** Lower case without accents, so that “sjo” finds Sjöberg and Ångström sorts with A. */
export const fold = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()

/** How a person stands in the table. */
export function bodyToRow(id: string, body: UserBody): UserRow {
  const mail = body.extensions.contact?.mail ?? ''
  return {
    id,
    username: body.username,
    sort_name: fold(`${body.last} ${body.first}`),
    status: body.status,
    role: body.role,
    uid_number: body.uidNumber,
    search: fold(`${body.first} ${body.last} ${body.first} ${body.username} ${mail}`),
    filled: `,${filledExtensions(body).join()},`,
    valid_from: body.validFrom ?? '',
    valid_until: body.validUntil ?? '',
    locked_until: body.lockedUntil ?? '',
  }
}

const filledExtensions = (body: UserBody): string[] =>
  Object.entries(body.extensions).flatMap(([name, values]) => (Object.keys(values).length > 0 ? [name] : []))

/** `users.filled` -> how many people have it: one walk over a narrow table. */
export async function countsOfFilled(db: Knex): Promise<Map<string, number>> {
  const rows: { filled: string; n: number }[] = await db('users').groupBy('filled').select('filled').count({ n: '*' })
  return new Map(rows.map(({ filled, n }) => [filled, Number(n)]))
}

/** How many people have a value in each of these extensions. */
export function filledCounts(filled: ReadonlyMap<string, number>, extensions: readonly string[]): Map<string, number> {
  const counts = new Map(extensions.map((name) => [name, 0]))
  for (const [names, n] of filled)
    for (const name of names.split(',')) if (counts.has(name)) counts.set(name, (counts.get(name) ?? 0) + n)
  return counts
}

export async function projectUsers(trx: Knex, changes: Projection<'user'>[]): Promise<void> {
  if (changes.length === 0) return
  const removed = changes.filter((change) => !change.now).map((change) => change.id)
  await inSlices(removed, (ids) => trx('users').whereIn('id', ids).delete())
  const rows = changes.flatMap(({ id, was, now }) => (now && differs(id, was, now) ? [bodyToRow(id, now)] : []))
  await insertRows(trx, 'users', rows, ['id'])
  await projectMemberships(trx, changes)
}

const differs = (id: string, was: UserBody | undefined, now: UserBody): boolean =>
  !was || JSON.stringify(bodyToRow(id, was)) !== JSON.stringify(bodyToRow(id, now))

async function projectMemberships(trx: Knex, changes: Projection<'user'>[]): Promise<void> {
  const left: Membership[] = []
  const joined: Membership[] = []
  for (const { id, was, now } of changes) {
    const before = new Set(was ? belongings(was) : [])
    const after = new Set(now ? belongings(now) : [])
    for (const of of before) if (!after.has(of)) left.push({ of, user_id: id })
    for (const of of after) if (!before.has(of)) joined.push({ of, user_id: id })
  }
  await removeMemberships(trx, left)
  await insertMemberships(trx, joined)
}

export type UsersQuery = {
  search?: string
  status?: State
  /** `memberships.of`: a group's id, or `plugin:<name>`; of several, whoever is in at least one. */
  of?: string | readonly string[]
  /** And in this one. */
  alsoOf?: string
  sort?: 'name' | 'username' | 'status' | 'number'
  order?: 'asc' | 'desc'
  page?: number
  size?: number
}

const sortColumns = { name: 'sort_name', username: 'username', status: 'status', number: 'uid_number' } as const

/** In SQL; whoever shows lists asks `peopleMatching`, which is faster. */
export async function usersMatching(db: Knex, query: UsersQuery): Promise<{ ids: string[]; total: number }> {
  const now = new Date().toISOString()
  const size = query.size ?? 50
  const order = query.order ?? 'asc'
  const offset = ((query.page ?? 1) - 1) * size
  const [counted] = await matchingUsers(db, query, now).count({ n: '*' })
  const total = Number(counted?.n ?? 0)
  // Looking for nobody in the order of a list would take longest of all.
  if (total <= offset) return { ids: [], total }
  const rows = matchingUsers(db, query, now)
  if (query.sort === 'status') rows.orderByRaw(`${rankOfState(now).sql} ${order}`, rankOfState(now).values)
  const found: { id: string }[] = await rows
    .orderBy(`users.${query.sort === 'status' ? 'sort_name' : sortColumns[query.sort ?? 'name']}`, order)
    .orderBy('users.id', order)
    .limit(size)
    .offset(offset)
    .select('users.id')
  return { ids: found.map((row) => row.id), total }
}

function matchingUsers(db: Knex, query: UsersQuery, now = new Date().toISOString()) {
  const rows = db('users')
  const of = typeof query.of === 'string' ? [query.of] : query.of
  if (of?.length === 1)
    rows.join('memberships', (on) => on.on('memberships.user_id', 'users.id').onVal('memberships.of', of[0] as string))
  else if (of) rows.whereIn('users.id', db('memberships').whereIn('of', of).select('user_id'))
  if (query.alsoOf !== undefined)
    rows.whereIn('users.id', db('memberships').where('of', query.alsoOf).select('user_id'))
  if (query.status) {
    const rank = rankOfState(now)
    rows.whereRaw(`${rank.sql} = ?`, [...rank.values, states.indexOf(query.status)])
  }
  for (const word of wordsOf(query.search)) rows.whereRaw("users.search like ? escape '\\'", [containing(word)])
  return rows
}

/** Every word must stand somewhere: “ek fin” narrows, in any order. */
export const wordsOf = (search = ''): string[] =>
  fold(search)
    .replace(/\p{Cc}/gu, ' ')
    .split(/\s+/)
    .filter(Boolean)
    .slice(0, 8)

/** `stateAt` in SQL: the place of each person's state in `states`. */
function rankOfState(now: string): { sql: string; values: (string | number)[] } {
  const rank = (state: State) => states.indexOf(state)
  return {
    sql: `case when users.status = 'disabled' then ${rank('disabled')}
      when users.status = 'locked' or users.locked_until > ? then ${rank('locked')}
      when users.valid_until <> '' and users.valid_until <= ? then ${rank('expired')}
      when users.valid_from > ? then ${rank('waiting')} else ${rank('enabled')} end`,
    values: [now, now, now],
  }
}

/** Where a list stands: the value it is sorted by, and the id. */
export type Mark = readonly [string | number, string]

/** The next people after a mark, in the order of the query: however far down, as fast as the first. */
export async function userIdsFrom(
  db: Knex,
  query: UsersQuery,
  after: Mark | undefined,
  limit: number,
): Promise<{ ids: string[]; next?: Mark }> {
  const column = `users.${sortColumns[query.sort ?? 'username']}`
  const order = query.order ?? 'asc'
  const rows = matchingUsers(db, query)
  if (after) rows.whereRaw(`(${column}, users.id) ${order === 'asc' ? '>' : '<'} (?, ?)`, [...after])
  const found: { id: string; at: string | number }[] = await rows
    .orderBy(column, order)
    .orderBy('users.id', order)
    .limit(limit + 1)
    .select('users.id', { at: column })
  const last = found.length > limit ? found[limit - 1] : undefined
  return { ids: found.slice(0, limit).map((row) => row.id), ...(last && { next: [last.at, last.id] as const }) }
}

export async function userIdByName(db: Knex, username: string): Promise<string | undefined> {
  const row: { id: string } | undefined = await db('users').where({ username }).first('id')
  return row?.id
}

export async function userIdsByName(db: Knex, usernames: string[]): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  await inSlices(usernames, async (slice) => {
    const rows: { id: string; username: string }[] = await db('users')
      .whereIn('username', slice)
      .select('id', 'username')
    for (const row of rows) ids.set(row.username, row.id)
  })
  return ids
}

export async function countUserRows(db: Knex): Promise<number> {
  const [row] = await db('users').count({ n: '*' })
  return Number(row?.n ?? 0)
}

export async function stateCounts(db: Knex, now: string): Promise<Record<State, number>> {
  const rank = rankOfState(now)
  const rows: { rank: number; n: number }[] = await db('users')
    .select(db.raw(`${rank.sql} as rank`, rank.values))
    .count({ n: '*' })
    .groupBy('rank')
  const counts = { enabled: 0, waiting: 0, expired: 0, locked: 0, disabled: 0 }
  for (const row of rows) counts[states[row.rank] as State] = Number(row.n)
  return counts
}

/** Everybody with that role, besides one. */
export async function administratorIds(db: Knex, besides: string): Promise<string[]> {
  const rows: { id: string }[] = await db('users')
    .where({ role: 'administrator' })
    .whereNot({ id: besides })
    .select('id')
  return rows.map(({ id }) => id)
}

/** Ids in order of username after a name: for reading everyone in pages. */
export async function userIdsAfter(db: Knex, username: string, limit: number): Promise<string[]> {
  const rows: { id: string }[] = await db('users')
    .where('username', '>', username)
    .orderBy('username')
    .limit(limit)
    .select('id')
  return rows.map((row) => row.id)
}

/** Usernames by id; an id of nobody has none. */
export async function usernamesByIds(db: Knex, ids: readonly string[]): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  await inSlices([...new Set(ids)], async (slice) => {
    const rows: { id: string; username: string }[] = await db('users').whereIn('id', slice).select('id', 'username')
    for (const row of rows) names.set(row.id, row.username)
  })
  return names
}

/** The next people after an id, whole rows: for reading everybody. */
export const userRowsAfter = async (db: Knex, id: string, limit = 500): Promise<UserRow[]> =>
  db('users').where('id', '>', id).orderBy('id').limit(limit)

/** Accounts that end after one moment and before another, the next first; and how many they are. */
export async function usersEnding(
  db: Knex,
  from: string,
  until: string,
  limit: number,
): Promise<{ rows: { username: string; validUntil: string }[]; total: number }> {
  // Word for word as the index has it, which has nobody else; with a bound value SQLite would not know it again.
  const ending = () =>
    db('users').whereRaw("valid_until <> ''").where('valid_until', '>', from).where('valid_until', '<=', until)
  const [counted] = await ending().count({ n: '*' })
  const rows: { username: string; validUntil: string }[] = await ending()
    .orderBy('valid_until')
    .limit(limit)
    .select('username', 'valid_until as validUntil')
  return { rows, total: Number(counted?.n ?? 0) }
}

/** First and last names and usernames, folded, in the order of the ids. */
export async function foldedNames(db: Knex, ids: string[]): Promise<{ id: string; names: string[] }[]> {
  const names = new Map<string, string[]>()
  await inSlices(ids, async (slice) => {
    const rows: Pick<UserRow, 'id' | 'username' | 'sort_name'>[] = await db('users')
      .whereIn('id', slice)
      .select('id', 'username', 'sort_name')
    for (const row of rows) names.set(row.id, [...row.sort_name.split(/\s+/), row.username])
  })
  return ids.map((id) => ({ id, names: names.get(id) ?? [] }))
}

export async function userIdByNumber(db: Knex, uidNumber: number): Promise<string | undefined> {
  const row: { id: string } | undefined = await db('users').where({ uid_number: uidNumber }).first('id')
  return row?.id
}
