import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { changesBetween } from '../audit/audit.ts'
import { editStep } from '../audit/steps.ts'
import { Invalid, type Problems } from '../errors.ts'
import type { SettingsBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'
import { write } from '../store/write.ts'
import { declared } from './declarations.ts'
import { needRight } from './roles.ts'

export type Settings = Required<SettingsBody>

/** What holds until somebody settles otherwise. */
const firstSettings: Settings = {
  binDays: 30,
  ownFields: ['contact.mobile', 'contact.roomNumber', 'contact.telephone'],
  publishedFields: [],
  invitationHours: 72,
}

export async function settings(db: Db): Promise<Settings> {
  const { id, seq, ...body } = await keptSettings(db)
  return body
}

/** The same with their object and the seq of its last change; '' and 0 while nobody has changed them. */
export async function keptSettings(db: Db): Promise<Settings & { id: string; seq: number }> {
  const [object] = await objectsOf(db.reader, 'settings')
  return { ...firstSettings, ...object?.body, id: object?.id ?? '', seq: object?.seq ?? 0 }
}

const dayMs = 86_400_000

/** When what is removed now leaves the recycle bin, ISO 8601. */
export const binUntil = async (db: Db): Promise<string> =>
  new Date(Date.now() + (await settings(db)).binDays * dayMs).toISOString()

export async function changeSettings(
  db: Db,
  actor: Actor,
  input: Partial<SettingsBody>,
  expectedSeq?: number,
): Promise<void> {
  needRight(actor, 'change')
  const problems = await problemsIn(db, input)
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  await write(db, actor, async (change) => {
    const [object] = await objectsOf(change.trx, 'settings')
    if (expectedSeq !== undefined && (object?.seq ?? 0) !== expectedSeq)
      throw new Invalid({ '': 'Not saved: someone else changed the settings first.' })
    const was = { ...firstSettings, ...object?.body }
    const now = { ...was, ...input }
    const undo = editStep('settings', object?.id ?? '', was, now)
    if (!undo) return
    const id = object?.id ?? randomUUID()
    await change.put('settings', id, now)
    change.note({
      sentence: 'Changed the settings',
      object: { kind: 'settings', id, name: 'settings' },
      changes: changesBetween(was, now),
      undo: [{ ...undo, id }],
    })
  })
}

async function problemsIn(db: Db, input: Partial<SettingsBody>): Promise<Problems> {
  const problems: Problems = {}
  const within = (field: 'binDays' | 'invitationHours', least: number, most: number, what: string) => {
    const value = input[field]
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least && value <= most))
      problems[field] = `${what} must be a whole number from ${least} to ${most}.`
  }
  within('binDays', 1, 3650, 'Days in the recycle bin')
  within('invitationHours', 1, 720, 'Hours of a first-password link')
  const { extension } = await declared(db)
  for (const list of ['ownFields', 'publishedFields'] as const) {
    const unknown = (input[list] ?? []).filter((path) => {
      const [name = '', field = ''] = path.split('.')
      const found = extension(name)
      return found?.name !== name || !Object.hasOwn(found.user, field)
    })
    if (unknown.length > 0) problems[list] = `There is no field ${unknown.map((path) => `“${path}”`).join(', ')}.`
  }
  return problems
}
