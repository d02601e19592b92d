import type { NameService } from './conf.ts'

export type NslcdOptions = { ldapUrl: string; baseDn: string; bindDn: string; password: string }

/** nslcd.conf: people and computers are known to this machine. */
export const nslcdConf = ({ ldapUrl, baseDn, bindDn, password }: NslcdOptions): string => `${nslcdHead}
uid nslcd
gid nslcd
uri ${ldapUrl}
base ${baseDn}
base passwd ou=Users,ou=Accounts,${baseDn}
base passwd ou=Computers,ou=Accounts,${baseDn}
base group ou=Groups,ou=Accounts,${baseDn}
binddn ${bindDn}
bindpw ${password}
nss_nested_groups no
# Accounts of this machine itself are not asked for.
nss_initgroups_ignoreusers ALLLOCAL
`

const nslcdHead = '# Written by “account-sync samba setup”.'

/** Ours may be written anew; what somebody else wrote is kept beside it. */
export const isOurs = (text: string): boolean => text.startsWith(nslcdHead)

const sources = { nslcd: 'ldap', winbind: 'winbind' } as const satisfies Record<NameService, string>

/** What nsswitch.conf asks for people; undefined: the files of the machine alone, or something else. */
export function serviceIn(nsswitch: string): NameService | undefined {
  const named = /^[ \t]*passwd:([^#\n]*)/m.exec(nsswitch)?.[1]?.trim().split(/\s+/) ?? []
  if (named.includes(sources.nslcd)) return 'nslcd'
  return named.includes(sources.winbind) ? 'winbind' : undefined
}

/** nsswitch.conf that asks this service behind all others. */
export function withSource(nsswitch: string, service: NameService): string {
  const source = sources[service]
  const asked = (text: string, database: string): string => {
    const line = new RegExp(`^([ \\t]*${database}:)([^#\\n]*)`, 'm')
    if (!line.test(text)) return `${text.trimEnd()}\n${database}: files ${source}\n`
    return text.replace(line, (whole, name: string, named: string) =>
      named.trim().split(/\s+/).includes(source) ? whole : `${name}${named.trimEnd()} ${source}`,
    )
  }
  return asked(asked(nsswitch, 'passwd'), 'group')
}
