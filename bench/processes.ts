import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/** A server that we started; its output is in `log`. */
export type Server = { name: string; pid: number; log: string; child: ChildProcess; ended: Promise<void> }

const running = new Set<Server>()

/** `talks`: messages go both ways between it and us. */
export function start(name: string, log: string, command: string, args: string[], talks = false): Server {
  const out = openSync(log, 'a')
  const child = spawn(command, args, {
    stdio: ['ignore', out, out, ...(talks ? ['ipc' as const] : [])],
    env: cleanEnv(),
  })
  closeSync(out)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const server = { name, pid: child.pid ?? 0, log, child, ended }
  running.add(server)
  void ended.then(() => running.delete(server))
  return server
}

/** Settings of the person's own node are not for these. */
const cleanEnv = () =>
  Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('ACCOUNT_SYNC_')))

export async function stop(server: Server | undefined): Promise<void> {
  if (!server) return
  server.child.kill('SIGTERM')
  const late = setTimeout(() => server.child.kill('SIGKILL'), 15_000)
  await server.ended
  clearTimeout(late)
}

export const stopAll = (): Promise<unknown> => Promise.all([...running].map(stop))

/** Runs a command to its end; throws with what it said. */
export function run(command: string, args: string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: cleanEnv(), maxBuffer: 64 * 1024 * 1024 }
    const child = execFile(command, args, options, (error, out, said) =>
      error
        ? reject(new Error(`${command} ${args.slice(0, 3).join(' ')}: ${said.trim() || error.message}`))
        : resolve(out),
    )
    // A command that ends without reading says why on its own.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** Asks again and again, without a pause worth naming, until it is so. */
export async function until(
  what: string,
  ask: () => Promise<boolean>,
  everyMs: number,
  server?: Server,
): Promise<void> {
  for (const end = Date.now() + 300_000; !(await ask()); await wait(everyMs)) {
    if (server && !running.has(server)) throw new Error(`${server.name} ended: ${lastLines(server)}`)
    if (Date.now() > end) throw new Error(`${what} did not come about in five minutes.`)
  }
}

const lastLines = ({ log }: Server): string => readFileSync(log, 'utf8').trim().split('\n').slice(-3).join(' / ')

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** Time of processors that it has taken so far, in its own code and in the kernel's. */
export function cpuSecondsOf({ pid }: Server): number {
  // The name, in parentheses, may hold spaces; user and system time are the 14th and 15th of all.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** USER_HZ, the same on every Linux. */
const ticksPerSecond = 100

/** Resident memory now, and the most that it ever was, in MB. */
export function memoryOf({ pid }: Server): { rss: number; peak: number } {
  const kilobytes = (file: string, name: string): number =>
    Number(
      new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? Number.NaN,
    )
  return { rss: kilobytes('smaps_rollup', 'Rss') / 1024, peak: kilobytes('status', 'VmHWM') / 1024 }
}

/** The same once it has come to rest: it has not moved for two seconds, or half a minute is over. */
export async function settledMemoryOf(server: Server): Promise<{ rss: number; peak: number }> {
  let before = memoryOf(server)
  for (let still = 0, tries = 0; still < 4 && tries < 60; tries++) {
    await wait(500)
    const now = memoryOf(server)
    still = Math.abs(now.rss - before.rss) < 1 ? still + 1 : 0
    before = now
  }
  return before
}
