import { statSync } from 'node:fs'
import { Refused } from '../errors.ts'
import { readGiven } from './file.ts'

const maxBytes = 65_536

/** A secret never stands in argv: it is asked for on a terminal, and is the first line of stdin otherwise. */
export async function readSecret(what: string): Promise<string> {
  return process.stdin.isTTY ? ask(what) : firstLineOfStdin(what)
}

/** A password that is being set: typed twice on a terminal. */
export async function readNewPassword(what = 'Password'): Promise<string> {
  if (!process.stdin.isTTY) return firstLineOfStdin(what)
  for (;;) {
    const typed = await ask(what)
    if (typed === (await ask(`${what} again`))) return typed
    process.stderr.write('The two are not the same.\n')
  }
}

async function ask(what: string): Promise<string> {
  // Loaded only when somebody is asked.
  const { isCancel, password } = await import('@clack/prompts')
  const typed = await password({ message: what, output: process.stderr })
  if (isCancel(typed)) throw new Refused('Nothing was done.', 'cancelled')
  return typed ?? ''
}

async function firstLineOfStdin(what: string): Promise<string> {
  let bytes = Buffer.alloc(0)
  for await (const part of process.stdin) {
    bytes = Buffer.concat([bytes, part])
    if (bytes.includes(10) || bytes.length > maxBytes) break
  }
  process.stdin.destroy()
  const [line = ''] = bytes.toString('utf8').split('\n')
  const secret = line.replace(/\r$/, '')
  if (secret === '') throw new Refused(`${what} is needed: give it as the first line of standard input.`, 'no-secret')
  return secret
}

/** The first line of a file that should be its owner's alone; “-” is stdin. */
export async function readSecretFile(file: string, what: string): Promise<string> {
  if (file === '-') return firstLineOfStdin(what)
  const text = readGiven(file).toString('utf8').slice(0, maxBytes)
  if (statSync(file).mode & 0o077)
    process.stderr.write(`Warning: others on this machine can read ${file}; “chmod 600 ${file}” keeps it to you.\n`)
  const line = text
    .split('\n')
    .map((line) => line.trim())
    .find(Boolean)
  if (!line) throw new Refused(`${file} is empty; it must hold the ${what}.`, 'no-secret')
  return line
}
