import { type Command, Option } from 'commander'
import type { Args } from '../api/commands.ts'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { moment, printFacts, printJson, printTable, say } from './output.ts'

export function clientCommands(program: Command): void {
  const client = program.command('client').description('services that ask over LDAP with an account of their own')

  client
    .command('add <name>')
    .description('add an LDAP client; its password is made and shown once')
    .addOption(
      new Option('--role <role>', 'auth: check passwords; read: and read entries; samba: as read, set aside for Samba')
        .choices(['read', 'auth', 'samba'])
        .makeOptionMandatory(),
    )
    .option('--json', 'print JSON')
    .action(
      async (name: string, { role, json }: { role: Args<'client-add'>['role']; json?: boolean }, command: Command) => {
        const { dn, password } = await call(dataOf(command), 'client-add', { name, role })
        if (json) return printJson({ dn, password })
        printFacts({ dn, password })
        say('The password is not shown again.')
      },
    )

  client
    .command('list')
    .description('LDAP clients')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const clients = await call(dataOf(command), 'client-list', {})
      if (json) return printJson(clients)
      printTable(
        ['CLIENT', 'ROLE', 'ADDED', 'DN'],
        clients.map((one) => [one.name, one.role, moment(one.added), one.dn]),
      )
    })

  client
    .command('remove <name>')
    .description('remove an LDAP client; its binds are refused from then on')
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'client-remove', { name })
      say(`Removed the client ${name}.`)
    })
}
