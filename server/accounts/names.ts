import { hidden } from '../extensions/field.ts'

/** One spelling per name: NFKC, no space around, lower case. Uniqueness is judged on this form alone. */
export const canonicalName = (typed: string): string => typed.normalize('NFKC').trim().toLowerCase()

// The system's own accounts (Debian's base-passwd and the common services), the ancestor's built-in users,
// and names that people take for an administrator. A person with one of them would clash on every node with NSS.
const reservedUsers = new Set(
  (
    'root manager administrator nobody daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc ' +
    'gnats _apt systemd-network systemd-resolve systemd-timesync messagebus sshd syslog uuidd tcpdump postfix dovecot ' +
    'squid mysql postgres redis ntp openldap nslcd new winadmin guest nomembers flexshare email-archive focus ' +
    // What every object of JavaScript has: programs that read the export would stumble.
    '__proto__ constructor'
  ).split(' '),
)

const windowsGroups =
  'account_operators administrators backup_operators cert_publishers dnsadmins dnsupdateproxy domain_admins ' +
  'domain_guests domain_users domain_computers domain_controllers enterprise_admins guests power_users ' +
  'group_policy_creator_owners print_operators ras_and_ias_servers schema_admins server_operators telnetclients users ' +
  'enterprise_read-only_domain_controllers read-only_domain_controllers ' +
  'allowed_rodc_password_replication_group denied_rodc_password_replication_group'

const systemGroups =
  'root daemon bin sys adm tty disk lp mail news uucp man proxy kmem dialout fax voice cdrom floppy tape sudo audio dip ' +
  'www-data backup operator list irc src shadow utmp video sasl plugdev staff games nogroup nobody wheel input kvm ' +
  'render crontab netdev ssh'

const windowsNames = windowsGroups.split(' ').map((name) => [name, 'Windows integration'] as const)

const reservedGroups = new Map([
  ...systemGroups.split(' ').map((name) => [name, 'the system'] as const),
  ...windowsNames,
  ['allusers', 'everyone'] as const,
  ['new', 'the system'] as const,
  ['__proto__', 'the system'] as const,
  ['constructor', 'the system'] as const,
])

const windowsUsers = new Set(windowsNames.map(([name]) => name))
/** A name that the system, or the ancestor, keeps for itself. `name` is canonical. */
export const isReservedUser = (name: string): boolean => reservedUsers.has(name)

/** Why this cannot be a username, or undefined. `name` is canonical. */
export function usernameProblem(name: string): string | undefined {
  if (name === '') return 'Username is needed.'
  if (!/^[a-z0-9_][a-z0-9_.-]{1,31}$/.test(name))
    return 'Username must have 2–32 of a–z, 0–9, “_”, “-”, “.” and not begin with “-” or “.”, as in fnystrom.'
  if (/^[0-9]+$/.test(name)) return 'Username must not be digits only: it would be taken for a number.'
  if (isReservedUser(name)) return `“${name}” is reserved for system use. Choose another username.`
  // They come as groups when Windows Networking is turned on, and one pool of names has room for one of each.
  if (windowsUsers.has(name)) return `“${name}” is reserved for Windows integration. Choose another username.`
  if (name.endsWith('_plugin')) return 'Names that end in “_plugin” belong to plugins. Choose another username.'
  return undefined
}

/** Why this cannot be an alias of a person, or undefined. `name` is canonical. */
export const aliasProblem = (name: string): string | undefined =>
  isReservedUser(name) ? `“${name}” is reserved for system use. Choose another alias.` : undefined

/** Why this cannot be a group's name, or undefined. `name` is canonical. */
export function groupNameProblem(name: string): string | undefined {
  if (name === '') return 'Group name is needed.'
  if (/\s/.test(name)) return 'Spaces are not allowed in group names; write “_” instead, as in site_malmo.'
  if (!/^[a-z0-9_][a-z0-9_.-]{1,63}$/.test(name))
    return 'Group name must have 2–64 of a–z, 0–9, “_”, “-”, “.” and not begin with “-” or “.”, as in site_malmo.'
  if (/^[0-9]+$/.test(name)) return 'Group name must not be digits only: it would be taken for a number.'
  if (name.endsWith('_plugin')) return 'Names that end in “_plugin” belong to plugins. Choose another group name.'
  const reserved = reservedGroups.get(name)
  if (reserved) return `“${name}” is reserved for ${reserved}. Choose another group name.`
  return undefined
}

/** Why this cannot be a first or last name, or undefined. */
export function personNameProblem(label: string, name: string): string | undefined {
  if (!/[\p{L}\p{N}\p{P}\p{S}]/u.test(name)) return `${label} is needed.`
  if (name.length > 64) return `${label} must not be longer than 64 characters.`
  const refused = [...':;/#!@'].find((character) => name.includes(character))
  if (refused) return `${label} must not contain “${refused}”.`
  if (hidden.test(name)) return `${label} must be one line without control characters.`
  return undefined
}
