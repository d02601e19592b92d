import { z } from 'zod'
import { type Declared, declared } from '../accounts/declarations.ts'
import { valuesShown } from '../accounts/extensions.ts'
import { inviteUser, removeInvitation } from '../accounts/invitations.ts'
import { mayUse } from '../accounts/may-use.ts'
import { canonicalName } from '../accounts/names.ts'
import { needPlugin } from '../accounts/plugins.ts'
import { generatedPassword, policyOf, policyOfNew } from '../accounts/policies.ts'
import { applyProfile, profileByName } from '../accounts/profiles.ts'
import { stateOf } from '../accounts/sign-in.ts'
import type { User } from '../accounts/user.ts'
import type { UserInput } from '../accounts/user-input.ts'
import { usersFrom } from '../accounts/user-lists.ts'
import { setStatus } from '../accounts/user-status.ts'
import { addUser, changeUser, removeUser, setPassword, userByUsername } from '../accounts/users.ts'
import { pagesAt } from '../replication/serving.ts'
import type { Db } from '../store/db.ts'
import { groupNamesByIds } from '../store/groups.ts'
import { type Call, command } from './command.ts'
import {
  cursorOf,
  expected,
  firstLimit,
  inPages,
  keptValues,
  listOf,
  markOf,
  moment,
  named,
  nothing,
  text,
  texts,
  typedValues,
} from './shapes.ts'
import { unlessChanged } from './unless-changed.ts'

const status = z.enum(['enabled', 'disabled', 'locked'])
const state = z.enum(['enabled', 'disabled', 'locked', 'expired', 'waiting'])
const role = z.enum(['person', 'helpdesk', 'auditor', 'administrator'])

export const shownUser = z
  .object({
    id: z.string(),
    seq: z.int(),
    username: z.string(),
    first: z.string(),
    last: z.string(),
    status,
    state: state.meta({
      description: 'What the status comes to now, with the time of validity and a lock of the password policy.',
    }),
    role,
    uidNumber: z.int(),
    validFrom: moment.optional(),
    validUntil: moment.optional(),
    lockedUntil: moment.optional(),
    hasPassword: z.boolean(),
    passwordChanged: moment.optional(),
    mustChange: z.boolean().optional(),
    invitedUntil: moment.optional(),
    groups: z.array(z.string()).meta({ description: 'Names of the groups that the person is in directly.' }),
    plugins: z.array(z.string()),
    extensions: keptValues,
    added: moment,
    changed: moment,
  })
  .meta({ id: 'User', description: 'A person.' })

/** What an extension that is off holds is not shown. */
export const shownBy =
  (known: Declared) =>
  ({ groupNames, ...user }: User & { groupNames: string[] }): z.input<typeof shownUser> => ({
    ...user,
    extensions: valuesShown(known, user.extensions),
    groups: groupNames,
    state: stateOf(user, new Date()),
  })

async function withGroupNames(db: Db, user: User): Promise<z.input<typeof shownUser>> {
  const names = await groupNamesByIds(db.reader, user.groups)
  return shownBy(await declared(db))({ ...user, groupNames: [...names.values()].sort() })
}

const userIdOf = async (db: Db, username: string): Promise<string> => (await userByUsername(db, username)).id

const showPerson = async (db: Db, username: string) => withGroupNames(db, await userByUsername(db, username))

const standing = {
  role: role.optional(),
  validFrom: text
    .optional()
    .meta({ description: 'A day or a moment, as 2026-11-23 or 2026-11-23T17:30; empty: none.' }),
  validUntil: text.optional().meta({ description: 'The last day, or a moment; empty: none.' }),
  mustChange: z.boolean().optional().meta({ description: 'A new password must be set at the next sign-in.' }),
  extensions: typedValues.optional(),
}

const addArgs = z.strictObject({
  username: text,
  first: text,
  last: text,
  password: text.optional(),
  generate: z.boolean().optional().meta({ description: 'Make a password; it is in this answer, and nowhere else.' }),
  status: status.optional(),
  profile: text.optional().meta({ description: 'A template; what else is given here stands above it.' }),
  groups: texts.optional(),
  plugins: texts.optional(),
  ...standing,
})

async function addPerson({ db, actor }: Call, { profile, generate, ...given }: z.output<typeof addArgs>) {
  const input = withProfile(
    given,
    profile === undefined ? undefined : applyProfile(await profileByName(db, profile), given),
  )
  const made = generate && !given.password ? generatedPassword(await policyOfNew(db, input.groups)) : undefined
  const password = given.password || made
  const user = await addUser(db, actor, { ...input, ...(password && { password }) })
  return { ...(await withGroupNames(db, user)), ...(made && { password: made }) }
}

/** Groups and plugins of both; of a field that both name, what was typed. */
function withProfile(given: UserInput, profile: ReturnType<typeof applyProfile> | undefined): UserInput {
  if (!profile) return given
  const extensions = { ...profile.extensions }
  for (const [name, fields] of Object.entries(given.extensions ?? {}))
    extensions[name] = { ...extensions[name], ...fields }
  return {
    ...given,
    groups: [...profile.groups, ...(given.groups ?? [])],
    plugins: [...profile.plugins, ...(given.plugins ?? [])],
    extensions,
  }
}

const changeArgs = z.strictObject({
  name: text,
  ...expected,
  username: text.optional(),
  first: text.optional(),
  last: text.optional(),
  groups: texts.optional().meta({ description: 'The whole list.' }),
  plugins: texts.optional().meta({ description: 'The whole list.' }),
  addGroups: texts.optional(),
  removeGroups: texts.optional(),
  addPlugins: texts.optional(),
  removePlugins: texts.optional(),
  ...standing,
})

/** Groups and plugins are added to and taken from what the person has; the seq sees to it that nothing came between. */
async function changePerson({ db, actor }: Call, args: z.output<typeof changeArgs>) {
  const { name, expectedSeq, addGroups = [], removeGroups = [], addPlugins = [], removePlugins = [], ...input } = args
  return unlessChanged(
    expectedSeq,
    () => userByUsername(db, name),
    async (user) => {
      const [joined, left] = [addGroups.map(canonicalName), removeGroups.map(canonicalName)]
      // Their names are asked for only where they are needed.
      const asked = joined.length + left.length > 0 ? user.groups : []
      const inGroups = [...(await groupNamesByIds(db.reader, asked)).values()]
      const groups = edited(input.groups ?? inGroups, joined, left)
      const plugins = edited(input.plugins ?? user.plugins, addPlugins, removePlugins)
      const lists = { ...(groups && { groups }), ...(plugins && { plugins }) }
      const seq = groups || plugins ? user.seq : expectedSeq
      return withGroupNames(db, await changeUser(db, actor, user.id, { ...input, ...lists }, seq))
    },
  )
}

/** Undefined when nothing was asked for: then nothing is said about what cannot be kept, either. */
function edited(has: string[], add: string[], remove: string[]): string[] | undefined {
  if (add.length === 0 && remove.length === 0) return undefined
  return [...new Set([...has, ...add])].filter((name) => !remove.includes(name))
}

const passwordArgs = z.strictObject({
  name: text,
  password: text.optional(),
  generate: z.boolean().optional(),
  mustChange: z.boolean().optional(),
})

async function givePassword(
  { db, actor }: Call,
  { name, generate, mustChange, ...given }: z.output<typeof passwordArgs>,
) {
  const user = await userByUsername(db, name)
  const made = generate && !given.password ? generatedPassword(await policyOf(db, user)) : undefined
  const options = mustChange === undefined ? {} : { mustChange }
  await setPassword(db, actor, user.id, made ?? given.password ?? '', options)
  return made === undefined ? {} : { password: made }
}

const reasons = z.array(
  z.object({
    ok: z.boolean(),
    text: z.string(),
    way: z.string().optional().meta({ description: 'The way out, where it speaks against it.' }),
  }),
)

export const userCommands = {
  'user-list': command(
    'read',
    z.strictObject({
      search: text.optional(),
      group: text.optional().meta({ description: 'Who is in it, also through other groups.' }),
      direct: z.boolean().optional().meta({ description: 'Only who is in the group itself.' }),
      plugin: text.optional(),
      status: state.optional().meta({ description: 'The state of now.' }),
      sort: z.enum(['name', 'username', 'status', 'number']).optional(),
      order: z.enum(['asc', 'desc']).optional(),
      ...inPages,
    }),
    listOf(shownUser),
    async ({ db }, { after, limit = firstLimit, ...query }) => {
      const { rows, next } = await usersFrom(db, query, markOf(after), limit)
      return { items: rows.map(shownBy(await declared(db))), next: cursorOf(next) }
    },
  ),
  'user-show': command('read', named, shownUser, ({ db }, { name }) => showPerson(db, name)),
  'user-add': command(
    'change',
    addArgs,
    shownUser.extend({ password: z.string().optional() }).meta({ id: 'AddedUser' }),
    addPerson,
  ),
  'user-change': command('change', changeArgs, shownUser, changePerson),
  'user-password': command(
    'passwords',
    passwordArgs,
    z.object({ password: z.string().optional().meta({ description: 'The one that was made; told this once.' }) }),
    givePassword,
  ),
  'user-invite': command(
    'passwords',
    named,
    z.object({
      link: z
        .string()
        .meta({ description: 'Opens once; told this once. Without the node’s address while no node runs.' }),
      until: moment,
    }),
    async ({ db, actor }, { name }) => {
      const { path, until } = await inviteUser(db, actor, await userIdOf(db, name))
      return { link: `${pagesAt(db) ?? ''}${path}`, until }
    },
  ),
  'user-uninvite': command('passwords', named, nothing, async ({ db, actor }, { name }) =>
    removeInvitation(db, actor, await userIdOf(db, name)),
  ),
  'user-status': command(
    'passwords',
    named.extend({
      status,
      from: status.optional().meta({ description: 'Refused when it is another one by now, as one who is disabled.' }),
    }),
    shownUser,
    async ({ db, actor }, { name, status, from }) =>
      withGroupNames(db, await setStatus(db, actor, await userIdOf(db, name), status, from)),
  ),
  'user-remove': command('change', named.extend(expected), nothing, async ({ db, actor }, { name, expectedSeq }) => {
    await unlessChanged(
      expectedSeq,
      () => userByUsername(db, name),
      (user) => removeUser(db, actor, user.id, expectedSeq),
    )
  }),
  'user-why': command(
    'read',
    z.strictObject({ name: text, plugin: text }),
    z.object({ may: z.boolean(), reasons }),
    async ({ db }, { name, plugin }) => {
      const user = await userByUsername(db, name)
      return mayUse(db, user, await needPlugin(db, plugin))
    },
  ),
}
