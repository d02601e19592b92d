import { type Command, Option } from 'commander'
import type { Args } from '../api/commands.ts'
import { call } from './call.ts'
import { dataOf, positive } from './options.ts'
import { moment, printJson, printTable, say, tell } from './output.ts'

type AddOptions = { role: Args<'token-add'>['role']; days?: number; json?: boolean }

export function tokenCommands(program: Command): void {
  const token = program.command('token').description('bearer tokens, with which programs use the API')

  token
    .command('add <name>')
    .description('make a token and print it, this once')
    .addOption(
      new Option('--role <role>', 'what whoever has it may do')
        .choices(['administrator', 'helpdesk', 'auditor'])
        .makeOptionMandatory(),
    )
    .option('--days <n>', 'days until it ends (90)', positive)
    .option('--json', 'print JSON')
    .action(async (name: string, { role, days, json }: AddOptions, command: Command) => {
      const made = await call(dataOf(command), 'token-add', { name, role, days })
      if (json) return printJson(made)
      say(made.token)
      tell(`It is not shown again, and ends ${moment(made.until)}.`)
    })

  token
    .command('list')
    .description('the tokens there are, without their secrets')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const tokens = await call(dataOf(command), 'token-list', {})
      if (json) return printJson(tokens)
      printTable(
        ['TOKEN', 'ROLE', 'ENDS', 'ADDED', 'BY', 'LAST USED'],
        tokens.map((one) => [
          one.name,
          one.role,
          one.isOver ? `ended ${moment(one.until)}` : moment(one.until),
          moment(one.added),
          one.by,
          moment(one.lastUsed),
        ]),
      )
    })

  token
    .command('remove <name>')
    .description('remove a token; whoever has it is refused from then on')
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'token-remove', { name })
      say(`Removed the token ${name}.`)
    })
}
