import { addClient, clientList, renewClientPassword } from '../accounts/clients.ts'
import { newPassword } from '../accounts/passwords.ts'
import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { Invalid } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { machineKey, ownerOf } from '../store/taken.ts'
import { write } from '../store/write.ts'
import { domainOf } from './domain.ts'
import { addMachine, canonicalMachine, insertMachine, type Machine, machineList } from './machines.ts'
import { serverNameProblem } from './setup/conf.ts'

/** What Samba keeps on a node: who it is in LDAP, and in the domain. Told once. */
export type ControllerSecrets = {
  dn: string
  password: string
  /** Name with its `$`, and the password of the trust with the domain. */
  machine: string
  machinePassword: string
}

/** The LDAP client of the Samba on a node. */
export const clientOf = (server: string): string => `samba-${server.toLowerCase()}`

const describe = (node: { name: string; deviceId: string }): string => `Samba on ${node.name}, ${node.deviceId}`

/** Gives the Samba of a node new secrets; those that it had are refused from then on. */
export async function giveSecrets(
  db: Db,
  actor: Actor,
  node: { name: string; deviceId: string },
  server: string,
): Promise<ControllerSecrets> {
  needRight(actor, 'change')
  const domain = await domainOf(db)
  if (!domain) throw new Invalid({ '': 'Windows Networking is not set up yet.' })
  const problem = serverNameProblem(server, domain.name)
  if (problem) throw new Invalid({ server: problem })
  needOwn(
    (await machineList(db)).find(({ name }) => name === canonicalMachine(server)),
    node,
    server,
  )
  const machinePassword = newPassword() + newPassword()
  const { name } = await addMachine(db, actor, {
    name: server,
    password: machinePassword,
    kind: 'server',
    description: describe(node),
  })
  const client = clientOf(server)
  const isThere = (await clientList(db)).some((one) => one.name === client)
  const { dn, password } = isThere
    ? await renewClientPassword(db, actor, client)
    : await addClient(db, actor, { name: client, role: 'samba' })
  return { dn, password, machine: name, machinePassword }
}

/** Two servers of one name would take each other's place. */
function needOwn(there: Machine | undefined, node: { deviceId: string }, server: string): void {
  if (!there || there.description?.endsWith(node.deviceId)) return
  const whose = there.description ? `: ${there.description}` : ''
  throw new Invalid({
    server: `A computer named ${server} is in the domain already${whose}. Choose another name, or remove it first.`,
  })
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
