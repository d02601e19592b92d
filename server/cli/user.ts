import { type Command, Option } from 'commander'
import type { Args, Result } from '../api/commands.ts'
import { call } from './call.ts'
import { collect, collectValues, dataOf } from './options.ts'
import { printFacts, printJson, printPages, say } from './output.ts'
import { readNewPassword } from './secret.ts'

type Person = Result<'user-show'>

type Profile = {
  first?: string
  last?: string
  role?: Person['role']
  set?: Record<string, Record<string, string>>
  json?: boolean
}

export function userCommands(program: Command): void {
  const user = program.command('user').description('the people of the directory')

  withProfile(user.command('add <name>').description('add a person; the password is asked for, or read from stdin'))
    .requiredOption('--first <name>', 'first name')
    .requiredOption('--last <name>', 'last name')
    .option('--group <name>', 'a group to be in (again for more)', collect)
    .option('--plugin <name>', 'a plugin to turn on (again for more)', collect)
    .option('--no-password', 'add without a password: nobody can sign in yet')
    .action(addUser)

  user
    .command('show <name>')
    .description('one person')
    .option('--json', 'print JSON')
    .action(async (name: string, { json }: { json?: boolean }, command: Command) => {
      const user = await call(dataOf(command), 'user-show', { name })
      if (json) printJson(user)
      else printUser(user)
    })

  user
    .command('list')
    .description('people, by name')
    .option('--search <text>', 'only those whose name, username or e-mail holds the text')
    .option('--group <name>', 'only members of the group')
    .option('--plugin <name>', 'only those with the plugin')
    .addOption(new Option('--status <status>', 'only those').choices(['enabled', 'disabled', 'locked']))
    .addOption(new Option('--sort <by>', 'order').choices(['name', 'username', 'status', 'number']).default('name'))
    .option('--json', 'print JSON')
    .action(listUsers)

  withProfile(user.command('change <name>').description('change a person; what is not named stays'))
    .option('--username <name>', 'a new username')
    .option('--first <name>', 'first name')
    .option('--last <name>', 'last name')
    .option('--add-group <name>', 'a group to join (again for more)', collect)
    .option('--remove-group <name>', 'a group to leave (again for more)', collect)
    .option('--add-plugin <name>', 'a plugin to turn on (again for more)', collect)
    .option('--remove-plugin <name>', 'a plugin to turn off (again for more)', collect)
    .action(changeUser)

  user
    .command('password <name>')
    .description('set the password: asked for, or read from stdin')
    .action(async (name: string, _options: unknown, command: Command) => {
      const password = await readNewPassword()
      await call(dataOf(command), 'user-password', { name, password })
      say(`The password of ${name} is set.`)
    })

  for (const [verb, status, help] of [
    ['lock', 'locked', 'refuse every sign-in of a person'],
    ['unlock', 'enabled', 'let a locked person sign in again'],
    ['enable', 'enabled', 'take a person into use'],
    ['disable', 'disabled', 'take a person out of use'],
  ] as const)
    user
      .command(`${verb} <name>`)
      .description(help)
      .action(async (name: string, _options: unknown, command: Command) => {
        await call(dataOf(command), 'user-status', { name, status })
        say(`${name} is ${status}.`)
      })

  user
    .command('remove <name>')
    .description('remove a person')
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'user-remove', { name })
      say(`Removed ${name}.`)
    })
}

const withProfile = (command: Command): Command =>
  command
    .addOption(new Option('--role <role>', 'an administrator may change everyone').choices(['person', 'administrator']))
    .option(
      '--set <ext.field=value>',
      'a field of an extension, as contact.city=Toronto (again for more)',
      collectValues,
    )
    .option('--json', 'print JSON')

type AddOptions = Profile & { first: string; last: string; group?: string[]; plugin?: string[]; password: boolean }

async function addUser(username: string, options: AddOptions, command: Command): Promise<void> {
  const { first, last, role, group, plugin } = options
  const input: Args<'user-add'> = {
    username,
    first,
    last,
    role,
    groups: group,
    plugins: plugin,
    extensions: options.set,
  }
  if (options.password) input.password = await readNewPassword()
  const user = await call(dataOf(command), 'user-add', input)
  if (options.json) printJson(user)
  else say(`Added ${user.username} (${user.first} ${user.last}, number ${user.uidNumber}).`)
}

type ChangeOptions = Profile & {
  username?: string
  addGroup?: string[]
  removeGroup?: string[]
  addPlugin?: string[]
  removePlugin?: string[]
}

async function changeUser(name: string, options: ChangeOptions, command: Command): Promise<void> {
  const { json, set, addGroup, removeGroup, addPlugin, removePlugin, username, first, last, role } = options
  const asked = { username, first, last, role, extensions: set, addGroup, removeGroup, addPlugin, removePlugin }
  if (Object.values(asked).every((value) => value === undefined))
    command.error('error: name something to change; --help lists what')
  const user = await call(dataOf(command), 'user-change', {
    name,
    username,
    first,
    last,
    role,
    extensions: set,
    addGroups: addGroup,
    removeGroups: removeGroup,
    addPlugins: addPlugin,
    removePlugins: removePlugin,
  })
  if (json) printJson(user)
  else say(`Changed ${user.username}.`)
}

function printUser(user: Person): void {
  const fields = Object.entries(user.extensions).flatMap(([extension, values]) =>
    Object.entries(values).map(([field, value]) => [`${extension}.${field}`, String(value)]),
  )
  printFacts({
    username: user.username,
    'first name': user.first,
    'last name': user.last,
    status: user.status,
    role: user.role,
    number: user.uidNumber,
    password: user.hasPassword ? 'set' : 'none',
    groups: user.groups.join(', '),
    plugins: user.plugins.join(', '),
    ...Object.fromEntries(fields),
  })
}

type ListOptions = Pick<Args<'user-list'>, 'search' | 'group' | 'plugin' | 'status' | 'sort'> & { json?: boolean }

async function listUsers({ json, ...query }: ListOptions, command: Command): Promise<void> {
  await printPages(
    json,
    ['USERNAME', 'NAME', 'STATUS', 'NUMBER', 'GROUPS'],
    (page) => call(dataOf(command), 'user-list', { ...query, page, size: 500 }),
    (user) => [user.username, `${user.first} ${user.last}`, user.status, user.uidNumber, user.groups.join(',')],
  )
}
