import type { Command } from 'commander'
import { call } from './call.ts'
import { collect, dataOf } from './options.ts'
import { count, printJson, printPages, printTable, say } from './output.ts'

export function pluginCommands(program: Command): void {
  const plugin = program.command('plugin').description('services that are turned on or off for a person')

  plugin
    .command('list')
    .description('every plugin, and how many have it')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const plugins = await call(dataOf(command), 'plugin-list', {})
      if (json) return printJson(plugins)
      printTable(
        ['PLUGIN', 'TITLE', 'STATE', 'NUMBER', 'USERS'],
        plugins.map((plugin) => [plugin.name, plugin.title, plugin.on ? 'on' : 'off', plugin.gidNumber, plugin.users]),
      )
    })

  plugin
    .command('users <plugin>')
    .description('who has a plugin')
    .option('--json', 'print JSON')
    .action(async (name: string, { json }: { json?: boolean }, command: Command) =>
      printPages(
        json,
        ['USERNAME', 'NAME', 'STATUS'],
        (after) => call(dataOf(command), 'plugin-users', { name, after, limit: 500 }),
        (user) => [user.username, `${user.first} ${user.last}`, user.status],
      ),
    )

  for (const verb of ['enable', 'disable'] as const)
    plugin
      .command(`${verb} <plugin> [username...]`)
      .description(`turn a plugin ${verb === 'enable' ? 'on' : 'off'} for people`)
      .option('--group <name>', 'everybody who is in this group now, also through others', collect)
      .action(async (name: string, usernames: string[], { group = [] }: { group?: string[] }, command: Command) => {
        if (usernames.length + group.length === 0) command.error('error: name people, or a group with --group')
        const { changed } = await call(dataOf(command), `plugin-${verb}`, { name, usernames, groups: group })
        const whom = group.length > 0 ? count(changed.length, 'more person', 'more people') : usernames.join(', ')
        say(`${name} is ${verb === 'enable' ? 'on' : 'off'} for ${whom}.`)
      })

  plugin
    .command('add <title>')
    .description('make a plugin of your own; it is on, and nobody has it yet')
    .option('--name <name>', 'its name, as other commands and LDAP call it')
    .option('--badge <text>', 'its short name')
    .option('--summary <text>', 'what it is for')
    .action(async (title: string, given: { name?: string; badge?: string; summary?: string }, command: Command) => {
      const made = await call(dataOf(command), 'plugin-add', { title, ...given })
      say(`Made the plugin ${made.name} (number ${made.gidNumber}).`)
    })

  plugin
    .command('change <plugin>')
    .description('change a plugin of your own')
    .option('--title <text>', 'its title')
    .option('--badge <text>', 'its short name')
    .option('--summary <text>', 'what it is for')
    .action(async (name: string, given: { title?: string; badge?: string; summary?: string }, command: Command) => {
      if (Object.keys(given).length === 0) command.error('error: name something to change; --help lists what')
      await call(dataOf(command), 'plugin-change', { name, ...given })
      say(`Changed the plugin ${name}.`)
    })

  plugin
    .command('remove <plugin>')
    .description('remove a plugin of your own, and take it from everybody')
    .requiredOption('--yes', 'there is no way back')
    .action(async (name: string, _options: unknown, command: Command) => {
      const { people } = await call(dataOf(command), 'plugin-remove', { name })
      say(`Removed the plugin ${name}; ${count(people, 'person', 'people')} had it.`)
    })

  for (const on of [true, false])
    plugin
      .command(`turn-${on ? 'on' : 'off'} <plugin>`)
      .description(`turn a plugin ${on ? 'on' : 'off'} for everyone; who has it is kept`)
      .action(async (name: string, _options: unknown, command: Command) => {
        await call(dataOf(command), 'plugin-change', { name, on })
        say(`${name} is ${on ? 'on' : 'off'}.`)
      })
}
