import { fileURLToPath } from 'node:url'
import type { Server } from './processes.ts'

export const insideProgram = fileURLToPath(new URL('./inside-node.js', import.meta.url))

/**
 * The longest time for which the event loop of a node stood still; the longest that it worked itself without a break; and
 * when it committed, by `nowMs`.
 */
export type Inside = { pauseMs: number; workMs: number; commits: number[] }

/** Milliseconds by the clock that all processes of a machine share. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** What went on inside a node while something was done to it. */
export async function during(server: Server, work: () => Promise<unknown>): Promise<Inside> {
  await ask(server, 'begin')
  await work()
  return insideSoFar(server)
}

/** Since the node began, or since the last `during` began. */
export const insideSoFar = (server: Server): Promise<Inside> => ask<Inside>(server, 'end')

function ask<T>({ child, name }: Server, what: 'begin' | 'end'): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error(`${name} ended.`))
    child.once('exit', ended)
    child.once('message', (answer) => {
      child.removeListener('exit', ended)
      resolve(answer as T)
    })
    child.send(what)
  })
}
