import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { overSocket } from './call.ts'

export type Ports = { web: number; ldap: number; ldaps: number; sync: number; files: number }

/** One node of a demo: a process of its own with a data directory of its own. */
export type DemoNode = { name: string; dir: string; log: string; ports: Ports; process: ChildProcess }

const firstPorts: Ports = { web: 8081, ldap: 3890, ldaps: 6360, sync: 8154, files: 8155 }

/** The default ports, or the next ones that are free; `taken` are those given to other nodes a moment ago. */
export async function freePorts(listen: string, taken: Set<number>): Promise<Ports> {
  const ports = { ...firstPorts }
  for (const kind of ['web', 'ldap', 'ldaps', 'sync', 'files'] as const) {
    while (taken.has(ports[kind]) || !(await isFree(listen, ports[kind]))) ports[kind]++
    taken.add(ports[kind])
  }
  return ports
}

const isFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE'
        ? resolve(false)
        : reject(new Error(`Nothing can listen on ${host}: ${error.message}`)),
    )
    server.listen(port, host, () => server.close(() => resolve(true)))
  })

/** How this very program was started, so that a node of the demo is started the same way. */
export const program = (): string[] => [...process.execArgv, process.argv[1] ?? '']

export function startNode(folder: string, name: string, listen: string, ports: Ports): DemoNode {
  const dir = join(folder, name)
  const log = join(folder, `${name}.log`)
  const out = openSync(log, 'w', 0o600)
  const args = [
    ...program(),
    'serve',
    ...['--data', dir, '--listen', listen],
    ...['--web-port', String(ports.web), '--ldap-port', String(ports.ldap)],
    ...['--ldaps-port', String(ports.ldaps), '--sync-port', String(ports.sync)],
    ...['--files-port', String(ports.files)],
  ]
  // Settings of the person's own node are not for these; the channel ends them should this process be killed.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('ACCOUNT_SYNC_')))
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', out, out, 'ipc'] })
  child.channel?.unref()
  closeSync(out)
  return { name, dir, log, ports, process: child }
}

export const isRunning = ({ process }: DemoNode): boolean => process.exitCode === null && process.signalCode === null

const startMs = 30_000

/** Until it answers commands. */
export async function answering(node: DemoNode): Promise<void> {
  for (const until = Date.now() + startMs; ; await wait(50)) {
    if (await overSocket(node.dir, 'status', {}).catch(() => undefined)) return
    if (!isRunning(node)) throw new Error(`${node.name} did not start: ${lastLine(node)}`)
    if (Date.now() > until) throw new Error(`${node.name} does not answer after ${startMs / 1000} s: ${lastLine(node)}`)
  }
}

/** Until something listens there: a port opens a moment after the mode was set. */
export async function listening(host: string, port: number): Promise<void> {
  for (const until = Date.now() + startMs; !(await connects(host, port)); await wait(20))
    if (Date.now() > until) throw new Error(`Nothing listens on ${host}:${port}.`)
}

const connects = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, host)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

const lastLine = (node: DemoNode): string => readFileSync(node.log, 'utf8').trim().split('\n').at(-1) ?? ''

/** Ends every node and takes their folder away. */
export async function endNodes(folder: string, nodes: readonly DemoNode[]): Promise<void> {
  await Promise.all(nodes.map(endNode))
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function endNode(node: DemoNode): Promise<void> {
  if (!isRunning(node)) return
  const ended = new Promise<void>((resolve) => node.process.once('exit', () => resolve()))
  node.process.kill('SIGTERM')
  const timer = setTimeout(() => node.process.kill('SIGKILL'), 5_000)
  await ended
  clearTimeout(timer)
}
