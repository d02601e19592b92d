import type { Command } from 'commander'
import { Option } from 'commander'
import type { Result } from '../api/commands.ts'
import { Invalid, NotFound, Unavailable } from '../errors.ts'
import type { ConfOptions, NameService, ServerKind } from '../samba/setup/conf.ts'
import { dataOf } from './options.ts'

export type SambaOptions = {
  domain?: string
  server?: string
  fileServer?: boolean
  interfaces?: string
  nameService?: NameService
  pdc?: string
}

export const withSambaOptions = (command: Command): Command =>
  command
    .option('--domain <name>', 'Windows domain, on the master; of the base domain when left out')
    .option('--server <name>', 'NetBIOS name of this server; of its host name when left out')
    .option('--file-server', 'accounts for shares only: no domain logons, no NetBIOS')
    .option('--interfaces <names>', 'where Samba listens, as “lo eth0”; everywhere when left out')
    .addOption(
      new Option('--name-service <name>', 'what tells this machine about the people').choices(['nslcd', 'winbind']),
    )
    .option('--pdc <host>', 'slave: where the PDC is; the master when left out')

type Shown = Result<'windows-show'>

const kindOf = ({ mode }: Shown, { fileServer }: SambaOptions): ServerKind => {
  if (fileServer) return 'file-server'
  return mode === 'slave' ? 'bdc' : 'pdc'
}

/** What is written into smb.conf, from what was typed, what was settled before, and what the node knows. */
export async function confOptions(shown: Shown, typed: SambaOptions, command: Command): Promise<ConfOptions> {
  const { netbiosName } = await import('../samba/setup/conf.ts')
  const { adminDnOf, settledBefore } = await import('../samba/setup/plan.ts')
  const { serviceHere } = await import('../samba/setup/checks.ts')
  const { baseDn } = await import('../accounts/domain.ts')
  const { hostname } = await import('node:os')
  if (!shown.baseDomain) throw new NotFound('This node is not set up yet. “account-sync setup” does that.')
  if (!shown.ldapUrl)
    throw new Unavailable('Samba asks the node over LDAP: “account-sync serve” must run here, with an --ldap-port.')
  const base = baseDn(shown.baseDomain)
  const before = settledBefore()
  const domain = domainName(shown, typed)
  const server = (typed.server ?? before.server ?? netbiosName(hostname())).toUpperCase()
  const interfaces = typed.interfaces?.split(/[\s,]+/).filter(Boolean) ?? before.interfaces
  const kind = kindOf(shown, { ...typed, fileServer: typed.fileServer ?? before.kind === 'file-server' })
  const pdc = typed.pdc ?? hostOf(shown.masterUrl)
  return {
    kind,
    domain,
    server,
    ldapUrl: shown.ldapUrl,
    baseDn: base,
    adminDn: adminDnOf(server, base),
    nameService: typed.nameService ?? serviceHere() ?? 'nslcd',
    ...(kind === 'bdc' && pdc && { pdc }),
    ...(interfaces && { interfaces }),
    program: `${quoted(process.execPath)} ${quoted(process.argv[1] ?? 'account-sync')}`,
    data: quoted(absolute(dataOf(command))),
  }
}

function domainName({ domain, baseDomain = '' }: Shown, typed: SambaOptions): string {
  const wanted = typed.domain?.toUpperCase()
  if (domain && wanted !== undefined && wanted !== domain.name)
    throw new Invalid({ domain: `The Windows domain of this cluster is ${domain.name}. Leave --domain out.` })
  return domain?.name ?? wanted ?? (baseDomain.split('.')[0] ?? '').toUpperCase().slice(0, 15)
}

const hostOf = (url: string | undefined): string | undefined =>
  url === undefined ? undefined : new URL(url).hostname.replace(/^\[|\]$/g, '')

const absolute = (path: string): string => (path.startsWith('/') ? path : `${process.cwd()}/${path}`)
const quoted = (word: string): string => (/^[\w./-]+$/.test(word) ? word : `"${word}"`)
