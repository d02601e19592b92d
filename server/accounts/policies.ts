import type { Knex } from 'knex'
import { Invalid } from '../errors.ts'
import type { PolicyBody, UserBody } from '../store/bodies.ts'
import { type Db, onChanges } from '../store/db.ts'
import { groupNamesByIds, groupRowsByName, groupsBelow } from '../store/groups.ts'
import { objectsOf } from '../store/objects.ts'
import { canonicalName } from './names.ts'
import { isPassword, minimumLength, newPassword, passwordProblem } from './passwords.ts'
import { strengthOf } from './strength.ts'
import { defaultPolicy, type NamedPolicy, type Source, strictest } from './strictest.ts'

export { defaultPolicy } from './strictest.ts'

const dayMs = 86_400_000

/** The policies of a cluster: the default, and those of groups with every group that is in theirs. */
export type Policies = {
  first: NamedPolicy & Kept
  ofGroups: GroupPolicy[]
  /** What comes of those that some people are under, by the ids of the policies: every sign-in asks. */
  met: Map<string, InForce>
}
type InForce = { policy: PolicyBody; from: Source }
const metAtMost = 1000
/** Its object, and the seq of its last change; '' and 0 while it is as the program has it. */
type Kept = { id: string; seq: number }
export type GroupPolicy = NamedPolicy & Kept & { group: string; members: ReadonlySet<string> }

const known = new WeakMap<Db, { policies: Promise<Policies> | undefined }>()

/** Read once and kept until a policy or a group changes: they are few, and every sign-in asks. */
export function policies(db: Db): Promise<Policies> {
  let kept = known.get(db)
  if (!kept) {
    const mine: { policies: Promise<Policies> | undefined } = { policies: undefined }
    kept = mine
    known.set(db, mine)
    onChanges(db, (changes) => {
      if (changes === 'all' || changes.some(({ kind }) => kind === 'policy' || kind === 'group'))
        mine.policies = undefined
    })
  }
  const mine = kept
  const reading = mine.policies ?? read(db)
  mine.policies = reading
  reading.catch(() => {
    if (mine.policies === reading) mine.policies = undefined
  })
  return reading
}

async function read(db: Db): Promise<Policies> {
  const objects = await objectsOf(db.reader, 'policy')
  const kept = objects.find(({ body }) => body.group === undefined)
  const groupIds = objects.flatMap(({ body }) => body.group ?? [])
  const names = await groupNamesByIds(db.reader, groupIds)
  const ofGroups: GroupPolicy[] = []
  for (const { id, seq, body } of objects) {
    // A group in the recycle bin asks for nothing.
    const name = body.group === undefined ? undefined : names.get(body.group)
    if (body.group === undefined || name === undefined) continue
    const members = await groupsBelow(db.reader, [body.group])
    ofGroups.push({ id, seq, name, group: body.group, policy: body, members })
  }
  ofGroups.sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    first: { name: '', id: kept?.id ?? '', seq: kept?.seq ?? 0, policy: { ...defaultPolicy, ...kept?.body } },
    ofGroups,
    met: new Map(),
  }
}

/** What is in force for a person: the strictest of the default and of every group they are in. */
export const policyOf = async (db: Db, user: Pick<UserBody, 'groups'>): Promise<PolicyBody> =>
  inForce(await policies(db), user).policy

/** What will be in force for somebody who is added to these groups. */
export async function policyOfNew(db: Db, groups: readonly string[] = []): Promise<PolicyBody> {
  const rows = await groupRowsByName(db.reader, groups.map(canonicalName))
  return policyOf(db, { groups: rows.map(({ id }) => id) })
}

/** The same, and for each rule the name of the group that asks for it; '' is the default. */
export function inForce(of: Policies, user: Pick<UserBody, 'groups'>): InForce {
  const theirs = of.ofGroups.filter(({ members }) => user.groups.some((id) => members.has(id)))
  const key = theirs.map(({ id }) => id).join()
  let found = of.met.get(key)
  if (!found) {
    found = strictest(of.first, theirs)
    if (of.met.size < metAtMost) of.met.set(key, found)
  }
  return found
}

/** What is known of somebody who gets a password. */
export type About = Pick<UserBody, 'username' | 'first' | 'last' | 'groups'> &
  Partial<Pick<UserBody, 'password' | 'passwordHistory' | 'passwordChanged' | 'mustChange' | 'added'>>

/**
 * Oneself, or somebody whose task it is: a help desk may set again what was set today. What comes from a Windows computer may
 * be either; how young the last one is Samba looks at itself.
 */
export type By = { by: 'self' | 'other' | 'windows' }

/** What is wrong with a password, in a word for machines and in a sentence for people. */
type Fault = { fault: 'short' | 'weak' | 'young' | 'used'; sentence: string }

/** A password that cannot be set. The sentence stands under `password`. */
export class PasswordRefused extends Invalid {
  readonly fault: Fault['fault']
  constructor({ fault, sentence }: Fault) {
    super({ password: sentence })
    this.fault = fault
  }
}

/** Refuses what cannot be the password of this person. Call it before a transaction: it may hash. */
export async function needGoodPassword(db: Db, password: string, about: About, by: By): Promise<void> {
  const fault = await faultOf(db, db.reader, password, about, by)
  if (fault) throw new PasswordRefused(fault)
}

/** Why this cannot be the password of this person, in a sentence; undefined: it can. Call it before a transaction: it may hash. */
export const judgePassword = async (
  db: Db,
  trx: Knex,
  password: string,
  about: About,
  by: By,
): Promise<string | undefined> => (await faultOf(db, trx, password, about, by))?.sentence

async function faultOf(db: Db, trx: Knex, password: string, about: About, { by }: By): Promise<Fault | undefined> {
  const policy = await policyOf(db, about)
  const is = (fault: Fault['fault'], sentence: string | undefined): Fault | undefined =>
    sentence === undefined ? undefined : { fault, sentence }
  return (
    is([...password].length < minimumLength ? 'short' : 'weak', passwordProblem(password, about.username)) ??
    is('short', lengthProblem(policy, password)) ??
    is('weak', wordProblem(policy, password)) ??
    (by === 'self' ? is('young', youngProblem(policy, about)) : undefined) ??
    is('weak', await weakness(policy, password, about, (await domainWords(trx)) ?? [])) ??
    (by !== 'other' ? is('used', await usedProblem(policy, password, about)) : undefined)
  )
}

/** One that nobody has thought of, as long as the policy wants it, and without a word that it refuses by chance. */
export function generatedPassword(policy: PolicyBody): string {
  for (;;) {
    const password = newPassword(policy.minLength)
    if (!wordProblem(policy, password)) return password
  }
}

function lengthProblem(policy: PolicyBody, password: string): string | undefined {
  const length = [...password].length
  if (length >= policy.minLength) return undefined
  return `Password must have at least ${policy.minLength} characters; this one has ${length}.`
}

const folded = (text: string): string => text.normalize('NFKC').toLowerCase()

function wordProblem({ blocklist = [] }: PolicyBody, password: string): string | undefined {
  const text = folded(password)
  const word = blocklist.find((one) => text.includes(folded(one)))
  return word && `Password must not hold the word “${word}”: it is on the list of words that are refused here.`
}

function youngProblem({ minAgeDays, maxAgeDays }: PolicyBody, about: About): string | undefined {
  // Of several policies one may keep a password longer than another lets it live: what has ended can be changed.
  const least = maxAgeDays > 0 ? Math.min(minAgeDays, maxAgeDays) : minAgeDays
  if (least === 0 || about.mustChange || about.passwordChanged === undefined) return undefined
  const from = Date.parse(about.passwordChanged) + least * dayMs
  if (Date.now() >= from) return undefined
  const days = least === 1 ? 'a day' : `${least} days`
  return `A password is kept for ${days} at least. It can be changed again from ${new Date(from).toISOString().slice(0, 10)}; the help desk can set one before.`
}

const enough = ['', 'weak', 'fair', 'good', 'strong']

async function weakness(
  { minStrength }: PolicyBody,
  password: string,
  { username, first, last }: About,
  domain: string[],
): Promise<string | undefined> {
  if (minStrength === 0) return undefined
  const { score, reason } = await strengthOf(password, [username, first, last, `${first}${last}`, ...domain])
  if (score >= minStrength) return undefined
  const why = reason ? ` ${reason}` : ''
  return `Password is too easy to guess.${why} Three or four words that do not belong together are ${enough[minStrength]} enough, and easy to keep.`
}

async function domainWords(trx: Knex): Promise<string[] | undefined> {
  const [domain] = await objectsOf(trx, 'domain')
  return domain?.body.baseDomain.split('.').filter((part) => part.length > 2)
}

async function usedProblem({ history }: PolicyBody, password: string, about: About): Promise<string | undefined> {
  if (about.password !== undefined && (await isPassword(about.password, password)))
    return 'This is your password already. Choose another one.'
  for (const earlier of (about.passwordHistory ?? []).slice(0, history))
    if (await isPassword(earlier, password))
      return `This was a password of yours before. It must differ from the last ${history}.`
  return undefined
}

/** A person with a new password: what else a new password changes. `policy` says how many old ones are remembered. */
export function keptPassword(
  body: UserBody,
  hash: string,
  options: By & { mustChange?: boolean | undefined; policy?: PolicyBody },
): UserBody {
  const { by, mustChange, policy = defaultPolicy } = options
  const earlier = [...(body.password === undefined ? [] : [body.password]), ...(body.passwordHistory ?? [])]
  const { invitation: _, lockedUntil: __, mustChange: ___, passwordHistory: ____, windows, ...rest } = body
  // Wrong passwords were counted against the old one.
  const { bad: _____, ...inWindows } = windows ?? {}
  return {
    ...rest,
    ...(Object.keys(inWindows).length > 0 && { windows: inWindows }),
    password: hash,
    passwordChanged: new Date().toISOString(),
    ...(policy.history > 0 && earlier.length > 0 && { passwordHistory: earlier.slice(0, policy.history) }),
    ...(by === 'other' && mustChange && { mustChange: true }),
  }
}
