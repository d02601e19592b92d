import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { maxBytes } from '../accounts/csv-file.ts'
import type { Progress } from '../api/command.ts'
import type { Args, Result } from '../api/commands.ts'
import { messageOf, Refused } from '../errors.ts'
import { call } from './call.ts'
import { readGiven } from './file.ts'
import { collect, dataOf, pairsOf } from './options.ts'
import { count, printFacts, printJson, say, tell } from './output.ts'
import { board } from './progress.ts'
import { readSecret } from './secret.ts'

type Job = Result<'import'>

type Options = {
  dryRun?: boolean
  mode?: 'add' | 'update' | 'both'
  map?: string[]
  clear?: boolean
  lenient?: boolean
  profile?: string
  newPasswords?: string
  json?: boolean
}

export function importCommand(program: Command): void {
  const one = withOptions(
    program
      .command('import <file>')
      .description('import the people of a CSV or LDIF file; a bad row is named and stops nothing else'),
  ).action(async (file: string, options: Options, command: Command) => {
    const content = readGiven(file, maxBytes).toString('base64')
    const args = { file: basename(file), content, ...optionsOf(command, options) }
    ended(await follow(options, (asked) => call(dataOf(command), 'import', args, asked)), options)
  })
  one.command('template').description('print the columns, with one person as an example').action(printTemplate)
  one
    .command('undo <id>')
    .description('take a whole import back, by the id that --json and the audit name')
    .action(undoImport)

  withOptions(
    program
      .command('import-directory')
      .description('import the people and groups of another directory; the password of its bind DN is read from stdin'),
  )
    .requiredOption('--url <url>', 'where it is, as ldaps://ldap.example.com')
    .option('--bind-dn <dn>', 'who reads; without it nobody signs in')
    .option('--base <dn>', 'what to read; its first naming context when not given')
    .addOption(new Option('--security <how>', 'how the way is kept private').choices(['ldaps', 'starttls', 'plain']))
    .option('--ca-file <file>', 'certificate of its authority, PEM')
    .option('--fingerprint <sha256>', 'the certificate that is trusted, as the first try names it')
    .option('--look', 'only connect and say what is there')
    .action(importDirectory)
}

const withOptions = (command: Command): Command =>
  command
    .option('--dry-run', 'check everything, change nothing')
    .addOption(
      new Option('--mode <mode>', 'add: who exists is refused; update: who is missing is refused; both: neither')
        .choices(['add', 'update', 'both'])
        .default('add'),
    )
    .option('--map <header=column>', 'what a column means, as Vorname=core.first_name (again for more)', collect)
    .option('--clear', 'an empty value takes away what is there')
    .option('--lenient', 'a value that cannot be taken is left out, and the person comes without it')
    .option('--profile <name>', 'a template for new people')
    .option('--new-passwords <file>', 'new people without a password get one, written to this file as CSV')
    .option('--json', 'print JSON')

function optionsOf(command: Command, { dryRun, mode, map, clear, lenient, profile, newPasswords }: Options) {
  if (newPasswords !== undefined) beginFile(newPasswords)
  return {
    dryRun: dryRun ?? false,
    mode,
    mapping: map && Object.fromEntries(pairsOf(command, map)),
    clears: clear,
    lenient,
    profile,
    newPasswords: newPasswords !== undefined,
  }
}

/** The file of the passwords is there before the first of them is made. */
function beginFile(file: string): void {
  try {
    writeFileSync(file, '', { mode: 0o600, flag: 'wx' })
  } catch (error) {
    throw new Refused(`The passwords cannot be written: ${messageOf(error)}`, 'no-file')
  }
}

type Asked = { progress: (progress: Progress) => void; signal: AbortSignal }

/** Shows how far an import is; ^C ends it between two rows. */
async function follow<T>({ dryRun }: Options, run: (asked: Asked) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const shown = process.stderr.isTTY ? board() : undefined
  const progress = ({ done = 0, total = 0, text }: Progress) =>
    shown?.set('', text ?? `${done} of ${total} ${dryRun ? 'checked' : 'done'}`, done, total)
  try {
    return await run({ progress, signal: stop.signal })
  } catch (error) {
    throw stop.signal.aborted ? new Refused('Stopped. The rows before this moment were imported.', 'stopped') : error
  } finally {
    shown?.end()
  }
}

async function printTemplate(_options: unknown, command: Command): Promise<void> {
  await call(dataOf(command), 'import-template', {}, { progress: ({ text }) => void process.stdout.write(text ?? '') })
}

async function undoImport(id: string, _options: unknown, command: Command): Promise<void> {
  const { undone, refused } = await call(dataOf(command), 'batch-undo', { batch: id })
  say(`${count(undone, 'change')} undone.`)
  for (const { sentence, reason } of refused) tell(`${sentence}: ${reason}`)
  if (refused.length > 0) process.exitCode = 1
}

type DirectoryOptions = Options & {
  url: string
  bindDn?: string
  base?: string
  security?: 'ldaps' | 'starttls' | 'plain'
  caFile?: string
  fingerprint?: string
  look?: boolean
}

async function importDirectory(options: DirectoryOptions, command: Command): Promise<void> {
  const { url, bindDn = '', base = '', security, caFile, fingerprint } = options
  const given: Args<'directory-look'> = {
    url,
    bindDn,
    base,
    security: security ?? (/^ldap:/i.test(url) ? 'starttls' : 'ldaps'),
    password: bindDn === '' ? '' : await readSecret('Password of the bind DN'),
    ca: caFile && readGiven(caFile).toString('utf8'),
    fingerprint,
  }
  if (options.look) {
    const found = await call(dataOf(command), 'directory-look', given)
    if (options.json) return printJson(found)
    const { people, more, groups, moreGroups } = found
    printFacts({
      directory: found.kind,
      base: found.base,
      people: more ? `more than ${people.length}` : people.length,
      groups: moreGroups ? `more than ${groups}` : groups,
    })
    for (const one of people) say(`  ${one.username}  ${one.name}${one.hasHash ? '' : '  (no password hash)'}`)
    return
  }
  const args = { ...given, ...optionsOf(command, options) }
  ended(await follow(options, (asked) => call(dataOf(command), 'import-directory', args, asked)), options)
}

function ended({ newPasswords, ...job }: Job, { json, newPasswords: file }: Options): void {
  if (newPasswords !== undefined && file !== undefined) writeFileSync(file, newPasswords)
  if (json) printJson(job)
  else printJob(job)
  if (job.state !== 'done' || job.refusedRows > 0) process.exitCode = 1
}

function printJob(job: Omit<Job, 'newPasswords'>): void {
  for (const notice of job.notices) say(notice)
  for (const row of job.refused) {
    const where = [`${job.unit} ${row.line}`, row.column].filter(Boolean).join(', ')
    tell(`${where}: ${row.reason}`)
  }
  if (job.state === 'failed') tell(`The import ended early: ${job.error}`)
  const would = job.dryRun ? ' would be' : ''
  const parts = [`${count(job.added, 'person', 'people')}${would} added`]
  if (job.changed > 0) parts.push(`${job.changed}${would} changed`)
  if (job.unchanged > 0) parts.push(`${job.unchanged} as they are`)
  if (job.refusedRows > 0) parts.push(`${count(job.refusedRows, 'row')} refused`)
  if (job.total > job.done) parts.push(`${count(job.total - job.done, 'row')} not looked at`)
  say(`${parts.join('; ')}.${job.dryRun ? ' Nothing was changed.' : ''}`)
  if (process.stderr.isTTY && !job.dryRun && job.added + job.changed > 0) tell(`“import undo ${job.id}” takes it back.`)
}
