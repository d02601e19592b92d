import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { addClient } from '../../server/accounts/clients.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { changePolicy } from '../../server/accounts/policy-changes.ts'
import { setUpDomain } from '../../server/samba/domain.ts'
import { addMachine } from '../../server/samba/machines.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'
import { type Lan, startLan } from './lan.ts'
import type { Machine } from './machine.ts'
import type { Ran } from './programs.ts'

// Real Samba on private machines: a PDC that asks a master, a BDC that asks its slave, and a member of the domain. None of
// them has anything else of accounts: Unix names come by winbind.

const base = 'dc=example,dc=lan'
export const passwords = {
  winadmin: 'Kastanjen-7-blommar',
  anna: 'Rabarber-9-saften',
  bert: 'Vinbären-11-hinkar',
} as const

/** A computer with Samba. */
export type Host = Machine & {
  name: string
  /** Signs in at a file server, and does something there. */
  smb: (who: string, password: string, command?: string, server?: string) => Promise<Ran>
  /** `net` as the administrator of the domain. */
  net: (...args: string[]) => Promise<Ran>
  rpc: (commands: string) => Promise<string>
}

export type Office = {
  master: TestNode
  slave: TestNode
  pdc: Host
  bdc: Host
  member: Host
  end: () => Promise<void>
}

const addresses = { PDC: '10.77.0.1', BDC: '10.77.0.2', WS1: '10.77.0.3' } as const
type Name = keyof typeof addresses

/** Who is where; there is no DNS on this network. */
const lmhosts = [
  ...Object.entries(addresses).map(([name, address]) => `${address} ${name}`),
  `${addresses.PDC} EXAMPLE#1b`,
  `${addresses.PDC} EXAMPLE#1c`,
  `${addresses.BDC} EXAMPLE#1c`,
  '',
].join('\n')

/** Where a machine finds the directory of its node. */
const accounts = '/srv/accounts'

const common = [
  'workgroup = EXAMPLE',
  'interfaces = lo eth0',
  'bind interfaces only = yes',
  'name resolve order = lmhosts host',
  'load printers = no',
  'printcap name = /dev/null',
  'disable spoolss = yes',
  'logon path =',
  'logon home =',
  'log file = /var/log/samba/log.all',
  'idmap config * : backend = tdb',
  'idmap config * : range = 70000-79999',
]

const share = (name: string): string[] => [`[${name}]`, `path = /srv/${name}`, 'read only = no']

const controller = (name: Name, role: string, dn: string): string[] => [
  '[global]',
  ...common,
  `netbios name = ${name}`,
  `server role = ${role}`,
  `passdb backend = ldapsam:ldapi://${encodeURIComponent(`${accounts}/ldapi`)}`,
  `ldap suffix = ${base}`,
  'ldap user suffix = ou=Users,ou=Accounts',
  'ldap group suffix = ou=Groups,ou=Accounts',
  'ldap machine suffix = ou=Computers,ou=Accounts',
  'ldap idmap suffix = ou=Idmap',
  `ldap admin dn = ${dn}`,
  'ldap ssl = off',
  'ldap passwd sync = only',
  'ldapsam:trusted = yes',
  'ldap timeout = 10',
  'ldap replication sleep = 1000',
  ...share('files'),
]

const memberOf = [
  '[global]',
  ...common,
  'netbios name = WS1',
  'security = domain',
  'idmap config EXAMPLE : backend = rid',
  'idmap config EXAMPLE : range = 100000-9999999',
  'winbind request timeout = 15',
  ...share('files'),
]

export async function startOffice(): Promise<Office> {
  const master = await startMaster()
  await changePolicy(master.db, me, { minStrength: '0', lockAfter: '3' })
  await setUpDomain(master.db, me, { name: 'EXAMPLE', password: passwords.winadmin })
  await addGroup(master.db, me, { name: 'sales', description: 'Who sells' })
  for (const username of ['anna', 'bert'] as const)
    await aUser(master.db, {
      username,
      password: passwords[username],
      mustChange: false,
      groups: ['sales'],
      extensions: { samba: { account: 'yes' } },
    })
  await addMachine(master.db, me, { name: 'BDC', kind: 'server' })
  await addMachine(master.db, me, { name: 'WS1' })
  const client = await addClient(master.db, me, { name: 'samba', role: 'samba' })
  const slave = await startSlave(master)
  await caughtUp(slave, master)
  const lan = await startLan('none')
  const folders: string[] = []
  try {
    const host = (name: Name, conf: string[], node?: TestNode) => startHost(lan, name, conf, folders, node)
    const [pdc, bdc, member] = await Promise.all([
      host('PDC', controller('PDC', 'classic primary domain controller', client.dn), master),
      host('BDC', controller('BDC', 'classic backup domain controller', client.dn), slave),
      host('WS1', memberOf),
    ])
    for (const each of [pdc, bdc]) {
      await each.must(['smbpasswd', '-w', client.password])
      await each.must(['net', 'getdomainsid'])
      await startDaemons(each)
    }
    return {
      master,
      slave,
      pdc,
      bdc,
      member,
      async end() {
        await lan.end()
        await slave.close()
        await master.close()
        for (const folder of folders) rmSync(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await lan.end()
    await slave.close()
    await master.close()
    throw error
  }
}

async function startHost(lan: Lan, name: Name, conf: string[], folders: string[], node?: TestNode): Promise<Host> {
  const state = mkdtempSync(`${tmpdir()}/samba-`)
  folders.push(state)
  const machine = await lan.join('samba', addresses[name], {
    name: name.toLowerCase(),
    shares: node ? [[node.dir, accounts]] : [],
  })
  // Samba of this machine, should it have one, has nothing to do with that one.
  const fresh =
    'rm -rf /var/lib/samba/* /var/cache/samba/* /run/samba; mkdir -p /etc/samba /run/samba /var/log/samba /var/lib/samba/private /srv/files; chmod 777 /srv/files'
  await machine.must(['sh', '-c', fresh])
  await machine.write('/etc/samba/smb.conf', `${conf.join('\n')}\n`)
  await machine.write('/etc/samba/lmhosts', lmhosts)
  await machine.write(
    '/etc/nsswitch.conf',
    'passwd: files winbind\ngroup: files winbind\nshadow: files\nhosts: files\n',
  )
  await machine.write(
    '/etc/hosts',
    `127.0.0.1 localhost\n${Object.entries(addresses)
      .map(([each, at]) => `${at} ${each} ${each.toLowerCase()}\n`)
      .join('')}`,
  )
  const admin = ['-U', `winadmin%${passwords.winadmin}`]
  return {
    ...machine,
    name,
    smb: (who, password, command = 'ls', server = name) =>
      machine.run(['smbclient', `//${server}/files`, '-U', `${who}%${password}`, '-c', command]),
    net: (...args) => machine.run(['net', ...args, ...admin]),
    rpc: (commands) => machine.must(['rpcclient', addresses.PDC, ...admin, '-c', commands]),
  }
}

export async function startDaemons(host: Host): Promise<void> {
  for (const daemon of ['nmbd', 'winbindd', 'smbd']) await host.must([daemon, '-D'])
}

export const stopDaemons = (host: Machine): Promise<Ran> =>
  host.run(['sh', '-c', 'pkill -x smbd; pkill -x winbindd; pkill -x nmbd; sleep 0.3; true'])

/** Until somebody can sign in there. */
export const opensFor = (host: Host, who: string, password: string): Promise<void> => {
  let last = ''
  return until(
    async () => {
      const { code, out, err } = await host.smb(who, password)
      last = `${out}${err}`
      return code === 0
    },
    20_000,
    () => `${who} does not get in at ${host.name}: ${last}`,
  )
}
