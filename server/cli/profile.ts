import type { Command } from 'commander'
import { call } from './call.ts'
import { collect, collectValues, dataOf } from './options.ts'
import { printFacts, printJson, printTable, say } from './output.ts'

type Given = {
  name?: string
  description?: string
  group?: string[]
  plugin?: string[]
  set?: Record<string, Record<string, string>>
  json?: boolean
}

export function profileCommands(program: Command): void {
  const profile = program.command('profile').description('templates for new people')

  profile
    .command('list')
    .description('every profile')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const profiles = await call(dataOf(command), 'profile-list', {})
      if (json) return printJson(profiles)
      printTable(
        ['PROFILE', 'GROUPS', 'PLUGINS', 'DESCRIPTION'],
        profiles.map((one) => [one.name, one.groups.join(','), one.plugins.join(','), one.description]),
      )
    })

  profile.command('show <name>').description('one profile').option('--json', 'print JSON').action(showProfile)

  withValues(profile.command('add <name>').description('add a profile')).action(
    async (name: string, { json, ...given }: Given, command: Command) => {
      const added = await call(dataOf(command), 'profile-add', { name, ...values(given) })
      if (json) printJson(added)
      else say(`Added the profile ${added.name}.`)
    },
  )

  withValues(profile.command('change <name>').description('change a profile; people stay as they are'))
    .option('--name <name>', 'a new name')
    .action(async (name: string, { json, ...given }: Given, command: Command) => {
      if (Object.keys(given).length === 0) command.error('error: name something to change; --help lists what')
      const changes = { ...values(given), name: given.name }
      const changed = await call(dataOf(command), 'profile-change', { profile: name, ...changes })
      if (json) printJson(changed)
      else say(`Changed the profile ${changed.name}.`)
    })

  profile
    .command('remove <name>')
    .description('remove a profile; people stay as they are')
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'profile-remove', { name })
      say(`Removed the profile ${name}.`)
    })
}

const withValues = (command: Command): Command =>
  command
    .option('--description <text>', 'whom it is for')
    .option('--group <name>', 'a group that they are in (again for more); the whole list', collect)
    .option('--plugin <name>', 'a plugin that is on for them (again for more); the whole list', collect)
    .option(
      '--set <ext.field=value>',
      'a field of an extension, with {first}, {last}, {username} (again for more)',
      collectValues,
    )
    .option('--json', 'print JSON')

const values = ({ description, group, plugin, set }: Given) => ({
  description,
  groups: group,
  plugins: plugin,
  extensions: set,
})

async function showProfile(name: string, { json }: { json?: boolean }, command: Command): Promise<void> {
  const profile = await call(dataOf(command), 'profile-show', { name })
  if (json) return printJson(profile)
  const fields = Object.entries(profile.extensions).flatMap(([extension, one]) =>
    Object.entries(one).map(([field, template]) => [`${extension}.${field}`, template]),
  )
  printFacts({
    name: profile.name,
    description: profile.description,
    groups: profile.groups.join(', '),
    plugins: profile.plugins.join(', '),
    ...Object.fromEntries(fields),
  })
}
