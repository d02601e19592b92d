import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

export type Ran = { code: number; out: string; err: string }

const path = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Where a program of the system is; undefined when it is not installed. */
export function programPath(name: string): string | undefined {
  return path.map((folder) => join(folder, name)).find(isProgram)
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Runs a program to its end. Secrets go in by `input`, never by an argument, which everybody on the machine can read. */
export async function run(command: readonly [string, ...string[]], input = '', timeoutMs = 30_000): Promise<Ran> {
  const [name, ...args] = command
  const child = spawn(programPath(name) ?? name, args, { env: { PATH: path.join(':'), LC_ALL: 'C.UTF-8' } })
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (data) => out.push(data))
  child.stderr.on('data', (data) => err.push(data))
  // A program that does not read what it is given says why by its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const code = await once(child, 'close').then(
    ([code]) => (code as number | null) ?? -1,
    () => -1,
  )
  clearTimeout(timer)
  return { code, out: Buffer.concat(out).toString('utf8'), err: Buffer.concat(err).toString('utf8') }
}

/** What it said last of why it failed. */
export const complaint = ({ out, err, code }: Ran): string =>
  `${err}\n${out}`
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .at(-1) ?? `it ended with ${code}`

/** As 4.17.12; undefined where there is none. */
export async function sambaVersion(): Promise<string | undefined> {
  return /\d+\.\d+\.\d+/.exec((await run(['smbd', '--version'])).out)?.[0]
}
