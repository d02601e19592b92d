import { administrator } from '../domain.ts'
import type { ServerKind } from './conf.ts'
import { complaint, programPath, type Ran, run } from './programs.ts'
import { isRunning } from './services.ts'

/** One thing that was looked at. `doubt`: it works, and somebody should know. */
export type Finding = { what: string; state: 'good' | 'doubt' | 'bad'; says: string }

type Probed = { kind: ServerKind; domain: string; sid: string; server: string; machine: string }

/** Asks the Samba that runs here for what people will ask it for. */
export async function probe(given: Probed): Promise<Finding[]> {
  const directory = await directoryFinding(given)
  if (directory.state === 'bad') return [directory]
  const rest = await Promise.all([nameFinding(given), filesFinding(), ...logonFindings(given)])
  return [directory, ...rest]
}

const finding = (what: string, isGood: boolean, good: string, bad: string): Finding => ({
  what,
  state: isGood ? 'good' : 'bad',
  says: isGood ? good : bad,
})

/** Samba binds with its own secret, and finds the domain. */
async function directoryFinding({ sid, domain }: Probed): Promise<Finding> {
  const ran = await run(['net', 'getdomainsid'])
  const isThere = ran.out.includes(sid)
  const other = /S-1-5-21-[\d-]+/.exec(ran.out)
  const why = other ? `Samba has the SID ${other[0]}, and the domain has ${sid}.` : complaint(ran)
  return finding('Directory', ran.code === 0 && isThere, `Samba signs in, and finds ${domain}, ${sid}.`, why)
}

/** A person and a computer are known to this machine. */
async function nameFinding({ machine }: Probed): Promise<Finding> {
  for (const name of [administrator.username, machine]) {
    const { code } = await run(['getent', 'passwd', name])
    if (code !== 0)
      return finding('Name service', false, '', `This machine does not know ${name}: “getent passwd ${name}” is empty.`)
  }
  return finding('Name service', true, `${administrator.username} and ${machine} are known.`, '')
}

async function filesFinding(): Promise<Finding> {
  if (!isRunning('smbd')) return finding('smbd', false, '', 'It does not run.')
  if (!programPath('smbclient'))
    return { what: 'smbd', state: 'doubt', says: 'It runs. Install smbclient to have it asked.' }
  const ran = await run(['smbclient', '-N', '-L', '127.0.0.1', '-m', 'SMB3'])
  return finding('smbd', /Sharename|IPC\$/.test(ran.out), 'It answers.', complaint(ran))
}

function logonFindings(given: Probed): Promise<Finding>[] {
  return given.kind === 'file-server' ? [] : [namesFinding(given), trustFinding(given)]
}

async function namesFinding({ kind, domain }: Probed): Promise<Finding> {
  if (!isRunning('nmbd')) return finding('nmbd', false, '', 'It does not run.')
  const wanted = kind === 'pdc' ? '1b' : '1c'
  const ran: Ran = await run(['nmblookup', `${domain}#${wanted}`])
  const isFound = new RegExp(`${domain}<${wanted}>`, 'i').test(ran.out)
  const says = `${domain}<${wanted}> is found.`
  // A name is registered some seconds after the start.
  return isFound
    ? finding('nmbd', true, says, '')
    : { what: 'nmbd', state: 'doubt', says: `${domain}<${wanted}> is not found yet.` }
}

async function trustFinding({ domain }: Probed): Promise<Finding> {
  if (!isRunning('winbindd')) return finding('winbindd', false, '', 'It does not run.')
  const ran = await run(['wbinfo', '-t'])
  const help = 'New secrets may help: account-sync samba setup --new-secrets'
  return finding('Trust', ran.code === 0, `This server and ${domain} trust each other.`, `${complaint(ran)}. ${help}`)
}
