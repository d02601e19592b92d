import { randomUUID } from 'node:crypto'
import { declared } from '../accounts/declarations.ts'
import { domainProblem } from '../accounts/domain.ts'
import { canonicalName } from '../accounts/names.ts'
import { allUsersNumber, firstNumbers, takeNumber } from '../accounts/numbers.ts'
import { hashPassword, passwordProblem } from '../accounts/passwords.ts'
import type { UserInput } from '../accounts/user-input.ts'
import { checkUser, insertUser } from '../accounts/users.ts'
import { type Actor, thisNode } from '../audit/actor.ts'
import { Invalid, type Problems, Refused } from '../errors.ts'
import { builtInExtensions, builtInPlugins } from '../extensions/index.ts'
import type { Db } from '../store/db.ts'
import { whyNoChange } from '../store/local.ts'
import { objectsOf } from '../store/objects.ts'
import { type Change, commit, write } from '../store/write.ts'
import { masterName, ownNames, signText } from './certificates.ts'
import { epochText } from './epoch.ts'
import { makeKey } from './key.ts'

export type OwnInput = {
  mode: 'master' | 'standalone'
  /** Base domain, as example.lan. */
  domain: string
  /** Username of the first administrator. */
  admin: string
  password: string
  first?: string
  last?: string
  /** What this node is called; its host name when left out. */
  name?: string
}

/** Sets a fresh node up as master or standalone: its CA, its counters, what is declared, its first administrator. */
export async function setUpOwn(db: Db, actor: Actor, input: OwnInput): Promise<void> {
  refuseSecondSetUp(db)
  const domain = canonicalName(input.domain)
  const name = canonicalName(input.name ?? '') || db.local.name
  const administrator = administratorOf(input)
  await refuseProblems(db, input, domain, name, administrator)
  const password = await hashPassword(input.password)
  const clusterId = randomUUID()
  const known = await declared(db)
  const { issueOwn, makeCa } = await import('./ca.ts')
  await makeCa(db.dir, `Account Synchronization ${domain}`)
  await issueOwn(db.dir, name, [masterName(clusterId), ...ownNames(name)])
  const { made } = makeKey(db.dir)
  const epoch = { clusterId, epochNo: 1, epochId: randomUUID() }
  const epochSig = signText(db.dir, epochText(epoch))
  await commit(db, actor, async (change) => {
    // Two people may press the button at once: the first commit decides.
    if (change.head.clusterId !== '') throw alreadySetUp()
    Object.assign(change.head, epoch, { epochSig })
    const now = new Date().toISOString()
    await change.put('domain', randomUUID(), { baseDomain: domain, added: now })
    await change.put('numbers', randomUUID(), firstNumbers)
    await change.put('group', randomUUID(), {
      name: 'allusers',
      description: 'Everyone',
      gidNumber: allUsersNumber,
      type: 'builtin',
      added: now,
      changed: now,
    })
    await putDeclared(change)
    change.local({ mode: input.mode, since: now, name, keyMade: made })
    change.note({ sentence: `Set this node up as ${input.mode} of ${domain}` })
    await insertUser(change, known, administrator, password)
  })
}

const alreadySetUp = () => new Refused('This node is set up already. Sign in to change its mode.', 'set-up')

export function refuseSecondSetUp(db: Db): void {
  if (db.local.mode) throw alreadySetUp()
}

function administratorOf(input: OwnInput): UserInput {
  const username = canonicalName(input.admin)
  return {
    username,
    first: input.first?.trim() || username.charAt(0).toUpperCase() + username.slice(1),
    last: input.last?.trim() || 'Administrator',
    role: 'administrator',
  }
}

async function refuseProblems(
  db: Db,
  input: OwnInput,
  domain: string,
  name: string,
  administrator: UserInput,
): Promise<void> {
  const problems: Problems = {}
  if (input.mode !== 'master' && input.mode !== 'standalone')
    problems.mode = 'Mode must be master, slave or standalone.'
  const domainIs = domainProblem(domain)
  if (domainIs) problems.domain = domainIs
  const nameIs = nodeNameProblem(name)
  if (nameIs) problems.name = nameIs
  const passwordIs = passwordProblem(input.password, administrator.username)
  if (passwordIs) problems.password = passwordIs
  const { username, ...others } = await checkUser(db, { ...administrator, password: input.password })
  Object.assign(problems, others)
  if (username) problems.admin = username.replace(/^Username/, 'The administrator’s username')
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
}

/** Why a node cannot be called this, or undefined. */
export const nodeNameProblem = (name: string): string | undefined =>
  /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(name) && name.length <= 64
    ? undefined
    : 'Name of this node must look like a host name, as in gw-malmo.'

/** Puts what this version declares and the cluster does not have yet, each turned on as its declaration says. */
async function putDeclared(change: Change): Promise<void> {
  const known = {
    extension: new Set((await objectsOf(change.trx, 'extension')).map(({ body }) => body.name)),
    plugin: new Set((await objectsOf(change.trx, 'plugin')).map(({ body }) => body.name)),
  }
  for (const { name, isOnAtFirst } of builtInExtensions)
    if (!known.extension.has(name)) await change.put('extension', randomUUID(), { name, on: isOnAtFirst })
  for (const { name, isOnAtFirst } of builtInPlugins) {
    if (known.plugin.has(name)) continue
    const gidNumber = await takeNumber(change, 'gidNumber')
    await change.put('plugin', randomUUID(), { name, on: isOnAtFirst, gidNumber })
  }
}

/** After an upgrade: a master makes known what the new version declares. */
export async function declareNew(db: Db): Promise<void> {
  if (!whyNoChange(db.local)) await write(db, thisNode, putDeclared)
}
