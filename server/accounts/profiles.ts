import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { editStep } from '../audit/steps.ts'
import { Invalid, NotFound, type Problems } from '../errors.ts'
import { hidden } from '../extensions/field.ts'
import type { ProfileBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { groupNamesByIds, groupRowsByName } from '../store/groups.ts'
import { objectsOf } from '../store/objects.ts'
import { type Change, write } from '../store/write.ts'
import { type Declared, declared } from './declarations.ts'
import { valuesShown } from './extensions.ts'
import { canonicalName } from './names.ts'
import { needRight } from './roles.ts'
import { fillTemplate, sample, templateProblem } from './templates.ts'
import { changesInGroups } from './user.ts'
import type { UserInput } from './user-input.ts'

/** A template for new people, with its groups by name; what it has for extensions that are off is kept, and not shown. */
export type Profile = ProfileBody & { id: string; seq: number; groupNames: string[] }

/** What is typed about a profile. Fields left out stay as they are. */
export type ProfileInput = {
  name: string
  description: string
  /** Names of groups; the whole list. */
  groups: string[]
  /** Names of plugins; the whole list. */
  plugins: string[]
  /** extension -> field -> typed text, with placeholders. */
  extensions: Record<string, Record<string, string>>
}

/** All profiles, by name. */
export async function profileList(db: Db): Promise<Profile[]> {
  const known = await declared(db)
  const objects = await objectsOf(db.reader, 'profile')
  const names = await groupNamesByIds(
    db.reader,
    objects.flatMap(({ body }) => body.groups),
  )
  return objects
    .map((object) => toProfile(known, object, names))
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { sensitivity: 'base' }))
}

export async function profileByName(db: Db, name: string): Promise<Profile> {
  const wanted = sameName(name)
  const profile = (await profileList(db)).find((one) => sameName(one.name) === wanted)
  if (!profile) throw new NotFound(`There is no profile “${name.trim()}”.`)
  return profile
}

/** The parts of an input that a profile gives to a new person. */
export function applyProfile(
  profile: Profile,
  person: { first: string; last: string; username: string },
): Required<Pick<UserInput, 'groups' | 'plugins' | 'extensions'>> {
  return {
    groups: profile.groupNames,
    plugins: profile.plugins,
    extensions: Object.fromEntries(
      Object.entries(profile.extensions).map(([name, templates]) => [
        name,
        Object.fromEntries(
          Object.entries(templates).map(([field, template]) => [field, fillTemplate(template, person)]),
        ),
      ]),
    ),
  }
}

export async function addProfile(db: Db, actor: Actor, input: Partial<ProfileInput>): Promise<Profile> {
  needRight(actor, 'change')
  const known = await declared(db)
  return write(db, actor, async (change) => {
    const values = await judged(change, known, input, undefined)
    const now = new Date().toISOString()
    const body: ProfileBody = {
      name: '',
      description: '',
      groups: [],
      plugins: [],
      extensions: {},
      ...values,
      added: now,
      changed: now,
    }
    return keep(change, known, randomUUID(), undefined, body, `Added profile ${body.name}`)
  })
}

/** Changes what the input names and leaves the rest; people who were added with it stay as they are. */
export async function changeProfile(
  db: Db,
  actor: Actor,
  id: string,
  input: Partial<ProfileInput>,
  expectedSeq?: number,
): Promise<Profile> {
  needRight(actor, 'change')
  const known = await declared(db)
  return write(db, actor, async (change) => {
    const object = await needProfile(change, id)
    if (expectedSeq !== undefined && object.seq !== expectedSeq)
      throw new Invalid({ '': `Not saved: someone else changed profile ${object.body.name} first.` })
    const values = await judged(change, known, input, object)
    const body = { ...object.body, ...values, changed: new Date().toISOString() }
    return keep(change, known, id, object, body, `Changed profile ${body.name}`)
  })
}

/** Removes a template; whoever was added with it keeps everything. */
export async function removeProfile(db: Db, actor: Actor, id: string, expectedSeq?: number): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    const { seq, body } = await needProfile(change, id)
    if (expectedSeq !== undefined && seq !== expectedSeq)
      throw new Invalid({ '': `Not removed: someone else changed profile ${body.name} first.` })
    await change.remove('profile', id)
    change.note({
      sentence: `Removed profile ${body.name}`,
      object: { kind: 'profile', id, name: body.name },
      changes: await changesInGroups(change.trx, body, undefined),
      undo: [{ kind: 'profile', id, removed: true, body }],
    })
  })
}

type Kept = { id: string; seq: number; body: ProfileBody }

async function needProfile(change: Change, id: string): Promise<Kept> {
  const object = await change.get('profile', id)
  if (!object) throw new NotFound('This profile does not exist any more.')
  return object
}

async function keep(
  change: Change,
  known: Declared,
  id: string,
  was: Kept | undefined,
  body: ProfileBody,
  sentence: string,
): Promise<Profile> {
  const changes = await changesInGroups(change.trx, was?.body, body)
  const names = await groupNamesByIds(change.trx, body.groups)
  if (was && changes.length === 0) return toProfile(known, was, names)
  await change.put('profile', id, body)
  const step = was ? editStep('profile', id, was.body, body) : ({ kind: 'profile', id, added: true } as const)
  change.note({
    sentence,
    object: { kind: 'profile', id, name: body.name },
    changes,
    ...(step && { undo: [step] }),
  })
  return toProfile(known, { id, seq: change.head.seq, body }, names)
}

const toProfile = (known: Declared, { id, seq, body }: Kept, names: Map<string, string>): Profile => ({
  ...body,
  extensions: valuesShown(known, body.extensions),
  id,
  seq,
  groupNames: body.groups.flatMap((group) => names.get(group) ?? []).sort(),
})

type Values = Partial<Pick<ProfileBody, 'name' | 'description' | 'groups' | 'plugins' | 'extensions'>>

async function judged(
  change: Change,
  known: Declared,
  input: Partial<ProfileInput>,
  was: Kept | undefined,
): Promise<Values> {
  const problems: Problems = {}
  const values: Values = {}
  if (input.name !== undefined || !was) await judgeName(change, input.name ?? '', was?.id, values, problems)
  if (input.description !== undefined) judgeDescription(input.description, values, problems)
  if (input.groups !== undefined) await judgeGroups(change, input.groups, was, values, problems)
  if (input.plugins !== undefined) judgePlugins(known, input.plugins, was, values, problems)
  if (input.extensions !== undefined) judgeTemplates(known, input.extensions, was, values, problems)
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  return values
}

const tidy = (typed: string): string => typed.normalize('NFC').trim().replace(/\s+/g, ' ')
const sameName = (name: string): string => tidy(name).toLowerCase()

async function judgeName(
  change: Change,
  typed: string,
  self: string | undefined,
  values: Values,
  problems: Problems,
): Promise<void> {
  const name = tidy(typed)
  values.name = name
  if (name === '') problems.name = 'Name is needed.'
  else if (name.length > 64) problems.name = 'Name must not be longer than 64 characters.'
  else if (/[\p{Cc}\p{Cf}]/u.test(name)) problems.name = 'Name must not contain control characters.'
  else if (sameName(name) === 'new') problems.name = '“new” is a word of this program. Choose another name.'
  else {
    const others = (await objectsOf(change.trx, 'profile')).filter(({ id }) => id !== self)
    if (others.some(({ body }) => sameName(body.name) === sameName(name)))
      problems.name = `A profile named “${name}” already exists. Choose another name.`
  }
}

function judgeDescription(typed: string, values: Values, problems: Problems): void {
  values.description = typed.normalize('NFC').trim()
  if (values.description.length > 200) problems.description = 'Description must not be longer than 200 characters.'
  else if (hidden.test(values.description))
    problems.description = 'Description must be one line without control characters.'
}

async function judgeGroups(
  change: Change,
  typed: string[],
  was: Kept | undefined,
  values: Values,
  problems: Problems,
): Promise<void> {
  const names = [...new Set(typed.map(canonicalName).filter((name) => name && name !== 'allusers'))]
  const rows = (await groupRowsByName(change.trx, names)).filter((row) => row.type !== 'builtin')
  const there = new Set(rows.map((row) => row.name))
  const unknown = names.filter((name) => !there.has(name))
  if (unknown.length > 0) problems.groups = `There is no group ${unknown.map((name) => `“${name}”`).join(', ')}.`
  // A group in the recycle bin has no name to be typed, and may come back.
  const before = was?.body.groups ?? []
  const live = await groupNamesByIds(change.trx, before)
  values.groups = [...new Set([...rows.map((row) => row.id), ...before.filter((id) => !live.has(id))])].sort()
}

function judgePlugins(
  known: Declared,
  typed: string[],
  was: Kept | undefined,
  values: Values,
  problems: Problems,
): void {
  const unknown = typed.filter((name) => !known.plugin(name))
  if (unknown.length > 0) problems.plugins = `There is no plugin ${unknown.map((name) => `“${name}”`).join(', ')}.`
  const foreign = (was?.body.plugins ?? []).filter((name) => !known.plugin(name))
  values.plugins = [...new Set([...typed, ...foreign])].sort()
}

/** Templates are tried on a made-up person: what could never be a value is said now, and not at each new person. */
function judgeTemplates(
  known: Declared,
  typed: ProfileInput['extensions'],
  was: Kept | undefined,
  values: Values,
  problems: Problems,
): void {
  const kept = { ...was?.body.extensions }
  for (const [called, given] of Object.entries(typed)) {
    const extension = known.extension(called)
    if (!extension) {
      problems[called] = `There is no extension “${called}”.`
      continue
    }
    const { name } = extension
    const templates: Record<string, string> = { ...kept[name] }
    for (const [key, text] of Object.entries(given)) {
      const field = Object.hasOwn(extension.user, key) ? extension.user[key] : undefined
      const template = text.normalize('NFC').trim()
      delete templates[key]
      if (!field) problems[`${name}.${key}`] = `${extension.title} has no field “${key}”.`
      else if (template !== '') {
        const tried = field.parse(fillTemplate(template, sample))
        const problem = templateProblem(template) ?? ('problem' in tried ? tried.problem : undefined)
        if (problem) problems[`${name}.${key}`] = problem
        templates[key] = template
      }
    }
    if (Object.keys(templates).length > 0) kept[name] = templates
    else delete kept[name]
  }
  values.extensions = kept
}
