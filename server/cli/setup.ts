import { type Command, Option } from 'commander'
import type { Progress } from '../api/command.ts'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { printJson, say } from './output.ts'
import { type Board, board } from './progress.ts'
import { readNewPassword, readSecret, readSecretFile } from './secret.ts'

type Options = {
  mode: 'standalone' | 'master' | 'slave'
  domain?: string
  admin?: string
  first?: string
  last?: string
  master?: string
  keyFile?: string
  codeFile?: string
  name?: string
  receiveFiles: boolean
  wait: boolean
  json?: boolean
}

export function setupCommand(program: Command): void {
  program
    .command('setup')
    .description('choose what this node is: once, for a fresh node')
    .addOption(
      new Option('--mode <mode>', 'what it is').choices(['standalone', 'master', 'slave']).makeOptionMandatory(),
    )
    .option('--domain <domain>', 'master, standalone: base domain, as example.lan')
    .option(
      '--admin <username>',
      'master, standalone: first administrator; the password is asked for, or read from stdin',
    )
    .option('--first <name>', 'first name of the administrator')
    .option('--last <name>', 'last name of the administrator')
    .option('--master <host[:port]>', 'slave: address of the master')
    .option(
      '--key-file <file>',
      'slave: file with the Synchronization Key; without it the key or a join code is asked for, or read from stdin',
    )
    .option('--code-file <file>', 'slave: file with a join code, in place of the key')
    .option('--name <name>', 'what this node is called; its host name when left out')
    .option('--no-receive-files', 'slave: do not place the file sets that are meant for this node')
    .option('--no-wait', 'slave: do not stay for the first replication')
    .option('--json', 'print JSON')
    .action((options: Options, command: Command) =>
      options.mode === 'slave' ? setUpSlave(options, command) : setUpOwn(options.mode, options, command),
    )
}

/** An option that the mode needs; without it the command is wrongly used. */
function needed(value: string | undefined, option: string, { mode }: Options, command: Command): string {
  return value ?? command.error(`error: --mode ${mode} needs ${option}`)
}

async function setUpOwn(mode: 'standalone' | 'master', options: Options, command: Command): Promise<void> {
  const { first, last, name, json } = options
  const domain = needed(options.domain, '--domain', options, command)
  const admin = needed(options.admin, '--admin', options, command)
  const password = await readNewPassword(`Password of ${admin}`)
  const args = { mode, domain, admin, password, first, last, name }
  const status = await call(dataOf(command), 'setup', args, { makesNode: true })
  if (json) return printJson(status)
  say(`This node is ${mode === 'master' ? 'the master' : 'standalone'} for ${status.baseDomain ?? domain}.`)
  say(`Device ID ${status.deviceId}; administrator ${admin}.`)
  if (mode === 'master') say('Slaves join with the key that “account-sync key show” prints.')
}

async function setUpSlave(options: Options, command: Command): Promise<void> {
  const { name, receiveFiles, wait, json } = options
  const what = options.codeFile ? 'join code' : 'Synchronization Key or join code'
  const master = needed(options.master, '--master', options, command)
  const file = options.codeFile ?? options.keyFile
  const key = file === undefined ? await readSecret(what) : await readSecretFile(file, what)
  const shown = board({ labels: true })
  const asked = { makesNode: true, progress: (progress: Progress) => show(shown, progress) }
  const status = await call(dataOf(command), 'setup-slave', { master, key, name, receiveFiles, wait }, asked).finally(
    () => shown.end(),
  )
  if (json) return printJson(status)
  const where = `the master ${status.master?.name ?? ''}`.trim()
  if (wait)
    say(
      `This node is a slave, equal to ${where} at change ${status.seq}: ${status.users} users, ${status.groups} groups.`,
    )
  else say(`This node is a slave of ${where}. The accounts arrive once “account-sync serve” runs.`)
}

const titles: Record<string, string> = {
  key: 'Key',
  pin: 'Pin',
  enrol: 'Enrolled',
  receive: 'Received',
  prove: 'Equal',
}

/** A terminal gets every state and a bar for what arrives; elsewhere one line a step is enough. */
function show(board: Board, { step = '', state, text = '', done, total }: Progress): void {
  // Why it failed is said once, at the end.
  if (state === 'failed') return
  const title = titles[step] ?? step
  if (state === 'done' || text) board.set(title, text)
  else if (process.stderr.isTTY) board.set(title, total ? `${done} of ${total} objects` : '…', done, total)
}
