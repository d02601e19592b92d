import type { Command } from 'commander'
import type { Result } from '../api/commands.ts'
import { Refused } from '../errors.ts'
import { call } from './call.ts'
import { dataOf, positive } from './options.ts'
import { count, moment, printJson, printTable, say, tell } from './output.ts'

type Options = {
  verify?: boolean
  search?: string
  actor?: string
  kind?: string
  via?: string
  object?: string
  since?: string
  until?: string
  batch?: string
  limit: number
  json?: boolean
}

export function auditCommand(program: Command): void {
  const audit = program
    .command('audit')
    .description('who changed what; the newest first')
    .option('--search <text>', 'only rows that hold the text')
    .option('--actor <name>', 'only what this one did')
    .option('--kind <kind>', 'only what was done to a user, group, device …')
    .option('--via <face>', 'only what came through web, api, ldap, “command line” …')
    .option('--object <id>', 'only what was done to this object')
    .option('--since <day>', 'from this day or moment on')
    .option('--until <day>', 'until this day ends, or this moment')
    .option('--batch <id>', 'only what belongs to one import or bulk edit')
    .option('--limit <n>', 'how many rows', positive, 100)
    .option('--verify', 'prove that no row was changed or taken out')
    .option('--json', 'print JSON')
    .action((options: Options, command: Command) =>
      options.verify ? verify(dataOf(command), options.json) : list(dataOf(command), options),
    )

  audit
    .command('undo <row>')
    .description('take a change back, as a new change; or all of an import or bulk edit, by its batch')
    .action(async (row: string, _options: unknown, command: Command) => {
      if (/^\d{1,15}$/.test(row)) {
        const { sentence } = await call(dataOf(command), 'audit-undo', { id: Number(row) })
        return say(`Undone: ${sentence}.`)
      }
      const { undone, refused } = await call(dataOf(command), 'batch-undo', { batch: row })
      say(`${count(undone, 'change')} undone.`)
      for (const one of refused) tell(`${one.sentence}: ${one.reason}`)
      if (refused.length > 0) process.exitCode = 1
    })
}

async function verify(data: string, json: boolean | undefined): Promise<void> {
  const { rows, brokenAt, fault, problem } = await call(data, 'audit-verify', {})
  if (json) printJson({ rows, brokenAt: brokenAt ?? null, fault: fault ?? null })
  if (problem !== undefined)
    throw new Refused(`The audit is broken after ${count(rows, 'row')}. ${problem}`, 'audit-broken')
  if (!json) say(`The audit is unbroken: ${count(rows, 'row')}.`)
}

async function list(data: string, { limit, json, verify: _, since, until, ...given }: Options): Promise<void> {
  const filter = { ...given, from: since, until }
  const rows: Result<'audit'>['items'] = []
  for (let after: string | undefined; rows.length < limit; ) {
    const answer: Result<'audit'> = await call(data, 'audit', {
      ...filter,
      after,
      limit: Math.min(limit - rows.length, 500),
    })
    rows.push(...answer.items)
    if (answer.next === null) break
    after = answer.next
  }
  if (json) return printJson(rows)
  printTable(
    ['ROW', 'WHEN', 'WHO', 'VIA', 'WHAT', 'FIELDS'],
    rows.map((row) => [
      row.id,
      moment(row.at),
      row.actor,
      row.address ? `${row.via} (${row.address})` : row.via,
      row.object ? `${row.sentence} (${row.object.name})` : row.sentence,
      fields(row.changes.map((change) => change.field)),
    ]),
  )
}

const mostFields = 4

/** A new person has a dozen fields; the first few say enough, and --json has them all. */
const fields = (names: string[]): string =>
  names.slice(0, mostFields).join(', ') + (names.length > mostFields ? ` and ${names.length - mostFields} more` : '')
