import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const program = ['--import', 'tsx', fileURLToPath(new URL('../../server/cli/main.ts', import.meta.url))]

export type Answer = { code: number | null; out: string; err: string; child: ChildProcess }

/** Runs the program as a person would; `stdin` is what they type into it. */
export function run(data: string, args: string[], stdin = ''): Promise<Answer> {
  const env = { ...process.env, ACCOUNT_SYNC_DATA: data }
  const child = spawn(process.execPath, [...program, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (part) => {
    out += part
  })
  child.stderr.on('data', (part) => {
    err += part
  })
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err, child })))
}

/** What it printed, as JSON; fails with what it said when it failed. */
export async function runJson(data: string, args: string[], stdin = '') {
  const { code, out, err } = await run(data, [...args, '--json'], stdin)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${err}`)
  return JSON.parse(out)
}
