import type { Command } from 'commander'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { count, printJson, say } from './output.ts'

export function checkCommand(program: Command): void {
  program
    .command('check')
    .description('read everything that this node keeps, and compare it with its state hash')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const found = await call(dataOf(command), 'check', {})
      const isGood = found.damaged === 0 && found.isProven
      if (!isGood) process.exitCode = 1
      if (json) return printJson(found)
      if (found.mended.length > 0) say(`These tables were made anew from the feed: ${found.mended.join(', ')}.`)
      if (isGood) say(`${count(found.objects, 'object')} at change ${found.seq}: as they were written.`)
      else
        say(
          `${count(found.damaged, 'row')} not as written, and the state hash ${found.isProven ? 'fits' : 'does not fit'}.`,
        )
    })
}
