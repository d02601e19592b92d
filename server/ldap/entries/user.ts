import { isPlain, stateOf } from '../../accounts/sign-in.ts'
import type { UserBody } from '../../store/bodies.ts'
import type { Line } from '../block.ts'
import { escapeValue } from '../dn.ts'
import type { Account, Described } from '../entry.ts'
import { pluginKey } from '../members.ts'
import type { Schema } from '../schema.ts'
import { userClasses } from '../schema-classes.ts'
import { slotOf } from '../slots.ts'
import { asciiName } from './ascii.ts'
import { extensionLines, undeclared } from './extension.ts'
import { operationalLines } from './times.ts'
import { type Domain, personInWindows } from './windows.ts'

/** The group that everybody has as primary group. */
const allUsersNumber = '63000'

const slot = {
  uid: slotOf('uid'),
  cn: slotOf('cn'),
  sn: slotOf('sn'),
  givenName: slotOf('givenName'),
  displayName: slotOf('displayName'),
  uidNumber: slotOf('uidNumber'),
  gidNumber: slotOf('gidNumber'),
  homeDirectory: slotOf('homeDirectory'),
  loginShell: slotOf('loginShell'),
  gecos: slotOf('gecos'),
  shadowLastChange: slotOf('shadowLastChange'),
  shadowExpire: slotOf('shadowExpire'),
}

/** `domain` and `hash`: the Windows domain, and the hash of the person's password in it. */
export function describeUser(
  schema: Schema,
  id: string,
  body: UserBody,
  domain?: Domain,
  hash?: string,
  now = Date.now(),
): Described {
  const { username, first, last } = body
  const name = `${first} ${last}`.trim() || username
  const windows = personInWindows(body, domain, hash, now)
  const lines: Line[] = [
    [slot.uid, [username]],
    [slot.cn, [name]],
    // person (RFC 4519) does not go without sn.
    [slot.sn, [last || username]],
    [slot.givenName, first ? [first] : []],
    [slot.displayName, [name]],
    [slot.uidNumber, [String(body.uidNumber)]],
    [slot.gidNumber, [allUsersNumber]],
    [slot.homeDirectory, [`/home/${username}`]],
    [slot.loginShell, ['/sbin/nologin']],
    [slot.gecos, [asciiName(name)]],
    [slot.shadowLastChange, body.passwordChanged ? [daysSinceEpoch(body.passwordChanged)] : []],
    [slot.shadowExpire, shadowExpire(body, now)],
    ...(windows?.lines ?? []),
    ...extensionLines(schema, body.extensions, 'user'),
    ...operationalLines(id, body.added, body.changed),
  ]
  return {
    rdn: `uid=${escapeValue(username)}`,
    classes: windows?.classes ?? userClasses,
    lines,
    account: {
      hash: body.password,
      standing: standingOf(body),
      view: body.role === 'administrator' ? 'administrator' : 'person',
    },
    memberOf: [...body.groups, ...body.plugins.map(pluginKey), ...(windows?.memberOf ?? [])],
    undeclared: undeclared(schema, body.extensions),
    changesAt: nextMoment(body, now),
    turnedAt: lastMoment(body, now),
  }
}

/** Undefined: there is nothing to judge by. */
function standingOf(body: UserBody): Account['standing'] {
  const { status, validFrom, validUntil, lockedUntil } = body
  return isPlain(body) ? undefined : { status, validFrom, validUntil, lockedUntil }
}

/**
 * The first day without access. Who has none now gets 1: pam_unix reads that as expired on 2 January 1970, and so refuses a
 * session opened by SSH key as well.
 */
function shadowExpire(body: UserBody, now: number): string[] {
  if (standingOf(body) && stateOf(body, new Date(now)) !== 'enabled') return ['1']
  return body.validUntil ? [String(Math.ceil(Date.parse(body.validUntil) / dayMs) || 1)] : []
}

/** When the entry will say something else although nobody changes the person. */
function nextMoment(body: UserBody, now: number): number | undefined {
  const ahead = momentsOf(body).filter((at) => at > now)
  return ahead.length > 0 ? Math.min(...ahead) : undefined
}

function lastMoment(body: UserBody, now: number): string | undefined {
  const changed = Date.parse(body.changed)
  const past = momentsOf(body).filter((at) => at <= now && at > changed)
  return past.length > 0 ? new Date(Math.max(...past)).toISOString() : undefined
}

const noMoments: number[] = []

function momentsOf({ validFrom, validUntil, lockedUntil }: UserBody): number[] {
  if (!validFrom && !validUntil && !lockedUntil) return noMoments
  return [validFrom, validUntil, lockedUntil].map((iso) => Date.parse(iso ?? '')).filter((at) => !Number.isNaN(at))
}

const dayMs = 86_400_000

const daysSinceEpoch = (iso: string): string => String(Math.floor(Date.parse(iso) / dayMs) || 0)
