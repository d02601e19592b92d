import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, type Problems, Refused } from '../errors.ts'
import type { PolicyBody, UserBody } from '../store/bodies.ts'
import { canonical } from '../store/canonical.ts'
import type { Db } from '../store/db.ts'
import { objectById, objectsByIds, userObjectByName } from '../store/objects.ts'
import { countPeople } from '../store/people.ts'
import { userIdsByName } from '../store/users.ts'
import { type Change, write } from '../store/write.ts'
import { refuseLastAdministrator } from './administrators.ts'
import { type Declared, declared } from './declarations.ts'
import { canonicalName } from './names.ts'
import { takeNumber } from './numbers.ts'
import { hashPassword } from './passwords.ts'
import { inForce, judgePassword, keptPassword, needGoodPassword, type Policies, policyOf } from './policies.ts'
import { needRight, needRightOver } from './roles.ts'
import { binUntil } from './settings.ts'
import { changesInGroups, type Kept, keepUser, toUser, type User } from './user.ts'
import { judgeInput, type UserInput, type UserValues } from './user-input.ts'

export const fullName = (user: Pick<UserBody, 'first' | 'last'>): string => `${user.first} ${user.last}`

export async function userByUsername(db: Db, username: string): Promise<User> {
  const name = canonicalName(username)
  const object = await userObjectByName(db.reader, name)
  if (!object) throw new NotFound(`There is no user “${name}”.`)
  return toUser(object)
}

export async function userById(db: Db, id: string): Promise<User | undefined> {
  const object = await objectById(db.reader, 'user', id)
  return object && toUser(object)
}

export const countUsers = (db: Db): Promise<number> => countPeople(db)

/** What would be said against adding this person; nothing is written. */
export const checkUser = async (db: Db, input: UserInput): Promise<Problems> => (await judgeNew(db, input)).problems

async function judgeNew(db: Db, input: UserInput): Promise<{ problems: Problems; policy: PolicyBody }> {
  const { values, problems } = await judgeInput(db.reader, await declared(db), input, undefined)
  const { username = '', first = '', last = '', groups = [] } = values
  const policy = await policyOf(db, { groups })
  if (!input.password) return { problems, policy }
  const problem = await judgePassword(db, db.reader, input.password, { username, first, last, groups }, byOther)
  return { problems: problem ? { ...problems, password: problem } : problems, policy }
}

/** What would be said against changing this person so; nothing is written. */
export async function checkChange(db: Db, user: User, input: Partial<UserInput>): Promise<Problems> {
  const object = await objectById(db.reader, 'user', user.id)
  if (!object) return { '': 'This person does not exist any more.' }
  const { problems } = await judgeInput(db.reader, await declared(db), input, object)
  return problems
}

const byOther = { by: 'other' } as const

/** `mustChange`: as the policy has it for a password that is typed, unless said. */
export async function addUser(db: Db, actor: Actor, input: UserInput): Promise<User> {
  needRight(actor, 'change')
  // Checked before the costly hash, and once more inside the transaction where the answer is final.
  const { problems, policy } = await judgeNew(db, input)
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  const password = input.password ? await hashPassword(input.password) : input.passwordHash
  const mustChange = input.mustChange ?? (input.password !== undefined && asPolicySays(actor, policy))
  const known = await declared(db)
  return write(db, actor, (change) => insertUser(change, known, { ...input, mustChange }, password))
}

/** A script on the machine says so itself; the policy is for people who set the passwords of others. */
const asPolicySays = (actor: Actor, policy: PolicyBody): boolean => actor.role !== undefined && policy.mustChange

/** Adds a person inside a change; `password` is the hash to keep, `uidNumber` one that is asked for. */
export async function insertUser(
  change: Change,
  known: Declared,
  input: UserInput,
  password: string | undefined,
  uidNumber?: number,
): Promise<User> {
  const { values, problems } = await judgeInput(change.trx, known, input, undefined)
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  const now = new Date().toISOString()
  const id = randomUUID()
  const body: UserBody = withValues(
    {
      username: '',
      first: '',
      last: '',
      status: 'enabled',
      role: 'person',
      uidNumber: await takeNumber(change, 'uidNumber', uidNumber),
      groups: [],
      plugins: [],
      extensions: {},
      added: now,
      changed: now,
      ...(password && { password, passwordChanged: now }),
      ...(password && input.mustChange && { mustChange: true }),
    },
    values,
  )
  await change.put('user', id, body)
  change.note({
    sentence: `Added ${fullName(body)}`,
    object: { kind: 'user', id, name: body.username },
    changes: await changesInGroups(change.trx, undefined, body),
    undo: [{ kind: 'user', id, added: true }],
  })
  return toUser({ id, seq: change.head.seq, body })
}

/** A body with what was typed; a value that is undefined takes its field away. */
function withValues(body: UserBody, values: UserValues): UserBody {
  const next = { ...body, ...values }
  for (const name of ['validFrom', 'validUntil'] as const) if (next[name] === undefined) delete next[name]
  return next as UserBody
}

/** What is typed about somebody who is there; a new password is set with `setPassword`. */
export type ChangedInput = Partial<Omit<UserInput, 'password' | 'passwordHash'>>

/** Changes what the input names and leaves the rest. `expectedSeq`: what the form was filled from. */
export async function changeUser(
  db: Db,
  actor: Actor,
  id: string,
  input: ChangedInput,
  expectedSeq?: number,
): Promise<User> {
  needRight(actor, 'change')
  const known = await declared(db)
  return write(db, actor, async (change) => {
    const object = await needUser(change, id)
    if (expectedSeq !== undefined && object.seq !== expectedSeq)
      throw new Invalid({ '': `Not saved: someone else changed ${fullName(object.body)} first.` })
    return changeOne(change, known, object, input)
  })
}

/** The hash of a new password. `of` says how many old ones are kept. */
export type NewPassword = { hash: string; of: Policies; by?: 'self' | 'other'; mustChange?: boolean | undefined }

/** The change of one person inside a transaction. */
export async function changeOne(
  change: Change,
  known: Declared,
  object: Kept,
  input: ChangedInput,
  password?: NewPassword,
): Promise<User> {
  const { values, problems } = await judgeInput(change.trx, known, input, object)
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  let body = withValues(object.body, values)
  if (password) {
    const { hash, of, by = 'other', mustChange = input.mustChange } = password
    body = keptPassword(body, hash, { by, mustChange, policy: inForce(of, body).policy })
  } else if (input.mustChange !== undefined) body = { ...body, mustChange: input.mustChange }
  if (!body.mustChange) delete body.mustChange
  return keepUser(change, object, body, `Changed ${fullName(body)}`)
}

/** `mustChange`: as the policy has it, unless said. The judge's sentence comes under `password`. */
export async function setPassword(
  db: Db,
  actor: Actor,
  id: string,
  password: string,
  options: { by?: 'self' | 'other'; mustChange?: boolean; atWindows?: boolean } = {},
): Promise<void> {
  const by = options.by ?? 'other'
  const was = await objectById(db.reader, 'user', id)
  if (!was) throw new NotFound('This person does not exist any more.')
  if (by === 'other') needRightOver(actor, 'passwords', was.body)
  else if (actor.role !== undefined && actor.id !== id)
    throw new Refused('People change their own password so, and no other.', 'role')
  await needGoodPassword(db, password, was.body, { by: options.atWindows ? 'windows' : by })
  const [hash, policy] = await Promise.all([hashPassword(password), policyOf(db, was.body)])
  const mustChange = options.mustChange ?? asPolicySays(actor, policy)
  await write(db, actor, async (change) => {
    const object = await needUser(change, id)
    if (by === 'other') needRightOver(actor, 'passwords', object.body)
    const body = keptPassword(object.body, hash, { by, mustChange, policy })
    const sentence = by === 'self' ? 'Changed the own password' : `Set the password of ${fullName(body)}`
    await keepUser(change, object, body, sentence, { receipt: by === 'other' })
  })
}

/** To the recycle bin, from which `undelete` brings everything back. */
export async function removeUser(db: Db, actor: Actor, id: string, expectedSeq?: number): Promise<void> {
  needRight(actor, 'change')
  const until = await binUntil(db)
  await write(db, actor, async (change) => {
    const { seq, body } = await needUser(change, id)
    if (expectedSeq !== undefined && seq !== expectedSeq)
      throw new Invalid({ '': `Not removed: someone else changed ${fullName(body)} first.` })
    await takeOutUser(change, id, until)
  })
}

/** Puts a person into the bin inside a change. */
export async function takeOutUser(change: Change, id: string, until: string): Promise<void> {
  const { body } = await needUser(change, id)
  await refuseLastAdministrator(change, id, body, undefined)
  await change.remove('user', id)
  const { invitation, ...kept } = body
  const removed = { removed: new Date().toISOString(), until, by: change.actor.name }
  await change.put('removed', id, { ...removed, kind: 'user', body: kept })
  change.note({
    sentence: `Removed ${fullName(body)}`,
    object: { kind: 'user', id, name: body.username },
    changes: await changesInGroups(change.trx, body, undefined),
    undo: [{ kind: 'user', id, removed: true }],
    receipt: body.status === 'enabled',
  })
}

export async function needUser(change: Change, id: string): Promise<Kept> {
  const object = await change.get('user', id)
  if (!object) throw new NotFound('This person does not exist any more.')
  return object
}

/**
 * Changes many people at once, a few hundred a call; `turn` gives the new body, or undefined to leave somebody alone.
 * Returns who was changed.
 */
export async function moveUsers(
  change: Change,
  userIds: string[],
  turn: (body: UserBody) => UserBody | undefined,
): Promise<{ id: string; body: UserBody }[]> {
  const objects = await objectsByIds(change.trx, 'user', userIds)
  const now = new Date().toISOString()
  const moved = [...objects.values()].flatMap(({ id, body }) => {
    const turned = turn(body)
    return turned ? [{ id, body: { ...turned, changed: now } }] : []
  })
  await change.move(moved.map(({ id, body }) => ({ kind: 'user', id, body: canonical(body), value: body })))
  return moved
}

/** Ids of the people named, or a problem that names who is not there. */
export async function needUsers(
  { trx }: Pick<Change, 'trx'>,
  usernames: readonly string[],
  field: string,
): Promise<string[]> {
  const names = [...new Set(usernames.map(canonicalName))]
  const ids = await userIdsByName(trx, names)
  const unknown = names.filter((name) => !ids.has(name))
  if (unknown.length > 0)
    throw new Invalid({ [field]: `There is no user ${unknown.map((name) => `“${name}”`).join(', ')}.` })
  return [...ids.values()]
}

/** A list for the audit: long ones are cut, with their number. */
export const listed = (names: string[]): string =>
  names.length <= 50 ? names.join(', ') : `${names.slice(0, 50).join(', ')} and ${names.length - 50} more`
