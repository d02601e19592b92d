import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Other people's programs, run to their end; never throws for an exit code. */
export type Ran = { code: number; out: string; err: string }

export type Given = { env?: Record<string, string>; input?: string; cwd?: string; timeoutMs?: number }

/** Settings of OpenLDAP that this machine has for itself must not matter. */
const plainEnv = { LDAPCONF: '/dev/null', LC_ALL: 'C.UTF-8' }

const startOf = (command: string, args: readonly string[], { env, cwd }: Given) =>
  spawn(command, args, { env: { ...process.env, ...plainEnv, ...env }, cwd, stdio: 'pipe' })

export async function run(command: string, args: readonly string[], given: Given = {}): Promise<Ran> {
  const child = startOf(command, args, given)
  const timer = setTimeout(() => child.kill('SIGKILL'), given.timeoutMs ?? 30_000)
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (data) => out.push(data))
  child.stderr.on('data', (data) => err.push(data))
  // A program that does not read what it is given says why by its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(given.input ?? '')
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return { code: code ?? -1, out: Buffer.concat(out).toString('utf8'), err: Buffer.concat(err).toString('utf8') }
}

/** A program that stays: `said` settles once what it wrote has all of these. */
export function start(command: string, args: readonly string[], given: Given = {}) {
  const child = startOf(command, args, given)
  let text = ''
  let wake = (): void => {}
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      text += String(data)
      wake()
    })
  const closed = once(child, 'close').then(() => wake())
  return {
    text: () => text,
    async said(...patterns: RegExp[]): Promise<string> {
      const end = Date.now() + (given.timeoutMs ?? 30_000)
      while (!patterns.every((pattern) => pattern.test(text))) {
        if (Date.now() > end || child.exitCode !== null)
          throw new Error(`${command} did not say ${patterns.join(', ')}:\n${text}`)
        await new Promise<void>((resolve) => {
          wake = resolve
          setTimeout(resolve, 1000)
        })
      }
      return text
    },
    async end(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
      if (child.exitCode === null) child.kill(signal)
      await closed
    },
  }
}
