import type { Request, Response } from 'express'
import { type Column, columnsOf } from '../accounts/columns.ts'
import { declared } from '../accounts/declarations.ts'
import { type ImportMode, type ImportOptions, startImport } from '../accounts/import.ts'
import { guessMapping, type Mapping } from '../accounts/mapping.ts'
import { profileList } from '../accounts/profiles.ts'
import { firstRows } from '../accounts/table.ts'
import type { Problems } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { type Form, formOf, part, problemsOf } from './form.ts'
import { type Draft, needDraft } from './import-draft.ts'
import { actorOf, dbOf } from './node.ts'
import { render } from './render.ts'

const modes: readonly { mode: ImportMode; title: string; text: string }[] = [
  { mode: 'add', title: 'Add new people', text: 'Whoever exists already is left alone.' },
  { mode: 'both', title: 'Add new people and change those who exist', text: 'An empty value changes nothing.' },
  { mode: 'update', title: 'Only change people who exist', text: 'Whoever is missing here is left out.' },
]

/** What each column of the source is read as, and what else is to be settled before it is tried out. */
export async function showImportColumns(req: Request, res: Response): Promise<void> {
  await showColumns(req, res, needDraft(req, part(req, 'draft')))
}

async function showColumns(req: Request, res: Response, draft: Draft, problems: Problems = {}): Promise<void> {
  const db = dbOf(req)
  const columns = columnsOf(await declared(db))
  const mapping = draft.options.mapping ?? guessMapping(draft.table.header, columns)
  await render(
    req,
    res,
    'import/columns',
    {
      draft,
      options: { ...defaultsOf(draft), ...draft.options },
      fields: fieldsOf(draft, columns, mapping),
      groups: groupedColumns(columns),
      modes,
      profiles: await profileList(db),
      problems,
    },
    { status: Object.keys(problems).length > 0 ? 422 : 200 },
  )
}

/** In a directory, a value that is not possible here should not keep the person out. */
const defaultsOf = (draft: Draft): ImportOptions => ({
  mode: 'add',
  lenient: draft.table.groups !== undefined,
})

/** One line a column: its name, what it is read as, and the first values, unless they are secret. */
function fieldsOf({ table }: Draft, columns: readonly Column[], mapping: Mapping) {
  const rows = firstRows(table, 50)
  return table.header.flatMap((name, place) => {
    if (name === '') return []
    const column = columns.find((one) => one.name === mapping[name])
    const values = [...new Set(rows.flatMap(({ cells }) => cells[place]?.trim() || []))].slice(0, 3)
    const isSecret = column?.isSecret || table.isSecret(name)
    return [{ name, place, column: column?.name ?? '', values: isSecret ? [] : values.map(cut), isSecret }]
  })
}

const cut = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text).replaceAll('\n', ', ')

/** Our columns under the headings of a long list. */
function groupedColumns(columns: readonly Column[]): { title: string; columns: readonly Column[] }[] {
  const of = (start: string) => columns.filter(({ name }) => name.startsWith(start))
  return [
    { title: 'Person', columns: [...of('core.'), ...of('groups')] },
    { title: 'Extensions', columns: of('extensions.') },
    { title: 'Plugins', columns: of('plugins.') },
  ].filter((group) => group.columns.length > 0)
}

/** Tries it out with what was settled; nothing is changed by that. */
export async function saveImportColumns(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const draft = needDraft(req, part(req, 'draft'))
  const form = formOf(req)
  try {
    draft.options = await typedOptions(db, draft, form)
    const { file, table, options } = draft
    const job = await startImport(db, actorOf(req), { file, table, ...options, dryRun: true })
    draft.job = job.id
    res.redirect(303, `/import/${job.id}`)
  } catch (error) {
    await showColumns(req, res, draft, problemsOf(error))
  }
}

async function typedOptions(db: Db, { table }: Draft, form: Form): Promise<ImportOptions> {
  const known = columnsOf(await declared(db))
  const mapping: Mapping = {}
  for (const [place, name] of table.header.entries()) {
    const chosen = form.text(`column-${place}`)
    if (name) mapping[name] = known.some((column) => column.name === chosen) ? chosen : ''
  }
  return {
    mapping,
    mode: modes.find(({ mode }) => mode === form.text('mode'))?.mode ?? 'add',
    clears: form.has('clears'),
    lenient: form.has('lenient'),
    newPasswords: form.has('newPasswords'),
    profile: form.text('profile') || undefined,
  }
}
