import { canonicalName } from '../accounts/names.ts'
import {
  addUser,
  changeUser,
  type ListedUser,
  removeUser,
  type User,
  type UserInput,
  userByUsername,
} from '../accounts/users.ts'
import type { Actor } from '../audit/actor.ts'
import type { Db } from '../store/db.ts'
import { groupNamesByIds } from '../store/groups.ts'

/** A person as the command line shows it: groups by name. */
export type ShownUser = Omit<User, 'groups'> & { groups: string[] }

const shownUser = ({ groupNames, ...user }: ListedUser): ShownUser => ({ ...user, groups: groupNames })

export const shown = <P extends { rows: ListedUser[] }>(page: P): Omit<P, 'rows'> & { rows: ShownUser[] } => ({
  ...page,
  rows: page.rows.map(shownUser),
})

async function withGroupNames(db: Db, user: User): Promise<ShownUser> {
  const names = await groupNamesByIds(db.reader, user.groups)
  return { ...user, groups: [...names.values()].sort() }
}

export const userIdOf = async (db: Db, username: string): Promise<string> => (await userByUsername(db, username)).id

export const showPerson = async (db: Db, username: string): Promise<ShownUser> =>
  withGroupNames(db, await userByUsername(db, username))

export const addPerson = async (db: Db, actor: Actor, input: UserInput): Promise<ShownUser> =>
  withGroupNames(db, await addUser(db, actor, input))

export type PersonChanges = Partial<Omit<UserInput, 'password' | 'status' | 'groups' | 'plugins'>> & {
  name: string
  addGroups: string[]
  removeGroups: string[]
  addPlugins: string[]
  removePlugins: string[]
}

/** Groups and plugins are added to and taken from what the person has; the seq sees to it that nothing came between. */
export async function changePerson(db: Db, actor: Actor, changes: PersonChanges): Promise<ShownUser> {
  const { name, addGroups, removeGroups, addPlugins, removePlugins, ...input } = changes
  const user = await showPerson(db, name)
  const groups = edited(user.groups, addGroups.map(canonicalName), removeGroups.map(canonicalName))
  const plugins = edited(user.plugins, addPlugins, removePlugins)
  return withGroupNames(db, await changeUser(db, actor, user.id, { ...input, groups, plugins }, user.seq))
}

/** Undefined when nothing was asked for: then nothing is said about what cannot be kept, either. */
function edited(has: string[], add: string[], remove: string[]): string[] | undefined {
  if (add.length === 0 && remove.length === 0) return undefined
  return [...new Set([...has, ...add])].filter((name) => !remove.includes(name))
}

export const removePerson = async (db: Db, actor: Actor, username: string): Promise<void> =>
  removeUser(db, actor, await userIdOf(db, username))
