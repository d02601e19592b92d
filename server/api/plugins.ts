import { z } from 'zod'
import { declared } from '../accounts/declarations.ts'
import { addOwnPlugin, changeOwnPlugin, removeOwnPlugin } from '../accounts/own-plugins.ts'
import { disablePlugin, enablePlugin, pluginList, setPluginOn } from '../accounts/plugins.ts'
import { usersFrom } from '../accounts/user-lists.ts'
import { NotFound } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { command } from './command.ts'
import { cursorOf, firstLimit, inPages, listOf, markOf, named, none, text, texts } from './shapes.ts'
import { shownBy, shownUser } from './users.ts'

const shownPlugin = z
  .object({
    name: z.string(),
    title: z.string(),
    badge: z.string(),
    summary: z.string(),
    on: z.boolean(),
    isOwn: z.boolean().optional().meta({ description: 'Made here, not by the program.' }),
    gidNumber: z.int(),
    users: z.int().meta({ description: 'How many people have it.' }),
  })
  .meta({ id: 'Plugin', description: 'A service that is turned on or off for a person.' })

async function showPlugin(db: Db, name: string): Promise<z.input<typeof shownPlugin>> {
  const plugin = (await pluginList(db)).find((one) => one.name === name)
  if (!plugin) throw new NotFound(`There is no plugin “${name}”.`)
  return plugin
}

const people = z.strictObject({
  name: text,
  usernames: texts.default([]),
  groups: texts.default([]).meta({ description: 'Names of groups; everybody in them is meant.' }),
})
const changed = z.object({ changed: z.array(z.string()) })

export const pluginCommands = {
  'plugin-list': command('read', none, z.array(shownPlugin), ({ db }) => pluginList(db)),
  'plugin-show': command('read', named, shownPlugin, ({ db }, { name }) => showPlugin(db, name)),
  'plugin-users': command(
    'read',
    named.extend({ search: text.optional(), ...inPages }),
    listOf(shownUser),
    async ({ db }, { name, search, after, limit = firstLimit }) => {
      const { name: plugin } = await showPlugin(db, name)
      const { rows, next } = await usersFrom(db, { plugin, search }, markOf(after), limit)
      return { items: rows.map(shownBy(await declared(db))), next: cursorOf(next) }
    },
  ),
  'plugin-enable': command('change', people, changed, ({ db, actor }, { name, ...who }) =>
    enablePlugin(db, actor, name, who),
  ),
  'plugin-disable': command('change', people, changed, ({ db, actor }, { name, ...who }) =>
    disablePlugin(db, actor, name, who),
  ),
  'plugin-add': command(
    'change',
    z.strictObject({ name: text.optional(), title: text, badge: text.optional(), summary: text.optional() }),
    shownPlugin,
    async ({ db, actor }, args) => showPlugin(db, (await addOwnPlugin(db, actor, args)).name),
  ),
  'plugin-change': command(
    'change',
    named.extend({
      on: z.boolean().optional(),
      title: text.optional(),
      badge: text.optional(),
      summary: text.optional(),
    }),
    shownPlugin,
    async ({ db, actor }, { name, on, ...own }) => {
      if (Object.keys(own).length > 0) await changeOwnPlugin(db, actor, name, own)
      if (on !== undefined) await setPluginOn(db, actor, name, on)
      return showPlugin(db, name)
    },
  ),
  'plugin-remove': command('change', named, z.object({ people: z.int() }), ({ db, actor }, { name }) =>
    removeOwnPlugin(db, actor, name),
  ),
}
