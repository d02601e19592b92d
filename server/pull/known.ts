import type { IncomingMessage } from 'node:http'
import { Refused } from '../errors.ts'
import { deviceByCredential } from '../replication/devices.ts'
import { headers, protocol } from '../replication/wire.ts'
import type { DeviceBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'

/** The device that asks, for this cluster. Nothing is answered before this. */
export async function knownDevice(db: Db, req: IncomingMessage): Promise<DeviceBody> {
  const device = await deviceByCredential(db, credentialIn(req))
  if (req.headers[headers.cluster] !== db.position.clusterId)
    throw new Refused('This master is of another cluster.', 'cluster')
  if (req.headers['sync-protocol'] !== String(protocol))
    throw new Refused(`This master speaks protocol ${protocol}.`, 'protocol')
  return device
}

export function credentialIn(req: IncomingMessage): string {
  const [scheme, credential] = (req.headers.authorization ?? '').split(' ')
  if (scheme !== 'Bearer' || !credential) throw new Refused('A device’s credential is needed.', 'credential')
  return credential
}
