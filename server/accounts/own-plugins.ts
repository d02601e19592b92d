import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, type Problems, Refused } from '../errors.ts'
import { pluginGroup } from '../extensions/extension.ts'
import { hidden } from '../extensions/field.ts'
import type { OwnPlugin } from '../extensions/own.ts'
import type { Db } from '../store/db.ts'
import { allIds } from '../store/extension-values.ts'
import { memberIds, ofPlugin } from '../store/memberships.ts'
import { objectsOf } from '../store/objects.ts'
import { type Change, write } from '../store/write.ts'
import { turnRemoved } from './bin.ts'
import { type DeclaredPlugin, declaredIn } from './declarations.ts'
import { takeNumber } from './numbers.ts'
import { declaredNameProblem, freeName } from './own-extension-input.ts'
import { needPlugin, pluginObject, withPlugin } from './plugins.ts'
import { needRight } from './roles.ts'
import { nameTaken } from './user-input.ts'
import { moveUsers } from './users.ts'

export type OwnPluginInput = { name?: string; title: string; badge?: string; summary?: string }

/** Adds a plugin made here, turned on; nobody has it yet. */
export async function addOwnPlugin(db: Db, actor: Actor, input: OwnPluginInput): Promise<DeclaredPlugin> {
  needRight(actor, 'change')
  const added = await write(db, actor, async (change) => {
    const { name, own } = await judged(change, input)
    const id = randomUUID()
    const made: OwnPlugin = { ...own, by: actor.name, added: new Date().toISOString() }
    await change.put('plugin', id, { name, on: true, gidNumber: await takeNumber(change, 'gidNumber'), own: made })
    change.note({
      sentence: `Made the plugin ${own.title}`,
      object: { kind: 'plugin', id, name },
      changes: Object.entries(own).map(([field, after]) => ({ field, after })),
      undo: [{ kind: 'plugin', id, added: true }],
    })
    return name
  })
  return needPlugin(db, added)
}

export async function changeOwnPlugin(
  db: Db,
  actor: Actor,
  name: string,
  input: Partial<OwnPluginInput>,
  expectedSeq?: number,
): Promise<DeclaredPlugin> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    const { id, seq, body, own: was } = await needOwn(change, name)
    if (expectedSeq !== undefined && seq !== expectedSeq)
      throw new Invalid({ '': `Not saved: someone else changed the plugin ${was.title} first.` })
    const { own } = await judged(change, { ...was, ...input }, name)
    const now: OwnPlugin = { ...was, ...own }
    const changes = (['title', 'badge', 'summary'] as const)
      .filter((field) => was[field] !== now[field])
      .map((field) => ({ field, before: was[field], after: now[field] }))
    if (changes.length === 0) return
    await change.put('plugin', id, { ...body, own: now })
    change.note({ sentence: `Changed the plugin ${now.title}`, object: { kind: 'plugin', id, name }, changes })
  })
  return needPlugin(db, name)
}

/** Removes a plugin made here, and takes it from everybody. Its number is not given to another group. */
export async function removeOwnPlugin(db: Db, actor: Actor, name: string): Promise<{ people: number }> {
  needRight(actor, 'change')
  return write(db, actor, async (change) => {
    const { own, id } = await needOwn(change, name)
    const people = await takeOutPlugin(change, name)
    change.note({
      sentence: `Removed the plugin ${own.title}`,
      object: { kind: 'plugin', id, name },
      changes: [
        { field: 'title', before: own.title },
        ...(people > 0 ? [{ field: 'people who had it', before: String(people) }] : []),
      ],
    })
    return { people }
  })
}

/** Removes a plugin inside a change, and takes it from everybody; how many people had it. */
export async function takeOutPlugin(change: Change, name: string): Promise<number> {
  const { id } = await needOwn(change, name)
  let people = 0
  for await (const ids of memberIds(change.trx, ofPlugin(name), 400))
    people += (await moveUsers(change, ids, (body) => withPlugin(body, name, false))).length
  await takeFromOthers(change, name)
  await change.remove('plugin', id)
  return people
}

/** Out of profiles, and from who lies in the recycle bin. */
async function takeFromOthers(change: Change, name: string): Promise<void> {
  for (const { id, body } of await objectsOf(change.trx, 'profile'))
    if (body.plugins.includes(name))
      await change.put('profile', id, { ...body, plugins: body.plugins.filter((other) => other !== name) })
  for await (const ids of allIds(change.trx, 'removed'))
    await turnRemoved(change, ids, (body) => withPlugin(body, name, false))
}

async function needOwn(change: Change, name: string) {
  const object = await pluginObject(change, name)
  if (!object) throw new NotFound(`There is no plugin “${name}”.`)
  const { own } = object.body
  if (!own)
    throw new Refused(`The plugin “${name}” is part of the program. Only those made here can change.`, 'built-in')
  return { ...object, own }
}

async function judged(
  change: Change,
  input: OwnPluginInput,
  was?: string,
): Promise<{ name: string; own: Pick<OwnPlugin, 'title' | 'badge' | 'summary'> }> {
  const line = (typed: string | undefined): string => (typed ?? '').normalize('NFC').trim()
  const title = line(input.title)
  const badge = line(input.badge) || [...title].slice(0, 6).join('').trim()
  const summary = line(input.summary)
  const others = (await declaredIn(change.trx)).plugins.filter((plugin) => plugin.name !== was)
  const name = was ?? (line(input.name) || freeName(title, 'plugin', others))
  const problems: Problems = {}
  for (const [field, text, label, most] of [
    ['title', title, 'Title', 64],
    ['badge', badge, 'Badge', 6],
    ['summary', summary, 'Summary', 200],
  ] as const) {
    if ([...text].length > most) problems[field] = `${label} must not be longer than ${most} characters.`
    else if (hidden.test(text)) problems[field] = `${label} must be one line without control characters.`
  }
  if (title === '') problems.title = 'Title is needed.'
  else if (others.some((one) => one.title.toLowerCase() === title.toLowerCase()))
    problems.title = `There is a plugin “${title}” already.`
  if (title !== '' && !was) {
    const problem = declaredNameProblem('Name', name)
    if (problem) problems.name = problem
    else if (others.some((one) => one.name === name))
      problems.name = `There is a plugin “${name}” already. Choose another name.`
    else {
      const taken = await nameTaken(change.trx, pluginGroup({ name }), undefined, 'group name')
      if (taken) problems.name = `A plugin is a group in LDAP. ${taken.replace('group name', 'name')}`
    }
  }
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  return { name, own: { title, badge, summary } }
}
