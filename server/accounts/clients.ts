import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { changesBetween } from '../audit/audit.ts'
import { editStep } from '../audit/steps.ts'
import { Invalid, NotFound, type Problems, Unavailable } from '../errors.ts'
import type { ClientBody, ClientRole } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'
import { type Change, write } from '../store/write.ts'
import { type Meaning, meaningOf } from './client-misses.ts'
import { type ClientUse, clientsSeen, forgetMissesOf, type Miss } from './client-uses.ts'
import { declared } from './declarations.ts'
import { baseDn, baseDomain } from './domain.ts'
import { canonicalName } from './names.ts'
import { readNetworks } from './networks.ts'
import { hashPassword, newPassword } from './passwords.ts'
import { needRight } from './roles.ts'

export const clientRoles: readonly { role: ClientRole; may: string }[] = [
  { role: 'auth', may: 'finds a person and checks passwords' },
  { role: 'read', may: 'reads everything but secrets' },
  { role: 'samba', may: 'reads what Samba needs, NT hashes too, and writes what it writes' },
]

/** A service that binds to LDAP. */
export type Client = {
  id: string
  seq: number
  name: string
  role: ClientRole
  dn: string
  added: string
  /** Where it may come from; empty: anywhere. */
  networks: string[]
  /** Last seen at this node. */
  lastUse?: ClientUse
  /** How many things it asked this node for and did not get, without those that are known to be harmless. */
  missed: number
}

export type ClientMiss = Miss & Meaning

type Kept = { id: string; seq: number; body: ClientBody }

const clientDn = (name: string, domain: string) => `cn=${name},ou=Internal,${baseDn(domain)}`

export async function clientList(db: Db): Promise<Client[]> {
  const [objects, describe] = await Promise.all([objectsOf(db.reader, 'client'), describing(db)])
  return objects.map((object) => describe(object).client).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A client, and what it asked this node for and did not get: what is worth a look first, then the latest. */
export async function clientByName(db: Db, name: string): Promise<{ client: Client; misses: ClientMiss[] }> {
  const [object, describe] = await Promise.all([needClient(db.reader, name), describing(db)])
  const { client, misses } = describe(object)
  misses.sort((a, b) => Number(a.isHarmless) - Number(b.isHarmless) || (a.last < b.last ? 1 : -1))
  return { client, misses }
}

async function describing(db: Db) {
  const [domain = '', seenOf, known] = await Promise.all([baseDomain(db), clientsSeen(db), declared(db)])
  return ({ id, seq, body }: Kept): { client: Client; misses: ClientMiss[] } => {
    const { name, role, added, networks = [] } = body
    const { use, misses } = seenOf(id)
    const explained = misses.map((miss) => ({ ...miss, ...meaningOf(miss.kind, miss.what, role, known) }))
    const missed = explained.filter(({ isHarmless }) => !isHarmless).length
    const client = { id, seq, name, role, added, networks, missed, dn: clientDn(name, domain) }
    return { client: { ...client, ...(use && { lastUse: use }) }, misses: explained }
  }
}

async function needClient(db: Change['trx'] | Db['reader'], name: string): Promise<Kept> {
  const client = (await objectsOf(db, 'client')).find(({ body }) => body.name === canonicalName(name))
  if (!client) throw new NotFound(`There is no LDAP client “${name.trim()}”.`)
  return client
}

/** Adds a client with a password of its own, which is shown this once. */
export async function addClient(
  db: Db,
  actor: Actor,
  input: { name: string; role: ClientRole; networks?: readonly string[] },
): Promise<{ name: string; dn: string; password: string }> {
  needRight(actor, 'change')
  const { role } = input
  const name = canonicalName(input.name)
  const read = readNetworks(input.networks ?? [])
  const problems: Problems = {}
  if (!/^[a-z0-9][a-z0-9_.-]{1,63}$/.test(name))
    problems.name = 'Name must have 2–64 of a–z, 0–9, “_”, “-”, “.”, as in squid-malmo.'
  if (!clientRoles.some((one) => one.role === role))
    problems.role = `Role must be one of: ${clientRoles.map((one) => one.role).join(', ')}.`
  if ('problem' in read) problems.networks = read.problem
  if ('problem' in read || Object.keys(problems).length > 0) throw new Invalid(problems)
  const domain = await baseDomain(db)
  if (!domain) throw new Unavailable('This node is not set up yet. Choose its mode first.')
  const password = newPassword()
  const hash = await hashPassword(password)
  await write(db, actor, async (change) => {
    const clients = await objectsOf(change.trx, 'client')
    if (clients.some(({ body }) => body.name === name))
      throw new Invalid({ name: `A client named “${name}” already exists.` })
    const id = randomUUID()
    const body = withNetworks({ name, role, password: hash, added: new Date().toISOString() }, read.networks)
    await change.put('client', id, body)
    change.note({
      sentence: `Added LDAP client ${name}`,
      object: { kind: 'client', id, name },
      changes: changesBetween(undefined, { role, networks: body.networks }),
      undo: [{ kind: 'client', id, added: true }],
    })
  })
  return { name, dn: clientDn(name, domain), password }
}

/** None stands for anywhere, and is not kept. */
function withNetworks({ networks: _, ...body }: ClientBody, networks: readonly string[]): ClientBody {
  return networks.length > 0 ? { ...body, networks: [...networks] } : body
}

/** Settles from where a client may come. It holds at once, also for connections that are bound. */
export async function changeClient(
  db: Db,
  actor: Actor,
  name: string,
  input: { networks?: readonly string[] | undefined },
  expectedSeq?: number,
): Promise<void> {
  needRight(actor, 'change')
  const read = input.networks && readNetworks(input.networks)
  if (read && 'problem' in read) throw new Invalid({ networks: read.problem })
  await write(db, actor, async (change) => {
    const { id, seq, body: was } = await needClient(change.trx, name)
    if (expectedSeq !== undefined && seq !== expectedSeq)
      throw new Invalid({ '': `Not saved: someone else changed LDAP client ${was.name} first.` })
    const now = read ? withNetworks(was, read.networks) : was
    const undo = editStep('client', id, was, now)
    if (!undo) return
    await change.put('client', id, now)
    change.note({
      sentence: `Changed LDAP client ${was.name}`,
      object: { kind: 'client', id, name: was.name },
      changes: changesBetween(was, now),
      undo: [undo],
    })
  })
}

/** Makes a new password, which is shown this once; the old one is refused from then on, on every node. */
export async function renewClientPassword(
  db: Db,
  actor: Actor,
  name: string,
): Promise<{ name: string; dn: string; password: string }> {
  needRight(actor, 'change')
  const domain = (await baseDomain(db)) ?? ''
  const password = newPassword()
  const hash = await hashPassword(password)
  return write(db, actor, async (change) => {
    const { id, body: was } = await needClient(change.trx, name)
    const now = { ...was, password: hash }
    await change.put('client', id, now)
    change.note({
      sentence: `Made a new password for LDAP client ${was.name}`,
      object: { kind: 'client', id, name: was.name },
      changes: changesBetween(was, now),
    })
    return { name: was.name, dn: clientDn(was.name, domain), password }
  })
}

export async function removeClient(db: Db, actor: Actor, name: string): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    const { id, body } = await needClient(change.trx, name)
    await change.remove('client', id)
    change.note({
      sentence: `Removed LDAP client ${body.name}`,
      object: { kind: 'client', id, name: body.name },
      changes: changesBetween({ role: body.role, networks: body.networks }, undefined),
    })
  })
}

/** Forgets what a client did not get at this node, as after its settings were put right. No account changes. */
export async function forgetMisses(db: Db, actor: Actor, name: string): Promise<void> {
  needRight(actor, 'change')
  await forgetMissesOf(db, (await needClient(db.reader, name)).id)
}
