import type { Command } from 'commander'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { say } from './output.ts'

export function keyCommands(program: Command): void {
  const key = program.command('key').description('the Synchronization Key, with which slaves join this master')

  key
    .command('show')
    .description('print the key, alone on one line')
    .action(async (_options: unknown, command: Command) => say((await call(dataOf(command), 'key-show', {})).key))

  key
    .command('rotate')
    .description('make a new key and print it; slaves that have joined stay joined')
    .action(async (_options: unknown, command: Command) => say((await call(dataOf(command), 'key-rotate', {})).key))
}
