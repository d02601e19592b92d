import { setMaxListeners } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { longPollSeconds } from '../server/replication/connection.ts'

/** Slaves as their master sees them: each with a credential, a TLS connection and a poll of its own; they keep no store. */
export type Slaves = {
  /** How many stand exactly there. */
  at: (seq: number, hash: string) => number
  /** Calls back whenever one arrives at another change. */
  onArrival: (listener: ((seq: number, atMs: number) => void) | undefined) => void
  /** Whatever was answered other than changes or nothing new, once the master had answered anybody. */
  problems: () => string[]
  stop: () => Promise<void>
}

export type Given = {
  url: string
  ca: string
  servername: string
  clusterId: string
  credentials: string[]
  from: { seq: number; hash: string; epoch: string }
}

const firstBackoffMs = 250

export function openSlaves({ url, ca, servername, clusterId, credentials, from }: Given): Slaves {
  const halt = new AbortController()
  setMaxListeners(0, halt.signal)
  const positions = credentials.map(() => ({ ...from }))
  const problems: string[] = []
  let listener: ((seq: number, atMs: number) => void) | undefined
  let isAnswered = false

  async function live(index: number, credential: string): Promise<void> {
    const agent = new Agent({ connect: { ca, servername, timeout: 60_000 }, connections: 1, headersTimeout: 60_000 })
    const at = positions[index]!
    const headers = {
      authorization: `Bearer ${credential}`,
      'sync-cluster': clusterId,
      'sync-protocol': '1',
      'accept-encoding': 'br',
    }
    for (let failures = 0; !halt.signal.aborted; ) {
      const query = new URLSearchParams({
        since: `${at.seq}`,
        hash: at.hash,
        epoch: at.epoch,
        wait: `${longPollSeconds}`,
      })
      try {
        const answer = await request(`${url}/v1/changes?${query}`, { dispatcher: agent, headers, signal: halt.signal })
        await answer.body.dump({ limit: Number.MAX_SAFE_INTEGER })
        isAnswered = true
        failures = 0
        if (answer.statusCode !== 200 && answer.statusCode !== 204) {
          problems.push(`status ${answer.statusCode}`)
          await wait(1000 * Math.random())
        } else if (answer.statusCode === 200) {
          Object.assign(at, { seq: Number(answer.headers['sync-seq']), hash: String(answer.headers['sync-hash']) })
          listener?.(at.seq, performance.now())
        }
      } catch (error) {
        if (halt.signal.aborted) break
        const code = (error as { code?: string }).code ?? (error as Error).message
        // While nobody listens it is the master that is away; afterwards it is a fault.
        if (isAnswered && code !== 'ECONNREFUSED' && code !== 'UND_ERR_SOCKET') problems.push(code)
        failures++
        await wait(Math.random() * Math.min(8_000, firstBackoffMs * 2 ** failures))
      }
    }
    await agent.destroy()
  }

  const all = Promise.all(credentials.map((credential, index) => live(index, credential)))
  return {
    at: (seq, hash) => positions.filter((one) => one.seq === seq && one.hash === hash).length,
    onArrival: (given) => {
      listener = given
    },
    problems: () => problems,
    stop: async () => {
      halt.abort()
      await all
    },
  }
}
