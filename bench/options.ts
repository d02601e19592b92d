import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../server/version.ts'
import { type MeasureName, measureNames } from './measures/index.ts'

export type Options = {
  users: number
  /** People in the stores of measures that ask for very many. */
  many: number
  repeats: number
  /** Seconds that each run of the load generator counts. */
  seconds: number
  /** Changes that propagation is measured with, in each repeat. */
  samples: number
  only: readonly MeasureName[]
  /** Where CPU profiles of our nodes go. */
  profile: string | undefined
  results: string
}

const usage = `npm run bench -- [--quick] [--users N] [--many N] [--repeats N] [--only ${measureNames.join(',')}] [--profile DIR]

Runs Debian's slapd (provider and consumer) and account-sync (master and slave) side by side on 127.0.0.1.
  --quick         1,000 users, one repeat
  --users N       people in the directory (10,000: the bars are meant for that many)
  --many N        people in the stores of pages, ldap-many and replication-many (100,000)
  --repeats N     how often each measure is taken, in turns; the median counts (3)
  --only LIST     only these measures; ldap stands for both ldap-load, each kind of request beside slapd, and ldap-many,
                  what one node does with so many people; replication for all whose names begin with it
  --profile DIR   write CPU profiles of our nodes there; profiled figures are slower
`

/** Undefined after --help, and when an option cannot be. */
export function readOptions(args: string[]): Options | undefined {
  try {
    return parse(args)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`)
    process.exitCode = 2
    return undefined
  }
}

function parse(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      users: { type: 'string' },
      many: { type: 'string' },
      repeats: { type: 'string' },
      only: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return undefined
  }
  return {
    users: whole('--users', values.users, values.quick ? 1000 : 10_000, 300),
    many: whole('--many', values.many, values.quick ? 10_000 : 100_000, 1000),
    repeats: whole('--repeats', values.repeats, values.quick ? 1 : 3, 1),
    seconds: values.quick ? 1.5 : 4,
    samples: values.quick ? 60 : 200,
    only: values.only === undefined ? measureNames : values.only.split(',').flatMap(named),
    profile: values.profile,
    results: join(root, 'bench', 'results'),
  }
}

function whole(name: string, typed: string | undefined, initial: number, least: number): number {
  if (typed === undefined) return initial
  const value = Number(typed)
  if (!Number.isSafeInteger(value) || value < least) throw new Error(`${name} must be a whole number from ${least} on.`)
  return value
}

function named(typed: string): MeasureName[] {
  const name = typed.trim()
  const found = measureNames.filter((each) => each === name || each.startsWith(`${name}-`))
  if (found.length === 0) throw new Error(`There is no measure “${typed}”; there are ${measureNames.join(', ')}.`)
  return found
}
