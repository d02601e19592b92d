import { Worker } from 'node:worker_threads'
import { Unavailable } from '../errors.ts'

type Asked = { id: number; password: string; words: string[] }
/** `reason` is a sentence about what makes it easy; '' when nothing stands out. */
type Scored = { id: number; score: number; reason: string }

/** zxcvbn reads this much; what follows can only make a password better. */
const readAtMost = 100
const waitingAtMost = 256
const answerMs = 10_000
/** The word lists are given back when nobody has set a password for this long. */
const idleMs = 60_000

let thread: Worker | undefined
let last = 0
let idle: NodeJS.Timeout | undefined
const waiting = new Map<number, { resolve: (scored: Scored) => void; reject: (error: Error) => void }>()

/**
 * How hard a password is to guess, 0 to 4 as zxcvbn scores, and in a sentence why when it is easy. `words` are what others
 * know of the person. In a thread of its own: a password can be made to take half a second.
 */
export async function strengthOf(password: string, words: string[]): Promise<Scored> {
  if (waiting.size >= waitingAtMost) throw new Unavailable('Too many passwords are set at once. Try again in a moment.')
  const running = start()
  const id = ++last
  clearTimeout(idle)
  running.ref()
  const tooLong = setTimeout(() => stop(running, 'The password could not be judged in time.'), answerMs)
  try {
    return await new Promise<Scored>((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      running.postMessage({ id, password: [...password].slice(0, readAtMost).join(''), words } satisfies Asked)
    })
  } finally {
    clearTimeout(tooLong)
    waiting.delete(id)
    if (waiting.size === 0) {
      running.unref()
      idle = setTimeout(() => stop(running, ''), idleMs).unref()
    }
  }
}

function start(): Worker {
  if (thread) return thread
  const started = new Worker(new URL('./strength-thread.js', import.meta.url))
  started.on('message', (scored: Scored) => waiting.get(scored.id)?.resolve(scored))
  started.on('error', (error) => stop(started, `Passwords cannot be judged now: ${error.message}`))
  thread = started
  return started
}

function stop(running: Worker, reason: string): void {
  if (thread !== running) return
  thread = undefined
  void running.terminate()
  for (const { reject } of waiting.values()) reject(new Unavailable(reason))
}
