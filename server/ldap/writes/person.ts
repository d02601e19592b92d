import { nameOf } from '../../accounts/entry-person.ts'
import { foreignHash } from '../../accounts/foreign-hashes.ts'
import type { UserInput } from '../../accounts/user-input.ts'
import { type AttributeType, attribute } from '../attribute-types.ts'
import { NotDone } from '../not-done.ts'
import type { Schema } from '../schema.ts'
import { resultCode } from '../wire/result.ts'
import { keyOf } from './changes.ts'
import { type Typed, typeInto } from './fields.ts'
import type { Values } from './values.ts'

const uid = attribute('uid')
const givenName = attribute('givenName')
const sn = attribute('sn')
const wholeNames = [attribute('cn'), attribute('displayName'), attribute('gecos')]
const memberOf = attribute('memberOf')
const numbers = new Set([attribute('uidNumber'), attribute('gidNumber')])

/** What changed attributes of a person come to, as a form would have typed it. */
export function personInput(schema: Schema, before: Values, after: Values): Partial<UserInput> {
  const input: Partial<UserInput> = {}
  const typed: Typed = {}
  for (const type of changedTypes(before, after)) {
    const values = after.get(type) ?? []
    const [value = ''] = values
    if (type === uid) throw new NotDone(resultCode.notAllowedOnRDN, 'A username is changed by renaming the entry.')
    else if (type === givenName) input.first = value
    else if (type === sn) input.last = value
    else if (wholeNames.includes(type)) continue
    else if (type === memberOf)
      throw new NotDone(resultCode.unwillingToPerform, 'Memberships are changed at the group.')
    else if (numbers.has(type))
      throw new NotDone(resultCode.unwillingToPerform, `${type.names[0]} is given once and never changed.`)
    else if (!typeInto(typed, schema, type, 'user', values)) throw keptNowhere(type)
  }
  if (Object.keys(typed).length > 0) input.extensions = typed
  return input
}

/** A person that a request adds; numbers may be asked for, and are given where they are free. */
export function newPersonInput(
  schema: Schema,
  username: string,
  values: Values,
): { input: UserInput; uidNumber: number | undefined } {
  const typed: Typed = {}
  for (const [type, list] of values) {
    const isNamed = type === uid || type === givenName || type === sn || wholeNames.includes(type) || numbers.has(type)
    if (isNamed || isFollowing(type)) continue
    if (type === memberOf) throw new NotDone(resultCode.unwillingToPerform, 'Memberships are changed at the group.')
    if (!typeInto(typed, schema, type, 'user', list)) throw keptNowhere(type)
  }
  const attributes = new Map([...values].map(([type, list]) => [type.names[0]!.toLowerCase(), [...list]]))
  const { first, last } = nameOf({ line: 0, dn: '', attributes })
  const [wanted] = values.get(attribute('uidNumber')) ?? []
  return {
    input: { username, first, last, extensions: typed },
    uidNumber: wanted === undefined ? undefined : Number(wanted),
  }
}

/** Attributes of shadowAccount follow from the account's state and password. */
const isFollowing = (type: AttributeType): boolean => type.names[0]!.startsWith('shadow')

const keptNowhere = (type: AttributeType): NotDone =>
  new NotDone(
    resultCode.unwillingToPerform,
    `No extension of this directory keeps ${type.names[0]} here; an administrator can make one.`,
  )

/**
 * A whole name follows from first and last name. One that says something else is refused rather than lost; `asked`: only
 * what the request names.
 */
export function refuseOtherNames(asked: Values, now: Values): void {
  for (const type of wholeNames) {
    const wanted = asked.get(type)
    const follows = now.get(type) ?? []
    if (wanted?.some((value) => !follows.some((each) => keyOf(type, each) === keyOf(type, value))))
      throw new NotDone(
        resultCode.unwillingToPerform,
        `${type.names[0]} follows from givenName and sn: it is “${follows[0] ?? ''}”. Change those.`,
      )
  }
}

export function* changedTypes(before: Values, after: Values): Generator<AttributeType> {
  for (const type of new Set([...before.keys(), ...after.keys()])) {
    const [was, now] = [before.get(type) ?? [], after.get(type) ?? []]
    if (was.length !== now.length || was.some((value, i) => value !== now[i])) yield type
  }
}

/** What a password that came by LDAP is: one in the clear, or the hash of another system, which only administrators bring. */
export function passwordOf(given: string): { password: string } | { hash: string } {
  const scheme = /^\{([A-Za-z0-9._-]{1,32})\}/.exec(given)
  if (!scheme) return { password: given }
  if (/^CLEAR(TEXT)?$/i.test(scheme[1]!)) return { password: given.slice(scheme[0].length) }
  const judged = foreignHash(given)
  if ('problem' in judged) throw new NotDone(resultCode.constraintViolation, judged.problem)
  return { hash: judged.hash }
}
