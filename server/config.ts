import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { z } from 'zod'
import { Invalid } from './errors.ts'

const port = (name: string) =>
  z.coerce
    .number({ error: `${name} must be a number.` })
    .int(`${name} must be a whole number.`)
    .min(0, `${name} must be 0 (off) to 65535.`)
    .max(65_535, `${name} must be 0 (off) to 65535.`)

const count = (name: string, least: number, most: number) =>
  z.coerce
    .number({ error: `${name} must be a number.` })
    .int(`${name} must be a whole number.`)
    .min(least, `${name} must be ${least} to ${most}.`)
    .max(most, `${name} must be ${least} to ${most}.`)

const settings = z.object({
  data: z.string().min(1, 'data must name a directory.').default('./data'),
  listen: z
    .string()
    .refine((address) => isIP(address) !== 0, 'listen must be an IP address, as 127.0.0.1, 0.0.0.0 or ::.')
    .default('127.0.0.1'),
  'web-port': port('web-port').default(8081),
  'ldap-port': port('ldap-port').default(3890),
  'ldaps-port': port('ldaps-port').default(6360),
  'ldap-listen': z
    .string()
    .refine((address) => isIP(address) !== 0, 'ldap-listen must be an IP address, as 127.0.0.1, 0.0.0.0 or ::.')
    .default('127.0.0.1'),
  ldapi: z.string().min(1, 'ldapi must name a socket, or be off.').default('ldapi'),
  'ldap-max-connections': count('ldap-max-connections', 1, 100_000).default(10_000),
  'ldap-max-per-address': count('ldap-max-per-address', 1, 100_000).default(200),
  'ldap-max-message-kb': count('ldap-max-message-kb', 64, 16_384).default(4096),
  'ldap-max-filter-parts': count('ldap-max-filter-parts', 16, 100_000).default(4096),
  'ldap-max-filter-depth': count('ldap-max-filter-depth', 2, 30).default(20),
  'ldap-max-entries': count('ldap-max-entries', 0, 10_000_000).default(0),
  'ldap-max-seconds': count('ldap-max-seconds', 1, 86_400).default(300),
  'ldap-max-syncs': count('ldap-max-syncs', 0, 10_000).default(100),
  'ldap-max-kept-entries': count('ldap-max-kept-entries', 1000, 1_000_000_000).default(5_000_000),
  'ldap-message-seconds': count('ldap-message-seconds', 1, 3600).default(30),
  'ldap-stalled-seconds': count('ldap-stalled-seconds', 1, 3600).default(60),
  'ldap-idle-seconds': count('ldap-idle-seconds', 10, 86_400).default(1800),
  'ldap-handshake-seconds': count('ldap-handshake-seconds', 1, 300).default(10),
  'ldap-unread-kb': count('ldap-unread-kb', 64, 65_536).default(256),
  'sync-port': port('sync-port').default(8154),
  'files-port': port('files-port').default(8155),
})

/** Every setting of `serve`: a flag `--web-port`, or the environment variable `ACCOUNT_SYNC_WEB_PORT`. */
const settingNames = Object.keys(settings.shape) as (keyof typeof settings.shape)[]

export type Config = {
  dataDir: string
  listen: string
  /** Ports; 0 means off. */
  webPort: number
  ldapPort: number
  ldapsPort: number
  syncPort: number
  filesPort: number
  /** Where LDAP is offered in the clear; from another machine nothing goes over it but StartTLS. */
  ldapListen: string
  /** Path of the Unix socket for LDAP; absent: off. */
  ldapiPath?: string
  ldapLimits: {
    maxConnections: number
    maxConnectionsPerAddress: number
    maxMessageBytes: { anonymous: number; bound: number }
    filterParts: { anonymous: number; bound: number }
    filterDepth: number
    maxEntries: number
    maxSeconds: number
    maxSyncs: number
    maxKeptEntries: number
    messageMs: number
    stalledMs: number
    idleMs: { anonymous: number; bound: number }
    handshakeMs: number
    unreadBytes: number
  }
}

export const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

/** Flags win over the environment. Throws Invalid with the setting's name. */
export function readConfig(flags: Record<string, string | undefined>, env: NodeJS.ProcessEnv): Config {
  const given = settingNames.map((name) => {
    const fromEnv = env[`ACCOUNT_SYNC_${name.toUpperCase().replaceAll('-', '_')}`]
    return [name, flags[name] ?? flags[camel(name)] ?? (fromEnv === '' ? undefined : fromEnv)]
  })
  const parsed = settings.safeParse(Object.fromEntries(given))
  if (!parsed.success)
    throw new Invalid(Object.fromEntries(parsed.error.issues.map((issue) => [String(issue.path[0]), issue.message])))
  const values = parsed.data
  const dataDir = resolve(values.data)
  return {
    dataDir,
    ldapListen: values['ldap-listen'],
    ...(values.ldapi !== 'off' && { ldapiPath: resolve(dataDir, values.ldapi) }),
    ldapLimits: limitsOf(values),
    listen: values.listen,
    webPort: values['web-port'],
    ldapPort: values['ldap-port'],
    ldapsPort: values['ldaps-port'],
    syncPort: values['sync-port'],
    filesPort: values['files-port'],
  }
}

const anonymousMessageKb = 256
const anonymousFilterParts = 256
const anonymousIdleSeconds = 120

/** Who has not signed in gets a part of it. */
const limitsOf = (values: z.output<typeof settings>): Config['ldapLimits'] => ({
  maxConnections: values['ldap-max-connections'],
  maxConnectionsPerAddress: values['ldap-max-per-address'],
  maxMessageBytes: {
    anonymous: Math.min(anonymousMessageKb, values['ldap-max-message-kb']) * 1024,
    bound: values['ldap-max-message-kb'] * 1024,
  },
  filterParts: {
    anonymous: Math.min(anonymousFilterParts, values['ldap-max-filter-parts']),
    bound: values['ldap-max-filter-parts'],
  },
  filterDepth: values['ldap-max-filter-depth'],
  // 0 sets no bound of its own.
  maxEntries: values['ldap-max-entries'] || Number.POSITIVE_INFINITY,
  maxSeconds: values['ldap-max-seconds'],
  maxSyncs: values['ldap-max-syncs'],
  maxKeptEntries: values['ldap-max-kept-entries'],
  messageMs: values['ldap-message-seconds'] * 1000,
  stalledMs: values['ldap-stalled-seconds'] * 1000,
  idleMs: {
    anonymous: Math.min(anonymousIdleSeconds, values['ldap-idle-seconds']) * 1000,
    bound: values['ldap-idle-seconds'] * 1000,
  },
  handshakeMs: values['ldap-handshake-seconds'] * 1000,
  unreadBytes: values['ldap-unread-kb'] * 1024,
})

const camel = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
