import type { Command } from 'commander'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { printJson, printPages, printTable, say } from './output.ts'

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
        (page) => call(dataOf(command), 'plugin-users', { name, page, size: 500 }),
        (user) => [user.username, `${user.first} ${user.last}`, user.status],
      ),
    )

  for (const verb of ['enable', 'disable'] as const)
    plugin
      .command(`${verb} <plugin> <username...>`)
      .description(`turn a plugin ${verb === 'enable' ? 'on' : 'off'} for people`)
      .action(async (name: string, usernames: string[], _options: unknown, command: Command) => {
        await call(dataOf(command), `plugin-${verb}`, { name, usernames })
        say(`${name} is ${verb === 'enable' ? 'on' : 'off'} for ${usernames.join(', ')}.`)
      })
}
