import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { Invalid, Refused } from '../errors.ts'
import { overSocket } from './call.ts'
import { dataOf } from './options.ts'

type Flags = Record<string, string | undefined>

/** Bounds on what one client may take, for who has a reason to move them: docs/ldap-limits.md. */
const limits = [
  ['connections', '10000'],
  ['per-address', '200'],
  ['message-kb', '4096'],
  ['filter-parts', '4096'],
  ['filter-depth', '20'],
  ['entries', '0'],
  ['seconds', '300'],
  ['syncs', '100'],
  ['kept-entries', '5000000'],
].map(([name, value]) => [`ldap-max-${name}`, value] as const)

export function serveCommand(program: Command): void {
  const serve = program
    .command('serve')
    .description('run this node until it is told to stop')
    .option('--listen <address>', 'address of all listeners (ACCOUNT_SYNC_LISTEN; 127.0.0.1)')
    .option('--web-port <n>', 'web pages; 0 = off, as for all ports (ACCOUNT_SYNC_WEB_PORT; 8081)')
    .option('--ldap-port <n>', 'LDAP in the clear, or with StartTLS (ACCOUNT_SYNC_LDAP_PORT; 3890)')
    .option(
      '--ldap-listen <address>',
      'its address; beyond loopback it takes StartTLS only (ACCOUNT_SYNC_LDAP_LISTEN; 127.0.0.1)',
    )
    .option('--ldaps-port <n>', 'LDAP over TLS (ACCOUNT_SYNC_LDAPS_PORT; 6360)')
    .option('--ldapi <file>', 'LDAP on a Unix socket, or off (ACCOUNT_SYNC_LDAPI; ldapi in the data directory)')
    .option('--sync-port <n>', 'what slaves call (ACCOUNT_SYNC_SYNC_PORT; 8154)')
    .option('--files-port <n>', 'where slaves fetch files (ACCOUNT_SYNC_FILES_PORT; 8155)')
    .action(run)
  for (const [name, value] of [...limits, ...waits]) {
    const variable = `ACCOUNT_SYNC_${name.toUpperCase().replaceAll('-', '_')}`
    serve.addOption(new Option(`--${name} <n>`, `${variable}; ${value}`).hideHelp())
  }
  serve.addHelpText('after', '\nWhat one LDAP client may take has limits that can be moved: see docs/ldap-limits.md.')
}

const waits = [
  ['ldap-idle-seconds', '1800'],
  ['ldap-message-seconds', '30'],
  ['ldap-stalled-seconds', '60'],
  ['ldap-handshake-seconds', '10'],
  ['ldap-unread-kb', '256'],
] as const

async function run(flags: Flags, command: Command): Promise<void> {
  const data = dataOf(command)
  const { readConfig } = await import('../config.ts')
  const config = usage(command, () => readConfig({ ...flags, data }, process.env))
  const unlock = await own(config.dataDir)
  try {
    const { serve } = await import('../main.ts')
    const node = await serve(config)
    // The one secret that is printed: it works once, and only while nobody has claimed the node.
    if (node.claim)
      process.stdout.write(
        `\nThis node is not set up yet. Open ${node.claim.url} and type this code: ${node.claim.code}\n\n`,
      )
    await told()
    await node.close()
  } finally {
    await unlock()
  }
}

/** A setting that cannot be is a matter of usage: exit 2. */
function usage<T>(command: Command, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Invalid)) throw error
    const [[name, sentence] = ['', '']] = Object.entries(error.problems)
    return command.error(`error: ${name ? `${name}: ` : ''}${sentence}`)
  }
}

const patienceMs = 10_000

/** The data directory for this process alone. A command may have it for a moment; a node that runs has it for good. */
async function own(dir: string): Promise<() => Promise<void>> {
  const { lockFolder } = await import('../store/lock.ts')
  for (const until = Date.now() + patienceMs; ; await wait(50)) {
    const unlock = await lockFolder(dir)
    if (unlock) return unlock
    const runs = existsSync(join(dir, 'admin.sock')) && (await overSocket(dir, 'status', {}))
    if (runs || Date.now() > until) throw new Refused(`A node is already running on ${dir}.`, 'running')
  }
}

/** Until someone stops this process; also when a demo that started it is gone. */
const told = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
    if (!process.channel) return
    process.once('disconnect', () => resolve())
    // It must not keep a node alive that is done.
    process.channel.unref()
  })
