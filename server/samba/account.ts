import { stateOf } from '../accounts/sign-in.ts'
import { keepUser } from '../accounts/user.ts'
import { samba } from '../extensions/samba.ts'
import type { PersonInWindows, PolicyBody, UserBody } from '../store/bodies.ts'
import { canonical } from '../store/canonical.ts'
import type { Change } from '../store/write.ts'
import { formatFlags } from './flags.ts'
import { ridOfUser } from './sids.ts'

/** Attribute -> field of the extension, for those that people see on the form. */
export const fieldNames: ReadonlyMap<string, string> = new Map(
  Object.entries(samba.user).flatMap(([name, { attribute }]) =>
    name === 'account' ? [] : [[attribute, name] as const],
  ),
)

/** Attributes that nothing here reads, kept as Samba writes them. */
export const opaque: readonly string[] = ['sambaLogonHours', 'sambaMungedDial']

/** Flags that follow from the account. */
const followingFlags = 'UDL'

/** As sambaAcctFlags has it: whoever may not sign in here may not there. */
function flagsOf(body: UserBody, now: Date): string {
  const state = stateOf(body, now)
  const letter = state === 'enabled' ? '' : state === 'locked' ? 'L' : 'D'
  return formatFlags(`U${letter}${body.windows?.flags ?? ''}`)
}

const seconds = (iso: string): number => Math.floor(Date.parse(iso) / 1000)

/** 0: a new one has to be set before anything else. */
export const lastSetOf = (body: UserBody): number =>
  body.mustChange || body.passwordChanged === undefined ? 0 : seconds(body.passwordChanged)

/** What Samba reads of a person, by attribute. `sid`: of the domain; `hash`: of the password, for Samba alone. */
export function attributesOf(body: UserBody, sid: string, hash: string | undefined, now: Date): [string, string][] {
  const { bad, attributes = {} } = body.windows ?? {}
  const fields = (body.extensions.samba ?? {}) as Record<string, unknown>
  const rid = ridOfUser(body)
  return [
    ['sambaSID', `${sid}-${rid}`],
    ['sambaPrimaryGroupSID', `${sid}-${rid === 500 ? 512 : 513}`],
    ['sambaAcctFlags', flagsOf(body, now)],
    ['sambaPwdLastSet', String(lastSetOf(body))],
    ...(hash === undefined ? [] : [['sambaNTPassword', hash] as [string, string]]),
    ...(body.validUntil === undefined
      ? []
      : [['sambaKickoffTime', String(seconds(body.validUntil))] as [string, string]]),
    // Always there: where they are missing Samba writes them at a sign-in, and the master may be away.
    ['sambaBadPasswordCount', String(bad?.count ?? 0)],
    ['sambaBadPasswordTime', String(bad?.time ?? 0)],
    ...[...fieldNames].flatMap(([attribute, name]): [string, string][] =>
      typeof fields[name] === 'string' ? [[attribute, fields[name]]] : [],
    ),
    ...opaque.flatMap((name): [string, string][] => (attributes[name] === undefined ? [] : [[name, attributes[name]]])),
  ]
}

/** What Samba changes of a person beside what is typed about them. */
export type WindowsChanges = {
  rid?: number
  /** Letters before and after. */
  flags?: { was: string; now: string }
  /** Seconds since 1970. */
  lastSet?: number
  /** Undefined: without end. */
  kickoff?: { at: number | undefined }
  bad?: { count?: number; time?: number }
  attributes?: Record<string, string | undefined>
}

/** A person with what Samba has changed. `policy`: what is in force for them. */
export function inWindows(body: UserBody, changes: WindowsChanges, policy: PolicyBody, now = Date.now()): UserBody {
  const next = { ...body }
  const { flags, lastSet, kickoff } = changes
  if (flags) applyFlags(next, flags, policy, now)
  if (lastSet !== undefined) {
    if (lastSet === 0) next.mustChange = true
    else {
      delete next.mustChange
      next.passwordChanged = new Date(lastSet * 1000).toISOString()
    }
  }
  if (kickoff) {
    delete next.validUntil
    if (kickoff.at !== undefined) next.validUntil = new Date(kickoff.at * 1000).toISOString()
  }
  const windows = changedWindows(body.windows ?? {}, changes)
  delete next.windows
  return Object.keys(windows).length > 0 ? { ...next, windows } : next
}

function applyFlags(next: UserBody, { was, now }: { was: string; now: string }, policy: PolicyBody, at: number): void {
  const has = (letter: string): 'added' | 'gone' | undefined =>
    now.includes(letter) === was.includes(letter) ? undefined : now.includes(letter) ? 'added' : 'gone'
  const disabled = has('D')
  const locked = has('L')
  if (locked === 'added' && next.status === 'enabled') {
    if (policy.lockMinutes > 0) next.lockedUntil = new Date(at + policy.lockMinutes * 60_000).toISOString()
    else next.status = 'locked'
  }
  if (locked === 'gone') {
    delete next.lockedUntil
    if (next.status === 'locked') next.status = 'enabled'
  }
  if (disabled === 'added') next.status = 'disabled'
  if (disabled === 'gone' && next.status === 'disabled') next.status = 'enabled'
}

function changedWindows(was: PersonInWindows, { rid, flags, bad, attributes }: WindowsChanges): PersonInWindows {
  const next: PersonInWindows = { ...was }
  if (rid !== undefined) next.rid = rid
  if (flags) {
    const letters = [...flags.now].filter((letter) => !followingFlags.includes(letter)).join('')
    if (letters) next.flags = letters
    else delete next.flags
  }
  if (bad) {
    const { count, time } = { count: 0, time: 0, ...was.bad, ...bad }
    if (count === 0 && time === 0) delete next.bad
    else next.bad = { count, time }
  }
  if (attributes) {
    const all = { ...was.attributes, ...attributes }
    const left = Object.entries(all).filter((each): each is [string, string] => each[1] !== undefined)
    if (left.length > 0) next.attributes = Object.fromEntries(left)
    else delete next.attributes
  }
  return next
}

/** What Samba has done to somebody, for the audit. */
export function deedOf({ flags, lastSet }: WindowsChanges, hash: string | null | undefined, name: string): string {
  const has = (letter: string) => [flags?.was.includes(letter), flags?.now.includes(letter)].join()
  if (has('L') === 'false,true') return `Locked ${name} after wrong passwords at Windows`
  if (has('L') === 'true,false') return `Unlocked ${name}`
  if (has('D') === 'false,true') return `Disabled ${name}`
  if (has('D') === 'true,false') return `Enabled ${name}`
  if (hash) return `Set the Windows password of ${name}`
  return lastSet === 0 ? `Had ${name} change the password at the next sign-in` : `Changed ${name}`
}

type Kept = { id: string; seq: number; body: UserBody }

/**
 * Puts a person whom Samba has changed. They are always others afterwards, for Samba compares times of change; that it has
 * counted a wrong password is no decision of anybody, and not in the audit.
 */
export async function keepInWindows(change: Change, was: Kept, body: UserBody, sentence: string): Promise<void> {
  if (canonical(decided(was.body)) !== canonical(decided(body))) await keepUser(change, was, body, sentence)
  else await change.put('user', was.id, { ...body, changed: new Date().toISOString() })
}

function decided({ windows, ...body }: UserBody): object {
  const { bad: _, ...rest } = windows ?? {}
  return Object.keys(rest).length > 0 ? { ...body, windows: rest } : body
}
