import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, Refused } from '../errors.ts'
import type { OwnExtension, OwnField } from '../extensions/own.ts'
import type { Db } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'
import { type Change, write } from '../store/write.ts'
import { declaredIn } from './declarations.ts'
import { dropValues, type Held, valuesHeld } from './extension-values.ts'
import { extensionObject, lost } from './extensions.ts'
import { misfits } from './misfits.ts'
import { judgeOwnExtension, type OwnExtensionInput, prefixOf } from './own-extension-input.ts'
import { needRight } from './roles.ts'

export type MadeExtension = { name: string; seq: number; on: boolean; own: OwnExtension }
/** `misfits`: how many people have a value that the rules refuse since, or none where one is needed. */
export type ChangedExtension = MadeExtension & { misfits: number }

/** What names of attributes that are made here begin with. */
export async function attributePrefix(db: Db): Promise<string> {
  return prefixOf((await objectsOf(db.reader, 'domain'))[0]?.body.baseDomain)
}

/** An extension that was made here, as it is kept. */
export async function ownExtension(db: Db, name: string): Promise<MadeExtension> {
  const object = (await objectsOf(db.reader, 'extension')).find(({ body }) => body.name === name)
  if (!object?.body.own) throw new NotFound(`There is no extension “${name}” that was made here.`)
  return { name, seq: object.seq, on: object.body.on, own: object.body.own }
}

/** Adds an extension, turned on. It travels before the values, which cannot be given any earlier. */
export async function addOwnExtension(db: Db, actor: Actor, input: OwnExtensionInput): Promise<MadeExtension> {
  needRight(actor, 'change')
  return write(db, actor, async (change) => {
    const { name, own, problems } = await judged(change, input)
    if (Object.keys(problems).length > 0) throw new Invalid(problems)
    const made: OwnExtension = { ...own, by: actor.name, added: new Date().toISOString() }
    const id = randomUUID()
    await change.put('extension', id, { name, on: true, own: made })
    change.note({
      sentence: `Made the extension ${own.title}`,
      object: { kind: 'extension', id, name },
      changes: own.fields.map(({ label, type, attribute }) => ({ field: label, after: `${type}, ${attribute}` })),
      undo: [{ kind: 'extension', id, added: true }],
    })
    return { name, seq: change.head.seq, on: true, own: made }
  })
}

/**
 * Changes an extension that was made here. A field that is left out is removed, with its values only when
 * `removeValues` says so; without it, a field that somebody has a value in is a problem under that name.
 */
export async function changeOwnExtension(
  db: Db,
  actor: Actor,
  name: string,
  input: OwnExtensionInput,
  options: { removeValues?: boolean; expectedSeq?: number } = {},
): Promise<ChangedExtension> {
  needRight(actor, 'change')
  let isRuled = false
  const changed = await write(db, actor, async (change): Promise<MadeExtension> => {
    const object = await needOwn(change, name)
    const { own: was } = object
    if (options.expectedSeq !== undefined && options.expectedSeq !== object.seq)
      throw new Invalid({ '': `${was.title} was changed by somebody else in the meantime. Open it again.` })
    const { own, problems } = await judged(change, input, { name, own: was })
    const gone = was.fields.filter((field) => !own.fields.some((other) => other.name === field.name))
    const held = await heldIn(change, name, was, own, gone)
    if (held) judgeHeld(held, was, own, problems)
    if (held && !options.removeValues) sayLoss(held, gone, problems)
    if (Object.keys(problems).length > 0) throw new Invalid(problems)

    const now: OwnExtension = { ...own, ...(was.by ? { by: was.by } : {}), ...(was.added ? { added: was.added } : {}) }
    isRuled = !isDeepStrictEqual(rulesIn(was), rulesIn(now))
    const changes = differences(was, now)
    if (changes.length === 0) return { name, seq: object.seq, on: object.on, own: was }
    await change.put('extension', object.id, { name, on: object.on, own: now })
    const names = gone.map((field) => field.name)
    const { people } = names.length > 0 ? await dropValues(change, name, names) : { people: 0 }
    change.note({
      sentence: `Changed the extension ${now.title}`,
      object: { kind: 'extension', id: object.id, name },
      changes: [...changes, ...lost(people, 0)],
    })
    return { name, seq: change.head.seq, on: object.on, own: now }
  })
  return { ...changed, misfits: isRuled ? (await misfits(db, name, 0)).people : 0 }
}

/** What decides whether a value fits. */
const rulesIn = ({ fields }: OwnExtension) =>
  fields.map(({ label: _, attribute: __, help: ___, patternHelp: ____, ...rules }) => rules)

/** Removes an extension that was made here, with all its values. */
export async function removeOwnExtension(db: Db, actor: Actor, name: string): Promise<{ people: number }> {
  needRight(actor, 'change')
  return write(db, actor, async (change) => {
    const { id, own } = await needOwn(change, name)
    const people = await takeOutExtension(change, name)
    change.note({
      sentence: `Removed the extension ${own.title}`,
      object: { kind: 'extension', id, name },
      changes: [
        ...own.fields.map(({ label, type, attribute }) => ({ field: label, before: `${type}, ${attribute}` })),
        ...lost(people, 0),
      ],
    })
    return { people }
  })
}

/** Removes an extension inside a change, with all its values; how many people had one. */
export async function takeOutExtension(change: Change, name: string): Promise<number> {
  const { id } = await needOwn(change, name)
  const { people } = await dropValues(change, name)
  await change.remove('extension', id)
  return people
}

async function judged(change: Change, input: OwnExtensionInput, was?: { name: string; own: OwnExtension }) {
  const [domain] = await objectsOf(change.trx, 'domain')
  return judgeOwnExtension(await declaredIn(change.trx), prefixOf(domain?.body.baseDomain), input, was)
}

async function needOwn(change: Change, name: string) {
  const object = await extensionObject(change, name)
  if (!object) throw new NotFound(`There is no extension “${name}”.`)
  const { own, on } = object.body
  if (!own)
    throw new Refused(`The extension “${name}” is part of the program. Only those made here can change.`, 'built-in')
  return { id: object.id, seq: object.seq, on, own }
}

/** What people hold, when the edit could touch it. */
async function heldIn(
  change: Change,
  name: string,
  was: OwnExtension,
  now: OwnExtension,
  gone: OwnField[],
): Promise<Held | undefined> {
  const touched = was.fields.some((field) => {
    const other = now.fields.find((one) => one.name === field.name)
    return other && (other.type !== field.type || withdrawn(field, other).length > 0)
  })
  if (!touched && gone.length === 0) return undefined
  const choices = was.fields.filter((field) => field.type === 'choice').map((field) => field.name)
  return valuesHeld(change.trx, name, new Set(choices))
}

const withdrawn = (was: OwnField, now: OwnField): string[] =>
  was.type === 'choice' && now.type === 'choice'
    ? (was.options ?? []).filter((option) => !now.options?.includes(option))
    : []

const have = (count: number): string => (count === 1 ? '1 person has' : `${count.toLocaleString('en')} people have`)

function judgeHeld(held: Held, was: OwnExtension, now: OwnExtension, problems: Record<string, string>): void {
  for (const [index, field] of now.fields.entries()) {
    const before = was.fields.find((one) => one.name === field.name)
    const count = held.fields.get(field.name) ?? 0
    if (!before || count === 0) continue
    if (before.type !== field.type)
      problems[`fields.${index}.type`] =
        `${have(count)} a value in “${before.label}”, so what it holds cannot change. Add another field for it.`
    for (const option of withdrawn(before, field)) {
      const chosen = held.choices.get(field.name)?.get(option) ?? 0
      if (chosen > 0)
        problems[`fields.${index}.options`] = `${have(chosen)} “${option}”. Keep it, or change what they have first.`
    }
  }
}

function sayLoss(held: Held, gone: OwnField[], problems: Record<string, string>): void {
  const losses = gone.flatMap(({ name, label }) => {
    const count = held.fields.get(name) ?? 0
    return count > 0 ? [`${have(count)} a value in “${label}”.`] : []
  })
  if (losses.length > 0)
    problems.removeValues = `${losses.join(' ')} Removing a field removes its values from everybody.`
}

/** For the audit: by label, as it was and is. */
function differences(was: OwnExtension, now: OwnExtension) {
  const changes: { field: string; before?: string; after?: string }[] = []
  for (const part of ['title', 'summary', 'objectClass'] as const)
    if (was[part] !== now[part]) changes.push({ field: part, before: was[part], after: now[part] })
  const names = new Set([...was.fields, ...now.fields].map((field) => field.name))
  for (const name of names) {
    const before = was.fields.find((field) => field.name === name)
    const after = now.fields.find((field) => field.name === name)
    if (isDeepStrictEqual(before, after)) continue
    changes.push({
      field: after?.label ?? before?.label ?? name,
      ...(before ? { before: described(before) } : {}),
      ...(after ? { after: described(after) } : {}),
    })
  }
  const order = (own: OwnExtension) => own.fields.map((field) => field.label).join(', ')
  if (changes.length === 0 && order(was) !== order(now))
    changes.push({ field: 'order', before: order(was), after: order(now) })
  return changes
}

function described(field: OwnField): string {
  const { label, type, attribute, required, maxLength, options, least, most, pattern } = field
  return [
    label,
    type,
    attribute,
    required && 'needed',
    maxLength && `at most ${maxLength}`,
    options && `one of ${options.length}`,
    least !== undefined && `from ${least}`,
    most !== undefined && `to ${most}`,
    pattern,
  ]
    .filter(Boolean)
    .join(', ')
}
