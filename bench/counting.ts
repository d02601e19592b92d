import { Worker } from 'node:worker_threads'

/** A TCP relay between two servers that counts what goes through it, both ways together. */
export type Relay = { port: number; bytes: () => number; close: () => Promise<unknown> }

/** In a thread of its own, so that what the benchmark does meanwhile never holds the line up. */
export async function openRelay(target: number): Promise<Relay> {
  const shared = new BigInt64Array(new SharedArrayBuffer(8))
  const worker = new Worker(new URL('./counting-thread.js', import.meta.url), { workerData: { target, shared } })
  const port = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  return { port, bytes: () => Number(Atomics.load(shared, 0)), close: () => worker.terminate() }
}
