import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { maxBytes } from '../accounts/csv-file.ts'
import type { Progress } from '../api/command.ts'
import type { Result } from '../api/commands.ts'
import { messageOf, Refused } from '../errors.ts'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { count, printJson, say } from './output.ts'
import { board } from './progress.ts'

type Job = Result<'import'>

export function importCommand(program: Command): void {
  program
    .command('import <file>')
    .description('add the people of a CSV file; a bad row is named and stops nothing else')
    .option('--dry-run', 'check everything, change nothing')
    .option('--json', 'print JSON')
    .action(async (file: string, options: { dryRun?: boolean; json?: boolean }, command: Command) => {
      const job = await importFile(dataOf(command), file, options.dryRun ?? false)
      if (options.json) printJson(job)
      else tell(job)
      if (job.state !== 'done' || job.refusedRows > 0) process.exitCode = 1
    })
}

async function importFile(data: string, file: string, dryRun: boolean): Promise<Job> {
  const base64 = readFile(file).toString('base64')
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const shown = process.stderr.isTTY ? board() : undefined
  const progress = ({ done = 0, total = 0 }: Progress) =>
    shown?.set('', `${done} of ${total} ${dryRun ? 'checked' : 'done'}`, done, total)
  try {
    return await call(data, 'import', { file: basename(file), base64, dryRun }, { progress, signal: stop.signal })
  } catch (error) {
    throw stop.signal.aborted ? new Refused('Stopped. The rows before this moment were added.', 'stopped') : error
  } finally {
    shown?.end()
  }
}

function readFile(file: string): Buffer {
  try {
    // What is far too large is not even read; the node says the rest.
    if (file !== '-' && statSync(file).size > 2 * maxBytes) throw new Error('it is larger than 20 MB. Split it.')
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    throw new Refused(`${file} cannot be read: ${messageOf(error)}`, 'no-file')
  }
}

function tell(job: Job): void {
  for (const notice of job.notices) say(notice)
  for (const row of job.refused) {
    const where = [`line ${row.line}`, row.column].filter(Boolean).join(', ')
    process.stderr.write(`${where}: ${row.reason}\n`)
  }
  const people = count(job.added, 'person', 'people')
  const what = job.dryRun ? `${people} would be added` : `${people} added`
  const refused = job.refusedRows > 0 ? `; ${count(job.refusedRows, 'row')} refused` : ''
  if (job.state === 'failed') process.stderr.write(`The import ended early: ${job.error}\n`)
  const left = job.total - job.done
  say(
    `${what}${refused}${left > 0 ? `; ${count(left, 'row')} not looked at` : ''}.${job.dryRun ? ' Nothing was changed.' : ''}`,
  )
}
