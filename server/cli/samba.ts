import type { Command } from 'commander'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { moment, printJson, printTable, say } from './output.ts'
import { confOptions, type SambaOptions, withSambaOptions } from './samba-options.ts'

type Json = { json?: boolean }

export function sambaCommands(program: Command): void {
  const samba = program
    .command('samba')
    .description('Windows Networking: Samba on this machine, computers in its domain')

  withSambaOptions(samba.command('setup'))
    .description('set Samba up on this machine, or put right what is not as it should be')
    .option('--new-secrets', 'give Samba new secrets, also where those it has are right')
    .option('--wait <seconds>', 'slave: how long to wait for the domain to come from the master', '600')
    .option('--yes', 'do it without asking')
    .action(async (options, command: Command) => {
      const { setUpSamba } = await import('./samba-setup.ts')
      await setUpSamba(options, command)
    })

  withSambaOptions(samba.command('conf'))
    .description('print what would be written for Samba; nothing is changed')
    .action(async (options: SambaOptions, command: Command) => {
      const shown = await call(dataOf(command), 'windows-show', {})
      const { smbConf } = await import('../samba/setup/conf.ts')
      process.stdout.write(smbConf(await confOptions(shown, options, command)))
    })

  withSambaOptions(samba.command('status'))
    .description('ask the Samba that runs here for what people ask it for')
    .option('--json', 'print JSON')
    .action(async (options, command: Command) => {
      const { showSambaStatus } = await import('./samba-setup.ts')
      await showSambaStatus(options, command)
    })

  samba
    .command('machines')
    .description('computers in the Windows domain')
    .option('--json', 'print JSON')
    .action(async ({ json }: Json, command: Command) => {
      const machines = await call(dataOf(command), 'machine-list', {})
      if (json) return printJson(machines)
      printTable(
        ['COMPUTER', 'KIND', 'FLAGS', 'PASSWORD SET', 'ADDED', 'SID'],
        machines.map((one) => [
          one.name,
          one.kind,
          one.flags.replace(/\s+/g, ''),
          moment(one.passwordChanged),
          moment(one.added),
          one.sid,
        ]),
      )
    })

  samba
    .command('add-machine <name>')
    .description('add a computer; without --ready as the “add machine script” of Samba does, which completes it')
    .option('--ready', 'complete, so that it can join where winbind is the name service')
    .action(async (name: string, { ready }: { ready?: boolean }, command: Command) => {
      await call(dataOf(command), ready ? 'machine-add' : 'samba-add-machine', { name })
      say(`Added the computer ${name}.`)
    })

  samba
    .command('remove-machine <name>')
    .description('take a computer out of the domain: nobody signs in to the domain from it any more')
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'machine-remove', { name })
      say(`Removed the computer ${name}.`)
    })
}
