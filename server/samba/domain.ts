/**
 * Windows Networking, an NT4-style domain that Samba serves from this directory.
 *
 *   domain.ts     setUpDomain(db, actor, { name, password?, sid? }): Domain      the domain, its groups, `winadmin`
 *                 domainOf(db): Domain | undefined                               { id, seq, name, sid, nextRid, added }
 *                 windowsPeople(db): { withAccount, withHash }                   who has a Windows account, and an NT hash
 *   machines.ts   machineList(db), machineByName(db, name): Machine
 *                 addMachine(db, actor, { name, password?, kind?, description? }): Machine   again: a new password
 *                 removeMachine(db, actor, name)
 *   account.ts    a person in the domain: flags, times, what Samba changes of them
 *   policies.ts   the password policy of everyone in the words of Samba, and back
 *   nt-hash.ts    NT hashes of passwords
 *   sids.ts       SIDs, well-known ones
 *   kept.ts       entries that Samba keeps for itself
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { turnExtension } from '../accounts/extensions.ts'
import { hashPassword } from '../accounts/passwords.ts'
import { needGoodPassword } from '../accounts/policies.ts'
import { needRight } from '../accounts/roles.ts'
import { setPassword } from '../accounts/users.ts'
import type { Actor } from '../audit/actor.ts'
import { Invalid } from '../errors.ts'
import type { UserBody, WindowsBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { groupIdByName } from '../store/groups.ts'
import { countHashes, idsWithWindows } from '../store/nt-hashes.ts'
import { objectsOf } from '../store/objects.ts'
import { userIdByName } from '../store/users.ts'
import { type Change, write } from '../store/write.ts'
import { firstSettings } from './policies.ts'
import { isDomainSid } from './sids.ts'

export type Domain = WindowsBody & { id: string; seq: number }

export type DomainInput = {
  /** NetBIOS name, as EXAMPLE. */
  name: string
  /** Of `winadmin`; without one nobody signs in with it. */
  password?: string
  /** Of a domain that is to go on here; else a new one is made. */
  sid?: string
}

/** The first RID that Samba gives out: ours are the numbers of accounts, far below. */
const firstRid = 20_000_000

/** Who administers the domain from Windows: RID 500, member of Domain Admins. */
export const administrator = { username: 'winadmin', uidNumber: 302, rid: 500 } as const

/** The domain; undefined until it is set up, or has come from the master. */
export async function domainOf(db: Db): Promise<Domain | undefined> {
  const [object] = await objectsOf(db.reader, 'windows')
  return object && { ...object.body, id: object.id, seq: object.seq }
}

export async function domainIn({ trx }: Pick<Change, 'trx'>): Promise<{ id: string; seq: number; body: WindowsBody }> {
  const [object] = await objectsOf(trx, 'windows')
  if (!object) throw new Invalid({ '': 'Windows Networking is not set up yet.' })
  return object
}

/** Why this cannot be the name of a domain, or undefined. */
function domainNameProblem(name: string): string | undefined {
  if (name === '') return 'Windows domain is needed, as in EXAMPLE.'
  if (!/^[A-Z][A-Z0-9_-]{0,14}$/.test(name))
    return 'Windows domain must have 1–15 of A–Z, 0–9, “-”, “_” and begin with a letter, as in EXAMPLE.'
  return undefined
}

/** Sets the domain up, or gives it another name and `winadmin` another password: saying it twice does it once. */
export async function setUpDomain(db: Db, actor: Actor, input: DomainInput): Promise<Domain> {
  needRight(actor, 'change')
  const name = input.name.trim().toUpperCase()
  const problem = domainNameProblem(name)
  if (problem) throw new Invalid({ name: problem })
  if (input.sid !== undefined && !isDomainSid(input.sid))
    throw new Invalid({ sid: 'SID must be one of a domain, as in S-1-5-21-397955417-626881126-188441444.' })
  const { username } = administrator
  const about = { username, first: 'Windows', last: 'Administrator', groups: [] }
  const isThere = (await userIdByName(db.reader, username)) !== undefined
  const { password } = input
  if (password !== undefined && !isThere) await needGoodPassword(db, password, about, { by: 'other' })
  const hash = password === undefined || isThere ? undefined : await hashPassword(password)
  await write(db, actor, async (change) => {
    await putDomain(change, name, input.sid)
    await turnExtension(change, 'samba', true)
    await putAdministrator(change, hash)
  })
  const id = await userIdByName(db.reader, username)
  if (password !== undefined && isThere && id) await setPassword(db, actor, id, password, { mustChange: false })
  return (await domainOf(db)) as Domain
}

async function putDomain(change: Change, name: string, sid: string | undefined): Promise<void> {
  const [object] = await objectsOf(change.trx, 'windows')
  const changed = new Date().toISOString()
  if (object && sid !== undefined && sid !== object.body.sid)
    throw new Invalid({ sid: 'The domain has a SID already, and computers have joined with it: it stays.' })
  if (object?.body.name === name) return
  const id = object?.id ?? randomUUID()
  const body: WindowsBody = object
    ? { ...object.body, name, changed }
    : { name, sid: sid ?? newSid(), nextRid: firstRid, settings: firstSettings, added: changed, changed }
  await change.put('windows', id, body)
  change.note({
    sentence: object ? `Renamed the Windows domain to ${name}` : `Set up the Windows domain ${name}`,
    object: { kind: 'windows', id, name },
    changes: object ? [{ field: 'name', before: object.body.name, after: name }] : [{ field: 'sid', after: body.sid }],
  })
}

function newSid(): string {
  const parts = Array.from({ length: 3 }, () => randomBytes(4).readUInt32BE())
  return `S-1-5-21-${parts.join('-')}`
}

async function putAdministrator(change: Change, password: string | undefined): Promise<void> {
  const { username, uidNumber, rid } = administrator
  if ((await userIdByName(change.trx, username)) !== undefined) return
  const admins = await groupIdByName(change.trx, 'domain_admins')
  const now = new Date().toISOString()
  const id = randomUUID()
  const body: UserBody = {
    username,
    first: 'Windows',
    last: 'Administrator',
    status: 'enabled',
    role: 'person',
    uidNumber,
    ...(password !== undefined && { password, passwordChanged: now }),
    groups: admins ? [admins] : [],
    plugins: [],
    extensions: { samba: { account: true } },
    windows: { rid },
    added: now,
    changed: now,
  }
  await change.put('user', id, body)
  change.note({
    sentence: `Added ${username}, who administers the Windows domain`,
    object: { kind: 'user', id, name: username },
  })
}

/** How many people have a Windows account, and of how many an NT hash is kept. */
export async function windowsPeople(db: Db): Promise<{ withAccount: number; withHash: number }> {
  const [ids, withHash] = await Promise.all([idsWithWindows(db.reader), countHashes(db.reader)])
  return { withAccount: ids.length, withHash }
}
