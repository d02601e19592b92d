import type { Command } from 'commander'
import type { Args } from '../api/commands.ts'
import { call } from './call.ts'
import { dataOf, pairsOf } from './options.ts'
import { printFacts, printJson, say } from './output.ts'

export function settingsCommands(program: Command): void {
  const settings = program.command('settings').description('what is settled for the whole cluster')

  settings
    .command('show')
    .description('every setting')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const { seq, ...found } = await call(dataOf(command), 'settings-show', {})
      if (json) return printJson(found)
      printFacts({ ...found, ownFields: found.ownFields.join(','), publishedFields: found.publishedFields.join(',') })
    })

  settings
    .command('set <key=value...>')
    .description('change settings, as binDays=60 ownFields=contact.mobile,contact.roomNumber')
    .action(async (pairs: string[], _options: unknown, command: Command) => {
      await call(dataOf(command), 'settings-change', valuesOf(command, pairs))
      say('The settings are changed.')
    })
}

function valuesOf(command: Command, pairs: string[]): Args<'settings-change'> {
  const values: Args<'settings-change'> = {}
  for (const [key, value] of pairsOf(command, pairs)) {
    if (key === 'ownFields' || key === 'publishedFields') values[key] = value.split(',').filter(Boolean)
    else if (key === 'binDays' || key === 'invitationHours') values[key] = Number(value)
    else
      command.error(
        `error: there is no setting ${key}; there are binDays, invitationHours, ownFields and publishedFields`,
      )
  }
  return values
}
