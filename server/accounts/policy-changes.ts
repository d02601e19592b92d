import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { changesBetween } from '../audit/audit.ts'
import { editStep } from '../audit/steps.ts'
import { Invalid, NotFound, type Problems } from '../errors.ts'
import type { PolicyBody } from '../store/bodies.ts'
import { canonical } from '../store/canonical.ts'
import type { Db } from '../store/db.ts'
import { groupRowsByName } from '../store/groups.ts'
import { objectsOf } from '../store/objects.ts'
import { type Change, write } from '../store/write.ts'
import { canonicalName } from './names.ts'
import { needRight } from './roles.ts'
import { defaultPolicy } from './strictest.ts'

type Numbered = Exclude<keyof PolicyBody, 'group' | 'blocklist' | 'mustChange'>

/** The rules that are a number: what a form asks, and in which bounds. */
export const numberRules: readonly { rule: Numbered; label: string; least: number; most: number; help: string }[] = [
  { rule: 'minLength', label: 'Least length', least: 8, most: 128, help: 'In characters, 8 or more.' },
  { rule: 'minStrength', label: 'Least strength', least: 0, most: 4, help: 'How hard a password must be to guess.' },
  { rule: 'history', label: 'Earlier passwords that must not come back', least: 0, most: 24, help: '0: any may.' },
  { rule: 'minAgeDays', label: 'Least age in days', least: 0, most: 90, help: '0: it may be changed again at once.' },
  { rule: 'maxAgeDays', label: 'Greatest age in days', least: 0, most: 3650, help: '0: passwords do not end.' },
  {
    rule: 'graceDays',
    label: 'Days of grace',
    least: 0,
    most: 365,
    help: 'An old password still signs in for so long.',
  },
  { rule: 'lockAfter', label: 'Wrong passwords until the account is locked', least: 0, most: 100, help: '0: never.' },
  { rule: 'lockWindowMinutes', label: 'Minutes in which they must fall', least: 1, most: 1440, help: '1 to 1,440.' },
  {
    rule: 'lockMinutes',
    label: 'Minutes until it opens again',
    least: 0,
    most: 10_080,
    help: '0: somebody has to unlock it.',
  },
]

const wordsAtMost = 1000
const wordLength = { least: 3, most: 64 }

/** What is typed of a policy. What is left out stays as it is. */
export type PolicyInput = Partial<Record<Numbered, string>> & { mustChange?: boolean; blocklist?: string }

/** Changes the default policy, or adds or changes the one of a group. */
export async function changePolicy(
  db: Db,
  actor: Actor,
  input: PolicyInput,
  group?: string,
  expectedSeq?: number,
): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, (change) => editPolicy(change, input, group, expectedSeq))
}

/** The same inside a change. */
export async function editPolicy(
  change: Change,
  input: PolicyInput,
  group?: string,
  expectedSeq?: number,
): Promise<void> {
  const of = group === undefined ? undefined : await needGroup(change, group)
  const object = await policyObject(change, of?.id)
  if (expectedSeq !== undefined && (object?.seq ?? 0) !== expectedSeq)
    throw new Invalid(
      of && expectedSeq === 0
        ? { group: `The group ${of.name} has a password policy already. Change that one.` }
        : { '': 'Not saved: someone else changed this password policy first.' },
    )
  const first = (await policyObject(change, undefined))?.body
  const was: PolicyBody = { ...defaultPolicy, ...first, blocklist: [], ...(of ? object : { body: first })?.body }
  const now = judged(input, was, of?.id)
  const id = object?.id ?? randomUUID()
  const undo = object ? editStep('policy', id, object.body, now) : ({ kind: 'policy', id, added: true } as const)
  if (canonical(object?.body ?? {}) === canonical(now)) return
  await change.put('policy', id, now)
  change.note({
    sentence: `${object ? 'Changed' : of ? 'Added' : 'Changed'} the password policy ${of ? `of group ${of.name}` : 'of everyone'}`,
    object: { kind: 'policy', id, name: of?.name ?? 'everyone' },
    changes: changesBetween(object || !of ? was : undefined, now, (field, value) =>
      field === 'group' ? (of?.name ?? value) : value,
    ),
    ...(undo && { undo: [undo] }),
  })
}

/** Takes the policy of a group away; the default goes on for its members. */
export async function removePolicy(db: Db, actor: Actor, group: string): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    const of = await needGroup(change, group)
    const object = await policyObject(change, of.id)
    if (!object) throw new NotFound(`The group ${of.name} has no password policy of its own.`)
    await change.remove('policy', object.id)
    change.note({
      sentence: `Removed the password policy of group ${of.name}`,
      object: { kind: 'policy', id: object.id, name: of.name },
      changes: changesBetween(object.body, undefined, (field, value) => (field === 'group' ? of.name : value)),
      undo: [{ kind: 'policy', id: object.id, removed: true, body: object.body }],
    })
  })
}

async function needGroup(change: Change, name: string): Promise<{ id: string; name: string }> {
  const [row] = await groupRowsByName(change.trx, [canonicalName(name)])
  if (!row) throw new Invalid({ group: name.trim() ? `There is no group “${name}”.` : 'Name a group.' })
  if (row.type === 'builtin')
    throw new Invalid({ group: `Everyone is in ${row.name}: change the policy of everyone instead.` })
  return row
}

const policyObject = async (change: Change, group: string | undefined) =>
  (await objectsOf(change.trx, 'policy')).find(({ body }) => body.group === group)

function judged(input: PolicyInput, was: PolicyBody, group: string | undefined): PolicyBody {
  const problems: Problems = {}
  const now: PolicyBody = { ...was }
  for (const { rule, label, least, most } of numberRules) {
    const typed = input[rule]?.trim()
    if (typed === undefined) continue
    const value = /^\d{1,6}$/.test(typed) ? Number(typed) : Number.NaN
    if (value >= least && value <= most) now[rule] = value
    else problems[rule] = `${label} must be a whole number from ${least} to ${most.toLocaleString('en')}.`
  }
  const problem = policyProblem(now)
  if (problem) problems.minAgeDays ??= problem
  // One or two would lock out whoever mistypes.
  if (!problems.lockAfter && now.lockAfter > 0 && now.lockAfter < 3)
    problems.lockAfter = 'Wrong passwords until the account is locked must be 3 or more, or 0 for never.'
  if (input.mustChange !== undefined) now.mustChange = input.mustChange
  if (group !== undefined) now.group = group
  if (input.blocklist !== undefined) now.blocklist = wordsIn(input.blocklist, problems)
  // The one of everyone says that it refuses no words; of a group that is understood.
  if (group !== undefined && now.blocklist?.length === 0) delete now.blocklist
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  return now
}

/** Why two rules do not go together, or undefined. */
export const policyProblem = ({ minAgeDays, maxAgeDays }: PolicyBody): string | undefined =>
  maxAgeDays > 0 && minAgeDays >= maxAgeDays
    ? 'Least age must be less than the greatest age, or nobody could keep both.'
    : undefined

function wordsIn(typed: string, problems: Problems): string[] {
  const words = [
    ...new Set(
      typed
        .normalize('NFKC')
        .toLowerCase()
        .split(/[\s,;]+/)
        .filter(Boolean),
    ),
  ].sort()
  const odd = words.find((word) => [...word].length < wordLength.least || [...word].length > wordLength.most)
  if (odd)
    problems.blocklist = `A word on the list must have ${wordLength.least} to ${wordLength.most} letters; “${odd.slice(0, 70)}” has not.`
  if (words.length > wordsAtMost)
    problems.blocklist = `The list holds ${wordsAtMost} words at most; these are ${words.length}.`
  return words
}
