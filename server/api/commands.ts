import type { z } from 'zod'
import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { NotFound } from '../errors.ts'
import { auditCommands } from './audit.ts'
import { binCommands } from './bin.ts'
import { clientCommands } from './clients.ts'
import type { Call, Command } from './command.ts'
import { extensionCommands } from './extensions.ts'
import { fileCommands } from './files.ts'
import { groupCommands } from './groups.ts'
import { importCommands } from './imports.ts'
import { nodeCommands } from './node.ts'
import { pluginCommands } from './plugins.ts'
import { policyCommands } from './policies.ts'
import { profileCommands } from './profiles.ts'
import { sambaCommands } from './samba.ts'
import { tokenCommands } from './tokens.ts'
import { userCommands } from './users.ts'

/** What may be asked of a node: the other end of the command line, and of the API. */
export const commands = {
  ...nodeCommands,
  ...userCommands,
  ...groupCommands,
  ...pluginCommands,
  ...extensionCommands,
  ...profileCommands,
  ...policyCommands,
  ...binCommands,
  ...importCommands,
  ...auditCommands,
  ...clientCommands,
  ...sambaCommands,
  ...tokenCommands,
  ...fileCommands,
}

export type Commands = typeof commands
export type CommandName = keyof Commands
export type Args<N extends CommandName> = z.input<Commands[N]['args']>
export type Result<N extends CommandName> = z.output<Commands[N]['result']>

/** Throws unless the actor may ask for this command, before anything of what was sent is read. */
export const needRightFor = (actor: Actor, name: CommandName): void => needRight(actor, commands[name].right)

/** Checks right and arguments, runs the command, and keeps back what its answer does not name. */
export async function runCommand(name: string, call: Call, args: unknown): Promise<unknown> {
  const found = Object.hasOwn(commands, name) ? (commands[name as CommandName] as unknown as Command) : undefined
  if (!found) throw new NotFound(`There is no command ${name}.`)
  needRight(call.actor, found.right)
  return found.result.parse(await found.run(call, found.args.parse(args)))
}
