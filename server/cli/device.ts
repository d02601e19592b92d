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
        ['DEVICE ID', 'NAME', 'STATE', 'LAG', 'CHANGE', 'ADDRESS', 'VERSION', 'LAST CONTACT'],
        devices.map((one) => [
          one.deviceId,
          one.name,
          one.state,
          one.lag,
          one.seq,
          one.address,
          one.version,
          moment(one.lastContact),
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
}
