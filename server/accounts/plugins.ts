import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { editStep } from '../audit/steps.ts'
import { Invalid, NotFound } from '../errors.ts'
import type { PluginBody, UserBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { allIds } from '../store/extension-values.ts'
import { groupRowsByName, groupsBelow } from '../store/groups.ts'
import { memberIds, ofPlugin } from '../store/memberships.ts'
import { objectsOf } from '../store/objects.ts'
import { memberCounts } from '../store/people.ts'
import { type Change, write } from '../store/write.ts'
import { type DeclaredPlugin, declared } from './declarations.ts'
import { canonicalName } from './names.ts'
import { takeNumber } from './numbers.ts'
import { needRight } from './roles.ts'
import { type ListedUser, type Page, type UsersQuery, usersPage } from './user-lists.ts'
import { fullName, listed, moveUsers, needUsers } from './users.ts'

export type ListedPlugin = DeclaredPlugin & { users: number }

export async function pluginList(db: Db): Promise<ListedPlugin[]> {
  const { plugins } = await declared(db)
  const { direct } = await memberCounts(db)
  return plugins.map((plugin) => ({ ...plugin, users: direct.get(ofPlugin(plugin.name)) ?? 0 }))
}

export async function needPlugin(db: Db, name: string): Promise<DeclaredPlugin> {
  const plugin = (await declared(db)).plugin(name)
  if (!plugin) throw new NotFound(`There is no plugin “${name}”.`)
  return plugin
}

export const pluginUsers = async (db: Db, name: string, query: Omit<UsersQuery, 'plugin'>): Promise<Page<ListedUser>> =>
  usersPage(db, { ...query, plugin: (await needPlugin(db, name)).name })

/** Who is meant: people by username or id, everybody in groups, or all of these. */
export type Who = string[] | { usernames?: string[]; groups?: string[]; ids?: string[] }

export const enablePlugin = (db: Db, actor: Actor, name: string, who: Who): Promise<{ changed: string[] }> =>
  switchPlugin(db, actor, name, who, true)

export const disablePlugin = (db: Db, actor: Actor, name: string, who: Who): Promise<{ changed: string[] }> =>
  switchPlugin(db, actor, name, who, false)

async function switchPlugin(db: Db, actor: Actor, name: string, who: Who, on: boolean) {
  needRight(actor, 'change')
  const plugin = await needPlugin(db, name)
  return write(db, actor, async (change) => ({ changed: await switchFor(change, plugin, who, on) }))
}

/** Turns a plugin on or off for some people inside a change; the names of those for whom it was otherwise. */
export async function switchFor(change: Change, plugin: DeclaredPlugin, who: Who, on: boolean): Promise<string[]> {
  const { name } = plugin
  const moved: { id: string; body: UserBody }[] = []
  for await (const ids of whoIsMeant(change, who))
    moved.push(...(await moveUsers(change, ids, (body) => withPlugin(body, name, on))))
  const [first] = moved
  if (!first) return []
  const names = moved.map(({ body }) => body.username)
  const whom = moved.length === 1 ? fullName(first.body) : `${moved.length} people`
  change.note({
    sentence: `${on ? 'Enabled' : 'Disabled'} ${plugin.title} for ${whom}`,
    object: { kind: 'plugin', id: plugin.id ?? name, name },
    changes: [{ field: 'users', [on ? 'after' : 'before']: listed(names) }],
    undo: [{ list: 'plugins', name, ids: moved.map(({ id }) => id), joined: on }],
  })
  return names
}

/** The body with the plugin on or off; undefined when it is so already. */
export function withPlugin(body: UserBody, name: string, on: boolean): UserBody | undefined {
  if (body.plugins.includes(name) === on) return undefined
  return { ...body, plugins: on ? [...body.plugins, name].sort() : body.plugins.filter((other) => other !== name) }
}

const atOnce = 400

async function* whoIsMeant(change: Change, who: Who): AsyncGenerator<string[]> {
  const { usernames = [], groups = [], ids: given = [] } = Array.isArray(who) ? { usernames: who } : who
  const ids = [...given, ...(usernames.length > 0 ? await needUsers(change, usernames, 'usernames') : [])]
  const names = [...new Set(groups.map(canonicalName).filter(Boolean))]
  const rows = await groupRowsByName(change.trx, names)
  const unknown = names.filter((name) => !rows.some((row) => row.name === name))
  if (unknown.length > 0)
    throw new Invalid({ groups: `There is no group ${unknown.map((name) => `“${name}”`).join(', ')}.` })
  for (let at = 0; at < ids.length; at += atOnce) yield ids.slice(at, at + atOnce)
  // Everyone is in the one group that lists nobody.
  if (rows.some((row) => row.type === 'builtin')) return yield* allIds(change.trx, 'users', atOnce)
  const below = await groupsBelow(
    change.trx,
    rows.map((row) => row.id),
  )
  for (const id of below) yield* memberIds(change.trx, id, atOnce)
}

export const pluginObject = async (change: Change, name: string) =>
  (await objectsOf(change.trx, 'plugin')).find(({ body }) => body.name === name)

/** Turns a plugin on or off for the whole cluster; who has it is kept. */
export async function setPluginOn(db: Db, actor: Actor, name: string, on: boolean): Promise<void> {
  needRight(actor, 'change')
  const plugin = await needPlugin(db, name)
  await write(db, actor, async (change) => {
    const object = await pluginObject(change, name)
    if ((object?.body.on ?? false) === on) return
    const id = object?.id ?? randomUUID()
    const was: PluginBody = object?.body ?? { name, on: false, gidNumber: await takeNumber(change, 'gidNumber') }
    const now = { ...was, on }
    await change.put('plugin', id, now)
    const undo = editStep('plugin', id, was, now)
    change.note({
      sentence: `Turned ${plugin.title} ${on ? 'on' : 'off'}`,
      object: { kind: 'plugin', id, name },
      changes: [{ field: 'on', before: String(!on), after: String(on) }],
      ...(undo ? { undo: [undo] } : {}),
    })
  })
}
