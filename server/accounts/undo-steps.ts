import { editStep, isSame, paths } from '../audit/steps.ts'
import { Invalid, NotFound } from '../errors.ts'
import type { AuditRow, UndoStep } from '../store/audit.ts'
import type {
  Bodies,
  ExtensionBody,
  ExtensionValues,
  GroupBody,
  Kind,
  PluginBody,
  PolicyBody,
  ProfileBody,
  SettingsBody,
  UserBody,
} from '../store/bodies.ts'
import { groupsBelow } from '../store/groups.ts'
import { countMembers, ofPlugin } from '../store/memberships.ts'
import { objectsOf } from '../store/objects.ts'
import type { Change } from '../store/write.ts'
import { bringBack, notGone, turnRemoved } from './bin.ts'
import type { Declared } from './declarations.ts'
import { valuesHeld } from './extension-values.ts'
import { withGroup } from './group-members.ts'
import { keepGroup, needOwnGroup, takeOutGroup } from './groups.ts'
import { canonicalName } from './names.ts'
import { takeOutExtension } from './own-extensions.ts'
import { takeOutPlugin } from './own-plugins.ts'
import { withPlugin } from './plugins.ts'
import { policyProblem } from './policy-changes.ts'
import { changesInGroups, keepUser } from './user.ts'
import { type FieldsOf, groupFields, nameTaken, userFields } from './user-input.ts'
import { fullName, moveUsers, needUser, takeOutUser } from './users.ts'

/** What an undo stands on inside its change; `row` is what it takes back. */
type Undo = { change: Change; known: Declared; until: string; row: AuditRow }

export async function undoStep(undo: Undo, step: UndoStep): Promise<void> {
  if ('list' in step) return undoMembership(undo, step)
  if ('added' in step) return undoAdd(undo, step)
  if ('removed' in step) return undoRemoval(undo, step)
  if (step.kind === 'user') return undoUser(undo, step)
  if (step.kind === 'group') return undoGroup(undo, step)
  return undoOther(undo, step)
}

type Edit = Extract<UndoStep, { was?: object }>
type Membership = Extract<UndoStep, { list: unknown }>

async function undoAdd(undo: Undo, { kind, id }: { kind: string; id: string }): Promise<void> {
  const { change, until } = undo
  if (kind === 'user') return takeOutUser(change, id, until)
  if (kind === 'group') return takeOutGroup(change, id, until)
  const object = await change.get(kind as Kind, id)
  if (!object) throw new NotFound('What was added does not exist any more.')
  const { body } = object
  if (kind === 'plugin') await takeOutUnused(change, (body as PluginBody).name)
  else if (kind === 'extension') await takeOutEmpty(change, (body as ExtensionBody).name)
  else await change.remove(kind as Kind, id)
  // What holds a secret, or a declaration that others build on, is made anew instead.
  const again = ['policy', 'profile', 'file', 'file-set'].includes(kind)
    ? { undo: [{ kind, id, removed: true, body } as const] }
    : {}
  change.note({ ...said(undo), ...again })
}

// What people have by now is removed on a page of its own, where that is asked once more.

async function takeOutUnused(change: Change, name: string): Promise<void> {
  const of = ofPlugin(name)
  if ((await countMembers(change.trx, [of])).get(of)) refuse('People have it by now. Remove it on its own page.')
  await takeOutPlugin(change, name)
}

async function takeOutEmpty(change: Change, name: string): Promise<void> {
  if ((await valuesHeld(change.trx, name, new Set())).people > 0)
    refuse('People have values in it by now. Remove it on its own page.')
  await takeOutExtension(change, name)
}

/** Of what has no sentence of its own. */
const said = ({ row }: Undo) => ({ sentence: `Undid: ${row.sentence}`, ...(row.object && { object: row.object }) })

async function undoRemoval(undo: Undo, { kind, id, body }: { kind: string; id: string; body?: object }): Promise<void> {
  const { change, known } = undo
  if (!body) return void (await bringBack(change, known, id))
  await refuseDouble(change, kind, body)
  const { group } = body as { group?: string }
  if (kind === 'policy' && group && (await notGone(change, 'group', [group])).length === 0)
    throw new NotFound('The group of this policy does not exist any more.')
  await change.put(kind as Kind, id, (await asFarAsThere(change, known, kind as Kind, body)) as never)
  change.note({ ...said(undo), undo: [{ kind, id, added: true }] })
}

/** One profile has a name, one group one policy. */
async function refuseDouble(change: Change, kind: string, body: object): Promise<void> {
  const keys = { policy: ['group'], file: ['set', 'path', 'for'] }[kind] ?? ['name']
  const of = (one: object) => JSON.stringify(keys.map((key) => (one as Record<string, unknown>)[key]))
  if ((await objectsOf(change.trx, kind as Kind)).some((other) => of(other.body) === of(body)))
    refuse(`There is another ${kind} in its place by now.`)
}

async function undoUser({ change, known }: Undo, step: Edit): Promise<void> {
  const object = await needUser(change, step.id)
  const { body: was } = object
  const body = turnBack(was, step, fullName(was)) as UserBody
  if (body.username !== was.username) refuse(await nameTaken(change.trx, body.username, step.id, 'username'))
  if (body.validFrom && body.validUntil && body.validFrom >= body.validUntil)
    refuse(`${fullName(was)} would be valid until a moment before the one they are valid from.`)
  body.groups = await liveOnes(change, 'group', body.groups, was.groups)
  body.plugins = body.plugins.filter((name) => known.plugin(name) || was.plugins.includes(name))
  body.extensions = values(known, userFields, body.extensions, was.extensions)
  for (const { name, user } of known.extensions)
    for (const [key, field] of Object.entries(user)) {
      const value = body.extensions[name]?.[key]
      if (!field.isName || value === undefined || isSame(value, was.extensions[name]?.[key])) continue
      for (const text of field.values(value as never))
        refuse(await nameTaken(change.trx, canonicalName(text), step.id, 'alias'))
    }
  await keepUser(change, object, body, `Undid a change of ${fullName(body)}`)
}

async function undoGroup({ change, known }: Undo, step: Edit): Promise<void> {
  const object = await needOwnGroup(change, step.id)
  const { body: was } = object
  const body = turnBack(was, step, `group ${was.name}`) as GroupBody
  if (body.name !== was.name) refuse(await nameTaken(change.trx, body.name, step.id, 'group name'))
  if (body.groups) body.groups = await liveOnes(change, 'group', body.groups, was.groups ?? [])
  if (body.owners) body.owners = await liveOnes(change, 'user', body.owners, was.owners ?? [])
  if (body.extensions) body.extensions = values(known, groupFields, body.extensions, was.extensions ?? {})
  const below = await groupsBelow(change.trx, [step.id])
  if (body.groups?.some((of) => below.has(of) && !was.groups?.includes(of)))
    refuse(`Group ${body.name} cannot go back into a group that is now in it: that would be a circle.`)
  await keepGroup(change, object, body, `Undid a change of group ${body.name}`)
}

/** Who is gone for good does not come back by an undo; who lies in the bin may. */
async function liveOnes(change: Change, kind: 'user' | 'group', ids: string[], before: string[]): Promise<string[]> {
  const back = await notGone(
    change,
    kind,
    ids.filter((id) => !before.includes(id)),
  )
  return ids.filter((id) => before.includes(id) || back.includes(id))
}

/** Values that come back: not of a field that was removed meanwhile, and none that its declaration refuses by now. */
function values(known: Declared, fieldsOf: FieldsOf, back: ExtensionValues, was: ExtensionValues): ExtensionValues {
  const kept = structuredClone(back)
  for (const [name, fields] of Object.entries(kept))
    for (const [key, value] of Object.entries(fields)) {
      if (isSame(value, was[name]?.[key])) continue
      const extension = known.extension(name)
      const field = extension && fieldsOf(extension)?.[key]
      if (!field) delete fields[key]
      else {
        const judged = field.parse(field.format(value))
        if ('problem' in judged) refuse(judged.problem)
      }
    }
  return Object.fromEntries(Object.entries(kept).filter(([, fields]) => Object.keys(fields).length > 0))
}

/** Settings, policies, profiles and the like. */
async function undoOther(undo: Undo, step: Edit): Promise<void> {
  const { change, known } = undo
  const kind = step.kind as Kind
  const object = await change.get(kind, step.id)
  if (!object) throw new NotFound('What was changed does not exist any more.')
  const back = turnBack(object.body, step, undo.row.object?.name ?? 'this') as Bodies[Kind]
  const body = await asFarAsThere(change, known, kind, back)
  const again = editStep(kind, step.id, object.body, body)
  if (!again) return
  if ('was' in again && 'name' in again.was) await refuseDouble(change, kind, body)
  await change.put(kind, step.id, body as never)
  const changes = await changesInGroups(change.trx, withGroups(object.body), withGroups(body))
  change.note({ ...said(undo), changes, undo: [again] })
}

const withGroups = (body: object): { groups: string[] } => ({ groups: [], ...body })

/** A body without what it names and is gone: a later one of the same name would be meant otherwise. */
async function asFarAsThere<B extends object>(change: Change, known: Declared, kind: Kind, body: B): Promise<B> {
  if (kind === 'policy') refuse(policyProblem(body as unknown as PolicyBody))
  if (kind === 'settings') {
    const { ownFields } = body as unknown as SettingsBody
    return { ...body, ownFields: ownFields.filter((path) => isDeclared(known, ...path.split('.'))) }
  }
  if (kind !== 'profile') return body
  const { groups, plugins, extensions } = body as unknown as ProfileBody
  return {
    ...body,
    groups: await notGone(change, 'group', groups),
    plugins: plugins.filter((name) => known.plugin(name)),
    extensions: Object.fromEntries(
      Object.entries(extensions).flatMap(([name, fields]) => {
        const there = Object.entries(fields).filter(([key]) => isDeclared(known, name, key))
        return there.length > 0 ? [[name, Object.fromEntries(there)]] : []
      }),
    ),
  }
}

const isDeclared = (known: Declared, name = '', key = ''): boolean =>
  Object.hasOwn(known.extension(name)?.user ?? {}, key)

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

/** People who lie in the bin are turned as well: they shall come back as if it had not been done. */
async function undoMembership({ change, known }: Undo, step: Membership): Promise<void> {
  const { list, name, ids, joined } = step
  const title = list === 'groups' ? await titleOfGroup(change, name) : titleOfPlugin(known, name)
  const turn = (body: UserBody) =>
    list === 'groups' ? withGroup(body, name, !joined) : withPlugin(body, name, !joined)
  const moved: string[] = []
  for (let at = 0; at < ids.length; at += 400) {
    const here = ids.slice(at, at + 400)
    moved.push(...(await moveUsers(change, here, turn)).map(({ id }) => id))
    moved.push(...(await turnRemoved(change, here, turn)))
  }
  if (moved.length === 0) return
  const who = moved.length === 1 ? '1 person' : `${moved.length} people`
  const what = `${list === 'groups' ? 'group' : 'plugin'} ${title}`
  change.note({
    sentence: joined ? `Undid: took ${who} out of ${what}` : `Undid: put ${who} back into ${what}`,
    object: { kind: list === 'groups' ? 'group' : 'plugin', id: name, name: list === 'groups' ? title : name },
    undo: [{ list, name, ids: moved, joined: !joined }],
  })
}

function titleOfPlugin(known: Declared, name: string): string {
  const plugin = known.plugin(name)
  if (!plugin) throw new NotFound(`There is no plugin “${name}” any more.`)
  return plugin.title
}

async function titleOfGroup(change: Change, id: string): Promise<string> {
  const object = await change.get('group', id)
  if (!object)
    throw new NotFound('This group does not exist any more. Is it in the recycle bin? Then restore it first.')
  return object.body.name
}

function refuse(problem: string | undefined): void {
  if (problem) throw new Invalid({ '': `Not undone: ${problem}` })
}
