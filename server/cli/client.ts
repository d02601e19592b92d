import { type Command, Option } from 'commander'
import type { Args, Result } from '../api/commands.ts'
import { call } from './call.ts'
import { collect, dataOf } from './options.ts'
import { count, moment, printFacts, printJson, printTable, say } from './output.ts'

type AddOptions = { role: Args<'client-add'>['role']; network?: string[]; json?: boolean }
type ChangeOptions = { network?: string[]; anyNetwork?: boolean }

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
    .option('--network <network>', 'where it may come from, as 10.1.0.0/16 (again for more); anywhere if none', collect)
    .option('--json', 'print JSON')
    .action(async (name: string, { role, network, json }: AddOptions, command: Command) => {
      const { dn, password } = await call(dataOf(command), 'client-add', { name, role, networks: network })
      if (json) return printJson({ dn, password })
      printFacts({ dn, password })
      say('The password is not shown again.')
    })

  client
    .command('show <name>')
    .description('one LDAP client, and what it asked this node for and did not get')
    .option('--json', 'print JSON')
    .action(showClient)

  client
    .command('list')
    .description('LDAP clients, and when this node last saw each')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const clients = await call(dataOf(command), 'client-list', {})
      if (json) return printJson(clients)
      printTable(
        ['CLIENT', 'ROLE', 'LAST USED HERE', 'FROM', 'DID NOT GET', 'ADDED', 'DN'],
        clients.map((one) => [
          one.name,
          one.role,
          moment(one.lastUsed),
          one.lastAddress,
          one.missed || '',
          moment(one.added),
          one.dn,
        ]),
      )
    })

  client
    .command('change <name>')
    .description('settle from where a client may come')
    .option('--network <network>', 'a network, as 10.1.0.0/16 (again for more); the whole list', collect)
    .option('--any-network', 'from anywhere')
    .action(async (name: string, { network, anyNetwork }: ChangeOptions, command: Command) => {
      if ((network === undefined) === (anyNetwork === undefined))
        command.error('error: name its networks, or give --any-network')
      await call(dataOf(command), 'client-change', { client: name, networks: network ?? [] })
      say(`Changed the client ${name}.`)
    })

  client
    .command('password <name>')
    .description('make a new password and print it, this once; the old one is refused from then on')
    .option('--json', 'print JSON')
    .action(async (name: string, { json }: { json?: boolean }, command: Command) => {
      const { dn, password } = await call(dataOf(command), 'client-password', { name })
      if (json) return printJson({ dn, password })
      // The password stands alone on stdout, so that a program can take it.
      process.stderr.write(`The new password of ${dn}. It is not shown again.\n`)
      say(password)
    })

  client
    .command('forget <name>')
    .description('forget what this client did not get at this node; nothing else changes')
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'client-forget', { name })
      say(`Forgot what ${name} did not get here.`)
    })

  client
    .command('remove <name>')
    .description('remove an LDAP client; its binds are refused from then on')
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'client-remove', { name })
      say(`Removed the client ${name}.`)
    })
}

async function showClient(name: string, { json }: { json?: boolean }, command: Command): Promise<void> {
  const shown = await call(dataOf(command), 'client-show', { name })
  const misses = await call(dataOf(command), 'client-misses', { name })
  if (json) return printJson({ ...shown, misses })
  printFacts({
    name: shown.name,
    dn: shown.dn,
    role: shown.role,
    networks: shown.networks.join(' ') || 'anywhere',
    added: moment(shown.added),
    'last used here': shown.lastUsed
      ? `${moment(shown.lastUsed)} from ${shown.lastAddress || 'this machine'}`
      : 'never',
  })
  for (const miss of misses) sayMiss(miss)
}

function sayMiss({ kind, what, count: times, last, means, isHarmless }: Result<'client-misses'>[number]): void {
  say(`\n${kind}: ${what}`)
  say(`  ${count(times, 'time')}, last ${moment(last)}${isHarmless ? '; harmless' : ''}`)
  say(`  ${means}`)
}
