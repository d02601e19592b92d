import { once } from 'node:events'
import { type Command, Option } from 'commander'
import { call } from './call.ts'
import { dataOf } from './options.ts'

export function exportCommand(program: Command): void {
  program
    .command('export')
    .description('print everyone, as the import reads it; passwords are never exported')
    .addOption(new Option('--format <format>', 'how').choices(['csv', 'ldif']).default('csv'))
    .action(async ({ format }: { format: 'csv' | 'ldif' }, command: Command) => {
      await call(dataOf(command), 'export', { format }, { progress: ({ text }) => write(text ?? '') })
    })
}

/** Waits for a slow reader, so that the whole export is never held here. */
async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}
