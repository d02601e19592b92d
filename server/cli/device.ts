import type { Command } from 'commander'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { moment, printJson, printTable, say } from './output.ts'

export function deviceCommands(program: Command): void {
  const device = program.command('device').description('the slaves of this master')

  device
    .command('list')
    .description('every slave and how far it is')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const { devices } = await call(dataOf(command), 'status', {})
      if (json) return printJson(devices)
      printTable(
        ['DEVICE ID', 'NAME', 'STATE', 'LAG', 'CHANGE', 'ADDRESS', 'VERSION', 'LAST CONTACT', 'TROUBLE'],
        devices.map((one) => [
          one.deviceId,
          one.name,
          one.state,
          one.lag,
          one.seq,
          one.address,
          one.version,
          moment(one.lastContact),
          one.trouble[0]?.title,
        ]),
      )
    })

  device
    .command('revoke <device-id>')
    .description('cut a slave off; it receives nothing more')
    .action(async (id: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'device-revoke', { device: id })
      say(`Revoked ${id}. It may join again with the Synchronization Key; rotate the key to prevent that.`)
    })

  device
    .command('scope <device-id>')
    .description('say which secrets travel to a slave; without options: all of them')
    .option('--groups <names>', 'only of people of these groups, with commas between', (names) => names.split(','))
    .option('--no-nt-hashes', 'no NT hashes: Samba does not run there')
    .action(async (id: string, { groups, ntHashes }: { groups?: string[]; ntHashes: boolean }, command: Command) => {
      const one = await call(dataOf(command), 'device-scope', { device: id, groups, ntHashes })
      say(
        `${one.name} holds ${groups ? `secrets of people of ${groups.join(', ')}` : 'everybody’s secrets'} from now on.`,
      )
    })

  device
    .command('stolen <device-id>')
    .description('cut a slave off, and have everybody whose secrets it held set a new password')
    .requiredOption('--yes', 'do it; the people are refused at every service until they have a new password')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { people } = await call(dataOf(command), 'device-stolen', { device: id })
      say(`${id} is cut off. ${people} must set a new password; “account-sync audit” names them.`)
    })
}

export function joinCodeCommand(program: Command): void {
  program
    .command('join-code <name>')
    .description('make a code with which one slave of this name joins, once, within 15 minutes')
    .option('--json', 'print JSON')
    .action(async (name: string, { json }: { json?: boolean }, command: Command) => {
      const made = await call(dataOf(command), 'join-code-add', { name })
      if (json) return printJson(made)
      say(made.code)
      process.stderr.write(
        `On the new node, type: ${made.command}\nIt asks for the code, which is good until ${made.until}.\n`,
      )
    })
}
