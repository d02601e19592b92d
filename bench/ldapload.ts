import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuSecondsOf, run, type Server } from './processes.ts'

/** What the load generator asks, and what each answer must be. */
export type Load = {
  port: number
  tls?: boolean
  /** What every connection begins with. */
  bind?: Buffer
  requests: readonly Buffer[]
  connections?: number
  /** Requests under way on each connection. */
  window?: number
  /** How long it counts; each request is sent once where it is not given. */
  seconds?: number
  entries?: number
  code?: number
  pageSize?: number
  /** Who answers: what it takes of the processors is told as well. */
  server?: Server | undefined
}

export type Found = {
  perSecond: number
  answers: number
  entries: number
  bytes: number
  wrong: number
  p50Ms: number
  p99Ms: number
  /** Share of one core that the generator itself took. */
  cpu: number
  /** Microseconds of processor time that the server took for an answer. */
  serverUs?: number
}

export async function compileLoad(folder: string): Promise<string> {
  const program = join(folder, 'ldapload')
  await run('gcc', ['-O2', '-o', program, fileURLToPath(new URL('./ldapload.c', import.meta.url)), '-lssl'])
  return program
}

/** True when what it is compiled with is here. */
export const hasOpenSsl = (): Promise<boolean> =>
  run('gcc', ['-E', '-x', 'c', '-include', 'openssl/ssl.h', '/dev/null']).then(
    () => true,
    () => false,
  )

/** `end` stops it before its time. `found` rejects when a single answer was not what it must be. */
export function startLoad(program: string, name: string, load: Load): { found: Promise<Found>; end: () => void } {
  const { port, tls, bind, requests, connections = 1, window = 1, entries = 0, code = 0 } = load
  const { seconds, pageSize, server } = load
  const args = [
    ...['-c', connections, '-w', window, '-e', entries, '-r', code],
    ...(seconds === undefined ? ['-o'] : ['-t', seconds]),
    ...(pageSize === undefined ? [] : ['-p', pageSize]),
    ...(bind ? ['-b'] : []),
    ...(tls ? ['-s'] : []),
    port,
  ].map(String)
  const before = server && cpuSecondsOf(server)
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  // One that gives up before it has read all says why on its own.
  child.stdin.on('error', () => {})
  child.stdin.end(Buffer.concat(bind ? [bind, ...requests] : requests))
  const found = new Promise<Found>((resolve, reject) => {
    let out = ''
    let said = ''
    child.stdout.on('data', (text) => (out += text))
    child.stderr.on('data', (text) => (said += text))
    child.once('error', reject)
    child.once('close', (status) => {
      if (status !== 0) return reject(new Error(`${name}: ${said.trim()}`))
      const found: Found = JSON.parse(out)
      if (found.wrong > 0 || found.answers === 0)
        return reject(new Error(`${name}: ${found.wrong} of ${found.answers} answers were wrong.`))
      if (server && before !== undefined)
        found.serverUs = ((cpuSecondsOf(server) - before) * 1e6) / allAnswers(found, load)
      resolve(found)
    })
  })
  return { found, end: () => child.kill('SIGTERM') }
}

/** With those of the half second that does not count. */
const allAnswers = ({ answers }: Found, { seconds }: Load): number =>
  seconds === undefined ? answers : (answers * (seconds + 0.5)) / seconds

export const generate = (program: string, name: string, load: Load): Promise<Found> =>
  startLoad(program, name, load).found
