import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound } from '../errors.ts'
import type { Status } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { userIdsByName } from '../store/users.ts'
import type { Declared } from './declarations.ts'
import { parseMoment } from './moments.ts'
import { canonicalName } from './names.ts'
import {
  changeUser,
  type ListedUser,
  removeUser,
  setStatus,
  type UserInput,
  type UsersQuery,
  usersByIds,
  usersPage,
} from './users.ts'

/** One edit for many people; what is left out stays as it is. */
export type BulkEdit = {
  status?: Status
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

/** So many in one request; more are for an import, which works in the background. */
export const mostAtOnce = 5000

/** The people who were ticked: by name, or everybody whom a list shows. Whoever is gone is left out. */
export async function selectedUsers(
  db: Db,
  selection: { usernames: readonly string[] } | { query: UsersQuery },
): Promise<ListedUser[]> {
  if ('usernames' in selection) {
    const names = [...new Set(selection.usernames.map(canonicalName))]
    refuseMany(names.length)
    return usersByIds(db, [...(await userIdsByName(db.reader, names)).values()])
  }
  const found: ListedUser[] = []
  for (let page = 1; ; page++) {
    const { rows, total, pages } = await usersPage(db, { ...selection.query, page, size: 500 })
    refuseMany(total)
    found.push(...rows)
    if (page >= pages) return found
  }
}

function refuseMany(people: number): void {
  if (people <= mostAtOnce) return
  const most = mostAtOnce.toLocaleString('en')
  throw new Invalid({
    usernames: `${people.toLocaleString('en')} people are too many for one edit: ${most} at most. Narrow the list, or import a CSV file in mode update.`,
  })
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

export type Done = { changed: number; refused: string[] }

/** Does it for everybody of whom it changes something; one who is refused stops nobody else. */
export const editUsers = (db: Db, actor: Actor, known: Declared, users: ListedUser[], edit: BulkEdit): Promise<Done> =>
  forEach(users, async (user) => {
    const turned = turn(known, edit, user)
    if (!turned) return false
    const { input, status } = turned
    const isMore = Object.keys(input).length > 0
    // One change where one does; a lock of the password policy is ended by setStatus alone.
    if (isMore && status && !user.lockedUntil) await changeUser(db, actor, user.id, { ...input, status })
    else {
      if (isMore) await changeUser(db, actor, user.id, input)
      if (status) await setStatus(db, actor, user.id, status)
    }
    return true
  })

export const removeUsers = (db: Db, actor: Actor, users: ListedUser[]): Promise<Done> =>
  forEach(users, async (user) => {
    await removeUser(db, actor, user.id)
    return true
  })

/** So many wait together, and share a commit. */
const together = 100

async function forEach(users: ListedUser[], change: (user: ListedUser) => Promise<boolean>): Promise<Done> {
  const done: Done = { changed: 0, refused: [] }
  for (let at = 0; at < users.length; at += together) {
    await Promise.all(
      users.slice(at, at + together).map(async (user) => {
        try {
          if (await change(user)) done.changed++
        } catch (error) {
          if (!(error instanceof Invalid || error instanceof NotFound)) throw error
          done.refused.push(`${user.first} ${user.last}: ${error.message}`)
        }
      }),
    )
  }
  return done
}
