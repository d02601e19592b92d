import { clientOf, namesClientOf } from '../controller.ts'
import { type ConfOptions, roles, type ServerKind, smbConf, withInclude } from './conf.ts'
import { type FileChange, isChange, readIfThere } from './files.ts'
import { isOurs, nslcdConf, withSource } from './name-service.ts'
import type { Finding } from './probe.ts'
import { complaint, run } from './programs.ts'
import { hasSystemd } from './services.ts'
import { unitFiles } from './units.ts'

const confFile = '/etc/samba/account-sync.conf'
const smbFile = '/etc/samba/smb.conf'
const nslcdFile = '/etc/nslcd.conf'
const nsswitchFile = '/etc/nsswitch.conf'

/** The secret that stands for one that is not made yet. */
const notYet = 'made when this is done'

/** Every file as it is to be. `ownService`: somebody has settled already how this machine knows the people. */
export function planFiles(options: ConfOptions, ownService: boolean, password = notYet): FileChange[] {
  const smb = readIfThere(smbFile)
  const nsswitch = readIfThere(nsswitchFile)
  const files: FileChange[] = [
    { path: confFile, before: readIfThere(confFile), after: smbConf(options), mode: 0o644 },
    { path: smbFile, before: smb, after: withInclude(smb ?? '', confFile), mode: 0o644, keeps: true },
    ...(hasSystemd() ? unitFiles(options.program, options.data) : []),
  ]
  if (ownService) return files
  if (options.nameService === 'nslcd') files.push(nslcdChange(options, password))
  files.push({
    path: nsswitchFile,
    before: nsswitch,
    after: withSource(nsswitch ?? '', options.nameService),
    mode: 0o644,
    keeps: true,
  })
  return files
}

function nslcdChange({ ldapUrl, baseDn, server }: ConfOptions, password: string): FileChange {
  const before = readIfThere(nslcdFile)
  const after = nslcdConf({ ldapUrl, baseDn, bindDn: `cn=${namesClientOf(server)},ou=Internal,${baseDn}`, password })
  return { path: nslcdFile, before, after, mode: 0o600, keeps: before !== undefined && !isOurs(before) }
}

/** The secret that nslcd has from an earlier time. */
export const keptPassword = (): string | undefined => {
  const text = readIfThere(nslcdFile) ?? ''
  return isOurs(text) ? /^bindpw (.+)$/m.exec(text)?.[1] : undefined
}

export const adminDnOf = (server: string, baseDn: string): string => `cn=${clientOf(server)},ou=Internal,${baseDn}`

/** Whether somebody has settled how this machine knows the people, by other means than ours. */
export async function knowsPeople(administrator: string): Promise<boolean> {
  if (isOurs(readIfThere(nslcdFile) ?? '')) return false
  return (await run(['getent', 'passwd', administrator])).code === 0
}

/** What an earlier setup chose, as it stands in its file. */
export function settledBefore(): {
  server?: string
  interfaces?: string[]
  kind?: ServerKind
} {
  const text = readIfThere(confFile)
  if (text === undefined) return {}
  const setting = (key: string) => new RegExp(`^\\s*${key} = (.*)$`, 'm').exec(text)?.[1]?.trim()
  const server = setting('netbios name')
  const role = setting('server role')
  const isPdc = role === roles.pdc
  const kind = setting('disable netbios') === 'yes' ? 'file-server' : isPdc ? 'pdc' : role && 'bdc'
  const interfaces = setting('interfaces')?.split(/\s+/)
  return {
    ...(server && { server }),
    ...(interfaces && { interfaces }),
    ...(kind && { kind }),
  }
}

const titles = { pdc: 'the PDC', bdc: 'a BDC', 'file-server': 'a file server' } as const satisfies Record<
  ServerKind,
  string
>

/** Whether this machine is set as its node is now: another mode, or another master, asks for other settings. */
export function settingsFinding(options: ConfOptions, ownService: boolean): Finding {
  const what = 'Settings'
  const { kind } = settledBefore()
  if (kind && kind !== options.kind)
    return {
      what,
      state: 'bad',
      says: `Samba is set as ${titles[kind]}, and is to be ${titles[options.kind]} now: account-sync samba setup`,
    }
  const other = planFiles(options, ownService, keptPassword()).filter(isChange)
  if (other.length === 0) return { what, state: 'good', says: 'They are as the node has them.' }
  const names = other.map(({ path }) => path).join(', ')
  return { what, state: 'doubt', says: `Not as the node has them: ${names}. “account-sync samba setup” shows how.` }
}

/** What Samba itself says of its settings; undefined when it takes them. */
export async function confProblem(): Promise<string | undefined> {
  const ran = await run(['testparm', '-s', '/etc/samba/smb.conf'])
  return ran.code === 0 ? undefined : complaint(ran)
}
