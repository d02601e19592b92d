import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import { canonicalName } from '../accounts/names.ts'
import { needRight } from '../accounts/roles.ts'
import { type Actor, thisNode } from '../audit/actor.ts'
import { Invalid, NotFound, Refused } from '../errors.ts'
import { isCertificateName } from '../mode/certificates.ts'
import { credentialHash } from '../mode/credential.ts'
import { caEnrols } from '../mode/enrolment.ts'
import { judgeJoinCode, takeJoinCode } from '../mode/join-codes.ts'
import { keyEnrols } from '../mode/key.ts'
import { nodeNameProblem } from '../mode/set-up.ts'
import { takeOutController } from '../samba/controller.ts'
import type { DeviceBody, DeviceScope } from '../store/bodies.ts'
import { type Db, onChanges } from '../store/db.ts'
import { deviceRow } from '../store/devices.ts'
import { groupNamesByIds, groupRowsByName } from '../store/groups.ts'
import { whyNoChange, writeLocal } from '../store/local.ts'
import { ntHashKey } from '../store/nt-hashes.ts'
import { objectsOf } from '../store/objects.ts'
import { write } from '../store/write.ts'
import { nameOfScope } from './scope.ts'
import type { EnrolAnswer, EnrolRequest } from './wire.ts'

/** Takes a slave in: checks the key's secret, gives it a credential and a certificate of its own. */
export async function enrolDevice(db: Db, actor: Actor, asked: EnrolRequest, syncUrl?: string): Promise<EnrolAnswer> {
  if (db.local.mode !== 'master') throw new Refused('This node is not a master.', 'not-master')
  const hasKey = keyEnrols(db.dir, asked.keyId, asked.secret)
  const wasMaster = caEnrols(db.dir, db.position.clusterId, asked)
  if (!hasKey && !wasMaster && !(await judgeJoinCode(db, asked)))
    throw new Refused('The Synchronization Key is not accepted; a new one may have been made on the master.', 'key')
  const nameIs = nodeNameProblem(asked.name)
  if (nameIs) throw new Invalid({ name: nameIs })
  const names = [asked.name, ...asked.names].filter(isCertificateName).slice(0, 32)
  const { signRequest } = await import('../mode/ca.ts')
  const certificate = await signRequest(db.dir, asked.request, names)
  const credential = `${asked.deviceId}.${randomBytes(32).toString('base64url')}`
  await write(db, actor, async (change) => {
    if (!hasKey && !wasMaster) await takeJoinCode(change, asked.keyId, asked.deviceId)
    const known = await deviceRow(change.trx, asked.deviceId)
    const body: DeviceBody = {
      deviceId: asked.deviceId,
      name: asked.name,
      tokenHash: credentialHash(credential),
      status: 'active',
      joined: new Date().toISOString(),
      ...(syncUrl && { syncUrl }),
    }
    const id = known?.id ?? randomUUID()
    const before = known && (await change.get('device', known.id))
    if (before?.body.scope) body.scope = before.body.scope
    if (before?.body.sealing) body.sealing = before.body.sealing
    await change.put('device', id, body)
    change.note({
      sentence: known ? `Device ${asked.name} joined again` : `Device ${asked.name} joined`,
      object: { kind: 'device', id, name: asked.name },
      changes: [
        { field: 'deviceId', after: asked.deviceId },
        { field: 'with', after: hasKey ? 'Synchronization Key' : wasMaster ? 'key of the cluster' : 'join code' },
      ],
    })
  })
  // It knows who is master now.
  const pending = db.local.oldMasters?.filter((url) => url !== syncUrl)
  if (wasMaster && pending) await writeLocal(db.writer, db.local, { oldMasters: pending })
  const { clusterId, epochNo, epochId, epochSig } = db.position
  return {
    credential,
    clusterId,
    epochNo,
    epochId,
    epochSig,
    certificate,
    masterName: db.local.name,
    ntHashKey: ntHashKeyOf(db),
  }
}

const oncePerMs = 600_000
const noted = new WeakMap<Db, Map<string, number>>()

/** Where a device would answer as master is another place than before, so that slaves look for it there; not too often. */
export async function noteSyncUrl(db: Db, { deviceId, syncUrl }: DeviceBody, now: string): Promise<void> {
  const last = noted.get(db) ?? new Map<string, number>()
  noted.set(db, last)
  const began = performance.now()
  if (syncUrl === now || began - (last.get(deviceId) ?? Number.NEGATIVE_INFINITY) < oncePerMs) return
  if (whyNoChange(db.local)) return
  last.set(deviceId, began)
  await write(db, thisNode, async (change) => {
    const row = await deviceRow(change.trx, deviceId)
    const object = row && (await change.get('device', row.id))
    if (object?.body.status === 'active') await change.put('device', object.id, { ...object.body, syncUrl: now })
  })
}

/** With what NT hashes are sealed, for a node that has joined; it is never in the feed. */
export const ntHashKeyOf = (db: Db): string => ntHashKey(db.dir, true)!.toString('hex')

/** A new certificate for a device that has joined. */
export async function renewCertificate(db: Db, device: DeviceBody, request: string, names: string[]): Promise<string> {
  const usable = [device.name, ...names].filter(isCertificateName).slice(0, 32)
  const { signRequest } = await import('../mode/ca.ts')
  return signRequest(db.dir, request, usable)
}

/** The device behind `<deviceId>.<token>`. Refused: unknown (`credential`) or revoked (`revoked`). */
export async function deviceByCredential(db: Db, credential: string): Promise<DeviceBody> {
  const deviceId = credential.slice(0, Math.max(credential.lastIndexOf('.'), 0))
  const device = (await devicesOf(db)).get(deviceId)
  if (!device || !(isOf(device, credential) || isEarlier(device, credential)))
    throw new Refused('This device is not known here.', 'credential')
  if (device.status === 'revoked') throw new Refused('This device is revoked.', 'revoked')
  return device
}

const isOf = ({ tokenHash }: Pick<DeviceBody, 'tokenHash'>, credential: string): boolean =>
  timingSafeEqual(Buffer.from(credentialHash(credential)), Buffer.from(tokenHash))

const isEarlier = ({ earlier }: DeviceBody, credential: string): boolean =>
  earlier !== undefined && isOf(earlier, credential) && earlier.until > new Date().toISOString()

/** What is on its way with the one before, and a slave that has not heard the answer, are not shut out. */
const graceMs = 86_400_000

/**
 * A device has another credential from now on, of which only the hash comes here. Asked again, it is the same; who has the
 * one before makes no other.
 */
export async function takeCredential(
  db: Db,
  actor: Actor,
  deviceId: string,
  credential: string,
  tokenHash: string,
): Promise<void> {
  await write(db, actor, async (change) => {
    const row = await deviceRow(change.trx, deviceId)
    const object = row && (await change.get('device', row.id))
    if (object?.body.status !== 'active') throw new Refused('This device is revoked.', 'revoked')
    const { body } = object
    if (body.tokenHash === tokenHash) return
    if (!isOf(body, credential)) throw new Refused('This device has a newer credential.', 'renewed')
    const earlier = { tokenHash: body.tokenHash, until: new Date(Date.now() + graceMs).toISOString() }
    await change.put('device', object.id, { ...body, tokenHash, earlier })
    change.note({
      sentence: `Device ${body.name} renewed its credential`,
      object: { kind: 'device', id: object.id, name: body.name },
    })
  })
}

const known = new WeakMap<Db, Promise<Map<string, DeviceBody>>>()

/** Every device by its Device ID, in memory until one changes: each pull of each slave asks. */
function devicesOf(db: Db): Promise<Map<string, DeviceBody>> {
  const kept = known.get(db)
  if (kept) return kept
  const read = deviceList(db).then((devices) => new Map(devices.map((device) => [device.deviceId, device])))
  known.set(db, read)
  const stop = onChanges(db, (changes) => {
    if (changes !== 'all' && !changes.some(({ kind }) => kind === 'device' || kind === 'file-set')) return
    known.delete(db)
    stop()
  })
  return read
}

export async function deviceList(db: Db): Promise<(DeviceBody & { id: string })[]> {
  const sets = (await objectsOf(db.reader, 'file-set')).filter(({ body }) => body.devices)
  return (await objectsOf(db.reader, 'device')).map(({ id, body }) => {
    const withoutSets = sets.filter((set) => !set.body.devices?.includes(body.deviceId)).map((set) => set.id)
    return { ...body, id, ...(withoutSets.length > 0 && { scope: { ...body.scope, withoutSets: withoutSets.sort() } }) }
  })
}

/** Takes a device's credential away: its open pull ends at once, and it receives nothing any more. */
export async function revokeDevice(db: Db, actor: Actor, deviceId: string, { stolen = false } = {}): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    const row = await deviceRow(change.trx, deviceId.trim().toUpperCase())
    const object = row && (await change.get('device', row.id))
    if (!object) throw new NotFound(`There is no device “${deviceId}”.`)
    if (object.body.status === 'revoked' && (!stolen || object.body.stolen)) return
    const isStolen = stolen && { stolen: new Date().toISOString() }
    await change.put('device', object.id, { ...object.body, status: 'revoked', ...isStolen })
    await takeOutController(change, object.body.deviceId)
    change.note({
      sentence: `Revoked device ${object.body.name}${stolen ? ': it was stolen' : ''}`,
      object: { kind: 'device', id: object.id, name: object.body.name },
      changes: [{ field: 'status', before: 'active', after: 'revoked' }],
    })
  })
}

/** What an administrator says of a scope: groups by name, none for everybody. */
export type ScopeInput = { groups?: readonly string[] | undefined; ntHashes?: boolean | undefined }

/** Says which secrets travel to a device from now on; it gives back what is left out with its next answer. */
export async function setScope(db: Db, actor: Actor, deviceId: string, input: ScopeInput): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    const row = await deviceRow(change.trx, deviceId.trim().toUpperCase())
    const object = row && (await change.get('device', row.id))
    if (!object) throw new NotFound(`There is no device “${deviceId}”.`)
    const names = [...new Set((input.groups ?? []).map(canonicalName))].filter(Boolean)
    const groups = new Map((await groupRowsByName(change.trx, names)).map(({ id, name }) => [name, id]))
    const unknown = names.find((name) => !groups.has(name))
    if (unknown) throw new Invalid({ groups: `There is no group “${unknown}”.` })
    const scope: DeviceScope = {
      ...(names.length > 0 && { groups: [...groups.values()].sort() }),
      ...(input.ntHashes === false && { without: ['nt-hash'] }),
    }
    const { scope: before, ...rest } = object.body
    const isFull = Object.keys(scope).length === 0
    if (nameOfScope(before) === (isFull ? '' : nameOfScope(scope))) return
    await change.put('device', object.id, isFull ? rest : { ...rest, scope })
    const was = await groupNamesByIds(change.trx, before?.groups ?? [])
    change.note({
      sentence: `Changed which secrets ${object.body.name} holds`,
      object: { kind: 'device', id: object.id, name: object.body.name },
      changes: [
        {
          field: 'secretsOf',
          before: [...was.values()].sort().join(', ') || 'everybody',
          after: names.sort().join(', ') || 'everybody',
        },
        { field: 'ntHashes', before: before?.without ? 'no' : 'yes', after: scope.without ? 'no' : 'yes' },
      ],
    })
  })
}

/** A scope as people read it. */
export async function shownScope(
  db: Db,
  scope: DeviceScope | undefined,
): Promise<{ groups: string[]; ntHashes: boolean }> {
  const names = await groupNamesByIds(db.reader, scope?.groups ?? [])
  return {
    groups: [...names.values()].sort(),
    ntHashes: !scope?.without?.includes('nt-hash'),
  }
}
