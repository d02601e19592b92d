import { Command, Option } from 'commander'
import { version } from '../version.ts'
import { auditCommand } from './audit.ts'
import { binCommands } from './bin.ts'
import { checkCommand } from './check.ts'
import { clientCommands } from './client.ts'
import { demoCommand } from './demo.ts'
import { deviceCommands, joinCodeCommand } from './device.ts'
import { exportCommand } from './export.ts'
import { extensionCommands } from './extension.ts'
import { filesCommands } from './files.ts'
import { groupCommands } from './group.ts'
import { importCommand } from './import.ts'
import { keyCommands } from './key.ts'
import { modeCommands } from './mode.ts'
import { pluginCommands } from './plugin.ts'
import { policyCommands } from './policy.ts'
import { profileCommands } from './profile.ts'
import { sambaCommands } from './samba.ts'
import { serveCommand } from './serve.ts'
import { settingsCommands } from './settings.ts'
import { setupCommand } from './setup.ts'
import { statusCommand } from './status.ts'
import { tokenCommands } from './token.ts'
import { userCommands } from './user.ts'

/** Every command there is. */
export const program = new Command('account-sync')
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
  checkCommand,
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
  joinCodeCommand,
  deviceCommands,
  filesCommands,
  clientCommands,
  sambaCommands,
  tokenCommands,
  auditCommand,
  demoCommand,
])
  add(program)
