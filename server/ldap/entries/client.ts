import { inNetworks } from '../../accounts/networks.ts'
import type { ClientBody } from '../../store/bodies.ts'
import { escapeValue } from '../dn.ts'
import type { Account, Described } from '../entry.ts'
import { slotOf } from '../slots.ts'
import { operationalLines } from './times.ts'

const cn = slotOf('cn')
const description = slotOf('description')

const roles = {
  auth: 'Finds users and checks their passwords.',
  read: 'Reads the directory.',
  samba: 'Serves Windows Networking.',
} as const

/** A service that binds. simpleSecurityObject asks for userPassword, which is there but shown to nobody. */
export const describeClient = (id: string, body: ClientBody, isHere: (deviceId: string) => boolean): Described => ({
  rdn: `cn=${escapeValue(body.name)}`,
  classes: ['top', 'applicationProcess', 'simpleSecurityObject'],
  lines: [[cn, [body.name]], [description, [roles[body.role]]], ...operationalLines(id, body.added)],
  account: {
    hash: body.password,
    standing: undefined,
    view: body.role,
    ...fromNetworks(body.networks),
    ...(body.device !== undefined && !isHere(body.device) && { isElsewhere: true }),
  },
})

const fromNetworks = (networks: readonly string[] = []): Pick<Account, 'from'> =>
  networks.length > 0 ? { from: inNetworks(networks) } : {}
