import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { type Actor, thisNode } from '../audit/actor.ts'
import { Invalid, NotFound } from '../errors.ts'
import { daysLeft, isCertificateName, type KeyPair, ownNames, readCa, renewDays } from '../mode/certificates.ts'
import { deviceList } from '../replication/devices.ts'
import type { DeviceBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import type { FileBody } from '../store/file-bodies.ts'
import { readPrivate } from '../store/files.ts'
import { filesOf, type KeptFile } from '../store/files-kept.ts'
import { type Change, write } from '../store/write.ts'
import { keepBlob, syncBlobs } from './blobs.ts'
import { certificatesDir } from './places.ts'
import { nextVersion } from './publish.ts'
import { isSealingKey, sealFor, sealingKey } from './seal.ts'
import { type FileSet, fileSets, isFor } from './sets.ts'

/** A node that certificates are made for. */
type Receiver = { deviceId: string; name: string; key: string; names: string[] }

/** A slave says with what its files are to be sealed, and by which names it is reached. */
export async function knowSealing(
  db: Db,
  device: DeviceBody,
  { key, names }: { key: string; names: string[] },
): Promise<void> {
  if (!isSealingKey(key)) throw new Invalid({ key: 'This is no X25519 key.' })
  const sealing = { key, names: [...new Set(names.filter(isCertificateName))].sort().slice(0, 32) }
  if (JSON.stringify(device.sealing) === JSON.stringify(sealing)) return
  const id = (await deviceList(db)).find(({ deviceId }) => deviceId === device.deviceId)?.id
  if (!id) return
  await write(db, { name: device.name, via: 'replication' }, async (change) => {
    const object = await change.get('device', id)
    if (object?.body.status !== 'active') return
    if (JSON.stringify(object.body.sealing) === JSON.stringify(sealing)) return
    await change.put('device', id, { ...object.body, sealing })
    change.note({
      sentence: `${device.name} said by which names it is reached`,
      object: { kind: 'device', id, name: device.name },
      changes: [{ field: 'names', before: object.body.sealing?.names.join(', '), after: sealing.names.join(', ') }],
    })
  })
}

const serviceFiles = (service: string): { certificate: string; key: string } => ({
  certificate: `${service}.pem`,
  key: `${service}.key`,
})

/**
 * Makes what is missing of the certificates of each node and service, and makes anew what ends soon (or `again`). A key is
 * made here, sealed for its node at once, and known to nobody else afterwards.
 */
export async function issueCertificates(db: Db, actor: Actor = thisNode, again?: string): Promise<number> {
  if (!db.local.mode || db.local.mode === 'slave') return 0
  const set = (await fileSets(db)).find(({ kind }) => kind === 'certificates')
  const ca = readCa(db.dir)
  if (!set || !ca) return 0
  const files = await filesOf(db.reader, set.id)
  const receivers = await receiversOf(db, set)
  if (
    again !== undefined &&
    again !== 'all' &&
    !receivers.some(({ name, deviceId }) => again === name || again === deviceId)
  )
    throw new NotFound(`There is no node “${again}” that certificates are made for.`)
  await keepCaFile(db, set, files, ca)
  await removeStale(db, set, files, receivers)
  let issued = 0
  for (const receiver of receivers) {
    const isAgain = again === 'all' || again === receiver.name || again === receiver.deviceId
    const due = (set.services ?? []).filter((service) => isAgain || isDue(files, receiver, service))
    if (due.length === 0) continue
    await issueFor(db, actor, set, files, receiver, due)
    issued += due.length
  }
  return issued
}

async function receiversOf(db: Db, set: FileSet): Promise<Receiver[]> {
  const own = {
    deviceId: db.local.deviceId,
    name: db.local.name,
    key: sealingKey(db.dir),
    names: ownNames(db.local.name),
  }
  const devices = (await deviceList(db)).filter(({ status, deviceId }) => status === 'active' && isFor(set, deviceId))
  return [own, ...devices.flatMap(({ deviceId, name, sealing }) => (sealing ? [{ deviceId, name, ...sealing }] : []))]
}

const fileAt = (files: KeptFile[], deviceId: string | undefined, path: string): KeptFile | undefined =>
  files.find((file) => file.for === deviceId && file.path === path)

function isDue(files: KeptFile[], { deviceId }: Receiver, service: string): boolean {
  const names = serviceFiles(service)
  const until = fileAt(files, deviceId, names.certificate)?.until
  if (!until || !fileAt(files, deviceId, names.key)) return true
  return Date.parse(until) - Date.now() < renewDays * 86_400_000
}

async function issueFor(
  db: Db,
  actor: Actor,
  set: FileSet,
  files: KeptFile[],
  receiver: Receiver,
  services: string[],
): Promise<void> {
  const { makeRequest, signRequest } = await import('../mode/ca.ts')
  const made: { path: string; sealed: boolean; until: string; blob: { sha256: string; size: number } }[] = []
  for (const service of services) {
    const { key, request } = await makeRequest(receiver.name)
    const names = [receiver.name, ...receiver.names].filter(isCertificateName)
    const certificate = await signRequest(db.dir, request, names)
    const until = new Date(new X509Certificate(certificate).validTo).toISOString()
    const paths = serviceFiles(service)
    const sealed = sealFor(receiver.key, Buffer.from(key))
    made.push({ path: paths.key, sealed: true, until, blob: await keepBlob(db.dir, sealed) })
    made.push({ path: paths.certificate, sealed: false, until, blob: await keepBlob(db.dir, Buffer.from(certificate)) })
  }
  await syncBlobs(
    db.dir,
    made.map(({ blob }) => blob.sha256),
  )
  await write(db, actor, async (change) => {
    for (const { path, sealed, until, blob } of made) {
      const where = { set: set.id, path, for: receiver.deviceId, until, ...(sealed && { sealed }) }
      // An old key is of no use to anybody: no version of one is kept.
      await putFile(
        change,
        fileAt(files, receiver.deviceId, path),
        where,
        { ...blob, mode: sealed ? 0o600 : 0o644 },
        !sealed,
      )
    }
    change.note({
      sentence: `Issued certificates for ${receiver.name}: ${services.join(', ')}`,
      object: { kind: 'file-set', id: set.id, name: set.name },
      changes: made
        .filter(({ sealed }) => !sealed)
        .map(({ path, until }) => ({ field: path, after: `until ${until.slice(0, 10)}` })),
    })
  })
}

async function putFile(
  change: Change,
  known: KeptFile | undefined,
  where: Parameters<typeof nextVersion>[1],
  version: Parameters<typeof nextVersion>[2],
  keepsVersions = true,
): Promise<void> {
  const before = known && (await change.get('file', known.id))?.body
  const body: FileBody = nextVersion(before, where, version)
  await change.put('file', known?.id ?? randomUUID(), keepsVersions ? body : { ...body, earlier: [] })
}

async function keepCaFile(db: Db, set: FileSet, files: KeptFile[], ca: string): Promise<void> {
  const known = fileAt(files, undefined, 'ca.pem')
  const blob = await keepBlob(db.dir, Buffer.from(ca))
  if (known?.sha256 === blob.sha256) return
  const until = new Date(new X509Certificate(ca).validTo).toISOString()
  await write(db, thisNode, async (change) => {
    await putFile(change, known, { set: set.id, path: 'ca.pem', until }, { ...blob, mode: 0o644 })
    change.note({
      sentence: `Published the certificate of the cluster’s CA in ${set.name}`,
      object: { kind: 'file-set', id: set.id, name: set.name },
    })
  })
}

/** Of nodes that are revoked, and of services that are no longer named. */
async function removeStale(db: Db, set: FileSet, files: KeptFile[], receivers: Receiver[]): Promise<void> {
  const paths = new Set((set.services ?? []).flatMap((service) => Object.values(serviceFiles(service))))
  const devices = new Set([...receivers.map(({ deviceId }) => deviceId), db.local.deviceId])
  const stale = files.filter((file) => file.for !== undefined && (!devices.has(file.for) || !paths.has(file.path)))
  if (stale.length === 0) return
  await write(db, thisNode, async (change) => {
    for (const { id } of stale) await change.remove('file', id)
    change.note({
      sentence: `Removed ${stale.length} certificates and keys that nobody needs any more from ${set.name}`,
      object: { kind: 'file-set', id: set.id, name: set.name },
    })
  })
}

/** The certificate of a service on this node; undefined where there is none that fits its key and is good today. */
export function serviceCertificate(dir: string, service: string): KeyPair | undefined {
  const paths = serviceFiles(service)
  if (!existsSync(certificatesDir(dir))) return undefined
  // The link is followed once: it may be turned between the two reads.
  const at = realpathSync(certificatesDir(dir))
  const certificate = readPrivate(join(at, paths.certificate))
  const key = readPrivate(join(at, paths.key))
  if (!certificate || !key) return undefined
  try {
    const fits = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
    return fits && daysLeft(certificate) >= 0 ? { certificate, key } : undefined
  } catch {
    return undefined
  }
}

export type CertificateEnd = { service: string; until: string }

/** When the certificates of services end, by the Device ID of the node that has them; of each node the first to end first. */
export async function certificateEnds(db: Db): Promise<Map<string, CertificateEnd[]>> {
  const ends = new Map<string, CertificateEnd[]>()
  const set = (await fileSets(db)).find(({ kind }) => kind === 'certificates')
  for (const file of set ? await filesOf(db.reader, set.id) : []) {
    if (file.for === undefined || file.sealed || !file.until) continue
    const end = { service: file.path.replace(/\.pem$/, ''), until: file.until }
    const known = ends.get(file.for)
    if (known) known.push(end)
    else ends.set(file.for, [end])
  }
  for (const one of ends.values()) one.sort((a, b) => (a.until < b.until ? -1 : 1))
  return ends
}
