import { join } from 'node:path'
import { addClient } from '../../server/accounts/clients.ts'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import type { UserInput } from '../../server/accounts/user-input.ts'
import { addUser, changeUser } from '../../server/accounts/users.ts'
import { startMaster, type TestNode } from '../support/node.ts'
import { me } from '../support/people.ts'

// A node with a few people, each of whom is another case to whoever signs people in.

export const base = 'dc=example,dc=lan'
export const people = `ou=Users,ou=Accounts,${base}`
export const groups = `ou=Groups,ou=Accounts,${base}`
export const personDn = (username: string): string => `uid=${username},${people}`

/** Everybody's at first; no dictionary has it, for PAM may ask one. */
export const password = 'Kastanjen-7-blommar'
export const newPassword = 'Rabarber-9-saften'

export type Staff = {
  node: TestNode
  /** LDAP client that reads. */
  reader: { dn: string; password: string }
  admin: { dn: string; password: string }
  /** The certificate that vouches for the node. */
  ca: string
  url: string
  secureUrl: string
  socketUrl: string
  close: () => Promise<void>
}

const shell = { loginShell: '/bin/bash' }

/** Who is who; `anna` is fit for everything. */
const cast: UserInput[] = [
  {
    username: 'anna',
    first: 'Anna',
    last: 'Åkesson',
    plugins: ['ftp'],
    extensions: { shell, contact: { mail: 'anna@example.lan', city: 'Malmö' } },
  },
  { username: 'berit', first: 'Berit', last: 'Öhman', extensions: { shell } },
  { username: 'disa', first: 'Disa', last: 'Off', status: 'disabled', plugins: ['ftp'], extensions: { shell } },
  { username: 'emil', first: 'Emil', last: 'Ended', validUntil: '2026-01-31', plugins: ['ftp'], extensions: { shell } },
  { username: 'mia', first: 'Mia', last: 'Must', mustChange: true, plugins: ['ftp'], extensions: { shell } },
]

export async function startStaff(): Promise<Staff> {
  const node = await startMaster()
  const { db } = node
  for (const input of cast) await addUser(db, me, { ...input, password })
  const engineers = await addGroup(db, me, { name: 'engineers', description: 'Who builds' })
  await addMembers(db, me, engineers.id, { usernames: ['anna'] })
  const site = await addGroup(db, me, { name: 'site_malmo', description: 'Malmö' })
  await addMembers(db, me, site.id, { usernames: ['berit'], groups: ['engineers'] })
  const reader = await addClient(db, me, { name: 'reader', role: 'read' })
  await changeUser(db, me, (await addUser(db, me, { username: 'chief', first: 'Chief', last: 'Ek', password })).id, {
    role: 'administrator',
  })
  return {
    node,
    reader,
    admin: { dn: personDn('chief'), password },
    ca: join(node.dir, 'ca.pem'),
    url: `ldap://127.0.0.1:${node.ports().ldap}`,
    secureUrl: `ldaps://127.0.0.1:${node.ldapsPort}`,
    socketUrl: `ldapi://${encodeURIComponent(join(node.dir, 'ldapi'))}`,
    close: node.close,
  }
}
