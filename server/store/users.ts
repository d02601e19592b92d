import type { Knex } from 'knex'
import type { Role, Status, UserBody } from './bodies.ts'
import { containing } from './like.ts'
import { belongings, insertMemberships, type Membership, removeMemberships } from './memberships.ts'
import type { Projection } from './project.ts'
import { inSlices, insertRows } from './slices.ts'

export type UserRow = {
  id: string
  username: string
  sort_name: string
  status: Status
  role: Role
  uid_number: number
  search: string
  filled: string
}

/** Lower case without accents, so that “sjo” finds Sjöberg and Ångström sorts with A. */
export const fold = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()

function bodyToRow(id: string, body: UserBody): UserRow {
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
  }
}

const filledExtensions = (body: UserBody): string[] =>
  Object.entries(body.extensions).flatMap(([name, values]) => (Object.keys(values).length > 0 ? [name] : []))

/** How many people have a value in each of these extensions: one walk over a narrow table. */
export async function countFilled(db: Knex, extensions: string[]): Promise<Map<string, number>> {
  const rows: { filled: string; n: number }[] = await db('users').groupBy('filled').select('filled').count({ n: '*' })
  return new Map(
    extensions.map((name) => [
      name,
      rows.reduce((sum, row) => sum + (row.filled.includes(`,${name},`) ? Number(row.n) : 0), 0),
    ]),
  )
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
  status?: Status
  /** `memberships.of`: a group's id, or `plugin:<name>`. */
  of?: string
  sort?: 'name' | 'username' | 'status' | 'number'
  order?: 'asc' | 'desc'
  page?: number
  size?: number
}

const sortColumns = { name: 'sort_name', username: 'username', status: 'status', number: 'uid_number' } as const

export async function usersMatching(db: Knex, query: UsersQuery): Promise<{ ids: string[]; total: number }> {
  const matching = () => {
    const rows = db('users')
    if (query.of)
      rows.join('memberships', (on) =>
        on.on('memberships.user_id', 'users.id').onVal('memberships.of', query.of as string),
      )
    if (query.status) rows.where('users.status', query.status)
    // Every word must stand somewhere: “ek fin” narrows, in any order.
    for (const word of fold(query.search ?? '')
      .replace(/\p{Cc}/gu, ' ')
      .split(/\s+/)
      .filter(Boolean)
      .slice(0, 8))
      rows.whereRaw("users.search like ? escape '\\'", [containing(word)])
    return rows
  }
  const size = query.size ?? 50
  const order = query.order ?? 'asc'
  const [counted] = await matching().count({ n: '*' })
  const found: { id: string }[] = await matching()
    .orderBy(`users.${sortColumns[query.sort ?? 'name']}`, order)
    .orderBy('users.id', order)
    .limit(size)
    .offset(((query.page ?? 1) - 1) * size)
    .select('users.id')
  return { ids: found.map((row) => row.id), total: Number(counted?.n ?? 0) }
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

export async function statusCounts(db: Knex): Promise<Record<Status, number>> {
  const counts: Record<Status, number> = { enabled: 0, disabled: 0, locked: 0 }
  const rows: { status: Status; n: number }[] = await db('users').groupBy('status').select('status').count({ n: '*' })
  for (const row of rows) counts[row.status] = Number(row.n)
  return counts
}

export async function countAdministrators(db: Knex): Promise<number> {
  const [row] = await db('users').where({ role: 'administrator', status: 'enabled' }).count({ n: '*' })
  return Number(row?.n ?? 0)
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
