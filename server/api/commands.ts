import { z } from 'zod'
import { addClient, clientList, removeClient } from '../accounts/clients.ts'
import { exportUsers } from '../accounts/csv.ts'
import { extensionList, setExtensionOn } from '../accounts/extensions.ts'
import {
  addGroup,
  addMembers,
  changeGroup,
  groupByName,
  groupsPage,
  removeGroup,
  removeMembers,
} from '../accounts/groups.ts'
import { disablePlugin, enablePlugin, pluginList, pluginUsers } from '../accounts/plugins.ts'
import { setPassword, setStatus, usersPage } from '../accounts/users.ts'
import { auditPage, verifyAudit } from '../audit/audit.ts'
import { NotFound } from '../errors.ts'
import { noteKeyShown, rotateKey, synchronizationKey } from '../mode/key.ts'
import { setMode } from '../mode/mode.ts'
import { setUpOwn } from '../mode/set-up.ts'
import { revokeDevice } from '../replication/devices.ts'
import { nodeStatus } from '../replication/status.ts'
import { type Command, command } from './command.ts'
import { importFile } from './import.ts'
import { setUpSlave } from './set-up-slave.ts'
import { addPerson, changePerson, removePerson, shown, showPerson, userIdOf } from './users.ts'

const text = z.string().max(4096)
const texts = z.array(text).max(10_000)
const none = z.object({})
const named = z.object({ name: text })
const page = {
  search: text.optional(),
  page: z.int().positive().optional(),
  size: z.int().positive().max(1000).optional(),
}
const order = { order: z.enum(['asc', 'desc']).optional() }
const status = z.enum(['enabled', 'disabled', 'locked'])
const extensionValues = z.record(text, z.record(text, text))
const profile = { role: z.enum(['person', 'administrator']).optional(), extensions: extensionValues.optional() }

/** What an administrator on this machine may ask of the node: the command line's other end. */
export const commands = {
  status: command(none, ({ db }) => nodeStatus(db)),
  audit: command(z.object(page), ({ db }, args) => auditPage(db, args)),
  'audit-verify': command(none, ({ db }) => verifyAudit(db)),

  setup: command(
    z.object({
      mode: z.enum(['master', 'standalone']),
      domain: text,
      admin: text,
      password: text,
      first: text.optional(),
      last: text.optional(),
      name: text.optional(),
    }),
    async ({ db, actor }, args) => {
      await setUpOwn(db, actor, args)
      return nodeStatus(db)
    },
  ),
  'setup-slave': command(
    z.object({ master: text, key: text, name: text.optional(), wait: z.boolean().default(true) }),
    setUpSlave,
  ),
  'mode-set': command(z.object({ mode: z.enum(['standalone', 'master']) }), ({ db, actor }, { mode }) =>
    setMode(db, actor, mode),
  ),
  'key-show': command(none, async ({ db, actor }) => {
    const key = await synchronizationKey(db)
    await noteKeyShown(db, actor)
    return { key }
  }),
  'key-rotate': command(none, async ({ db, actor }) => ({ key: await rotateKey(db, actor) })),
  'device-revoke': command(z.object({ device: text }), ({ db, actor }, { device }) => revokeDevice(db, actor, device)),

  'user-list': command(
    z.object({
      ...page,
      ...order,
      group: text.optional(),
      plugin: text.optional(),
      status: status.optional(),
      sort: z.enum(['name', 'username', 'status', 'number']).optional(),
    }),
    async ({ db }, args) => shown(await usersPage(db, args)),
  ),
  'user-show': command(named, ({ db }, { name }) => showPerson(db, name)),
  'user-add': command(
    z.object({
      username: text,
      first: text,
      last: text,
      password: text.optional(),
      status: status.optional(),
      groups: texts.optional(),
      plugins: texts.optional(),
      ...profile,
    }),
    ({ db, actor }, args) => addPerson(db, actor, args),
  ),
  'user-change': command(
    z.object({
      name: text,
      username: text.optional(),
      first: text.optional(),
      last: text.optional(),
      addGroups: texts.default([]),
      removeGroups: texts.default([]),
      addPlugins: texts.default([]),
      removePlugins: texts.default([]),
      ...profile,
    }),
    ({ db, actor }, args) => changePerson(db, actor, args),
  ),
  'user-password': command(z.object({ name: text, password: text }), async ({ db, actor }, { name, password }) =>
    setPassword(db, actor, await userIdOf(db, name), password),
  ),
  'user-status': command(z.object({ name: text, status }), async ({ db, actor }, { name, status }) => {
    await setStatus(db, actor, await userIdOf(db, name), status)
  }),
  'user-remove': command(named, ({ db, actor }, { name }) => removePerson(db, actor, name)),

  'group-list': command(
    z.object({ ...page, ...order, sort: z.enum(['name', 'number', 'members']).optional() }),
    ({ db }, args) => groupsPage(db, args),
  ),
  'group-show': command(named, ({ db }, { name }) => groupByName(db, name)),
  'group-add': command(z.object({ name: text, description: text.default('') }), ({ db, actor }, args) =>
    addGroup(db, actor, args),
  ),
  'group-change': command(
    z.object({ group: text, name: text.optional(), description: text.optional() }),
    async ({ db, actor }, { group, ...changes }) => changeGroup(db, actor, (await groupByName(db, group)).id, changes),
  ),
  'group-remove': command(named, async ({ db, actor }, { name }) =>
    removeGroup(db, actor, (await groupByName(db, name)).id),
  ),
  'group-add-member': command(
    z.object({ group: text, usernames: texts }),
    async ({ db, actor }, { group, usernames }) => addMembers(db, actor, (await groupByName(db, group)).id, usernames),
  ),
  'group-remove-member': command(
    z.object({ group: text, usernames: texts }),
    async ({ db, actor }, { group, usernames }) =>
      removeMembers(db, actor, (await groupByName(db, group)).id, usernames),
  ),

  'plugin-list': command(none, ({ db }) => pluginList(db)),
  'plugin-users': command(z.object({ ...page, name: text }), async ({ db }, { name, ...query }) =>
    shown(await pluginUsers(db, name, query)),
  ),
  'plugin-enable': command(z.object({ name: text, usernames: texts }), ({ db, actor }, { name, usernames }) =>
    enablePlugin(db, actor, name, usernames),
  ),
  'plugin-disable': command(z.object({ name: text, usernames: texts }), ({ db, actor }, { name, usernames }) =>
    disablePlugin(db, actor, name, usernames),
  ),
  'extension-list': command(none, ({ db }) => extensionList(db)),
  'extension-set': command(z.object({ name: text, on: z.boolean() }), ({ db, actor }, { name, on }) =>
    setExtensionOn(db, actor, name, on),
  ),

  'client-list': command(none, ({ db }) => clientList(db)),
  'client-add': command(z.object({ name: text, role: z.enum(['auth', 'read', 'samba']) }), ({ db, actor }, args) =>
    addClient(db, actor, args),
  ),
  'client-remove': command(named, ({ db, actor }, { name }) => removeClient(db, actor, name)),

  import: command(z.object({ file: text, base64: z.base64(), dryRun: z.boolean() }), importFile),
  export: command(none, async ({ db, progress, signal }) => {
    for await (const text of exportUsers(db)) {
      signal.throwIfAborted()
      progress({ text })
    }
  }),
} satisfies Record<string, Command>

export type Commands = typeof commands
export type CommandName = keyof Commands
export type Args<N extends CommandName> = z.input<Commands[N]['args']>
export type Result<N extends CommandName> = Awaited<ReturnType<Commands[N]['run']>>

/** Checks the arguments and runs the command. */
export async function runCommand(name: string, call: Parameters<Command['run']>[0], args: unknown): Promise<unknown> {
  const found: Command | undefined = Object.hasOwn(commands, name)
    ? (commands[name as CommandName] as unknown as Command)
    : undefined
  if (!found) throw new NotFound(`There is no command ${name}.`)
  return found.run(call, found.args.parse(args))
}
