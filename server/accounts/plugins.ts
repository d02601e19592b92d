import type { Actor } from '../audit/actor.ts'
import { NotFound } from '../errors.ts'
import type { Plugin } from '../extensions/extension.ts'
import { pluginByName, plugins } from '../extensions/index.ts'
import type { PluginBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { countMembers, ofPlugin } from '../store/memberships.ts'
import { objectsOf } from '../store/objects.ts'
import { write } from '../store/write.ts'
import { listed, moveUsers, needUsers } from './groups.ts'
import { fullName, type ListedUser, listUsers, type Page, type User } from './users.ts'

export type ListedPlugin = Plugin & { on: boolean; gidNumber: number; users: number }

export async function pluginList(db: Db): Promise<ListedPlugin[]> {
  const states = await pluginStates(db)
  const counts = await countMembers(
    db.reader,
    plugins.map((plugin) => ofPlugin(plugin.name)),
  )
  return plugins.map((plugin) => {
    const state = states.get(plugin.name)
    return {
      ...plugin,
      on: state?.on ?? false,
      gidNumber: state?.gidNumber ?? 0,
      users: counts.get(ofPlugin(plugin.name)) ?? 0,
    }
  })
}

async function pluginStates(db: Db): Promise<Map<string, PluginBody>> {
  const objects = await objectsOf(db.reader, 'plugin')
  return new Map(objects.map(({ body }) => [body.name, body]))
}

export function needPlugin(name: string): Plugin {
  const plugin = pluginByName(name)
  if (!plugin) throw new NotFound(`There is no plugin “${name}”.`)
  return plugin
}

export async function pluginUsers(
  db: Db,
  name: string,
  query: { search?: string; page?: number; size?: number },
): Promise<Page<ListedUser>> {
  return listUsers(db, { ...query, of: ofPlugin(needPlugin(name).name) })
}

export const enablePlugin = (db: Db, actor: Actor, name: string, usernames: string[]): Promise<{ changed: string[] }> =>
  switchPlugin(db, actor, name, usernames, true)

export const disablePlugin = (
  db: Db,
  actor: Actor,
  name: string,
  usernames: string[],
): Promise<{ changed: string[] }> => switchPlugin(db, actor, name, usernames, false)

async function switchPlugin(db: Db, actor: Actor, name: string, usernames: string[], on: boolean) {
  const plugin = needPlugin(name)
  return write(db, actor, async (change) => {
    const ids = await needUsers(change, usernames, 'users')
    const moved = []
    for (let at = 0; at < ids.length; at += 400)
      moved.push(
        ...(await moveUsers(change, ids.slice(at, at + 400), (body) => {
          if (body.plugins.includes(name) === on) return undefined
          return {
            ...body,
            plugins: on ? [...body.plugins, name].sort() : body.plugins.filter((other) => other !== name),
          }
        })),
      )
    if (moved.length === 0) return { changed: [] }
    const names = moved.map((body) => body.username)
    const who = moved.length === 1 && moved[0] ? fullName(moved[0]) : `${moved.length} people`
    const object = (await objectsOf(change.trx, 'plugin')).find(({ body }) => body.name === name)
    change.note({
      sentence: `${on ? 'Enabled' : 'Disabled'} ${plugin.title} for ${who}`,
      object: { kind: 'plugin', id: object?.id ?? name, name },
      changes: [{ field: 'users', [on ? 'after' : 'before']: listed(names) }],
    })
    return { changed: names }
  })
}

/** Turns a plugin on or off for the whole cluster; who has it is kept. */
export async function setPluginOn(db: Db, actor: Actor, name: string, on: boolean): Promise<void> {
  const plugin = needPlugin(name)
  await write(db, actor, async (change) => {
    const object = (await objectsOf(change.trx, 'plugin')).find(({ body }) => body.name === name)
    if (!object || object.body.on === on) return
    await change.put('plugin', object.id, { ...object.body, on })
    change.note({
      sentence: `Turned ${plugin.title} ${on ? 'on' : 'off'}`,
      object: { kind: 'plugin', id: object.id, name },
      changes: [{ field: 'on', before: String(!on), after: String(on) }],
    })
  })
}

/** May this person use the service, and why or why not: the decision every face shows and acts on. */
export function mayUse(
  user: Pick<User, 'status' | 'plugins' | 'hasPassword'>,
  plugin: Pick<ListedPlugin, 'name' | 'title' | 'on'>,
): { may: boolean; reasons: { ok: boolean; text: string }[] } {
  const reasons = [
    {
      ok: plugin.on,
      text: plugin.on ? `${plugin.title} is on in this network` : `${plugin.title} is turned off for everyone`,
    },
    user.plugins.includes(plugin.name)
      ? { ok: true, text: `Plugin ${plugin.title} is on` }
      : { ok: false, text: `Plugin ${plugin.title} is off` },
    {
      ok: user.status === 'enabled',
      text: user.status === 'enabled' ? 'Account is enabled' : `Account is ${user.status}`,
    },
    { ok: user.hasPassword, text: user.hasPassword ? 'A password is set' : 'No password is set yet' },
  ]
  return { may: reasons.every((reason) => reason.ok), reasons }
}
