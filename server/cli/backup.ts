import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { NotFound } from '../errors.ts'
import { call, caller } from './call.ts'
import { dataOf } from './options.ts'
import { count, moment, printJson, say } from './output.ts'
import { readNewPassword, readSecret, readSecretFile } from './secret.ts'

type Options = { passphraseFile?: string; json?: boolean }

const passphraseOption = [
  '--passphrase-file <file>',
  'file with the passphrase; without it the passphrase is asked for, or read from stdin',
] as const

export function backupCommands(program: Command): void {
  program
    .command('backup')
    .description('write everything that this node is into one encrypted file; the node may be running')
    .argument('<file>', 'where to; it must not exist yet')
    .option(...passphraseOption)
    .option('--json', 'print JSON')
    .action(async (file: string, { passphraseFile, json }: Options, command: Command) => {
      const dir = resolve(dataOf(command))
      if (!existsSync(join(dir, 'accounts.db'))) throw new NotFound(`There is no node in ${dataOf(command)}.`)
      const passphrase = passphraseFile
        ? await readSecretFile(passphraseFile, 'passphrase')
        : await readNewPassword('Passphrase of the backup')
      const { makeBackup } = await import('../mode/backup.ts')
      const bytes = await makeBackup(dir, resolve(file), passphrase)
      await call(dataOf(command), 'backup-note', { file: resolve(file) })
      if (json) return printJson({ file: resolve(file), bytes })
      say(`Backup written to ${file}: ${count(Math.ceil(bytes / 1024), 'kB', 'kB')}. Keep its passphrase elsewhere.`)
    })

  program
    .command('restore')
    .description('make a node from a backup, in an empty data directory')
    .argument('<file>', 'the backup')
    .option(...passphraseOption)
    .option('--json', 'print JSON')
    .action(async (file: string, { passphraseFile, json }: Options, command: Command) => {
      const passphrase = passphraseFile
        ? await readSecretFile(passphraseFile, 'passphrase')
        : await readSecret('Passphrase of the backup')
      const { restoreNode } = await import('../mode/restore.ts')
      const actor = { name: caller(), via: 'command line' } as const
      const restored = await restoreNode(resolve(dataOf(command)), resolve(file), passphrase, actor)
      if (json) return printJson(restored)
      say(`Restored ${restored.name} (${restored.mode}) as it was at ${moment(restored.made)}.`)
      if (restored.mode === 'master') say('Its slaves take over this state as soon as “account-sync serve” runs.')
    })
}
