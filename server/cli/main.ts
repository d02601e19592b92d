import { Command, CommanderError, Option } from 'commander'
import { Invalid, messageOf } from '../errors.ts'
import { version } from '../version.ts'
import { auditCommand } from './audit.ts'
import { binCommands } from './bin.ts'
import { clientCommands } from './client.ts'
import { demoCommand } from './demo.ts'
import { deviceCommands } from './device.ts'
import { exportCommand } from './export.ts'
import { extensionCommands } from './extension.ts'
import { groupCommands } from './group.ts'
import { importCommand } from './import.ts'
import { keyCommands } from './key.ts'
import { modeCommands } from './mode.ts'
import { pluginCommands } from './plugin.ts'
import { policyCommands } from './policy.ts'
import { profileCommands } from './profile.ts'
import { serveCommand } from './serve.ts'
import { settingsCommands } from './settings.ts'
import { setupCommand } from './setup.ts'
import { statusCommand } from './status.ts'
import { tokenCommands } from './token.ts'
import { userCommands } from './user.ts'

const program = new Command('account-sync')
  .description('Users, groups and passwords managed on one master and served everywhere.')
  .version(version)
  .addOption(new Option('--data <dir>', 'directory of the node').env('ACCOUNT_SYNC_DATA').default('./data'))
  .configureHelp({ showGlobalOptions: true })
  .showSuggestionAfterError()
  .exitOverride()

// Settings are inherited by commands that are added after them.
for (const add of [
  serveCommand,
  setupCommand,
  statusCommand,
  userCommands,
  groupCommands,
  pluginCommands,
  extensionCommands,
  profileCommands,
  policyCommands,
  binCommands,
  settingsCommands,
  importCommand,
  exportCommand,
  modeCommands,
  keyCommands,
  deviceCommands,
  clientCommands,
  tokenCommands,
  auditCommand,
  demoCommand,
])
  add(program)

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = tell(error)
}

/** One clear line on stderr (each problem its own); returns the exit code: 1 refused or failed, 2 usage. */
function tell(error: unknown): number {
  // Help, version and usage were printed by commander itself.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const lines =
    error instanceof Invalid
      ? Object.entries(error.problems).map(([field, sentence]) => (field ? `${field}: ${sentence}` : sentence))
      : [messageOf(error).replace(/\s*\n\s*/g, ' ')]
  process.stderr.write(`${lines.join('\n')}\n`)
  return 1
}
