import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { run } from './programs.ts'
import { base, groups, newPassword, password, people, type Staff } from './staff.ts'

// Clients that are libraries: a script of a few lines each does what their users do, and prints what came of it as JSON.

export const scriptPath = (name: string): string => fileURLToPath(new URL(`./clients/${name}`, import.meta.url))

/** Secrets go in by stdin, as with the commands of a node. */
export async function runScript<Seen>(
  [command, ...args]: [string, ...string[]],
  { node: _node, close: _close, ...staff }: Staff,
): Promise<Seen> {
  const input = JSON.stringify({ ...staff, base, people, groups, password, newPassword })
  const { code, out, err } = await run(command, args, { input, timeoutMs: 120_000 })
  assert.equal(code, 0, err || out)
  return JSON.parse(out) as Seen
}
