import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, Unavailable } from '../errors.ts'
import type { ClientRole } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'
import { write } from '../store/write.ts'
import { baseDn, baseDomain } from './domain.ts'
import { canonicalName } from './names.ts'
import { hashPassword, newPassword } from './passwords.ts'
import { needRight } from './roles.ts'

export const clientRoles: readonly { role: ClientRole; may: string }[] = [
  { role: 'auth', may: 'finds a person and checks passwords' },
  { role: 'read', may: 'reads everything but secrets' },
  { role: 'samba', may: 'reads what Samba needs' },
]

/** A service that binds to LDAP. */
export type Client = { id: string; name: string; role: ClientRole; dn: string; added: string }

export async function clientList(db: Db): Promise<Client[]> {
  const domain = (await baseDomain(db)) ?? ''
  const objects = await objectsOf(db.reader, 'client')
  return objects
    .map(({ id, body }) => ({
      id,
      name: body.name,
      role: body.role,
      added: body.added,
      dn: clientDn(body.name, domain),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

const clientDn = (name: string, domain: string) => `cn=${name},ou=Internal,${baseDn(domain)}`

/** Adds a client with a password of its own, which is shown this once. */
export async function addClient(
  db: Db,
  actor: Actor,
  input: { name: string; role: ClientRole },
): Promise<{ name: string; dn: string; password: string }> {
  needRight(actor, 'change')
  const name = canonicalName(input.name)
  if (!/^[a-z0-9][a-z0-9_.-]{1,63}$/.test(name))
    throw new Invalid({ name: 'Name must have 2–64 of a–z, 0–9, “_”, “-”, “.”, as in squid-malmo.' })
  if (!clientRoles.some(({ role }) => role === input.role))
    throw new Invalid({ role: `Role must be one of: ${clientRoles.map(({ role }) => role).join(', ')}.` })
  const domain = await baseDomain(db)
  if (!domain) throw new Unavailable('This node is not set up yet. Choose its mode first.')
  const password = newPassword()
  const hash = await hashPassword(password)
  await write(db, actor, async (change) => {
    const clients = await objectsOf(change.trx, 'client')
    if (clients.some(({ body }) => body.name === name))
      throw new Invalid({ name: `A client named “${name}” already exists.` })
    const id = randomUUID()
    await change.put('client', id, { name, role: input.role, password: hash, added: new Date().toISOString() })
    change.note({
      sentence: `Added LDAP client ${name}`,
      object: { kind: 'client', id, name },
      changes: [{ field: 'role', after: input.role }],
      undo: [{ kind: 'client', id, added: true }],
    })
  })
  return { name, dn: clientDn(name, domain), password }
}

export async function removeClient(db: Db, actor: Actor, name: string): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    const client = (await objectsOf(change.trx, 'client')).find(({ body }) => body.name === canonicalName(name))
    if (!client) throw new NotFound(`There is no LDAP client “${name}”.`)
    await change.remove('client', client.id)
    change.note({
      sentence: `Removed LDAP client ${client.body.name}`,
      object: { kind: 'client', id: client.id, name: client.body.name },
    })
  })
}
