import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import ldap from 'ldapjs'
import { freePorts } from './node.ts'
import { aFolder } from './store.ts'

const bin = fileURLToPath(new URL('../../bin/account-sync.js', import.meta.url))

/** A node as its own process, as an administrator starts it. */
export type NodeProcess = {
  dir: string
  ports: { web: number; ldap: number; ldaps: number; sync: number; files: number }
  child: ChildProcess
  exited: Promise<number | null>
  /** What it wrote, for the message of a test that fails. */
  output: string[]
}

export type Ran = { code: number; stdout: string; stderr: string }

/** Runs one command to its end; never throws for an exit code. */
export function run(dir: string, args: string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(bin, [...args, '--data', dir], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    )
    child.stdin?.end(input)
  })
}

/** Runs a command that must succeed. */
export async function command(dir: string, args: string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await run(dir, args, input)
  if (code !== 0) throw new Error(`${args.slice(0, 3).join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

/** Starts `serve` and waits until it says that it serves. */
export async function startProcess(
  dir = aFolder('process'),
  sync?: number,
  settings: { flags?: readonly string[]; env?: Record<string, string> } = {},
): Promise<NodeProcess> {
  // The port that is given is free as well while its node is down.
  const free = (await freePorts(6)).filter((port) => port !== sync)
  const [web = 0, ldapPort = 0, ldaps = 0, freeSync = 0, files = 0] = free
  const ports = { web, ldap: ldapPort, ldaps, sync: sync ?? freeSync, files }
  const flags = Object.entries(ports).flatMap(([name, port]) => [`--${name}-port`, String(port)])
  const child = spawn(bin, ['serve', '--data', dir, ...flags, ...(settings.flags ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...settings.env },
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const output: string[] = []
  child.stderr.on('data', (data) => output.push(String(data)))
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      output.push(line)
      if (line.includes('"msg":"serving"')) resolve()
    })
    void exited.then((code) => reject(new Error(`serve ended with ${code}: ${output.join('\n')}`)))
  })
  return { dir, ports, child, exited, output }
}

export async function endProcess(node: NodeProcess, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
  node.child.kill(signal)
  return node.exited
}

const userDn = (username: string, base = 'dc=example,dc=lan'): string => `uid=${username},ou=Users,ou=Accounts,${base}`

/** Signs in over LDAP, as a service would: true, or false for wrong credentials. */
export async function ldapSignIn(port: number, username: string, password: string): Promise<boolean> {
  const client = ldap.createClient({ url: `ldap://127.0.0.1:${port}`, connectTimeout: 5000, timeout: 10_000 })
  client.on('error', () => {})
  try {
    await new Promise<void>((resolve, reject) =>
      client.bind(userDn(username), password, (error) => (error ? reject(error) : resolve())),
    )
    return true
  } catch (error) {
    if ((error as { code?: number }).code === 49) return false
    throw error
  } finally {
    client.destroy()
  }
}
