/** What Samba is on this node. A `file-server` knows the people of the domain, and serves no domain logons. */
export type ServerKind = 'pdc' | 'bdc' | 'file-server'

export type ConfOptions = {
  kind: ServerKind
  /** NetBIOS names: of the domain, and of this server. */
  domain: string
  server: string
  /** Where this node's LDAP answers on this machine. */
  ldapUrl: string
  baseDn: string
  /** What Samba binds as; its password is in secrets.tdb. */
  adminDn: string
  nameService: NameService
  /** BDC: where the PDC is found, a name or an address. */
  pdc?: string
  /** As `lo eth0`; all when absent. */
  interfaces?: readonly string[]
  /** How this program is started, quoted as a command line; and the data directory of the node. */
  program: string
  data: string
}

/** Who tells this machine about the people: each of them has to be known to it. */
export type NameService = 'nslcd' | 'winbind'

/** Numbers that winbind gives to groups of its own on this machine; accounts have none of them. */
const ownNumbers = '70000-79999'

type Line = readonly [string, string]

/** The file that smb.conf includes. */
export function smbConf(options: ConfOptions): string {
  const global = [...identity(options), ...directory(options), ...network(options), ...logons(options)]
  const netlogon: Line[] = [
    ['comment', 'Logon scripts'],
    ['path', netlogonFolder],
    ['guest ok', 'yes'],
    ['read only', 'yes'],
  ]
  const shares = options.kind === 'file-server' ? [] : [section('netlogon', netlogon)]
  return [head, section('global', global), ...shares].join('\n')
}

export const netlogonFolder = '/var/lib/samba/netlogon'

const head = `# Written by “account-sync samba setup”, and written anew by it. Settings and shares of your own
# belong into smb.conf; what stands here holds over what stands there.
`

const section = (name: string, lines: readonly Line[]): string =>
  [`[${name}]`, ...lines.map(([key, value]) => `   ${key} = ${value}`.trimEnd()), ''].join('\n')

/** As smb.conf names them. */
export const roles = {
  pdc: 'classic primary domain controller',
  bdc: 'classic backup domain controller',
  // Any other role has the accounts of the server’s own name instead of those of the domain.
  'file-server': 'classic backup domain controller',
} as const satisfies Record<ServerKind, string>

const identity = ({ kind, domain, server }: ConfOptions): Line[] => [
  ['workgroup', domain],
  ['netbios name', server],
  ['server role', roles[kind]],
]

const directory = ({ kind, ldapUrl, baseDn, adminDn, nameService, program, data }: ConfOptions): Line[] => [
  ['passdb backend', `ldapsam:${ldapUrl}`],
  ['ldap suffix', baseDn],
  ['ldap user suffix', 'ou=Users,ou=Accounts'],
  ['ldap group suffix', 'ou=Groups,ou=Accounts'],
  ['ldap machine suffix', 'ou=Computers,ou=Accounts'],
  ['ldap idmap suffix', 'ou=Idmap'],
  ['ldap admin dn', adminDn],
  // It stays on this machine.
  ['ldap ssl', 'off'],
  // One Password Modify sets both hashes at once.
  ['ldap passwd sync', 'only'],
  ['ldap delete dn', 'no'],
  ['ldap timeout', '10'],
  ['ldap connection timeout', '3'],
  ...(kind === 'pdc' ? [] : [['ldap replication sleep', '1000'] as const]),
  ['ldapsam:trusted', 'yes'],
  ['ldapsam:editposix', 'no'],
  // winbind cannot see an account that is not complete yet: there computers are added before they join.
  ...(nameService === 'nslcd'
    ? [['add machine script', `${program} samba add-machine %u --data ${data}`] as const]
    : []),
  ['idmap config * : backend', 'tdb'],
  ['idmap config * : range', ownNumbers],
  // Of Debian’s smb.conf, for accounts in files; they would get between a person and the directory.
  ['unix password sync', 'no'],
  ['pam password change', 'no'],
  ['obey pam restrictions', 'no'],
]

const network = ({ interfaces }: ConfOptions): Line[] =>
  interfaces && interfaces.length > 0
    ? [
        ['interfaces', interfaces.join(' ')],
        ['bind interfaces only', 'yes'],
      ]
    : []

function logons({ kind, pdc }: ConfOptions): Line[] {
  switch (kind) {
    case 'pdc':
      return [
        ['wins support', 'yes'],
        ['os level', '65'],
        ['preferred master', 'yes'],
        ['logon path', ''],
        ['logon home', ''],
      ]
    case 'bdc':
      return [
        ['wins support', 'no'],
        ...(pdc ? [['wins server', pdc] as const] : []),
        ['os level', '33'],
        ['logon path', ''],
        ['logon home', ''],
      ]
    case 'file-server':
      return [
        ['disable netbios', 'yes'],
        ['smb ports', '445'],
      ]
  }
}

const begin = '# Account Synchronization: begin'
const end = '# Account Synchronization: end'

/** smb.conf with ours included behind all that stands there: of two settings the later one holds. */
export function withInclude(smbConf: string, file: string): string {
  const ours = `${begin}\n[global]\n   include = ${file}\n${end}\n`
  const at = smbConf.indexOf(begin)
  const till = smbConf.indexOf(end, at)
  const own = at < 0 || till < 0 ? smbConf : smbConf.slice(0, at) + smbConf.slice(till + end.length).replace(/^\n/, '')
  const rest = own.trimEnd()
  return rest === '' ? ours : `${rest}\n\n${ours}`
}

/** Why this cannot be the name of a server, or undefined. */
export function serverNameProblem(name: string, domain: string): string | undefined {
  if (!/^[A-Z0-9]([A-Z0-9-]{0,13}[A-Z0-9])?$/.test(name) || /^[0-9]+$/.test(name))
    return 'Server name must have 1–15 of A–Z, 0–9 and “-”, and not be a number, as in FS-MALMO.'
  if (name === domain) return `Server and domain cannot both be called ${name}.`
  return undefined
}

/** gw-malmo.example.lan -> GW-MALMO: as near as a NetBIOS name comes. */
export const netbiosName = (host: string): string =>
  (host.split('.')[0] ?? '')
    .toUpperCase()
    .replace(/[^A-Z0-9-]/g, '-')
    .slice(0, 15)
    .replace(/^-+|-+$/g, '')
