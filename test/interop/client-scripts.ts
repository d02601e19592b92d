import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { run } from './programs.ts'
import { base, groups, newPassword, password, people, type Staff } from './staff.ts'

// Clients that are libraries: a script of a few lines each does what their users do, and prints what came of it as JSON.

export const scriptPath = (name: string): string => fileURLToPath(new URL(`./clients/${name}`, import.meta.url))

/** Secrets go in by stdin, as with the commands of a node. */
export async function runScript<Seen>(command: string[], staff: Staff): Promise<Seen> {
  return JSON.parse(await runWith(command, JSON.stringify(toReach(staff)))) as Seen
}

/** The same for Java, which has no JSON of its own: lines of a key and its value, in and out. */
export async function runJava(name: string, jars: readonly string[], staff: Staff): Promise<Record<string, string>> {
  const path = jars.map((jar) => `/usr/share/java/${jar}.jar`).join(':')
  const { reader, admin, ...rest } = toReach(staff)
  const lines = Object.entries({
    ...rest,
    ...Object.fromEntries(Object.entries(reader).map(([key, value]) => [`reader.${key}`, value])),
    ...Object.fromEntries(Object.entries(admin).map(([key, value]) => [`admin.${key}`, value])),
  }).map(([key, value]) => `${key} ${value}\n`)
  const out = await runWith(['java', '-cp', path, scriptPath(`${name}.java`)], lines.join(''))
  return Object.fromEntries(
    out
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
  )
}

const toReach = ({ node: _node, close: _close, ...staff }: Staff) => ({
  ...staff,
  base,
  people,
  groups,
  password,
  newPassword,
})

async function runWith([command = '', ...args]: string[], input: string): Promise<string> {
  const { code, out, err } = await run(command, args, { input, timeoutMs: 120_000 })
  assert.equal(code, 0, err || out)
  return out
}
