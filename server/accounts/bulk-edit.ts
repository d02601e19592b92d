import { setImmediate as others } from 'node:timers/promises'
import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound } from '../errors.ts'
import type { Status } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { userIdsByName } from '../store/users.ts'
import type { Declared } from './declarations.ts'
import { type Job, type Slice, startJob, type Told } from './jobs.ts'
import { parseMoment } from './moments.ts'
import { canonicalName } from './names.ts'
import type { UserInput } from './user-input.ts'
import { idsMatching, type ListedUser, type UsersQuery, usersByIds } from './user-lists.ts'
import { setStatus } from './user-status.ts'
import { changeUser, fullName, removeUser } from './users.ts'

/** One edit for many people; what is left out stays as it is. */
export type BulkEdit = {
  status?: Status
  /** What the status is taken for: who has another one is refused. */
  from?: Status
  /** Names of groups. */
  join: string[]
  leave: string[]
  /** Names of plugins. */
  on: string[]
  off: string[]
  /** extension -> field -> typed text; empty clears. */
  values: Record<string, Record<string, string>>
  /** A moment as typed; empty: without end. */
  validUntil?: string
}

/** As many as the store is built for. */
const mostAtOnce = 100_000

export type Selection = { usernames: readonly string[] } | { query: UsersQuery }

/** Ids of the people who were ticked: by name, or everybody whom a list shows. Whoever is gone is left out. */
export async function selectedIds(db: Db, selection: Selection): Promise<string[]> {
  if ('query' in selection) {
    const { ids, total } = await idsMatching(db, selection.query, mostAtOnce)
    refuseMany(total)
    return ids
  }
  const names = [...new Set(selection.usernames.map(canonicalName))]
  refuseMany(names.length)
  return [...(await userIdsByName(db.reader, names)).values()]
}

function refuseMany(people: number): void {
  if (people <= mostAtOnce) return
  const most = mostAtOnce.toLocaleString('en')
  throw new Invalid({
    usernames: `${people.toLocaleString('en')} people are too many for one edit: ${most} at most. Narrow the list.`,
  })
}

/** The people with these ids as they are now, a few hundred at a time: nobody holds everybody. */
export async function* peopleInSlices(db: Db, ids: readonly string[], size = 200): AsyncGenerator<ListedUser[]> {
  for (let at = 0; at < ids.length; at += size) yield usersByIds(db, ids.slice(at, at + size))
}

export type Difference = { label: string; before: string; after: string }

/** What an edit changes of a person, as pages show it and as the domain takes it; undefined: nothing. */
export function turn(
  known: Declared,
  edit: BulkEdit,
  user: ListedUser,
): { differences: Difference[]; input: Partial<UserInput>; status?: Status } | undefined {
  const input: Partial<UserInput> = {}
  const differences: Difference[] = []
  const groups = moved(user.groupNames, edit.join, edit.leave)
  if (groups) {
    input.groups = groups
    differences.push({ label: 'Groups', before: user.groupNames.join(', '), after: groups.join(', ') })
  }
  const plugins = moved(user.plugins, edit.on, edit.off)
  if (plugins) {
    const titles = (names: string[]) => names.map((name) => known.plugin(name)?.title ?? name).join(', ')
    input.plugins = plugins
    differences.push({ label: 'Services', before: titles(user.plugins), after: titles(plugins) })
  }
  if (edit.validUntil !== undefined && (parseMoment(edit.validUntil, 'end') ?? undefined) !== user.validUntil) {
    input.validUntil = edit.validUntil
    differences.push({ label: 'Valid until', before: user.validUntil ?? '', after: edit.validUntil })
  }
  turnValues(known, edit, user, input, differences)
  const status = turnStatus(edit, user, differences)
  return differences.length > 0 ? { differences, input, ...(status && { status }) } : undefined
}

function moved(names: string[], add: string[], take: string[]): string[] | undefined {
  const now = new Set([...names, ...add.map(canonicalName)])
  for (const name of take) now.delete(canonicalName(name))
  const differs = now.size !== names.length || names.some((name) => !now.has(name))
  return differs ? [...now].sort() : undefined
}

function turnValues(
  known: Declared,
  edit: BulkEdit,
  user: ListedUser,
  input: Partial<UserInput>,
  differences: Difference[],
): void {
  for (const [name, typed] of Object.entries(edit.values)) {
    for (const [key, text] of Object.entries(typed)) {
      const field = known.extension(name)?.user[key]
      const kept = user.extensions[name]?.[key]
      const before = field && kept !== undefined ? field.format(kept) : ''
      if (!field || before === text.trim()) continue
      input.extensions ??= {}
      input.extensions[name] = { ...input.extensions[name], [key]: text }
      differences.push({ label: field.label, before, after: text.trim() })
    }
  }
}

function turnStatus({ status }: BulkEdit, user: ListedUser, differences: Difference[]): Status | undefined {
  const isLockedByPolicy = user.lockedUntil !== undefined && user.lockedUntil > new Date().toISOString()
  if (!status || (user.status === status && !(status === 'enabled' && isLockedByPolicy))) return undefined
  differences.push({ label: 'Status', before: isLockedByPolicy ? 'locked' : user.status, after: status })
  return status
}

export type Turning = { user: ListedUser; differences: Difference[] }

/** Ids of those whom an edit changes, and what it changes of the first of them. Nothing is written. */
export async function turning(
  db: Db,
  known: Declared,
  edit: BulkEdit,
  ids: readonly string[],
  most: number,
): Promise<{ ids: string[]; first: Turning[] }> {
  const found = { ids: [] as string[], first: [] as Turning[] }
  for await (const users of peopleInSlices(db, ids)) {
    for (const user of users) {
      const turned = turn(known, edit, user)
      if (!turned) continue
      found.ids.push(user.id)
      if (found.first.length < most) found.first.push({ user, differences: turned.differences })
    }
    await others()
  }
  return found
}

/** Does it for everybody of whom it changes something; one who is refused stops nobody else. */
export const startEdit = (db: Db, actor: Actor, known: Declared, ids: string[], edit: BulkEdit, told: Told): Job =>
  startForEach(db, actor, ids, told, async (actor, user) => {
    const turned = turn(known, edit, user)
    if (!turned) return false
    const { input, status } = turned
    const isMore = Object.keys(input).length > 0
    // One change where one does; a lock of the password policy is ended by setStatus alone.
    if (isMore && status && !user.lockedUntil && !edit.from) await changeUser(db, actor, user.id, { ...input, status })
    else {
      if (isMore) await changeUser(db, actor, user.id, input)
      if (status) await setStatus(db, actor, user.id, status, edit.from)
    }
    return true
  })

export const startRemoval = (db: Db, actor: Actor, ids: string[], told: Told): Job =>
  startForEach(db, actor, ids, told, async (actor, user) => {
    await removeUser(db, actor, user.id)
    return true
  })

/** So many wait together, and share a commit. */
const together = 100

type ChangeOne = (actor: Actor, user: ListedUser) => Promise<boolean>

const startForEach = (db: Db, actor: Actor, ids: string[], told: Told, change: ChangeOne): Job =>
  startJob(db, actor, { total: ids.length, told }, async function* (actor) {
    for (let at = 0; at < ids.length; at += together) {
      const here = ids.slice(at, at + together)
      yield { ...(await changeEach(actor, await usersByIds(db, here), change)), done: here.length }
    }
  })

async function changeEach(actor: Actor, users: ListedUser[], change: ChangeOne): Promise<Omit<Slice, 'done'>> {
  const refused: Slice['refused'] = []
  let changed = 0
  await Promise.all(
    users.map(async (user) => {
      try {
        if (await change(actor, user)) changed++
      } catch (error) {
        if (!(error instanceof Invalid || error instanceof NotFound)) throw error
        refused.push({ who: fullName(user), reason: error.message })
      }
    }),
  )
  return { changed, refused }
}
