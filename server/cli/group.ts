import { type Command, Option } from 'commander'
import type { Args } from '../api/commands.ts'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { count, printFacts, printJson, printPages, say } from './output.ts'

export function groupCommands(program: Command): void {
  const group = program.command('group').description('groups and who is in them')

  group
    .command('add <name>')
    .description('add a group')
    .option('--description <text>', 'what it is for')
    .option('--json', 'print JSON')
    .action(async (name: string, { description, json }: { description?: string; json?: boolean }, command: Command) => {
      const added = await call(dataOf(command), 'group-add', { name, description })
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
    .action(async (name: string, changes: { name?: string; description?: string }, command: Command) => {
      if (Object.keys(changes).length === 0) command.error('error: name something to change; --help lists what')
      const changed = await call(dataOf(command), 'group-change', { group: name, ...changes })
      say(`Changed the group ${changed.name}.`)
    })

  group
    .command('remove <name>')
    .description('remove a group; its members stay in the directory')
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'group-remove', { name })
      say(`Removed the group ${name}.`)
    })

  group
    .command('add-member <group> <username...>')
    .description('take people into a group')
    .action(async (group: string, usernames: string[], _options: unknown, command: Command) => {
      const { added } = await call(dataOf(command), 'group-add-member', { group, usernames })
      say(`${count(added.length, 'person', 'people')} added to ${group}.`)
    })

  group
    .command('remove-member <group> <username...>')
    .description('take people out of a group')
    .action(async (group: string, usernames: string[], _options: unknown, command: Command) => {
      await call(dataOf(command), 'group-remove-member', { group, usernames })
      say(`${usernames.join(', ')} removed from ${group}.`)
    })
}

async function showGroup(name: string, { json }: { json?: boolean }, command: Command): Promise<void> {
  const group = await call(dataOf(command), 'group-show', { name })
  const members: string[] = []
  for (let page = 1, pages = 1; page <= pages; page++) {
    const found = await call(dataOf(command), 'user-list', { group: group.name, sort: 'username', page, size: 500 })
    members.push(...found.rows.map((user) => user.username))
    pages = found.pages
  }
  if (json) return printJson({ ...group, members })
  printFacts({
    name: group.name,
    description: group.description,
    number: group.gidNumber,
    type: group.type,
    members: members.join(', ') || 'nobody',
  })
}

type ListOptions = Pick<Args<'group-list'>, 'search' | 'sort'> & { json?: boolean }

async function listGroups({ json, ...query }: ListOptions, command: Command): Promise<void> {
  await printPages(
    json,
    ['GROUP', 'NUMBER', 'MEMBERS', 'DESCRIPTION'],
    (page) => call(dataOf(command), 'group-list', { ...query, page, size: 500 }),
    (group) => [group.name, group.gidNumber, group.members, group.description],
  )
}
