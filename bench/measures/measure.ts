import type { Pair } from '../pairs/pair.ts'
import { until } from '../processes.ts'
import type { Row } from '../report.ts'

export type Bench = Surroundings & {
  ours: Pair
  slapd: Pair
}

export type Surroundings = {
  folder: string
  /** The load generator. */
  ldapload: string
  users: number
  /** People in the stores of measures that ask for very many. */
  many: number
  repeats: number
  seconds: number
  samples: number
  profile: string | undefined
  say: (text: string) => void
}

/** One measure: what it found, as rows of the table. It begins with both masters running and leaves them so. */
export type Measure = (bench: Bench) => Promise<Row[]>

/** One that starts what it needs, and ends it. */
export type OwnMeasure = (bench: Surroundings) => Promise<Row[]>

/** Takes the same measure on both sides in turns, so that what else the machine does falls on both; each begins as often. */
export async function inTurns<T>(
  { ours, slapd, repeats, say }: Bench,
  what: string,
  run: (pair: Pair, repeat: number) => Promise<T>,
): Promise<{ ours: T[]; slapd: T[] }> {
  const found = { ours: [] as T[], slapd: [] as T[] }
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const pair of repeat % 2 === 0 ? [slapd, ours] : [ours, slapd]) {
      say(`${what}: ${pair.name}, ${repeat + 1} of ${repeats}`)
      found[pair === ours ? 'ours' : 'slapd'].push(await run(pair, repeat))
    }
  }
  return found
}

/** Starts the slave and waits until it is equal; milliseconds from the start of its process on. */
export async function startUntilEqual(pair: Pair, position: string): Promise<number> {
  const began = performance.now()
  pair.startSlave()
  await until(`${pair.name}: the slave's equality`, () => pair.isSlaveAt(position), 25, pair.slave())
  return performance.now() - began
}

/** A slave that is equal to its master, from whatever state it is in. */
export async function haveSlave(pair: Pair): Promise<void> {
  const position = await pair.position()
  if (pair.slave() && (await pair.isSlaveAt(position))) return
  if (!pair.slave()) {
    await pair.emptySlave()
    pair.startSlave()
  }
  await until(`${pair.name}: the slave's equality`, () => pair.isSlaveAt(position), 20, pair.slave())
}
