import { randomUUID } from 'node:crypto'
import { baseDn, baseDomain } from '../accounts/domain.ts'
import { ntHash } from '../accounts/md4.ts'
import { hashPassword, newPassword } from '../accounts/passwords.ts'
import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { Invalid } from '../errors.ts'
import type { ClientRole } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'
import { machineKey, ownerOf } from '../store/taken.ts'
import { type Change, write } from '../store/write.ts'
import { domainIn } from './domain.ts'
import { canonicalMachine, insertMachine, takeOutMachine } from './machines.ts'
import { putHash } from './nt-hash.ts'
import { serverNameProblem } from './setup/conf.ts'

type LdapSecret = { dn: string; password: string }

/** What Samba keeps on a node: who it is in LDAP, and in the domain. Told once. */
export type ControllerSecrets = LdapSecret & {
  /** What asks for the names of people, and is to see no hash. */
  names: LdapSecret
  /** Name with its `$`, and the password of the trust with the domain. */
  machine: string
  machinePassword: string
}

type Node = { name: string; deviceId: string }

/** The LDAP client of the Samba on a node, and that of its name service. */
export const clientOf = (server: string): string => `samba-${server.toLowerCase()}`
export const namesClientOf = (server: string): string => `names-${server.toLowerCase()}`

const clientDn = (client: string, base: string): string => `cn=${client},ou=Internal,${base}`

/** Gives the Samba of a node new secrets; those that it had are refused from then on. What it was by another name goes. */
export async function giveSecrets(db: Db, actor: Actor, node: Node, typed: string): Promise<ControllerSecrets> {
  needRight(actor, 'change')
  const server = typed.trim().toUpperCase()
  const machine = canonicalMachine(server)
  const [password, namesPassword] = [newPassword(), newPassword()]
  const [hash, namesHash] = [await hashPassword(password), await hashPassword(namesPassword)]
  const machinePassword = newPassword() + newPassword()
  await write(db, actor, async (change) => {
    const { body: domain } = await domainIn(change)
    const problem = serverNameProblem(server, domain.name)
    if (problem) throw new Invalid({ server: problem })
    await takeOutController(change, node.deviceId, server)
    await putMachine(change, db.dir, node, machine, machinePassword)
    await putClient(change, node, clientOf(server), 'samba', hash)
    await putClient(change, node, namesClientOf(server), 'read', namesHash)
  })
  const base = baseDn((await baseDomain(db)) ?? '')
  const names = { dn: clientDn(namesClientOf(server), base), password: namesPassword }
  return { dn: clientDn(clientOf(server), base), password, names, machine, machinePassword }
}

/** Two servers of one name would take each other's place. */
async function putMachine(change: Change, dir: string, node: Node, name: string, password: string): Promise<void> {
  const id = await ownerOf(change.trx, machineKey(name))
  const there = id === undefined ? undefined : await change.get('machine', id)
  if (there && there.body.device !== node.deviceId) {
    const whose = there.body.description ? `: ${there.body.description}` : ''
    throw new Invalid({
      server: `A computer named ${name.slice(0, -1).toUpperCase()} is in the domain already${whose}. Choose another name, or remove it first.`,
    })
  }
  const description = `Samba on ${node.name}`
  const kept = there ?? (await insertMachine(change, { name, flags: 'S', isInDomain: true, description }))
  const now = new Date().toISOString()
  await putHash(change, dir, kept.id, 'machine', ntHash(password).toString('hex'))
  await change.put('machine', kept.id, { ...kept.body, device: node.deviceId, passwordChanged: now, changed: now })
  if (there)
    change.note({ sentence: `Set the password of computer ${name}`, object: { kind: 'machine', id: kept.id, name } })
}

async function putClient(change: Change, node: Node, name: string, role: ClientRole, password: string): Promise<void> {
  const there = (await objectsOf(change.trx, 'client')).find(({ body }) => body.name === name)
  if (there && there.body.device !== node.deviceId)
    throw new Invalid({ server: `There is an LDAP client ${name} already. Choose another name, or remove it first.` })
  const id = there?.id ?? randomUUID()
  const added = new Date().toISOString()
  await change.put('client', id, { name, role, added, device: node.deviceId, ...there?.body, password })
  const sentence = there
    ? `Made a new password for LDAP client ${name}`
    : `Added LDAP client ${name}, for Samba on ${node.name}`
  change.note({ sentence, object: { kind: 'client', id, name } })
}

/** Takes away what the Samba of a node was, but for what it stays. */
export async function takeOutController(change: Change, deviceId: string, server?: string): Promise<void> {
  const stays = server === undefined ? [] : [clientOf(server), namesClientOf(server), canonicalMachine(server)]
  for (const { id, body } of await objectsOf(change.trx, 'client')) {
    if (body.device !== deviceId || stays.includes(body.name)) continue
    await change.remove('client', id)
    change.note({ sentence: `Removed LDAP client ${body.name}`, object: { kind: 'client', id, name: body.name } })
  }
  for (const { id, body } of await objectsOf(change.trx, 'machine'))
    if (body.device === deviceId && !stays.includes(body.name)) await takeOutMachine(change, id)
}

/** For Samba, which makes the account of a computer that joins complete itself. */
export async function addMachineName(db: Db, actor: Actor, name: string): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    const canonical = canonicalMachine(name)
    if (await ownerOf(change.trx, machineKey(canonical))) return
    await insertMachine(change, { name: canonical, flags: 'W', isInDomain: false })
  })
}
