import { existsSync, readdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { ConfOptions, NameService } from './conf.ts'
import { serverNameProblem } from './conf.ts'
import { readIfThere } from './files.ts'
import { serviceIn } from './name-service.ts'
import type { Finding } from './probe.ts'
import { programPath, run, sambaVersion } from './programs.ts'
import { isRunning } from './services.ts'

/** What must be right before anything is changed. */
export async function check(
  options: Omit<ConfOptions, 'nameService'>,
  service: NameService | undefined,
): Promise<Finding[]> {
  return [
    nameFinding(options),
    await packageFinding(),
    await roleFinding(),
    serviceFinding(service),
    await directoryFinding(options.ldapUrl),
    ...(await portFindings(options.kind === 'file-server' ? [445] : [445, 139])),
  ]
}

const good = (what: string, says: string): Finding => ({ what, state: 'good', says })
const bad = (what: string, says: string): Finding => ({ what, state: 'bad', says })

function nameFinding({ server, domain }: Pick<ConfOptions, 'server' | 'domain'>): Finding {
  const problem = serverNameProblem(server, domain)
  return problem ? bad('Names', `${problem} Give --server.`) : good('Names', `server ${server} in domain ${domain}`)
}

/** Program -> the package of Debian that has it. */
const needed = {
  smbd: 'samba',
  nmbd: 'samba',
  winbindd: 'winbind',
  net: 'samba-common-bin',
  smbpasswd: 'samba-common-bin',
  tdbtool: 'tdb-tools',
}

async function packageFinding(): Promise<Finding> {
  const missing = Object.entries(needed).filter(([program]) => !programPath(program))
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(([, name]) => name))].join(' ')
    return bad('Packages', `Install them first: apt-get install ${packages}`)
  }
  const version = (await sambaVersion()) ?? ''
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  // Samba bug 15418: Windows updates since July 2023 get no secure channel to earlier ones.
  const isOld =
    major === 4 &&
    (minor < 16 || (minor === 16 && patch < 11) || (minor === 17 && patch < 10) || (minor === 18 && patch < 5))
  return isOld
    ? { what: 'Packages', state: 'doubt', says: `Samba ${version}: Windows needs 4.16.11, 4.17.10, 4.18.5 or later.` }
    : good('Packages', `Samba ${version}`)
}

async function roleFinding(): Promise<Finding> {
  const { out } = await run(['testparm', '-s', '--parameter-name', 'server role'])
  return out.includes('active directory domain controller')
    ? bad('Role', 'Samba is a controller of an Active Directory here, and cannot be both. Take another machine.')
    : good('Role', 'Samba serves no other domain here')
}

function serviceFinding(service: NameService | undefined): Finding {
  if (service === undefined)
    return bad(
      'Name service',
      'This machine cannot know the people: apt-get install nslcd libnss-ldapd (or libnss-winbind)',
    )
  if (service === 'nslcd') return good('Name service', 'nslcd')
  return {
    what: 'Name service',
    state: 'doubt',
    says: 'winbind: add computers here before they join; nslcd needs no such step.',
  }
}

/** The one that this machine asks already, else one that it has. */
export const serviceHere = (): NameService | undefined =>
  serviceIn(readIfThere('/etc/nsswitch.conf') ?? '') ?? installedService()

/** What is installed; of both the one with which computers join by themselves. */
function installedService(): NameService | undefined {
  if (programPath('nslcd') && hasModule('ldap')) return 'nslcd'
  if (hasModule('winbind')) return 'winbind'
  return undefined
}

/** Distributions have them beside the C library, some in a folder for the processor. */
function hasModule(name: string): boolean {
  const roots = ['/lib', '/usr/lib', '/lib64', '/usr/lib64'].filter((folder) => existsSync(folder))
  const folders = roots.flatMap((root) => [root, ...readdirSync(root).map((name) => `${root}/${name}`)])
  return folders.some((folder) => existsSync(`${folder}/libnss_${name}.so.2`))
}

async function directoryFinding(ldapUrl: string): Promise<Finding> {
  const { hostname, port } = new URL(ldapUrl)
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: 3000 })
    socket.once('connect', () => resolve(true)).once('connect', () => socket.destroy())
    socket.once('error', () => resolve(false)).once('timeout', () => resolve(false))
  })
  return answers
    ? good('LDAP', `answers at ${ldapUrl}`)
    : bad('LDAP', `Nothing answers at ${ldapUrl}. Start “account-sync serve”, or name its port with --ldap-port.`)
}

async function portFindings(ports: readonly number[]): Promise<Finding[]> {
  // Those of a Samba that runs already are its own.
  if (isRunning('smbd')) return [good('Ports', `smbd has them`)]
  const taken: number[] = []
  for (const port of ports) if (await isTaken(port)) taken.push(port)
  return taken.length > 0
    ? [bad('Ports', `Another program has ${taken.join(' and ')}: “ss -ltnp” says which.`)]
    : [good('Ports', `${ports.join(', ')} are free`)]
}

const isTaken = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'))
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(false)))
  })
