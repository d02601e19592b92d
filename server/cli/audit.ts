import type { Command } from 'commander'
import type { Result } from '../api/commands.ts'
import { Refused } from '../errors.ts'
import { call } from './call.ts'
import { dataOf, positive } from './options.ts'
import { count, moment, printJson, printTable, say } from './output.ts'

type Options = { verify?: boolean; search?: string; limit: number; json?: boolean }

export function auditCommand(program: Command): void {
  program
    .command('audit')
    .description('who changed what; the newest first')
    .option('--search <text>', 'only rows that hold the text')
    .option('--limit <n>', 'how many rows', positive, 100)
    .option('--verify', 'prove that no row was changed or taken out')
    .option('--json', 'print JSON')
    .action((options: Options, command: Command) =>
      options.verify ? verify(dataOf(command), options.json) : list(dataOf(command), options),
    )
}

async function verify(data: string, json: boolean | undefined): Promise<void> {
  const { rows, brokenAt, fault, problem } = await call(data, 'audit-verify', {})
  if (json) printJson({ rows, brokenAt: brokenAt ?? null, fault: fault ?? null })
  if (problem !== undefined)
    throw new Refused(`The audit is broken after ${count(rows, 'row')}. ${problem}`, 'audit-broken')
  if (!json) say(`The audit is unbroken: ${count(rows, 'row')}.`)
}

async function list(data: string, { search, limit, json }: Options): Promise<void> {
  const rows: Result<'audit'>['items'] = []
  for (let after: string | undefined; rows.length < limit; ) {
    const answer: Result<'audit'> = await call(data, 'audit', {
      search,
      after,
      limit: Math.min(limit - rows.length, 500),
    })
    rows.push(...answer.items)
    if (answer.next === null) break
    after = answer.next
  }
  if (json) return printJson(rows)
  printTable(
    ['WHEN', 'WHO', 'VIA', 'WHAT', 'FIELDS'],
    rows.map((row) => [
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
