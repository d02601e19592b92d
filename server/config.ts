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

const settings = z.object({
  data: z.string().min(1, 'data must name a directory.').default('./data'),
  listen: z
    .string()
    .refine((address) => isIP(address) !== 0, 'listen must be an IP address, as 127.0.0.1, 0.0.0.0 or ::.')
    .default('127.0.0.1'),
  'web-port': port('web-port').default(8081),
  'ldap-port': port('ldap-port').default(3890),
  'ldaps-port': port('ldaps-port').default(6360),
  'sync-port': port('sync-port').default(8154),
  // Set aside for files that follow the accounts; checked, so that a setting is never silently wrong.
  'files-port': port('files-port').default(8155),
})

/** Every setting of `serve`: a flag `--web-port`, or the environment variable `ACCOUNT_SYNC_WEB_PORT`. */
export const settingNames = Object.keys(settings.shape) as (keyof typeof settings.shape)[]

export type Config = {
  dataDir: string
  listen: string
  /** Ports; 0 means off. */
  webPort: number
  ldapPort: number
  ldapsPort: number
  syncPort: number
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
  return {
    dataDir: resolve(values.data),
    listen: values.listen,
    webPort: values['web-port'],
    ldapPort: values['ldap-port'],
    ldapsPort: values['ldaps-port'],
    syncPort: values['sync-port'],
  }
}

const camel = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
