import { accessSync, constants, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { readCsv } from '../accounts/csv-file.ts'
import type { Progress } from '../api/command.ts'
import type { Result } from '../api/commands.ts'
import { root } from '../version.ts'
import { call } from './call.ts'
import { answering, type DemoNode, endNodes, freePorts, isRunning, listening, program, startNode } from './demo-node.ts'
import { bold, count, say } from './output.ts'
import { type Board, board } from './progress.ts'

const domain = 'example.lan'
const users = 'ou=Users,ou=Accounts,dc=example,dc=lan'
const admin = 'admin'
/** The people of the sample, and the administrator. */
const sampleSize = 301
const sample = join(root, 'sample', 'organisation.csv')

export function demoCommand(program: Command): void {
  program
    .command('demo')
    .description('a master and slaves on this machine with a sample organisation, for a first look')
    .option('--slaves <n>', 'how many slaves', howMany, 2)
    .option('--listen <address>', 'address of all listeners', '127.0.0.1')
    .action(demo)
}

function howMany(typed: string): number {
  const n = Number(typed)
  if (!Number.isInteger(n) || n < 0 || n > 20) throw new InvalidArgumentError('It must be 0 to 20.')
  return n
}

/** What is known of one demo. Once it is ready, a node that ends is told of: the person may have pulled its plug. */
type Demo = { folder: string; listen: string; password: string; nodes: DemoNode[]; board: Board; isReady: boolean }

async function demo({ slaves, listen }: { slaves: number; listen: string }): Promise<void> {
  const { newPassword } = await import('../accounts/passwords.ts')
  const folder = mkdtempSync(join(tmpdir(), 'account-sync-demo-'))
  const all: Demo = {
    folder,
    listen,
    password: newPassword(),
    nodes: [],
    board: board({ labels: true }),
    isReady: false,
  }
  const stopped = new Promise<'stopped'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve('stopped'))
  })
  try {
    await startAll(all, slaves)
    const ready = fill(all).then(() => tellWhatToTry(all))
    if ((await Promise.race([stopped, ready])) !== 'stopped') await stopped
  } finally {
    all.isReady = false
    await endNodes(folder, all.nodes)
  }
  say('\nEverything is stopped, and its files are removed.')
  // Whatever still waits for a node waits in vain.
  process.exit(0)
}

async function startAll(all: Demo, slaves: number): Promise<void> {
  const taken = new Set<number>()
  for (const name of ['master', ...Array.from({ length: slaves }, (_, n) => `slave${n + 1}`)]) {
    const node = startNode(all.folder, name, all.listen, await freePorts(all.listen, taken))
    all.nodes.push(node)
    all.board.set(name, 'starting')
    node.process.once('exit', () => {
      if (all.isReady) say(`${name} has ended (process ${node.process.pid}). The others go on.`)
    })
  }
}

/** Sets the master up, and lets the slaves join while the people arrive. */
async function fill(all: Demo): Promise<void> {
  const [master, ...slaves] = all.nodes as [DemoNode, ...DemoNode[]]
  await answering(master)
  const { password, board } = all
  await call(master.dir, 'setup', { mode: 'master', domain, admin, password, name: master.name }, { makesNode: true })
  board.set(master.name, `set up as master of ${domain}`)
  const { key } = await call(master.dir, 'key-show', {})
  await listening(host(all).replace(/[[\]]/g, ''), master.ports.sync)
  const imported = importSample(all, master)
  const joined = slaves.map((slave) => joinSlave(all, slave, `${host(all)}:${master.ports.sync}`, key, imported))
  await Promise.all([imported, ...joined])
  board.end()
}

/** Returns where the master stands when everyone is there. */
async function importSample({ board }: Demo, { name, dir }: DemoNode): Promise<Result<'status'>> {
  const content = readFileSync(sample).toString('base64')
  const show = ({ done = 0, total = 0 }: Progress) =>
    process.stderr.isTTY
      ? board.set(name, `import: ${done} of ${total}`, done, total)
      : board.set(name, `import of ${count(total, 'person', 'people')}`)
  const job = await call(dir, 'import', { file: basename(sample), content, dryRun: false }, { progress: show })
  const status = await call(dir, 'status', {})
  const { users, groups } = status
  board.set(name, `master of ${domain}: ${users} users, ${groups} groups (${job.added} of ${job.total} imported)`)
  return status
}

async function joinSlave(
  all: Demo,
  slave: DemoNode,
  master: string,
  key: string,
  imported: Promise<Result<'status'>>,
): Promise<void> {
  const { board } = all
  await answering(slave)
  const show = ({ step, state, text = '', done, total }: Progress) => {
    if (step === 'enrol' && state === 'done') board.set(slave.name, 'joined the master')
    else if (step === 'receive' && state === 'done') board.set(slave.name, `first replication: ${text}`)
    else if (total && process.stderr.isTTY) board.set(slave.name, `${done} of ${total} objects received`, done, total)
  }
  await call(slave.dir, 'setup-slave', { master, key, name: slave.name }, { makesNode: true, progress: show })
  await follow(all, slave, imported)
}

/** Shows the slave fill until it has proved that it holds what the master holds. */
async function follow({ board }: Demo, slave: DemoNode, imported: Promise<Result<'status'>>): Promise<void> {
  let goal: Result<'status'> | undefined
  void imported.then(
    (status) => {
      goal = status
    },
    // Told by whoever waits for the import itself.
    () => {},
  )
  for (; ; await wait(100)) {
    const { seq, stateHash, users, groups } = await call(slave.dir, 'status', {})
    if (goal && (stateHash === goal.stateHash || seq > goal.seq))
      return board.set(slave.name, `equal to the master at change ${seq}: ${users} users, ${groups} groups`)
    if (process.stderr.isTTY) board.set(slave.name, `${users} users here, at change ${seq}`, users, sampleSize)
    if (!isRunning(slave)) throw new Error(`${slave.name} has ended before it was equal to the master.`)
  }
}

const loopback = ({ listen }: Demo): boolean => /^(127\.|::1$|localhost$)/.test(listen)

/** Where the nodes are reached from this machine. */
function host({ listen }: Demo): string {
  if (listen === '0.0.0.0' || listen === '::') return '127.0.0.1'
  return listen.includes(':') ? `[${listen}]` : listen
}

function tellWhatToTry(all: Demo): void {
  const [master, ...slaves] = all.nodes as [DemoNode, ...DemoNode[]]
  const at = host(all)
  say('')
  for (const { name, ports, process } of all.nodes) {
    say(`${bold(name.padEnd(8))} ${loopback(all) ? 'http' : 'https'}://${at}:${ports.web}/`)
    const plain = loopback(all) ? `ldap://${at}:${ports.ldap}  ` : ''
    say(`         ${plain}ldaps://${at}:${ports.ldaps}   process ${process.pid}`)
  }
  say(`\nSign in as    ${bold(admin)}   password   ${bold(all.password)}`)
  say(`CA of LDAPS   ${join(master.dir, 'ca.pem')}`)
  say(`Sample        ${relative(process.cwd(), sample) || sample} (passwords of the people are in it)`)
  say(bold('\nThree things to try, in another terminal'))
  for (const line of thingsToTry(all, master, slaves[0] ?? master, slaves[1] ?? slaves[0] ?? master)) say(line)
  say('\nCtrl-C here stops every node and removes their files.')
  all.isReady = true
}

/** This program as somebody in this directory types it. */
function typed(): string {
  const [file = '', ...flags] = program().reverse()
  const path = `./${relative(process.cwd(), file)}`
  return isExecutable(file) ? path : ['node', ...flags.reverse(), path].join(' ')
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function thingsToTry(all: Demo, master: DemoNode, slave: DemoNode, other: DemoNode): string[] {
  const person = samplePerson()
  const changed = `${person.password}-new`
  const bind = ({ ports }: DemoNode, password: string) =>
    `-x -H ldaps://${host(all)}:${ports.ldaps} -D uid=${person.username},${users} -w '${password}'`
  return [
    '   First, so that ldapsearch and ldapwhoami know the CA:',
    `   export LDAPTLS_CACERT=${join(master.dir, 'ca.pem')}`,
    `1. Log in over LDAP on ${slave.name}, and look yourself up:`,
    `   ldapwhoami ${bind(slave, person.password)}`,
    `   ldapsearch -LLL ${bind(slave, person.password)} -b ${users} uid=${person.username} cn mail memberOf`,
    `2. Change a password on the master, and log in with it on ${other.name} at once:`,
    `   echo '${changed}' | ${typed()} user password ${person.username} --data ${master.dir}`,
    `   ldapwhoami ${bind(other, changed)}`,
    `3. Pull the plug on the master, and log in on ${slave.name} again:`,
    `   kill -9 ${master.process.pid}`,
    `   ldapwhoami ${bind(slave, changed)}`,
  ]
}

/** The first person of the sample. */
function samplePerson(): { username: string; password: string } {
  const file = readCsv(readFileSync(sample))
  const [row] = file.rows().next().value ?? []
  const cell = (name: string) => (row && 'cells' in row ? (row.cells[file.header.indexOf(name)] ?? '') : '')
  return { username: cell('core.username'), password: cell('core.password') }
}
