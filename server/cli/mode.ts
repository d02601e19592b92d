import { Argument, type Command } from 'commander'
import type { Args } from '../api/commands.ts'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { printJson, say } from './output.ts'

export function modeCommands(program: Command): void {
  const mode = program.command('mode').description('what this node is: master, slave or standalone')

  mode
    .command('show')
    .description('the mode of this node')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const { mode, master } = await call(dataOf(command), 'status', {})
      if (json) return printJson({ mode: mode ?? null, ...(master && { master: master.url }) })
      say(mode === 'slave' && master ? `slave of ${master.name} (${master.url})` : (mode ?? 'not set up yet'))
    })

  mode
    .command('set')
    .description('a standalone node becomes master, a master standalone; accounts stay as they are')
    .addArgument(new Argument('<mode>').choices(['standalone', 'master']))
    .action(async (mode: Args<'mode-set'>['mode'], _options: unknown, command: Command) => {
      await call(dataOf(command), 'mode-set', { mode })
      say(`This node is ${mode === 'master' ? 'a master' : 'standalone'} now.`)
    })
}
