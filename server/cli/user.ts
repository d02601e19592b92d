import { type Command, Option } from 'commander'
import type { Args, Result } from '../api/commands.ts'
import { call } from './call.ts'
import { collect, collectValues, dataOf } from './options.ts'
import { moment, printFacts, printJson, printPages, say, tell } from './output.ts'
import { readNewPassword } from './secret.ts'

type Person = Result<'user-show'>

type Profile = {
  first?: string
  last?: string
  role?: Person['role']
  validFrom?: string
  validUntil?: string
  mustChange?: boolean
  set?: Record<string, Record<string, string>>
  json?: boolean
}

export function userCommands(program: Command): void {
  const user = program.command('user').description('the people of the directory')

  withProfile(user.command('add <name>').description('add a person; the password is asked for, or read from stdin'))
    .requiredOption('--first <name>', 'first name')
    .requiredOption('--last <name>', 'last name')
    .option('--profile <name>', 'a template to begin with')
    .option('--group <name>', 'a group to be in (again for more)', collect)
    .option('--plugin <name>', 'a plugin to turn on (again for more)', collect)
    .option('--no-password', 'add without a password: nobody can sign in yet')
    .option('--generate', 'make a password and print it, this once')
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
    .option('--group <name>', 'only members of the group, also through other groups')
    .option('--plugin <name>', 'only those with the plugin')
    .addOption(
      new Option('--status <status>', 'only those').choices(['enabled', 'disabled', 'locked', 'expired', 'waiting']),
    )
    .addOption(new Option('--sort <by>', 'order').choices(['name', 'username', 'status', 'number']).default('name'))
    .option('--json', 'print JSON')
    .action(listUsers)

  withProfile(user.command('change <name>').description('change a person; what is not named stays'))
    .option('--no-must-change', 'the password may stay as it is')
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
    .option('--generate', 'make a password and print it, this once')
    .option('--must-change', 'a new one must be set at the next sign-in')
    .option('--no-must-change', 'this one may stay')
    .action(setPassword)

  user
    .command('invite <name>')
    .description('make a link with which the person sets a first password, and print it, this once')
    .option('--json', 'print JSON')
    .action(async (name: string, { json }: { json?: boolean }, command: Command) => {
      const { link, until } = await call(dataOf(command), 'user-invite', { name })
      if (json) return printJson({ link, until })
      say(link)
      const where = link.startsWith('/') ? ' No node runs here now; put the address of its pages in front.' : ''
      tell(`It opens once, until ${moment(until)}.${where}`)
    })

  user
    .command('why <name> <plugin>')
    .description('may this person use the service now, and why or why not')
    .option('--json', 'print JSON')
    .action(async (name: string, plugin: string, { json }: { json?: boolean }, command: Command) => {
      const why = await call(dataOf(command), 'user-why', { name, plugin })
      if (json) return printJson(why)
      say(`${name} ${why.may ? 'may' : 'may not'} use ${plugin}.`)
      for (const { ok, text, way } of why.reasons) say(`${ok ? '  yes' : '   no'}  ${text}${way ? `. ${way}` : ''}`)
    })

  for (const [verb, status, from, help] of [
    ['lock', 'locked', 'enabled', 'refuse every sign-in of a person'],
    ['unlock', 'enabled', 'locked', 'let a locked person sign in again'],
    ['enable', 'enabled', 'disabled', 'take a person into use'],
    ['disable', 'disabled', undefined, 'take a person out of use'],
  ] as const)
    user
      .command(`${verb} <name>`)
      .description(help)
      .action(async (name: string, _options: unknown, command: Command) => {
        await call(dataOf(command), 'user-status', { name, status, from })
        say(`${name} is ${status}.`)
      })

  user
    .command('remove <name>')
    .description('remove a person, to the recycle bin')
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'user-remove', { name })
      say(`Removed ${name}.`)
    })

  user
    .command('undelete <name>')
    .description('bring a removed person back, with number, groups and plugins')
    .option('--name <name>', 'a new username, when somebody else has the old one')
    .action(async (name: string, { name: newName }: { name?: string }, command: Command) => {
      const back = await call(dataOf(command), 'undelete', { kind: 'user', name, newName })
      say(`${back.name} is back.`)
      if (back.left.length > 0) say(`Left out, because somebody else has them by now: ${back.left.join(', ')}.`)
    })
}

const withProfile = (command: Command): Command =>
  command
    .addOption(
      new Option('--role <role>', 'what the person may do here').choices([
        'person',
        'helpdesk',
        'auditor',
        'administrator',
      ]),
    )
    .option('--valid-from <day>', 'may sign in from this day or moment on, as 2026-11-23; empty: no bound')
    .option('--valid-until <day>', 'may sign in until this day ends, or this moment; empty: no bound')
    .option('--must-change', 'a new password must be set at the next sign-in')
    .option(
      '--set <ext.field=value>',
      'a field of an extension, as contact.city=Toronto (again for more)',
      collectValues,
    )
    .option('--json', 'print JSON')

type AddOptions = Profile & {
  first: string
  last: string
  profile?: string
  group?: string[]
  plugin?: string[]
  password: boolean
  generate?: boolean
}

async function addUser(username: string, options: AddOptions, command: Command): Promise<void> {
  const { first, last, role, profile, group, plugin, validFrom, validUntil, mustChange, generate } = options
  if (generate && !options.password) command.error('error: --generate and --no-password cannot be used together')
  const input: Args<'user-add'> = {
    username,
    first,
    last,
    role,
    validFrom,
    validUntil,
    mustChange,
    profile,
    generate,
    groups: group,
    plugins: plugin,
    extensions: options.set,
  }
  if (options.password && !generate) input.password = await readNewPassword()
  const user = await call(dataOf(command), 'user-add', input)
  if (options.json) return printJson(user)
  const added = `Added ${user.username} (${user.first} ${user.last}, number ${user.uidNumber}).`
  if (user.password === undefined) return say(added)
  // The password stands alone on stdout, so that a program can take it.
  tell(added)
  say(user.password)
}

type ChangeOptions = Profile & {
  username?: string
  addGroup?: string[]
  removeGroup?: string[]
  addPlugin?: string[]
  removePlugin?: string[]
}

async function changeUser(name: string, options: ChangeOptions, command: Command): Promise<void> {
  const { json, set, addGroup, removeGroup, addPlugin, removePlugin, ...named } = options
  const changes = {
    ...named,
    extensions: set,
    addGroups: addGroup,
    removeGroups: removeGroup,
    addPlugins: addPlugin,
    removePlugins: removePlugin,
  }
  if (Object.values(changes).every((value) => value === undefined))
    command.error('error: name something to change; --help lists what')
  const user = await call(dataOf(command), 'user-change', { name, ...changes })
  if (json) printJson(user)
  else say(`Changed ${user.username}.`)
}

type PasswordOptions = { generate?: boolean; mustChange?: boolean }

async function setPassword(name: string, { generate, mustChange }: PasswordOptions, command: Command): Promise<void> {
  const password = generate ? undefined : await readNewPassword()
  const made = await call(dataOf(command), 'user-password', { name, password, generate, mustChange })
  if (made.password === undefined) say(`The password of ${name} is set.`)
  else say(made.password)
}

function printUser(user: Person): void {
  const fields = Object.entries(user.extensions).flatMap(([extension, values]) =>
    Object.entries(values).map(([field, value]) => [
      `${extension}.${field}`,
      Array.isArray(value) ? value.join(', ') : String(value),
    ]),
  )
  printFacts({
    username: user.username,
    'first name': user.first,
    'last name': user.last,
    status: user.state === user.status ? user.status : `${user.status}, and now ${user.state}`,
    'valid from': moment(user.validFrom),
    'valid until': moment(user.validUntil),
    'locked until': moment(user.lockedUntil),
    role: user.role,
    number: user.uidNumber,
    password: passwordWords(user),
    groups: user.groups.join(', '),
    plugins: user.plugins.join(', '),
    ...Object.fromEntries(fields),
  })
}

function passwordWords(user: Person): string {
  const words = [user.hasPassword ? 'set' : 'none']
  if (user.passwordChanged) words.push(moment(user.passwordChanged))
  if (user.mustChange) words.push('must be changed')
  if (user.invitedUntil) words.push(`link until ${moment(user.invitedUntil)}`)
  return words.join(', ')
}

type ListOptions = Pick<Args<'user-list'>, 'search' | 'group' | 'plugin' | 'status' | 'sort'> & { json?: boolean }

async function listUsers({ json, ...query }: ListOptions, command: Command): Promise<void> {
  await printPages(
    json,
    ['USERNAME', 'NAME', 'STATUS', 'NUMBER', 'GROUPS'],
    (after) => call(dataOf(command), 'user-list', { ...query, after, limit: 500 }),
    (user) => [user.username, `${user.first} ${user.last}`, user.state, user.uidNumber, user.groups.join(',')],
  )
}
