import { clientLens } from '../../server/accounts/client-uses.ts'
import { clientByName } from '../../server/accounts/clients.ts'
import { giveSecrets } from '../../server/samba/controller.ts'
import { setUpDomain } from '../../server/samba/domain.ts'
import { addMachine } from '../../server/samba/machines.ts'
import { keepReport, type SambaReport } from '../../server/samba/reports.ts'
import type { Db } from '../../server/store/db.ts'
import { me } from './people.ts'

const fine: SambaReport['findings'] = [
  { what: 'Directory', state: 'good', says: 'Samba signs in, and finds EXAMPLE.' },
  { what: 'Name service', state: 'good', says: 'winadmin and pdc$ are known.' },
  { what: 'nmbd', state: 'doubt', says: 'EXAMPLE<1b> is not found yet.' },
  { what: 'Trust', state: 'good', says: 'This server and EXAMPLE trust each other.' },
]
const wrong: SambaReport['findings'] = [
  {
    what: 'Trust',
    state: 'bad',
    says: 'could not check secret. New secrets may help: account-sync samba setup --new-secrets',
  },
]

/** A Windows domain with servers in every state, computers, and something that Samba asked in vain. */
export async function aWindowsDomain(db: Db): Promise<void> {
  await setUpDomain(db, me, { name: 'EXAMPLE', password: 'Kastanjen-7-blommar' })
  const at = new Date().toISOString()
  const servers = [
    { server: 'PDC', node: db.local, kind: 'pdc', findings: fine },
    { server: 'GW-MALMO', node: { name: 'gw-malmo', deviceId: 'D-AAAA-BBBB-CCCC' }, kind: 'bdc', findings: wrong },
    { server: 'FS-LUND', node: { name: 'fs-lund', deviceId: 'D-AAAA-BBBB-DDDD' } },
  ] as const
  for (const { server, node, ...found } of servers) {
    await giveSecrets(db, me, node, server)
    if ('kind' in found) keepReport(db, node.deviceId, { at, server, version: '4.17.12', ...found })
  }
  for (const name of ['ws-malmo-01', 'ws-malmo-02', 'a-long-name-of-one']) await addMachine(db, me, { name })
  const { id } = (await clientByName(db, 'samba-pdc')).client
  const { used, missed } = clientLens(db)
  used(id, '')
  missed(id, 'base', 'sambaDomainName=LEGACY,sambaDomainName=EXAMPLE,dc=example,dc=lan')
  missed(id, 'unknown attribute', 'sambaUnknownAttribute')
}
