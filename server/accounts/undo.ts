import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { changesBetween } from '../audit/audit.ts'
import { editStep, isSame, paths } from '../audit/steps.ts'
import { Invalid, NotFound, Refused } from '../errors.ts'
import { type AuditRow, auditById, auditOfBatch, batchCounts, markUndone, type UndoStep } from '../store/audit.ts'
import type { Bodies, GroupBody, Kind, UserBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { groupNamesByIds, groupsBelow } from '../store/groups.ts'
import { objectById, objectsOf } from '../store/objects.ts'
import { type Change, write } from '../store/write.ts'
import { bringBack } from './bin.ts'
import { type Declared, declared } from './declarations.ts'
import { withGroup } from './group-members.ts'
import { keepGroup, needOwnGroup, takeOutGroup } from './groups.ts'
import { importJob } from './import.ts'
import { isUnderWay, type Job, jobOnBatch, type Slice, startJob, type Told } from './jobs.ts'
import { needRight } from './roles.ts'
import { binUntil } from './settings.ts'
import { nameTaken } from './user-input.ts'
import { fullName, keepUser, moveUsers, needUser, takeOutUser } from './users.ts'

/** What an undo stands on inside its change. */
type Undo = { change: Change; known: Declared; until: string }

/**
 * Takes one change of the audit back, as a new change: what was edited gets its old values, who was added goes to the bin, who
 * was removed comes back. Refused with the reason when something of it was changed since.
 */
export async function undoChange(db: Db, actor: Actor, auditId: number): Promise<void> {
  needRight(actor, 'change')
  const row = await auditById(db.reader, auditId)
  if (!row) throw new NotFound('There is no such change in the audit.')
  if (row.undoneBy !== undefined) throw new Refused('This change is undone already.', 'undone')
  if (!row.undo?.length) throw new Refused('This change cannot be undone.', 'not-undoable')
  const [known, until] = await Promise.all([declared(db), binUntil(db)])
  await write(db, actor, (change) => undoRow({ change, known, until }, row))
}

export type UndoneBatch = { undone: number; refused: { sentence: string; reason: string }[] }

/**
 * Takes everything of one import or bulk edit back, the last first, a few hundred changes in a transaction. What somebody
 * changed since is left as it is, and named. The undo is a batch of its own.
 */
export async function undoBatch(db: Db, actor: Actor, batch: string): Promise<UndoneBatch> {
  needRight(actor, 'change')
  refuseUnfinished(db, batch)
  const done: UndoneBatch = { undone: 0, refused: [] }
  for await (const { changed, refused } of undoSlices(db, { ...actor, batch: randomUUID() }, batch)) {
    done.undone += changed
    done.refused.push(...refused.map(({ who, reason }) => ({ sentence: who, reason })))
  }
  if (done.undone + done.refused.length === 0) throw nothingLeft()
  return done
}

/** The same in the background, for whoever wants to watch it. */
export async function startUndoBatch(db: Db, actor: Actor, batch: string, told: Told): Promise<Job> {
  needRight(actor, 'change')
  const { undoable } = await batchCounts(db.reader, batch)
  if (undoable === 0) throw nothingLeft()
  refuseUnfinished(db, batch)
  return startJob(db, actor, { total: undoable, told, undoes: batch }, (actor) => undoSlices(db, actor, batch))
}

const nothingLeft = () => new NotFound('There is nothing of this left to undo.')

function refuseUnfinished(db: Db, batch: string): void {
  const from = importJob(batch)
  if (jobOnBatch(db, batch) || (from && isUnderWay(from)))
    throw new Refused('This is still under way. Wait for its end, or stop it first.', 'running')
}

const rowsAtOnce = 200

async function* undoSlices(db: Db, actor: Actor, batch: string): AsyncGenerator<Slice> {
  const [known, until] = await Promise.all([declared(db), binUntil(db)])
  const next = (before: number) => auditOfBatch(db.reader, batch, before, rowsAtOnce)
  for (let rows = await next(Number.MAX_SAFE_INTEGER); rows.length > 0; rows = await next(rows.at(-1)?.id ?? 0)) {
    const here = rows
    yield await write(db, actor, (change) => undoRows({ change, known, until }, here))
  }
}

async function undoRows(undo: Undo, rows: AuditRow[]): Promise<Slice> {
  const slice: Slice = { done: rows.length, changed: 0, refused: [] }
  for (const row of rows) {
    try {
      await undoRow(undo, row)
      slice.changed++
    } catch (error) {
      if (!(error instanceof Invalid || error instanceof NotFound || error instanceof Refused)) throw error
      slice.refused.push({ who: row.sentence, reason: error.message })
    }
  }
  return slice
}

/** Every step checks before it changes anything, so that a refusal leaves nothing half undone. */
async function undoRow(undo: Undo, row: AuditRow): Promise<void> {
  for (const step of [...(row.undo ?? [])].reverse()) await undoStep(undo, step)
  await markUndone(undo.change.trx, [row.id])
}

async function undoStep(undo: Undo, step: UndoStep): Promise<void> {
  if ('list' in step) return undoMembership(undo, step)
  if ('added' in step) return undoAdd(undo, step)
  if ('removed' in step) return undoRemoval(undo, step)
  if (step.kind === 'user') return undoUser(undo, step)
  if (step.kind === 'group') return undoGroup(undo, step)
  return undoOther(undo, step)
}

type Edit = Extract<UndoStep, { was?: object }>
type Membership = Extract<UndoStep, { list: unknown }>

async function undoAdd({ change, until }: Undo, { kind, id }: { kind: string; id: string }): Promise<void> {
  if (kind === 'user') return takeOutUser(change, id, until)
  if (kind === 'group') return takeOutGroup(change, id, until)
  const object = await objectById(change.trx, kind as Kind, id)
  if (!object) throw new NotFound('What was added does not exist any more.')
  await change.remove(kind as Kind, id)
  change.note({ sentence: `Undid: removed the ${kind}`, object: { kind, id, name: nameOf(object.body) } })
}

async function undoRemoval(
  { change, known }: Undo,
  { kind, id, body }: { kind: string; id: string; body?: object },
): Promise<void> {
  if (!body) return void (await bringBack(change, known, id))
  await refuseDouble(change, kind, body)
  await change.put(kind as Kind, id, body as never)
  change.note({
    sentence: `Undid: brought the ${kind} back`,
    object: { kind, id, name: nameOf(body) },
    undo: [{ kind, id, added: true }],
  })
}

/** One profile has a name, one group one policy. */
async function refuseDouble(change: Change, kind: string, body: object): Promise<void> {
  const key = kind === 'policy' ? 'group' : 'name'
  const of = (one: object) => (one as Record<string, unknown>)[key]
  if ((await objectsOf(change.trx, kind as Kind)).some((other) => of(other.body) === of(body)))
    refuse(`There is another ${kind} in its place by now.`)
}

async function undoUser({ change, known }: Undo, step: Edit): Promise<void> {
  const object = await needUser(change, step.id)
  const body = turnBack(object.body, step, fullName(object.body)) as UserBody
  if (body.username !== object.body.username) refuse(await nameTaken(change.trx, body.username, step.id, 'username'))
  body.groups = await liveGroups(change, body.groups, object.body.groups)
  for (const { name, user } of known.extensions)
    for (const [key, field] of Object.entries(user)) {
      const value = body.extensions[name]?.[key]
      if (!field.isName || value === undefined || isSame(value, object.body.extensions[name]?.[key])) continue
      for (const text of field.values(value as never)) refuse(await nameTaken(change.trx, text, step.id, 'alias'))
    }
  await keepUser(change, object, body, `Undid a change of ${fullName(body)}`)
}

async function undoGroup({ change }: Undo, step: Edit): Promise<void> {
  const object = await needOwnGroup(change, step.id)
  const body = turnBack(object.body, step, `group ${object.body.name}`) as GroupBody
  if (body.name !== object.body.name) refuse(await nameTaken(change.trx, body.name, step.id, 'group name'))
  const below = await groupsBelow(change.trx, [step.id])
  if (body.groups?.some((of) => below.has(of) && !object.body.groups?.includes(of)))
    refuse(`Group ${body.name} cannot go back into a group that is now in it: that would be a circle.`)
  await keepGroup(change, object, body, `Undid a change of group ${body.name}`)
}

/** Settings, policies, profiles and the like: plain objects without a rule across objects. */
async function undoOther({ change }: Undo, step: Edit): Promise<void> {
  const kind = step.kind as Kind
  const object = await objectById(change.trx, kind, step.id)
  if (!object) throw new NotFound('What was changed does not exist any more.')
  const name = nameOf(object.body)
  const body = turnBack(object.body, step, name) as Bodies[Kind]
  await change.put(kind, step.id, body as never)
  const undo = editStep(kind, step.id, object.body, body)
  change.note({
    sentence: `Undid a change of ${name}`,
    object: { kind, id: step.id, name },
    changes: changesBetween(object.body, body),
    ...(undo && { undo: [undo] }),
  })
}

const nameOf = (body: object): string =>
  String((body as { name?: unknown; title?: unknown }).name ?? (body as { title?: unknown }).title ?? 'this')

/** The body with the old values of an edit; refuses when somebody has changed one of them since. */
function turnBack(body: object, step: Edit, who: string): object {
  const now = paths(body)
  const back = structuredClone(body) as Record<string, unknown>
  for (const [path, was] of Object.entries(step.was ?? {})) {
    const is = now.get(path) ?? null
    const left = (step.now as Record<string, unknown>)[path] ?? null
    if (path === 'groups' || path === 'plugins' || path === 'owners') {
      put(back, path, listBack(is as string[] | null, was as string[] | null, left as string[] | null))
      continue
    }
    if (!isSame(is, left) && !isSame(is, was))
      throw new Invalid({ '': `Not undone: “${path.split('/').at(-1)}” of ${who} was changed again since.` })
    put(back, path, was)
  }
  return back
}

/** What was added to the list goes, what was taken out comes back, what others did meanwhile stays. */
function listBack(is: string[] | null, was: string[] | null, left: string[] | null): string[] {
  const added = (left ?? []).filter((one) => !was?.includes(one))
  const gone = (was ?? []).filter((one) => !left?.includes(one))
  return [...new Set([...(is ?? []).filter((one) => !added.includes(one)), ...gone])].sort()
}

function put(body: Record<string, unknown>, path: string, value: unknown): void {
  const [name = '', extension = '', field = ''] = path.split('/')
  if (name !== 'extensions' || !extension) {
    if (value === null) delete body[name]
    else body[name] = value
    return
  }
  const extensions = { ...(body.extensions as Record<string, Record<string, unknown>>) }
  const values = { ...extensions[extension] }
  if (value === null) delete values[field]
  else values[field] = value
  if (Object.keys(values).length > 0) extensions[extension] = values
  else delete extensions[extension]
  body.extensions = extensions
}

/** A group that is gone for good does not come back by an undo; one in the bin may. */
async function liveGroups(change: Change, groups: string[], before: string[]): Promise<string[]> {
  const back = groups.filter((id) => !before.includes(id))
  const live = await groupNamesByIds(change.trx, back)
  const binned = await Promise.all(back.map((id) => objectById(change.trx, 'removed', id)))
  return groups.filter((id) => before.includes(id) || live.has(id) || binned.some((object) => object?.id === id))
}

async function undoMembership({ change }: Undo, step: Membership): Promise<void> {
  const { list, name, ids, joined } = step
  const title = list === 'groups' ? await titleOfGroup(change, name) : name
  const moved: string[] = []
  for (let at = 0; at < ids.length; at += 400) {
    const turned = await moveUsers(change, ids.slice(at, at + 400), (body) =>
      list === 'groups' ? withGroup(body, name, !joined) : withPlugin(body, name, !joined),
    )
    moved.push(...turned.map(({ id }) => id))
  }
  const what = list === 'groups' ? `group ${title}` : `plugin ${title}`
  change.note({
    sentence: joined
      ? `Undid: took ${moved.length} people out of ${what}`
      : `Undid: put ${moved.length} people back into ${what}`,
    object: { kind: list === 'groups' ? 'group' : 'plugin', id: name, name: title },
    undo: [{ list, name, ids: moved, joined: !joined }],
  })
}

async function titleOfGroup(change: Change, id: string): Promise<string> {
  const object = await objectById(change.trx, 'group', id)
  if (!object) throw new NotFound('This group does not exist any more. Restore it from the recycle bin first.')
  return object.body.name
}

/** The body with or without a plugin; undefined when it is so already. */
export function withPlugin(body: UserBody, name: string, on: boolean): UserBody | undefined {
  if (body.plugins.includes(name) === on) return undefined
  return { ...body, plugins: on ? [...body.plugins, name].sort() : body.plugins.filter((other) => other !== name) }
}

function refuse(problem: string | undefined): void {
  if (problem) throw new Invalid({ '': `Not undone: ${problem}` })
}
