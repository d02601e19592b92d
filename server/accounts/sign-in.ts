import { thisNode } from '../audit/actor.ts'
import { Invalid, Refused, Unavailable } from '../errors.ts'
import { learnHash } from '../samba/nt-hash.ts'
import type { PolicyBody, UserBody } from '../store/bodies.ts'
import { type Db, onChanges } from '../store/db.ts'
import { whyNoChange } from '../store/local.ts'
import { objectById } from '../store/objects.ts'
import { type State, stateAt } from '../store/state.ts'
import { userIdByName } from '../store/users.ts'
import { write } from '../store/write.ts'
import { canonicalName } from './names.ts'
import { hashPassword, isOurs, verifyPassword } from './passwords.ts'
import { policies, policyOf } from './policies.ts'
import {
  countGoodSignIn,
  countRefusal,
  countUnknownName,
  countWrongPassword,
  type Door,
  type FailuresSeen,
  lockedEverywhere,
  lockedHereUntil,
  mergeFailures,
  unknownNameWaits,
} from './sign-ins.ts'
import { keepUser, toUser, type User } from './user.ts'
import { fullName } from './users.ts'

export { forgetFailures } from './sign-ins.ts'

type Standing = Pick<UserBody, 'status' | 'validFrom' | 'validUntil' | 'lockedUntil'>
type Person = { id: string; seq: number; body: UserBody }

const dayMs = 86_400_000
const minuteMs = 60_000
/** The last administrator is never locked for good: nobody could open the account again. */
const lastAdministratorMinutes = 15

/** How an account stands at a moment. Every page, door and list says it by this. */
export const stateOf = (user: Standing, now = new Date()): State =>
  isPlain(user) ? 'enabled' : stateAt(user, now.toISOString())

/** Almost everybody is simply enabled, whatever the time is. */
export const isPlain = ({ status, validFrom, validUntil, lockedUntil }: Standing): boolean =>
  status === 'enabled' && !validFrom && !validUntil && !lockedUntil

/** Why this account opens nowhere, whatever the password; undefined: it does. */
export function mayNotSignIn(user: Standing, now = new Date()): string | undefined {
  switch (stateOf(user, now)) {
    case 'enabled':
      return undefined
    case 'disabled':
      return 'Account is disabled'
    case 'locked':
      return user.status === 'locked' ? 'Account is locked' : `Account is locked until ${minuteOf(user.lockedUntil)}`
    case 'expired':
      return `Account has ended on ${minuteOf(user.validUntil)}`
    case 'waiting':
      return `Account begins on ${minuteOf(user.validFrom)}`
  }
}

const minuteOf = (iso = ''): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`

export type Decision = { may: true } | { may: false; reason: string } | { mayOnlyChangePassword: true; reason: string }

/** The decision of every door: web, LDAP, API. Who may only set a new password is refused where that is not possible. */
export async function decide(db: Db, user: { id: string; body: UserBody }, now = new Date()): Promise<Decision> {
  const reason = mayNotSignIn(user.body, now)
  if (reason) return { may: false, reason }
  const until = await lockedHereUntil(db, user.id, now)
  if (until) return { may: false, reason: `Account is locked at this node until ${minuteOf(until.toISOString())}` }
  if (user.body.mustChange)
    return { mayOnlyChangePassword: true, reason: 'Somebody else has set the password: a new one has to be set first' }
  const age = passwordAge(await policyOf(db, user.body), user.body, now)
  if (age.is !== 'ended') return { may: true }
  return { mayOnlyChangePassword: true, reason: `The password has ended on ${minuteOf(age.on)}: set a new one first` }
}

export type Age = { is: 'good' } | { is: 'old' | 'ended'; on: string }

/** How old a password is: good, old (it still opens until `on`), or ended on that moment. */
export function passwordAge(
  { maxAgeDays, graceDays }: PolicyBody,
  user: Pick<UserBody, 'passwordChanged' | 'added'>,
  now = new Date(),
): Age {
  if (maxAgeDays === 0) return { is: 'good' }
  const since = Date.parse(user.passwordChanged ?? user.added)
  if (now.getTime() < since + maxAgeDays * dayMs) return { is: 'good' }
  const end = since + (maxAgeDays + graceDays) * dayMs
  return { is: now.getTime() < end ? 'old' : 'ended', on: new Date(end).toISOString() }
}

const warnDays = 14

/** How long a password still opens, from two weeks before its end on. */
function secondsToEnd(
  { maxAgeDays, graceDays }: PolicyBody,
  user: Pick<UserBody, 'passwordChanged' | 'added'>,
  now = Date.now(),
): number | undefined {
  if (maxAgeDays === 0) return undefined
  const end = Date.parse(user.passwordChanged ?? user.added) + (maxAgeDays + graceDays) * dayMs
  return end - now <= warnDays * dayMs ? Math.max(0, Math.floor((end - now) / 1000)) : undefined
}

/** A person who has signed in; `mustSetPassword` says why nothing else is open to them. */
export type SignedIn = User & { mustSetPassword?: string }

/** The person of a session, as they are now; undefined when they may not sign in any more. */
export async function stillSignedIn(db: Db, id: string): Promise<SignedIn | undefined> {
  const person = await personById(db, id)
  return person && admitted(person, await decide(db, person))
}

function admitted(person: Person, decision: Decision): SignedIn | undefined {
  if ('mayOnlyChangePassword' in decision) return { ...toUser(person), mustSetPassword: decision.reason }
  return decision.may ? toUser(person) : undefined
}

const noMatch = (): Refused => new Refused('Username and password do not match.', 'sign-in')

/**
 * The person behind a username and password. Refused says one thing for every reason, in the same time, so that nobody
 * learns who exists; Unavailable after too many wrong passwords, whether the name exists or not, and when too many ask at once.
 */
export async function signIn(db: Db, username: string, password: string, door: Door = 'web'): Promise<SignedIn> {
  const name = canonicalName(username.slice(0, 256))
  const id = await userIdByName(db.reader, name)
  const found = id === undefined ? undefined : await personById(db, id)
  // Should the table of names be damaged: nobody signs in as somebody else.
  const person = found?.body.username === name ? found : undefined
  const wait = person ? await waits(db, person) : unknownNameWaits(db, name, new Date())
  if (wait) throw tooMany(wait)
  // A closed account is checked against nothing: what is remembered of a right password must not answer sooner.
  const isClosed = person !== undefined && mayNotSignIn(person.body) !== undefined
  const fits = await verifyPassword(isClosed ? undefined : person?.body.password, password)
  // As they are after the time the check took.
  const current = person && (await personById(db, person.id))
  if (fits && current && current.body.password === person.body.password) {
    const user = admitted(current, await decide(db, current))
    if (user) {
      await good(db, current, password, door)
      return user
    }
  }
  if (person && !fits && !isClosed) await wrong(db, person, password)
  else if (!person) countUnknownName(db, name, (await policies(db)).first.policy, password)
  countRefusal(db)
  throw noMatch()
}

/** Until when somebody waits after wrong passwords. What an administrator decided is no reason to wait: it says nothing. */
async function waits(db: Db, { id, body }: Person): Promise<Date | undefined> {
  const now = new Date()
  const isLocked = body.status === 'enabled' && body.lockedUntil !== undefined && body.lockedUntil > now.toISOString()
  return isLocked ? new Date(body.lockedUntil as string) : lockedHereUntil(db, id, now)
}

function tooMany(until: Date): Unavailable {
  const seconds = Math.max(1, Math.ceil((until.getTime() - Date.now()) / 1000))
  const minutes = Math.ceil(seconds / 60)
  return new Unavailable(
    `Too many wrong tries. Wait ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}, then try again.`,
    seconds,
  )
}

/** The password typed once more before something dangerous or secret; a wrong one counts as at any door. */
export async function confirmPassword(db: Db, userId: string, password: string): Promise<boolean> {
  const person = await personById(db, userId)
  const wait = person && (await waits(db, person))
  if (wait) throw tooMany(wait)
  const fits = await verifyPassword(person?.body.password, password)
  if (person && !fits) await wrong(db, person, password)
  return fits
}

/** A password that was typed at another node, for what is done here in this person's name. Refused unless it opens here. */
export async function needAuthority(db: Db, userId: string, password: string): Promise<{ mustChange: boolean }> {
  if (!(await confirmPassword(db, userId, password))) throw noMatch()
  const person = await personById(db, userId)
  const decision = person && (await decide(db, person))
  if (!decision) throw noMatch()
  if ('may' in decision && !decision.may) throw new Refused(decision.reason, 'sign-in')
  return { mustChange: 'mayOnlyChangePassword' in decision }
}

/** For a face that checks passwords itself, as LDAP does. */
export function doorFor(db: Db, door: Door) {
  return {
    /**
     * Why the person with this id may not sign in here, whatever the password; undefined: may, or is no person.
     * `changeAfterReset`: setting a new password is possible.
     */
    async refusal(id: string): Promise<{ reason: string; error?: 'changeAfterReset' } | undefined> {
      const person = await personById(db, id)
      if (!person) return undefined
      const decision = await decide(db, person)
      if (!('reason' in decision)) return undefined
      return { reason: decision.reason, ...('mayOnlyChangePassword' in decision && { error: 'changeAfterReset' }) }
    },
    /** Seconds until the password ends, once that is near. */
    async secondsLeft(id: string): Promise<number | undefined> {
      const person = await personById(db, id)
      return person && secondsToEnd(await policyOf(db, person.body), person.body)
    },
    /** A wrong password. Without it every one counts; with it one that is repeated counts once. */
    async failed(id: string, password?: string): Promise<void> {
      const person = await personById(db, id)
      if (person) await wrong(db, person, password)
      countRefusal(db)
    },
    /** A good sign-in; `hash` is what the password fitted. */
    async good(id: string, hash: string, password: string): Promise<void> {
      const person = await personById(db, id)
      if (person && person.body.password === hash) await good(db, person, password, door)
    },
  }
}

async function wrong(db: Db, person: Person, password: string | undefined): Promise<void> {
  const policy = await policyOf(db, person.body)
  if (mayNotSignIn(person.body) !== undefined) return
  if (!(await countWrongPassword(db, person.id, policy, password, person.body))) return
  if (!whyNoChange(db.local)) await lock(db, person.id, policy)
}

/** Wrong passwords that slaves saw: the tries at all nodes together lock the account. */
export async function takeWrongPasswords(db: Db, deviceId: string, told: readonly FailuresSeen[]): Promise<void> {
  for (const one of told) {
    const person = await personById(db, one.id)
    if (!person || mayNotSignIn(person.body) !== undefined) continue
    const policy = await policyOf(db, person.body)
    if (await mergeFailures(db, deviceId, policy, person.body, one)) await lock(db, person.id, policy)
  }
}

/** Locks the account itself, so that it is locked at every node. */
async function lock(db: Db, id: string, policy: PolicyBody): Promise<void> {
  if (policy.lockMinutes > 0) await lockFor(db, id, policy, policy.lockMinutes)
  else
    await lockFor(db, id, policy, undefined).catch((error) => {
      if (!(error instanceof Invalid)) throw error
      return lockFor(db, id, policy, lastAdministratorMinutes)
    })
  lockedEverywhere(db, id)
}

const lockFor = (db: Db, id: string, policy: PolicyBody, minutes: number | undefined): Promise<void> =>
  write(db, thisNode, async (change) => {
    const object = await change.get('user', id)
    if (!object || mayNotSignIn(object.body) !== undefined) return
    const { body } = object
    const until = minutes && new Date(Date.now() + minutes * minuteMs).toISOString()
    const sentence = `Locked ${fullName(body)} after ${policy.lockAfter} wrong passwords`
    await keepUser(change, object, until ? { ...body, lockedUntil: until } : { ...body, status: 'locked' }, sentence)
  })

async function good(db: Db, person: Person, password: string, door: Door): Promise<void> {
  await countGoodSignIn(db, person.id, door)
  await learnHash(db, person, password)
  const { password: hash } = person.body
  if (hash !== undefined && !isOurs(hash) && !whyNoChange(db.local)) await renewHash(db, person.id, hash, password)
}

const renewing = new Set<string>()

/** A hash of another system, or of an earlier version, becomes one of ours now that the password is known. */
async function renewHash(db: Db, id: string, old: string, password: string): Promise<void> {
  if (renewing.has(old)) return
  renewing.add(old)
  try {
    const hash = await hashPassword(password)
    await write(db, thisNode, async (change) => {
      const object = await change.get('user', id)
      if (object?.body.password === old) await change.put('user', id, { ...object.body, password: hash })
    })
  } finally {
    renewing.delete(old)
  }
}

const peopleAtMost = 10_000
type Kept = { people: Map<string, Person | undefined>; turn: number }
const lately = new WeakMap<Db, Kept>()

/** People who came lately, as they are now: read once and forgotten when they change. */
async function personById(db: Db, id: string): Promise<Person | undefined> {
  const kept = lately.get(db) ?? keepLately(db)
  if (kept.people.has(id)) return kept.people.get(id)
  const { turn } = kept
  const person = await objectById(db.reader, 'user', id)
  // What was read before a change must not outlive it.
  if (kept.turn === turn) {
    if (kept.people.size >= peopleAtMost) kept.people.delete(kept.people.keys().next().value as string)
    kept.people.set(id, person)
  }
  return person
}

function keepLately(db: Db): Kept {
  const kept: Kept = { people: new Map(), turn: 0 }
  lately.set(db, kept)
  onChanges(db, (changes) => {
    kept.turn++
    if (changes === 'all') kept.people.clear()
    else for (const { kind, id } of changes) if (kind === 'user') kept.people.delete(id)
  })
  return kept
}
