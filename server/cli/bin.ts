import { type Command, Option } from 'commander'
import type { Args, Result } from '../api/commands.ts'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { moment, printJson, printTable, say } from './output.ts'

type ListOptions = Pick<Args<'bin-list'>, 'search' | 'kind'> & { json?: boolean }

export function binCommands(program: Command): void {
  const bin = program.command('bin').description('the recycle bin: who and what was removed and can come back')

  bin
    .command('list')
    .description('what lies in it, the latest first')
    .option('--search <text>', 'only those whose name holds the text')
    .addOption(new Option('--kind <kind>', 'only those').choices(['user', 'group']))
    .option('--json', 'print JSON')
    .action(listBin)

  bin
    .command('purge <name>')
    .description('remove for good what was removed under this name')
    .addOption(new Option('--kind <kind>', 'what it was').choices(['user', 'group']).default('user'))
    .requiredOption('--yes', 'there is no way back')
    .action(async (name: string, { kind }: { kind: 'user' | 'group' }, command: Command) => {
      await call(dataOf(command), 'purge', { kind, name })
      say(`The ${kind} ${name} is removed for good.`)
    })
}

async function listBin({ json, ...query }: ListOptions, command: Command): Promise<void> {
  const items: Result<'bin-list'>['items'] = []
  for (let page = 1, pages = 1; page <= pages; page++) {
    const found = await call(dataOf(command), 'bin-list', { ...query, page, limit: 500 })
    items.push(...found.items)
    pages = found.pages
  }
  if (json) return printJson(items)
  printTable(
    ['KIND', 'NAME', 'TITLE', 'REMOVED', 'BY', 'UNTIL'],
    items.map((one) => [one.kind, one.name, one.title, moment(one.removed), one.by, moment(one.until)]),
  )
}
