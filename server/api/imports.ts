import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { csvTemplate, exportUsers } from '../accounts/csv.ts'
import { lookAtDirectory, readDirectory } from '../accounts/directory-import.ts'
import {
  type ImportJob,
  importDone,
  importedRows,
  importJob,
  importJobs,
  startImport,
  stopImport,
  takeNewPasswords,
} from '../accounts/import.ts'
import { exportLdif } from '../accounts/ldif-export.ts'
import { undoBatch } from '../accounts/undo.ts'
import { NotFound } from '../errors.ts'
import { undoneBatch } from './audit.ts'
import { type Call, command } from './command.ts'
import { moment, none, nothing, pageNumber, text } from './shapes.ts'

const outcome = z.enum(['added', 'changed', 'unchanged', 'refused'])

const shownRow = z
  .object({
    line: z.int(),
    username: z.string().optional(),
    name: z.string().optional(),
    ok: z.boolean(),
    outcome,
    column: z.string().optional(),
    reason: z.string().optional(),
    changes: z.array(z.object({ column: z.string(), before: z.string(), after: z.string() })).optional(),
  })
  .meta({ id: 'ImportRow', description: 'What became of a row, or in a dry run what would.' })

const shownJob = z
  .object({
    id: z.string(),
    file: z.string(),
    dryRun: z.boolean(),
    mode: z.enum(['add', 'update', 'both']),
    unit: z.string(),
    state: z.enum(['running', 'done', 'stopped', 'failed']),
    total: z.int(),
    done: z.int(),
    added: z.int(),
    changed: z.int(),
    unchanged: z.int(),
    refusedRows: z.int(),
    refused: z.array(shownRow).meta({ description: 'The first ten thousand of them.' }),
    groups: z.int().meta({ description: 'How many groups were made, or would be.' }),
    notices: z.array(z.string()),
    error: z.string().optional(),
    startedAt: moment,
    endedAt: moment.optional(),
    passwords: z.int().meta({ description: 'New passwords that wait to be fetched.' }),
  })
  .meta({ id: 'Import', description: 'One import: how far it is, and what came of it.' })

const endedJob = shownJob
  .extend({
    newPasswords: z.string().optional().meta({ description: 'CSV of username and password; told this once.' }),
  })
  .meta({ id: 'EndedImport' })

const options = {
  dryRun: z.boolean().optional(),
  mode: z.enum(['add', 'update', 'both']).optional(),
  mapping: z.record(text, text).optional(),
  clears: z.boolean().optional().meta({ description: 'An empty value takes away what is there.' }),
  lenient: z.boolean().optional().meta({ description: 'A value that cannot be taken is left out.' }),
  profile: text.optional(),
  newPasswords: z.boolean().optional().meta({ description: 'New people without a password get one.' }),
}

const given = z.strictObject({
  file: text.default('people.csv').meta({ description: 'Its name; one that ends in .ldif is read as LDIF.' }),
  // Bytes where they came as such; over the socket as base64.
  content: z.union([z.instanceof(Uint8Array), z.base64()]),
  ...options,
})

const directory = {
  url: text,
  security: z.enum(['ldaps', 'starttls', 'plain']),
  bindDn: text,
  password: text,
  base: text,
  fingerprint: text.optional(),
  ca: z.string().max(100_000).optional(),
}

async function importDirectory(call: Call, args: z.output<z.ZodObject<typeof directory & typeof options>>) {
  const { url, security, bindDn, password, base, fingerprint, ca, dryRun = false, ...rest } = args
  const { db, actor, signal, progress } = call
  const told = (entries: number) => void progress({ text: `${entries} entries read` })
  const table = await readDirectory(db, { url, security, bindDn, password, base, fingerprint, ca }, told, signal)
  return followed(call, await startImport(db, actor, { ...rest, file: url, table, dryRun }))
}

function start({ db, actor }: Call, { content, dryRun = false, ...rest }: z.output<typeof given>): Promise<ImportJob> {
  const text =
    typeof content === 'string'
      ? Buffer.from(content, 'base64')
      : Buffer.from(content.buffer, content.byteOffset, content.length)
  return startImport(db, actor, { ...rest, text, dryRun })
}

/** Imports a file and tells how far it is; a caller that goes away stops it between two rows. */
const importFile = async (call: Call, args: z.output<typeof given>) => followed(call, await start(call, args))

async function followed({ signal, progress }: Call, job: ImportJob): Promise<z.input<typeof endedJob>> {
  const stop = () => stopImport(job.id)
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  while (job.state === 'running') {
    void progress({ done: job.done, total: job.total })
    await Promise.race([importDone(job.id), wait(100)])
  }
  const done = await importDone(job.id)
  void progress({ done: done.done, total: done.total })
  return { ...done, newPasswords: takeNewPasswords(job.id) }
}

const format = z.enum(['csv', 'ldif']).default('csv')

const which = z.strictObject({ id: text })

function needJob(id: string) {
  const job = importJob(id)
  if (!job) throw new NotFound('There is no such import. The last twenty are remembered until the node ends.')
  return job
}

export const importCommands = {
  import: command('change', given, endedJob, importFile),
  'import-start': command('change', given, shownJob, start),
  'directory-look': command(
    'change',
    z.strictObject(directory),
    z.object({
      kind: z.string(),
      base: z.string(),
      people: z.array(
        z.object({ dn: z.string(), username: z.string(), name: z.string(), mail: z.string(), hasHash: z.boolean() }),
      ),
      more: z.boolean(),
      groups: z.int(),
      moreGroups: z.boolean(),
    }),
    (_, args) => lookAtDirectory(args),
  ),
  'import-directory': command('change', z.strictObject({ ...directory, ...options }), endedJob, importDirectory),
  'import-passwords': command('change', which, nothing, async ({ progress }, { id }) => {
    needJob(id)
    const csv = takeNewPasswords(id)
    if (csv === undefined) throw new NotFound('This import has no passwords to hand out, or somebody has them already.')
    await progress({ text: csv })
  }),
  'import-list': command('change', none, z.array(shownJob.omit({ refused: true })), async () => importJobs()),
  'import-show': command('change', which, shownJob, async (_, { id }) => needJob(id)),
  'import-rows': command(
    'change',
    which.extend({ outcome, page: pageNumber.optional() }),
    z.object({ items: z.array(shownRow), page: z.int(), pages: z.int(), total: z.int() }),
    async (_, { id, outcome, page = 1 }) => {
      needJob(id)
      const { rows, ...at } = importedRows(id, outcome, { page, size: 500 })
      return { items: rows, page: at.page, pages: at.pages, total: at.total }
    },
  ),
  'import-stop': command('change', which, shownJob, async (_, { id }) => {
    needJob(id)
    stopImport(id)
    return importDone(id)
  }),
  'import-undo': command('change', which, undoneBatch, async ({ db, actor }, { id }) => {
    if (needJob(id).state === 'running') stopImport(id)
    await importDone(id)
    return undoBatch(db, actor, id)
  }),
  'import-template': command('read', none, nothing, async ({ db, progress }) => {
    await progress({ text: await csvTemplate(db) })
  }),
  // Everybody at once is not for the help desk, here as little as on the pages.
  export: command('audit', z.strictObject({ format }), nothing, async ({ db, progress, signal }, { format }) => {
    for await (const text of format === 'ldif' ? exportLdif(db) : exportUsers(db)) {
      signal.throwIfAborted()
      await progress({ text })
    }
  }),
}
