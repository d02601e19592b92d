import type { Command } from 'commander'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { printJson, printTable, say } from './output.ts'

export function extensionCommands(program: Command): void {
  const extension = program.command('extension').description('what a profile holds beyond names and password')

  extension
    .command('list')
    .description('every extension with its fields, as --set names them')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const extensions = await call(dataOf(command), 'extension-list', {})
      if (json) return printJson(extensions)
      printTable(
        ['EXTENSION', 'STATE', 'USERS', 'FIELDS'],
        extensions.map((one) => [
          one.name,
          one.on ? 'on' : 'off',
          one.users,
          one.fields.map((field) => field.name).join(', '),
        ]),
      )
    })

  for (const verb of ['enable', 'disable'] as const)
    extension
      .command(`${verb} <name>`)
      .description(`turn an extension ${verb === 'enable' ? 'on' : 'off; its values stay'}`)
      .action(async (name: string, _options: unknown, command: Command) => {
        await call(dataOf(command), 'extension-set', { name, on: verb === 'enable' })
        say(`${name} is ${verb === 'enable' ? 'on' : 'off'}.`)
      })
}
