import { type Command, Option } from 'commander'
import type { Args } from '../api/commands.ts'
import { call } from './call.ts'
import { collect, collectValues, dataOf } from './options.ts'
import { printFacts, printJson, printPages, say } from './output.ts'

export function groupCommands(program: Command): void {
  const group = program.command('group').description('groups and who is in them')

  group
    .command('add <name>')
    .description('add a group')
    .option('--description <text>', 'what it is for')
    .option('--set <ext.field=value>', 'a field of an extension (again for more)', collectValues)
    .option('--json', 'print JSON')
    .action(async (name: string, { description, set, json }: AddOptions, command: Command) => {
      const added = await call(dataOf(command), 'group-add', { name, description, extensions: set })
      if (json) printJson(added)
      else say(`Added the group ${added.name} (number ${added.gidNumber}).`)
    })

  group.command('show <name>').description('one group and its members').option('--json', 'print JSON').action(showGroup)

  group
    .command('list')
    .description('groups, by name')
    .option('--search <text>', 'only those whose name or description holds the text')
    .addOption(new Option('--sort <by>', 'order').choices(['name', 'number', 'members']).default('name'))
    .option('--json', 'print JSON')
    .action(listGroups)

  group
    .command('change <name>')
    .description('change a group; its members stay')
    .option('--name <name>', 'a new name')
    .option('--description <text>', 'what it is for')
    .option('--set <ext.field=value>', 'a field of an extension (again for more)', collectValues)
    .action(async (name: string, { set, ...changes }: ChangeOptions, command: Command) => {
      if (Object.keys(changes).length === 0 && !set) command.error('error: name something to change; --help lists what')
      const changed = await call(dataOf(command), 'group-change', { group: name, ...changes, extensions: set })
      say(`Changed the group ${changed.name}.`)
    })

  group
    .command('remove <name>')
    .description('remove a group, to the recycle bin; its members stay in the directory')
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'group-remove', { name })
      say(`Removed the group ${name}.`)
    })

  group
    .command('undelete <name>')
    .description('bring a removed group back, with its members')
    .option('--name <name>', 'a new name, when somebody else has the old one')
    .action(async (name: string, { name: newName }: { name?: string }, command: Command) => {
      const back = await call(dataOf(command), 'undelete', { kind: 'group', name, newName })
      say(`The group ${back.name} is back.`)
    })

  group
    .command('add-member <group> [username...]')
    .description('take people into a group, and groups with the people in them')
    .option('--group <name>', 'a group to be in it (again for more)', collect)
    .action(async (group: string, usernames: string[], { group: groups }: Inner, command: Command) => {
      const { added } = await call(dataOf(command), 'group-add-member', needed(command, group, usernames, groups))
      say(`${added.join(', ') || 'Nobody'} added to ${group}.`)
    })

  group
    .command('remove-member <group> [username...]')
    .description('take people and groups out of a group')
    .option('--group <name>', 'a group to be in it no more (again for more)', collect)
    .action(async (group: string, usernames: string[], { group: groups }: Inner, command: Command) => {
      const { removed } = await call(dataOf(command), 'group-remove-member', needed(command, group, usernames, groups))
      say(`${removed.join(', ') || 'Nobody'} removed from ${group}.`)
    })

  const owner = group.command('owner').description('people who may change the members of a group')
  for (const verb of ['add', 'remove'] as const)
    owner
      .command(`${verb} <group> <username...>`)
      .description(verb === 'add' ? 'let people change its members' : 'no longer let people change its members')
      .action(async (group: string, usernames: string[], _options: unknown, command: Command) => {
        const changes = verb === 'add' ? { addOwners: usernames } : { removeOwners: usernames }
        const { owners } = await call(dataOf(command), 'group-change', { group, ...changes })
        say(`Owners of ${group}: ${owners.join(', ') || 'nobody'}.`)
      })
}

type Set = { set?: Record<string, Record<string, string>> }
type AddOptions = Set & { description?: string; json?: boolean }
type ChangeOptions = Set & { name?: string; description?: string }
type Inner = { group?: string[] }

function needed(command: Command, group: string, usernames: string[], groups: string[] = []) {
  if (usernames.length + groups.length === 0) command.error('error: name people, or groups with --group')
  return { group, usernames, groups }
}

async function showGroup(name: string, { json }: { json?: boolean }, command: Command): Promise<void> {
  const group = await call(dataOf(command), 'group-show', { name })
  const members: string[] = []
  for (let after: string | undefined; ; ) {
    const found = await call(dataOf(command), 'user-list', { group: group.name, direct: true, after, limit: 500 })
    members.push(...found.items.map((user) => user.username))
    if (found.next === null) break
    after = found.next
  }
  if (json) return printJson({ ...group, members })
  const values = Object.entries(group.extensions ?? {}).flatMap(([extension, fields]) =>
    Object.entries(fields).map(([field, value]) => [`${extension}.${field}`, String(value)]),
  )
  printFacts({
    name: group.name,
    description: group.description,
    number: group.gidNumber,
    type: group.type,
    owners: group.owners.join(', '),
    members: members.join(', ') || 'nobody',
    groups: group.groups.join(', '),
    'people in all': group.nested ? group.members : undefined,
    'member of': group.memberOf.join(', '),
    ...Object.fromEntries(values),
  })
}

type ListOptions = Pick<Args<'group-list'>, 'search' | 'sort'> & { json?: boolean }

async function listGroups({ json, ...query }: ListOptions, command: Command): Promise<void> {
  await printPages(
    json,
    ['GROUP', 'NUMBER', 'MEMBERS', 'DESCRIPTION'],
    (after) => call(dataOf(command), 'group-list', { ...query, after, limit: 500 }),
    (group) => [group.name, group.gidNumber, group.members, group.description],
  )
}
