import pino from 'pino'
import { createDirectory, type Directory } from '../../server/ldap/directory.ts'
import { type LdapOptions, type LdapServer, startLdap } from '../../server/ldap/server.ts'
import type { Bodies, Changed, ClientBody, GroupBody, Kind, UserBody } from '../../server/store/bodies.ts'

// A small organisation, made of changes as the feed brings them.

const time = '2026-05-04T08:00:00.000Z'
let seq = 0

export const uuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`

export const change = <K extends Kind>(kind: K, id: string, body: Bodies[K] | undefined): Changed =>
  ({ kind, id, seq: ++seq, body }) as Changed

export const aUser = (values: Partial<UserBody> = {}): UserBody => ({
  username: 'fnystrom',
  first: 'Frida',
  last: 'Nyström',
  status: 'enabled',
  role: 'person',
  uidNumber: 2000,
  password: 'hash:secret',
  passwordChanged: time,
  groups: [],
  plugins: [],
  extensions: {},
  added: time,
  changed: time,
  ...values,
})

export const aGroup = (values: Partial<GroupBody> = {}): GroupBody => ({
  name: 'sales',
  description: 'Sales people',
  gidNumber: 60000,
  type: 'normal',
  added: time,
  changed: time,
  ...values,
})

export const aClient = (values: Partial<ClientBody> = {}): ClientBody => ({
  name: 'reader',
  role: 'read',
  password: 'hash:reader',
  added: time,
  ...values,
})

export const ids = {
  domain: uuid(1),
  contact: uuid(2),
  shell: uuid(3),
  ftp: uuid(4),
  smtp: uuid(5),
  allusers: uuid(10),
  sales: uuid(11),
  engineers: uuid(12),
  nobody: uuid(13),
  frida: uuid(20),
  karl: uuid(21),
  anna: uuid(22),
  olle: uuid(23),
  boss: uuid(24),
  reader: uuid(30),
  finder: uuid(31),
  samba: uuid(32),
}

export const base = 'dc=example,dc=lan'
export const users = `ou=Users,ou=Accounts,${base}`
export const groups = `ou=Groups,ou=Accounts,${base}`
export const reader = `cn=reader,ou=Internal,${base}`

export const organisation = (): Changed[] => [
  // Deliberately not in the order in which one refers to the other.
  change(
    'user',
    ids.frida,
    aUser({
      groups: [ids.sales],
      plugins: ['ftp', 'smtp'],
      extensions: {
        contact: { mail: 'frida@example.lan', telephone: '+46 40 555 7260', city: 'Malmö', title: 'Head of Sales' },
        shell: { loginShell: '/bin/bash', home: '/srv/frida' },
      },
    }),
  ),
  change(
    'user',
    ids.karl,
    aUser({
      username: 'karl',
      first: 'Karl',
      last: 'Berg',
      uidNumber: 2001,
      groups: [ids.sales, ids.engineers],
      plugins: ['ftp'],
      extensions: { contact: { mail: 'Karl.Berg@example.lan', city: 'Lund' } },
    }),
  ),
  change(
    'user',
    ids.anna,
    aUser({ username: 'anna', first: 'Anna', last: 'Åkesson', uidNumber: 2002, status: 'disabled' }),
  ),
  change(
    'user',
    ids.olle,
    aUser({ username: 'olle', first: 'Olle', last: 'Ek', uidNumber: 2003, password: undefined }),
  ),
  change(
    'user',
    ids.boss,
    aUser({ username: 'boss', first: 'Berit', last: 'Boss', uidNumber: 2010, role: 'administrator' }),
  ),
  change('group', ids.allusers, aGroup({ name: 'allusers', description: '', gidNumber: 63000, type: 'builtin' })),
  change('group', ids.sales, aGroup()),
  change('group', ids.engineers, aGroup({ name: 'engineers', description: 'Engineers', gidNumber: 60001 })),
  change('group', ids.nobody, aGroup({ name: 'empty', description: '', gidNumber: 60002 })),
  change('client', ids.reader, aClient()),
  change('client', ids.finder, aClient({ name: 'finder', role: 'auth', password: 'hash:finder' })),
  change('client', ids.samba, aClient({ name: 'samba', role: 'samba', password: 'hash:samba' })),
  change('plugin', ids.ftp, { name: 'ftp', on: true, gidNumber: 61000 }),
  change('plugin', ids.smtp, { name: 'smtp', on: false, gidNumber: 61001 }),
  change('extension', ids.contact, { name: 'contact', on: true }),
  change('extension', ids.shell, { name: 'shell', on: true }),
  change('domain', ids.domain, { baseDomain: 'example.lan', added: time }),
]

export function aDirectory(changes: Changed[] = organisation()): Directory {
  const directory = createDirectory()
  directory.apply(changes)
  return directory
}

/** Answers as an argon2 queue would, with hashes that people can read. */
export const verify: LdapOptions['verify'] = async (storedHash, password) => {
  await new Promise((resolve) => setTimeout(resolve, 5))
  return storedHash === `hash:${password}`
}

export type Started = LdapServer & { directory: Directory; port: number }

export async function startServer(options: Partial<LdapOptions> = {}): Promise<Started> {
  const directory = options.directory ?? aDirectory()
  const server = await startLdap({
    verify,
    plain: { host: '127.0.0.1', port: 0 },
    log: pino({ level: 'silent' }),
    ...options,
    directory,
  })
  return Object.assign(server, { directory, port: server.ports.plain ?? 0 })
}
