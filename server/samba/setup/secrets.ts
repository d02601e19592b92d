import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { complaint, run } from './programs.ts'

type Given = { domain: string; sid: string; password: string; machinePassword: string }

/** Whether Samba here signs in to the directory with what it has. */
export async function holdsSecrets(sid: string): Promise<boolean> {
  const { code, out } = await run(['net', 'getdomainsid'])
  return code === 0 && out.includes(sid)
}

/** Puts secrets where Samba keeps them, in secrets.tdb: with them this server has joined the domain. */
export async function keepSecrets(given: Given): Promise<void> {
  const { password, sid } = given
  const admin = await run(['smbpasswd', '-s', '-W'], `${password}\n${password}\n`)
  if (admin.code !== 0) throw new Error(`Samba does not take its secret: ${complaint(admin)}`)
  const known = await run(['net', 'setdomainsid', sid])
  if (known.code !== 0) throw new Error(`Samba does not take the SID of the domain: ${complaint(known)}`)
  await keepTrust(given)
}

/** SEC_CHAN_BDC: what every domain controller is to its domain. */
const controllerChannel = 6

/**
 * The trust of this server with its domain, as “net rpc join” would leave it. That takes the password of an
 * administrator, and here the directory has made the account; no other program of Samba takes it from a domain controller.
 */
async function keepTrust({ domain, machinePassword }: Given): Promise<void> {
  const file = join(await privateFolder(), 'secrets.tdb')
  if (!existsSync(file)) throw new Error(`Samba keeps no secrets in ${file}.`)
  const stored = [
    ['MACHINE_PASSWORD', `${machinePassword}\\00`],
    ['MACHINE_SEC_CHANNEL_TYPE', number(controllerChannel)],
    ['MACHINE_LAST_CHANGE_TIME', number(Math.floor(Date.now() / 1000))],
  ].map(([key, value]) => `store SECRETS/${key}/${domain} ${value}`)
  // Samba makes it anew of the others; where it is there it holds instead of them.
  const lines = [`delete SECRETS/MACHINE_DOMAIN_INFO/${domain}`, ...stored, 'quit', '']
  await run(['tdbtool', file], lines.join('\n'))
  const { out } = await run(['tdbdump', '-k', `SECRETS/MACHINE_PASSWORD/${domain}`, file])
  if (!out.includes(machinePassword)) throw new Error(`tdbtool does not change ${file}.`)
}

async function privateFolder(): Promise<string> {
  const { out } = await run(['testparm', '-s', '--parameter-name', 'private dir'])
  return out.trim() || '/var/lib/samba/private'
}

/** Four bytes, the lowest first, as tdbtool reads them. */
function number(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')
}
