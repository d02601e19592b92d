import { z } from 'zod'
import { declared } from '../accounts/declarations.ts'
import { valuesShown } from '../accounts/extensions.ts'
import { addMembers, nestedGroups, removeMembers } from '../accounts/group-members.ts'
import {
  addGroup,
  changeGroup,
  groupByName,
  groupsByIds,
  groupsFrom,
  ownerNames,
  removeGroup,
} from '../accounts/groups.ts'
import type { Db } from '../store/db.ts'
import { groupNamesByIds } from '../store/groups.ts'
import { command } from './command.ts'
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

const listedGroup = z
  .object({
    id: z.string(),
    seq: z.int(),
    name: z.string(),
    description: z.string(),
    gidNumber: z.int(),
    type: z.enum(['normal', 'builtin', 'windows']),
    members: z.int().meta({ description: 'How many people are in it, also through other groups.' }),
    direct: z.int().meta({ description: 'How many people are in it themselves.' }),
    nested: z.boolean().meta({ description: 'Whether groups are in it.' }),
    extensions: keptValues.optional(),
    added: moment,
    changed: moment,
  })
  .meta({ id: 'ListedGroup' })

const shownGroup = listedGroup
  .extend({
    owners: z.array(z.string()).meta({ description: 'Usernames of people who may change its members.' }),
    groups: z.array(z.string()).meta({ description: 'Names of the groups that are directly in it.' }),
    memberOf: z.array(z.string()).meta({ description: 'Names of the groups that it is directly in.' }),
  })
  .meta({ id: 'Group', description: 'A group.' })

async function showGroup(db: Db, name: string): Promise<z.input<typeof shownGroup>> {
  const group = await groupByName(db, name)
  const extensions = valuesShown(await declared(db), group.extensions ?? {})
  const [[listed], owners, inside, above] = await Promise.all([
    groupsByIds(db, [group.id]),
    ownerNames(db, group),
    nestedGroups(db, group.id),
    groupNamesByIds(db.reader, group.groups ?? []),
  ])
  const counts = { members: listed?.members ?? 0, direct: listed?.direct ?? 0, nested: listed?.nested ?? false }
  const [groups, memberOf] = [inside.map((one) => one.name), [...above.values()].sort()]
  return { ...group, ...counts, extensions, owners, groups, memberOf }
}

const groupIdOf = async (db: Db, name: string): Promise<string> => (await groupByName(db, name)).id

const members = z.strictObject({
  group: text,
  usernames: texts.default([]),
  groups: texts.default([]).meta({ description: 'Names of groups, whose people are in it with them.' }),
})

const moreOfGroup = { owners: texts.optional(), extensions: typedValues.optional() }

export const groupCommands = {
  'group-list': command(
    'read',
    z.strictObject({
      search: text.optional(),
      sort: z.enum(['name', 'number', 'members']).optional(),
      order: z.enum(['asc', 'desc']).optional(),
      ...inPages,
    }),
    listOf(listedGroup),
    async ({ db }, { after, limit = firstLimit, ...query }) => {
      const { rows, next } = await groupsFrom(db, query, markOf(after), limit)
      const known = await declared(db)
      const items = rows.map((row) => ({ ...row, extensions: valuesShown(known, row.extensions ?? {}) }))
      return { items, next: cursorOf(next) }
    },
  ),
  'group-show': command('read', named, shownGroup, ({ db }, { name }) => showGroup(db, name)),
  'group-add': command(
    'change',
    z.strictObject({ name: text, description: text.default(''), ...moreOfGroup }),
    shownGroup,
    async ({ db, actor }, args) => showGroup(db, (await addGroup(db, actor, args)).name),
  ),
  'group-change': command(
    'change',
    z.strictObject({
      group: text,
      ...expected,
      name: text.optional(),
      description: text.optional(),
      addOwners: texts.optional(),
      removeOwners: texts.optional(),
      ...moreOfGroup,
    }),
    shownGroup,
    async ({ db, actor }, { group, expectedSeq, addOwners = [], removeOwners = [], ...input }) =>
      unlessChanged(
        expectedSeq,
        () => groupByName(db, group),
        async (found) => {
          const has = input.owners ?? (await ownerNames(db, found))
          const owners = [...new Set([...has, ...addOwners])].filter((name) => !removeOwners.includes(name))
          const isOwners = addOwners.length + removeOwners.length > 0
          const changes = isOwners ? { ...input, owners } : input
          const changed = await changeGroup(db, actor, found.id, changes, isOwners ? found.seq : expectedSeq)
          return showGroup(db, changed.name)
        },
      ),
  ),
  'group-remove': command('change', named.extend(expected), nothing, async ({ db, actor }, { name, expectedSeq }) => {
    await unlessChanged(
      expectedSeq,
      () => groupByName(db, name),
      (group) => removeGroup(db, actor, group.id, expectedSeq),
    )
  }),
  'group-add-member': command(
    'change',
    members,
    z.object({ added: z.array(z.string()) }),
    async ({ db, actor }, { group, ...who }) => addMembers(db, actor, await groupIdOf(db, group), who),
  ),
  'group-remove-member': command(
    'change',
    members,
    z.object({ removed: z.array(z.string()) }),
    async ({ db, actor }, { group, ...who }) => removeMembers(db, actor, await groupIdOf(db, group), who),
  ),
}
