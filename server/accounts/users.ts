import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { Actor } from '../audit/actor.ts'
import { changesBetween } from '../audit/audit.ts'
import { Invalid, NotFound, type Problems } from '../errors.ts'
import type { Status, UserBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { groupNamesByIds, groupRowsByName } from '../store/groups.ts'
import { ofPlugin } from '../store/memberships.ts'
import { objectById, objectsByIds } from '../store/objects.ts'
import {
  countAdministrators,
  type UsersQuery as StoredQuery,
  statusCounts as statusCountsIn,
  userIdByName,
  userIdsAfter,
  usersMatching,
} from '../store/users.ts'
import { type Change, write } from '../store/write.ts'
import { canonicalName } from './names.ts'
import { takeNumber } from './numbers.ts'
import { hashPassword, passwordProblem } from './passwords.ts'
import { judgeInput, type UserInput } from './user-input.ts'

export type { UserInput } from './user-input.ts'

/** A person as pages and commands see one: never with the password's hash. */
export type User = Omit<UserBody, 'password'> & { id: string; seq: number; hasPassword: boolean }

export function toUser(object: { id: string; seq: number; body: UserBody }): User {
  const { password, ...rest } = object.body
  return { ...rest, id: object.id, seq: object.seq, hasPassword: password !== undefined }
}

export const fullName = (user: Pick<UserBody, 'first' | 'last'>): string => `${user.first} ${user.last}`

export async function userByUsername(db: Db, username: string): Promise<User> {
  const name = canonicalName(username)
  const id = await userIdByName(db.reader, name)
  const object = id === undefined ? undefined : await objectById(db.reader, 'user', id)
  if (!object) throw new NotFound(`There is no user “${name}”.`)
  return toUser(object)
}

export async function userById(db: Db, id: string): Promise<User | undefined> {
  const object = await objectById(db.reader, 'user', id)
  return object && toUser(object)
}

export type UsersQuery = Omit<StoredQuery, 'of'> & { group?: string; plugin?: string }
export type ListedUser = User & { groupNames: string[] }
export type Page<T> = { rows: T[]; total: number; page: number; pages: number; size: number }

export async function usersPage(db: Db, query: UsersQuery): Promise<Page<ListedUser>> {
  if (query.group !== undefined) {
    const [group] = await groupRowsByName(db.reader, [canonicalName(query.group)])
    // Everyone is in the one group that lists nobody.
    if (group?.type === 'builtin') return listUsers(db, query)
    return listUsers(db, { ...query, of: group?.id ?? 'none' })
  }
  return listUsers(db, query.plugin === undefined ? query : { ...query, of: ofPlugin(query.plugin) })
}

/** A page of people with the names of their groups: three queries, whatever its size. */
export async function listUsers(db: Db, query: StoredQuery): Promise<Page<ListedUser>> {
  const size = Math.min(Math.max(query.size ?? 50, 1), 500)
  const page = Math.max(query.page ?? 1, 1)
  const { ids, total } = await usersMatching(db.reader, { ...query, size, page })
  return { rows: await usersByIds(db, ids), total, page, size, pages: Math.max(1, Math.ceil(total / size)) }
}

async function usersByIds(db: Db, ids: string[]): Promise<ListedUser[]> {
  const objects = await objectsByIds(db.reader, 'user', ids)
  const users = ids.flatMap((id) => objects.get(id) ?? []).map(toUser)
  const names = await groupNamesByIds(
    db.reader,
    users.flatMap((user) => user.groups),
  )
  return users.map((user) => ({ ...user, groupNames: user.groups.flatMap((id) => names.get(id) ?? []).sort() }))
}

/** People in order of username after a name, for reading everyone in pages. */
export const usersAfter = async (db: Db, username: string, limit: number): Promise<ListedUser[]> =>
  usersByIds(db, await userIdsAfter(db.reader, username, limit))

export const statusCounts = (db: Db): Promise<Record<Status, number>> => statusCountsIn(db.reader)

export async function countUsers(db: Db): Promise<number> {
  const counts = await statusCounts(db)
  return counts.enabled + counts.disabled + counts.locked
}

/** What would be said against adding this person; nothing is written. */
export async function checkUser(db: Db, input: UserInput): Promise<Problems> {
  const { problems } = await judgeInput(db.reader, input, undefined)
  return problems
}

export async function addUser(db: Db, actor: Actor, input: UserInput): Promise<User> {
  // Checked before the costly hash, and once more inside the transaction where the answer is final.
  const early = await checkUser(db, input)
  if (Object.keys(early).length > 0) throw new Invalid(early)
  const password =
    input.password === undefined || input.password === '' ? undefined : await hashPassword(input.password)
  return write(db, actor, (change) => insertUser(change, input, password))
}

/** Adds a person inside a change; `password` is the hash to keep. */
export async function insertUser(change: Change, input: UserInput, password: string | undefined): Promise<User> {
  const { values, problems } = await judgeInput(change.trx, input, undefined)
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  const now = new Date().toISOString()
  const id = randomUUID()
  const body: UserBody = {
    username: values.username ?? '',
    first: values.first ?? '',
    last: values.last ?? '',
    status: values.status ?? 'enabled',
    role: values.role ?? 'person',
    uidNumber: await takeNumber(change, 'uidNumber'),
    groups: values.groups ?? [],
    plugins: values.plugins ?? [],
    extensions: values.extensions ?? {},
    added: now,
    changed: now,
    ...(password && { password, passwordChanged: now }),
  }
  await change.put('user', id, body)
  change.note({
    sentence: `Added ${fullName(body)}`,
    object: { kind: 'user', id, name: body.username },
    changes: await userChanges(change.trx, undefined, body),
  })
  return toUser({ id, seq: change.head.seq, body })
}

/** Changes what the input names and leaves the rest. `expectedSeq`: what the form was filled from. */
export async function changeUser(
  db: Db,
  actor: Actor,
  id: string,
  input: Partial<UserInput>,
  expectedSeq?: number,
): Promise<User> {
  const typed = input.password
  if (typed) {
    const problem = passwordProblem(typed, input.username)
    if (problem) throw new Invalid({ password: problem })
  }
  const password = typed ? await hashPassword(typed) : undefined
  return write(db, actor, async (change) => {
    const object = await needUser(change, id)
    if (expectedSeq !== undefined && object.seq !== expectedSeq)
      throw new Invalid({
        '': `Not saved: someone else changed ${fullName(object.body)} first.`,
      })
    const { values, problems } = await judgeInput(change.trx, input, object)
    if (Object.keys(problems).length > 0) throw new Invalid(problems)
    const now = new Date().toISOString()
    const body: UserBody = { ...object.body, ...values, ...(password && { password, passwordChanged: now }) }
    return keepUser(change, object, body, `Changed ${fullName(body)}`)
  })
}

export async function setPassword(db: Db, actor: Actor, id: string, password: string): Promise<void> {
  const user = await userById(db, id)
  if (!user) throw new NotFound('This person does not exist any more.')
  const problem = passwordProblem(password, user.username)
  if (problem) throw new Invalid({ password: problem })
  const hash = await hashPassword(password)
  await write(db, actor, async (change) => {
    const object = await needUser(change, id)
    const body = { ...object.body, password: hash, passwordChanged: new Date().toISOString() }
    await keepUser(change, object, body, `Set the password of ${fullName(body)}`)
  })
}

const statusWords: Record<Status, string> = { enabled: 'Enabled', disabled: 'Disabled', locked: 'Locked' }

/** Locks, unlocks, disables or enables. */
export async function setStatus(db: Db, actor: Actor, id: string, status: Status): Promise<User> {
  return write(db, actor, async (change) => {
    const object = await needUser(change, id)
    if (object.body.status === status) return toUser(object)
    const word = object.body.status === 'locked' && status === 'enabled' ? 'Unlocked' : statusWords[status]
    return keepUser(change, object, { ...object.body, status }, `${word} ${fullName(object.body)}`)
  })
}

export async function removeUser(db: Db, actor: Actor, id: string): Promise<void> {
  await write(db, actor, async (change) => {
    const { body } = await needUser(change, id)
    await change.remove('user', id)
    await refuseLastAdministrator(change, body)
    change.note({
      sentence: `Removed ${fullName(body)}`,
      object: { kind: 'user', id, name: body.username },
      changes: await userChanges(change.trx, body, undefined),
    })
  })
}

type Kept = { id: string; seq: number; body: UserBody }

async function needUser(change: Change, id: string): Promise<Kept> {
  const object = await objectById(change.trx, 'user', id)
  if (!object) throw new NotFound('This person does not exist any more.')
  return object
}

/** Puts a changed person, unless nothing differs, and says so in the audit. */
export async function keepUser(change: Change, was: Kept, body: UserBody, sentence: string): Promise<User> {
  const changes = await userChanges(change.trx, was.body, body)
  if (changes.length === 0) return toUser(was)
  const now = { ...body, changed: new Date().toISOString() }
  await change.put('user', was.id, now)
  if (was.body.role === 'administrator') await refuseLastAdministrator(change, was.body)
  change.note({ sentence, object: { kind: 'user', id: was.id, name: body.username }, changes })
  return toUser({ id: was.id, seq: change.head.seq, body: now })
}

async function refuseLastAdministrator(change: Change, was: UserBody): Promise<void> {
  if (was.role !== 'administrator' || was.status !== 'enabled') return
  if ((await countAdministrators(change.trx)) > 0) return
  throw new Invalid({ '': `${fullName(was)} is the last administrator who can sign in. Make another one first.` })
}

async function userChanges(trx: Knex, was: UserBody | undefined, now: UserBody | undefined) {
  const differ = String(was?.groups) !== String(now?.groups)
  const names = differ
    ? await groupNamesByIds(trx, [...(was?.groups ?? []), ...(now?.groups ?? [])])
    : new Map<string, string>()
  return changesBetween(was, now, (field, value) =>
    field === 'groups'
      ? value
          .split(', ')
          .map((id) => names.get(id) ?? id)
          .sort()
          .join(', ')
      : value,
  )
}
