import type { Request, Response } from 'express'
import { allGroups } from '../accounts/groups.ts'
import { inForce, type Policies, policies } from '../accounts/policies.ts'
import { changePolicy, numberRules, type PolicyInput, removePolicy } from '../accounts/policy-changes.ts'
import { userByUsername } from '../accounts/users.ts'
import { NotFound, type Problems } from '../errors.ts'
import type { PolicyBody } from '../store/bodies.ts'
import type { Conflict } from './conflict.ts'
import { asked, type Form, fieldId, formOf, part, problemsOf, seqIn } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { policyConflict } from './policy-conflict.ts'
import { policyRules } from './policy-rules.ts'
import { redirect, render } from './render.ts'
import { count } from './say.ts'

const base = '/password-policy'
const pathOf = (group: string): string => `${base}/groups/${encodeURIComponent(group)}`

/** The policy of everyone, those of groups, and what comes of them for one person. */
export async function showPolicies(req: Request, res: Response): Promise<void> {
  await showAll(req, res)
}

async function showAll(req: Request, res: Response, typed?: PolicyInput, problems: Problems = {}): Promise<void> {
  const db = dbOf(req)
  const all = await policies(db)
  const conflict = await conflictIn(req, all.first, typed, problems)
  const username = asked(req, 'username').trim().slice(0, 64)
  const tried = username ? await tryFor(req, all, username) : undefined
  const data = {
    ...formView(all.first.policy, typed, problems),
    conflict,
    seq: all.first.seq,
    ofGroups: all.ofGroups.map(({ name, policy }) => ({ name, href: pathOf(name), rules: policyRules(policy) })),
    username,
    tried,
    problems,
  }
  const isTold = Object.keys(problems).length > 0
  await render(req, res, 'password-policy/index', data, { status: isTold ? 422 : 200, part: 'password-policy/_tried' })
}

export type Tried =
  | { problem: string }
  | { user: { name: string; href: string }; rules: { label: string; value: string; from: string }[] }

/** Each rule as it holds for a person, and who asks for it. */
async function tryFor(req: Request, all: Policies, username: string): Promise<Tried> {
  try {
    const user = await userByUsername(dbOf(req), username)
    const { policy, from } = inForce(all, user)
    const rules = [
      ...numberRules.map(({ rule, label }) => ({ label, value: saidOf(rule, policy[rule]), from: from[rule] })),
      { label: mustChangeLabel, value: policy.mustChange ? 'yes' : 'no', from: from.mustChange },
    ]
    return { user: { name: `${user.first} ${user.last}`, href: `/users/${encodeURIComponent(user.username)}` }, rules }
  } catch (error) {
    if (error instanceof NotFound) return { problem: `${error.message} Type a username as it stands in the list.` }
    throw error
  }
}

const mustChangeLabel = 'New password after somebody else has set one'

/** What zxcvbn's scores mean to a person. */
const strengths = [
  { value: '0', label: 'Do not ask' },
  { value: '1', label: 'Weak: more than a handful of guesses' },
  { value: '2', label: 'Fair: no guessing at a sign-in page' },
  { value: '3', label: 'Good: also against a stolen hash' },
  { value: '4', label: 'Strong: also against much time and money' },
]

const none: Partial<Record<string, string>> = {
  history: 'any may',
  minAgeDays: 'none',
  maxAgeDays: 'passwords do not end',
  lockAfter: 'never locked',
  lockMinutes: 'until somebody unlocks it',
}

function saidOf(rule: string, value: number): string {
  if (rule === 'minStrength') return strengths[value]?.label.split(':')[0] ?? String(value)
  if (value === 0 && none[rule]) return none[rule]
  if (rule.endsWith('Days')) return count(value, 'day')
  if (rule.endsWith('Minutes')) return count(value, 'minute')
  return String(value)
}

export async function savePolicy(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const typed = typedPolicy(form)
  try {
    await changePolicy(dbOf(req), actorOf(req), typed, undefined, seqIn(form))
    await redirect(
      req,
      res,
      base,
      'The password policy of everyone is saved. It holds for the next password and the next sign-in.',
    )
  } catch (error) {
    await showAll(req, res, typed, problemsOf(error))
  }
}

export async function newGroupPolicy(req: Request, res: Response): Promise<void> {
  await showNew(req, res)
}

async function showNew(req: Request, res: Response, typed?: PolicyInput, problems: Problems = {}): Promise<void> {
  const db = dbOf(req)
  const [all, groups] = await Promise.all([policies(db), allGroups(db)])
  const taken = new Set(all.ofGroups.map(({ name }) => name))
  const data = {
    // It begins with the rules of everyone; their words hold anyway.
    ...formView({ ...all.first.policy, blocklist: [] }, typed, problems),
    isNew: true,
    group: typed ? formOf(req).text('group') : asked(req, 'group'),
    groups: groups.filter(({ name, type }) => type !== 'builtin' && !taken.has(name)).map(({ name }) => name),
    problems,
  }
  await render(req, res, 'password-policy/group', data, { status: Object.keys(problems).length > 0 ? 422 : 200 })
}

export async function addGroupPolicy(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const typed = typedPolicy(form)
  const group = form.text('group')
  try {
    await changePolicy(dbOf(req), actorOf(req), typed, group, 0)
    await redirect(req, res, base, `The group ${group.trim().toLowerCase()} has a password policy of its own.`)
  } catch (error) {
    await showNew(req, res, typed, problemsOf(error))
  }
}

export async function showGroupPolicy(req: Request, res: Response): Promise<void> {
  await showOne(req, res)
}

async function showOne(req: Request, res: Response, typed?: PolicyInput, problems: Problems = {}): Promise<void> {
  const kept = await ofGroup(req)
  const { name, seq } = kept
  const conflict = await conflictIn(req, kept, typed, problems)
  const view = formView(kept.policy, typed, problems)
  const data = { ...view, conflict, seq, isNew: false, group: name, href: pathOf(name), problems }
  await render(req, res, 'password-policy/group', data, { status: Object.keys(problems).length > 0 ? 422 : 200 })
}

export async function saveGroupPolicy(req: Request, res: Response): Promise<void> {
  const { name } = await ofGroup(req)
  const form = formOf(req)
  const typed = typedPolicy(form)
  try {
    await changePolicy(dbOf(req), actorOf(req), typed, name, seqIn(form))
    await redirect(req, res, base, `The password policy of group ${name} is saved.`)
  } catch (error) {
    await showOne(req, res, typed, problemsOf(error))
  }
}

export async function askRemovePolicy(req: Request, res: Response): Promise<void> {
  const { name } = await ofGroup(req)
  await render(req, res, 'password-policy/remove', { group: name, href: pathOf(name) })
}

export async function removeGroupPolicy(req: Request, res: Response): Promise<void> {
  const { name } = await ofGroup(req)
  await removePolicy(dbOf(req), actorOf(req), name)
  await redirect(req, res, base, `The password policy of group ${name} is removed.`)
}

/** Somebody else saved first: what of theirs and of what was typed goes together. */
async function conflictIn(
  req: Request,
  kept: Policies['first'],
  typed: PolicyInput | undefined,
  problems: Problems,
): Promise<Conflict | undefined> {
  const since = seqIn(formOf(req))
  if (!typed || !problems[''] || since === undefined) return undefined
  return policyConflict(dbOf(req), kept, typed, since, problems[''])
}

async function ofGroup(req: Request): Promise<Policies['ofGroups'][number]> {
  const name = part(req, 'name')
  const found = (await policies(dbOf(req))).ofGroups.find((one) => one.name === name)
  if (!found) throw new NotFound(`The group “${name}” has no password policy of its own.`)
  return found
}

function typedPolicy(form: Form): PolicyInput {
  const typed: PolicyInput = { mustChange: form.has('mustChange') }
  for (const { rule } of numberRules) if (form.has(rule)) typed[rule] = form.text(rule)
  if (form.has('blocklist')) typed.blocklist = form.text('blocklist')
  return typed
}

/** The fields of a policy by the sections of its form. */
function formView(policy: PolicyBody, typed: PolicyInput | undefined, problems: Problems) {
  const view = ({ rule, label, help }: (typeof numberRules)[number]) => ({
    name: rule,
    id: fieldId(rule),
    label,
    help,
    type: rule === 'minStrength' ? 'choice' : 'number',
    options: rule === 'minStrength' ? strengths : undefined,
    value: typed?.[rule] ?? String(policy[rule]),
    saved: String(policy[rule]),
    problem: problems[rule],
    required: true,
    maxLength: 6,
  })
  const named = (...rules: string[]) => numberRules.filter(({ rule }) => rules.includes(rule)).map(view)
  return {
    sections: [
      { title: 'What a password must be', fields: named('minLength', 'minStrength', 'history') },
      { title: 'How old it may be', fields: named('minAgeDays', 'maxAgeDays', 'graceDays') },
      { title: 'When an account is locked', fields: named('lockAfter', 'lockWindowMinutes', 'lockMinutes') },
    ],
    blocklist: typed?.blocklist ?? (policy.blocklist ?? []).join('\n'),
    mustChange: typed?.mustChange ?? policy.mustChange,
    mustChangeLabel,
    savedMustChange: policy.mustChange,
    summary: numberRules.map(({ rule, label }) => ({ name: rule, label })),
  }
}
