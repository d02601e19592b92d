import { randomUUID } from 'node:crypto'
import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { changesBetween } from '../audit/audit.ts'
import { editStep } from '../audit/steps.ts'
import { AlreadyThere, Invalid, NotFound, type Problems } from '../errors.ts'
import type { UndoStep } from '../store/audit.ts'
import { canonical } from '../store/canonical.ts'
import type { Db } from '../store/db.ts'
import type { FileSetBody, FileSetKind } from '../store/file-bodies.ts'
import { filesOf } from '../store/files-kept.ts'
import { objectsOf } from '../store/objects.ts'
import { type Change, write } from '../store/write.ts'
import { maxPatterns, patternProblem } from './patterns.ts'

export type FileSet = FileSetBody & { id: string; seq: number }

export type FileSetInput = {
  name: string
  kind: FileSetKind
  include: string[]
  exclude: string[]
  /** Names or Device IDs of slaves; null: every one. */
  devices: string[] | null
  whole: boolean
  services: string[]
}

export const kindTitles: Record<FileSetKind, string> = {
  custom: 'Files of your own',
  netlogon: 'Logon scripts for Windows',
  certificates: 'Certificates of services',
}

/** All sets, by name. */
export const fileSets = async (db: Db): Promise<FileSet[]> =>
  (await objectsOf(db.reader, 'file-set'))
    .map(({ id, seq, body }) => ({ ...body, id, seq }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))

export async function fileSetByName(db: Db, name: string): Promise<FileSet> {
  const set = (await fileSets(db)).find((one) => one.name === name.trim().toLowerCase())
  if (!set) throw new NotFound(`There is no file set “${name.trim()}”.`)
  return set
}

/** Whether all of it changes at once for who reads it. A certificate and its key are of use together only. */
export const isWhole = ({ whole, kind }: Pick<FileSetBody, 'whole' | 'kind'>): boolean =>
  whole === true || kind === 'certificates'

/** Whether a node gets it; the master has everything. */
export const isFor = ({ devices }: Pick<FileSetBody, 'devices'>, deviceId: string): boolean =>
  devices === undefined || devices.includes(deviceId)

export async function addFileSet(db: Db, actor: Actor, input: Partial<FileSetInput>): Promise<FileSet> {
  needRight(actor, 'change')
  return write(db, actor, async (change) => {
    const now = new Date().toISOString()
    const values = await judged(change, input, undefined)
    const kind = input.kind ?? 'custom'
    const services = kind === 'certificates' && !values.services ? { services: ['ldap'] } : {}
    const body = {
      name: '',
      kind,
      include: [],
      exclude: [],
      ...services,
      ...values,
      added: now,
      changed: now,
    } as FileSetBody
    const id = randomUUID()
    await change.put('file-set', id, body)
    change.note({
      sentence: `Added file set ${body.name}`,
      object: { kind: 'file-set', id, name: body.name },
      changes: changesBetween(undefined, body),
      undo: [{ kind: 'file-set', id, added: true }],
    })
    return { ...body, id, seq: change.head.seq }
  })
}

export async function changeFileSet(
  db: Db,
  actor: Actor,
  id: string,
  input: Partial<FileSetInput>,
  expectedSeq?: number,
): Promise<FileSet> {
  needRight(actor, 'change')
  return write(db, actor, async (change) => {
    const object = await needSet(change, id, expectedSeq)
    const { devices, whole, ...rest } = object.body
    const given = await judged(change, input, object)
    const edited: FileSetBody = {
      ...rest,
      ...(input.devices === undefined && devices && { devices }),
      ...(input.whole === undefined && whole && { whole }),
      ...given,
    }
    // Every slave and none of them are the same to an undo, which takes an empty list for no value.
    if (canonical(edited) === canonical(object.body)) return { ...object.body, id, seq: object.seq }
    const body: FileSetBody = { ...edited, changed: new Date().toISOString() }
    const step = editStep('file-set', id, object.body, body)
    await change.put('file-set', id, body)
    change.note({
      sentence: `Changed file set ${body.name}`,
      object: { kind: 'file-set', id, name: body.name },
      changes: changesBetween(object.body, body),
      ...(step && { undo: [step] }),
    })
    return { ...body, id, seq: change.head.seq }
  })
}

/** More would be a row of the audit that nobody can hold. */
const undoneTogether = 500

/** Its files go from every slave; the directory on this master stays as it is. */
export async function removeFileSet(db: Db, actor: Actor, id: string, expectedSeq?: number): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    const { body } = await needSet(change, id, expectedSeq)
    const files = await filesOf(change.trx, id)
    for (let at = 0; at < files.length; at += 250)
      await change.move(files.slice(at, at + 250).map((file) => ({ kind: 'file', id: file.id, body: undefined })))
    await change.remove('file-set', id)
    const undo: UndoStep[] = [
      { kind: 'file-set', id, removed: true, body },
      ...files.map(
        ({ id: fileId, seq: _, ...file }): UndoStep => ({ kind: 'file', id: fileId, removed: true, body: file }),
      ),
    ]
    change.note({
      sentence: `Removed file set ${body.name}`,
      object: { kind: 'file-set', id, name: body.name },
      changes: [{ field: 'files', before: String(files.length) }],
      ...(files.length <= undoneTogether && { undo }),
    })
  })
}

async function needSet(change: Change, id: string, expectedSeq?: number) {
  const object = await change.get('file-set', id)
  if (!object) throw new NotFound('This file set does not exist any more.')
  if (expectedSeq !== undefined && object.seq !== expectedSeq)
    throw new Invalid({ '': `Not saved: someone else changed file set ${object.body.name} first.` })
  return object
}

/** Such a name is a directory of that name, and nothing else. */
export const isSetName = (name: string): boolean => /^[a-z0-9][a-z0-9_-]{0,62}$/.test(name)

async function judged(
  change: Change,
  input: Partial<FileSetInput>,
  was: { id: string; body: FileSetBody } | undefined,
): Promise<Partial<FileSetBody>> {
  const problems: Problems = {}
  const values: Partial<FileSetBody> = {}
  if (input.name !== undefined || !was) {
    values.name = (input.name ?? '').trim().toLowerCase()
    const others = (await objectsOf(change.trx, 'file-set')).filter(({ id }) => id !== was?.id)
    if (!isSetName(values.name) || values.name === 'new')
      problems.name = 'A name has 1 to 63 letters, digits, - and _, as in netlogon.'
    else if (others.some(({ body }) => body.name === values.name))
      throw new AlreadyThere({ name: `A file set named “${values.name}” already exists. Choose another name.` })
    if (!was && input.kind === 'certificates' && others.some(({ body }) => body.kind === 'certificates'))
      problems.kind = 'There is a set of certificates already.'
  }
  for (const list of ['include', 'exclude'] as const) {
    const given = input[list]?.map((pattern) => pattern.trim()).filter(Boolean)
    if (!given) continue
    const problem =
      given.length > maxPatterns ? `There can be ${maxPatterns} patterns.` : given.map(patternProblem).find(Boolean)
    if (problem) problems[list] = problem
    values[list] = [...new Set(given)]
  }
  if (input.devices) {
    const known = await objectsOf(change.trx, 'device')
    values.devices = []
    for (const typed of input.devices.map((one) => one.trim()).filter(Boolean)) {
      const found = known.find(({ body }) => body.name === typed.toLowerCase() || body.deviceId === typed.toUpperCase())
      if (!found) problems.devices = `There is no device “${typed}”.`
      else values.devices.push(found.body.deviceId)
    }
    values.devices = [...new Set(values.devices)].sort()
  }
  if (input.whole) values.whole = true
  if (input.services) {
    values.services = [...new Set(input.services.map((one) => one.trim().toLowerCase()).filter(Boolean))].sort()
    const odd = values.services.find((one) => !/^[a-z0-9][a-z0-9-]{0,30}$/.test(one))
    if (odd !== undefined) problems.services = `“${odd}” is no name of a service: letters, digits and -, as in imap.`
  }
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  return values
}
