import type { Actor } from '../../audit/actor.ts'
import { Refused } from '../../errors.ts'
import { fieldNames, opaque, type WindowsChanges } from '../../samba/account.ts'
import { parseFlags } from '../../samba/flags.ts'
import { beforeOf } from '../../samba/lately.ts'
import { ridIn } from '../../samba/sids.ts'
import { type AttributeType, attribute } from '../attribute-types.ts'
import type { Domain } from '../entries/windows.ts'
import { NotDone } from '../not-done.ts'
import type { Schema } from '../schema.ts'
import type { Tree } from '../tree.ts'
import { resultCode } from '../wire/result.ts'
import type { NewEntry } from '../writer.ts'
import { type Modification, typeOf } from './changes.ts'
import { changedTypes } from './person.ts'
import type { Values } from './values.ts'

// Samba's attributes of people and computers, and what a change of them comes to.

const named = (...names: string[]): ReadonlySet<AttributeType> => new Set(names.map(attribute))

const sambaSid = attribute('sambaSID')
const flagsType = attribute('sambaAcctFlags')
const hashType = attribute('sambaNTPassword')
const lastSetType = attribute('sambaPwdLastSet')
const kickoffType = attribute('sambaKickoffTime')
const badCount = attribute('sambaBadPasswordCount')
const badTime = attribute('sambaBadPasswordTime')
const opaqueTypes = new Map(opaque.map((name) => [attribute(name), name]))
const fieldTypes = new Map([...fieldNames].map(([name, field]) => [attribute(name), field]))

/** What follows from something else here, or is of no use: taken and not kept. Samba reads before it writes, and so does not miss it. */
const unkept = named(
  'sambaLMPassword',
  'sambaPasswordHistory',
  'sambaPwdCanChange',
  'sambaPwdMustChange',
  'sambaLogonTime',
  'sambaLogoffTime',
  'sambaPrimaryGroupSID',
  'sambaDomainName',
)

const description = attribute('description')

/** Of an account of the domain; all but the description are Samba's alone. */
export const isOfWindows = (type: AttributeType): boolean =>
  type !== description &&
  (type === sambaSid ||
    type === flagsType ||
    type === hashType ||
    type === lastSetType ||
    type === kickoffType ||
    type === badCount ||
    type === badTime ||
    unkept.has(type) ||
    opaqueTypes.has(type) ||
    fieldTypes.has(type))

export type AccountChanges = WindowsChanges & {
  /** 32 hex digits; null: there is none any more. */
  hash?: string | null
  /** Field of the extension -> text. */
  fields?: Record<string, string>
}

/** What differs between two states of an account; undefined: nothing of Windows does. */
export function windowsChanges(domain: Domain, before: Values, after: Values): AccountChanges | undefined {
  const changes: AccountChanges = {}
  let isAny = false
  for (const type of changedTypes(before, after)) {
    if (!isOfWindows(type) && !(type === description && after.has(sambaSid))) continue
    isAny = true
    const [was] = before.get(type) ?? []
    const [now] = after.get(type) ?? []
    take(changes, domain, type, was, now)
  }
  return isAny ? changes : undefined
}

function take(
  changes: AccountChanges,
  domain: Domain,
  type: AttributeType,
  was: string | undefined,
  now: string | undefined,
): void {
  if (unkept.has(type)) return
  const field = fieldTypes.get(type)
  const name = opaqueTypes.get(type)
  if (field !== undefined) changes.fields = { ...changes.fields, [field]: now ?? '' }
  else if (name !== undefined) changes.attributes = { ...changes.attributes, [name]: now }
  else if (type === sambaSid) {
    if (now !== undefined) changes.rid = ridOf(domain, now)
  } else if (type === flagsType) {
    if (now !== undefined) changes.flags = { was: lettersOf(was ?? '[]'), now: lettersOf(now) }
  } else if (type === hashType) changes.hash = now === undefined ? null : hashOf(now)
  else if (type === lastSetType) {
    if (now !== undefined) changes.lastSet = secondsOf(now)
  } else if (type === kickoffType) changes.kickoff = { at: endOf(now) }
  else if (type === badCount) changes.bad = { ...changes.bad, count: Number(now ?? 0) }
  else if (type === badTime) changes.bad = { ...changes.bad, time: Number(now ?? 0) }
}

export function ridOf({ sid, name }: Domain, text: string): number {
  const rid = ridIn(sid, text)
  if (rid === undefined)
    throw new NotDone(resultCode.constraintViolation, `${text} is no SID of the domain ${name}, ${sid}.`)
  return rid
}

export function lettersOf(text: string): string {
  const letters = parseFlags(text)
  if (letters === undefined)
    throw new NotDone(resultCode.constraintViolation, 'sambaAcctFlags is written as in [U          ].')
  return letters
}

const noHash = /^(NO PASSWORD|X|\*)/i

function hashOf(text: string): string | null {
  if (noHash.test(text)) return null
  if (!/^[0-9a-f]{32}$/i.test(text))
    throw new NotDone(resultCode.constraintViolation, 'sambaNTPassword has 32 hexadecimal digits.')
  return text.toUpperCase()
}

/** Further than any moment that a date can have. */
const latest = 8_640_000_000_000

function secondsOf(text: string): number {
  const value = Number(text)
  if (!(value >= 0 && value <= latest)) throw new NotDone(resultCode.constraintViolation, `${text} is no moment.`)
  return value
}

/** Samba writes the last second of 31 bits, or of more, for never. */
function endOf(text: string | undefined): number | undefined {
  const at = text === undefined ? undefined : secondsOf(text)
  return at === undefined || at === 0 || at >= 2 ** 31 - 1 ? undefined : at
}

/** The Windows domain, where there is one. */
export function windowsOf({ windows }: Tree): Domain {
  const domain = windows.domain()
  if (!domain)
    throw new NotDone(resultCode.unwillingToPerform, 'Windows Networking is not set up, or turned off: see the pages.')
  return domain
}

/** A hash is as good as a password, and not judged by any rule: it comes from Samba, or from who has this machine. */
export function needSecretRight(actor: Actor, changes: AccountChanges | undefined): void {
  if (changes?.hash !== undefined && actor.role !== undefined && actor.role !== 'samba')
    throw new Refused('Only Samba writes sambaNTPassword. Set a password instead.', 'role')
}

const account = 'sambasamaccount'
const isAccount = (classes: readonly string[]): boolean => classes.some((name) => name.toLowerCase() === account)

/** A person that is added with an account of the domain; undefined: without. */
export function newInWindows(domain: Domain, { values, classes }: NewEntry): AccountChanges | undefined {
  return isAccount(classes) ? (windowsChanges(domain, new Map(), values) ?? {}) : undefined
}

/** What modifications come to for Windows; `isOn`: whether the person has an account of the domain from now on. Undefined: nothing. */
export function accountChanges(
  schema: Schema,
  domain: Domain,
  before: Values,
  after: Values,
  classes: readonly string[] | undefined,
  modifications: readonly Modification[],
): (AccountChanges & { isOn: boolean }) | undefined {
  const wasOn = before.has(sambaSid)
  const isOn = classes ? isAccount(classes) : wasOn
  // Also where nothing differs: Samba looks at when an account was written.
  const isAbout = modifications.some(({ attribute: name }) => isOfWindows(typeOf(schema, name)))
  const changes = windowsChanges(domain, before, after)
  if (!isAbout && !changes && wasOn === isOn) return undefined
  // What goes with the account is kept for when it comes back.
  if (!isOn && wasOn) return { isOn }
  if (isOn && !after.has(sambaSid))
    throw new NotDone(resultCode.objectClassViolation, 'sambaSamAccount asks for sambaSID.')
  if (!isOn)
    throw new NotDone(
      resultCode.objectClassViolation,
      'This person has no Windows account: that comes with the class sambaSamAccount.',
    )
  return { ...changes, isOn }
}

const wholeNames = ['displayName', 'cn', 'gecos'].map(attribute)
const unixOnly = named('homeDirectory', 'loginShell', 'gecos', 'displayName', 'gidNumber')

/** The values that are no business of Windows. Of a person of Samba's what follows from other things here is left out as well. */
export const withoutWindows = (values: Values, isSamba: boolean): Values =>
  new Map(
    [...values].filter(([type]) => !isOfWindows(type) && type !== description && !(isSamba && unixOnly.has(type))),
  )

/** A whole name that Samba writes: the last word is the last name. */
export function namesShown(before: Values, after: Values): { first?: string; last?: string } {
  for (const type of wholeNames) {
    const [was] = before.get(type) ?? []
    const [now] = after.get(type) ?? []
    if (now === undefined || now === was) continue
    const words = now.trim().split(/\s+/)
    if (words.length > 1) return { first: words.slice(0, -1).join(' '), last: words.at(-1)! }
  }
  return {}
}

/** Modifications that go from what Samba had read just before it set a password (samba/lately.ts): from what there is now. */
export function forgiven(
  id: string,
  schema: Schema,
  now: Values,
  modifications: readonly Modification[],
): readonly Modification[] {
  const before = beforeOf(id)
  if (!before) return modifications
  const old = new Map([
    [hashType, before.hash],
    [lastSetType, String(before.lastSet)],
  ])
  return modifications.map((each) => {
    const type = typeOf(schema, each.attribute)
    const [was] = each.values
    const isOld = each.kind === 'delete' && was !== undefined && was.toUpperCase() === old.get(type)
    return isOld ? { ...each, values: [...(now.get(type) ?? [])] } : each
  })
}
