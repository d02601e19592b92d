import type { X509Certificate } from 'node:crypto'
import tls from 'node:tls'
import { canonicalName } from '../accounts/names.ts'
import type { Actor } from '../audit/actor.ts'
import { Invalid, messageOf, type Problems } from '../errors.ts'
import { receivingFrom } from '../filesync/receive.ts'
import { keepCa, keepOwn, masterName, ownNames, pinMatches } from '../mode/certificates.ts'
import { keepCredential } from '../mode/credential.ts'
import { epochIsSigned } from '../mode/epoch.ts'
import { type Key, parseKey } from '../mode/key.ts'
import { nodeNameProblem, refuseSecondSetUp } from '../mode/set-up.ts'
import type { Db } from '../store/db.ts'
import { takeNtHashKey } from '../store/nt-hashes.ts'
import { commit } from '../store/write.ts'
import { version } from '../version.ts'
import { askMaster, MasterRefused, openConnection, reachProblem, readJson } from './connection.ts'
import { syncPortOf } from './serving.ts'
import { type EnrolAnswer, type EnrolRequest, protocol } from './wire.ts'

export type JoinInput = {
  /** HOST or HOST:PORT; the port is 8154 unless written. */
  master: string
  key: string
  name?: string
  /** File sets that are meant for this node are placed below its own root. */
  receiveFiles?: boolean
}

export type JoinStep = 'key' | 'pin' | 'enrolled'

/**
 * Joins a master, in the order of safety: the key's checksum before any network, the pin of the master's CA before any
 * secret, then enrolment. The first replication is the worker's. Problems: `key`, `master`, `name`.
 */
export async function joinMaster(
  db: Db,
  actor: Actor,
  input: JoinInput,
  onStep: (step: JoinStep, text: string) => void = () => {},
): Promise<void> {
  refuseSecondSetUp(db)
  const { key, host, port, name } = checkJoin(db, input)
  onStep('key', 'Its checksum is right. Nothing was sent for this.')
  const where = `${host}:${port}`
  const ca = await provenCa(host, port, key)
  onStep('pin', `Its certificate matches the key’s pin ${shortPin(key.pin)}.`)
  const url = urlOf({ host, port })
  const { makeRequest } = await import('../mode/ca.ts')
  const { request, key: ownKey } = await makeRequest(name)
  const answer = await enrol(url, ca, key, where, {
    keyId: key.keyId,
    secret: key.secret,
    deviceId: db.local.deviceId,
    name,
    version,
    protocol,
    request,
    names: ownNames(name),
    port: syncPortOf(db),
  })
  const epoch = { clusterId: answer.clusterId, epochNo: answer.epochNo, epochId: answer.epochId }
  if (answer.clusterId !== key.clusterId || !epochIsSigned(epoch, answer.epochSig, ca))
    throw new Invalid({ master: `${where} answered for another cluster. Nothing was changed here.` })
  keepCa(db.dir, ca)
  keepOwn(db.dir, { key: ownKey, certificate: answer.certificate })
  keepCredential(db.dir, answer.credential)
  if (answer.ntHashKey) takeNtHashKey(db.dir, answer.ntHashKey)
  await commit(db, actor, async (change) => {
    refuseSecondSetUp(db)
    Object.assign(change.head, epoch, { epochSig: answer.epochSig })
    change.local({
      mode: 'slave',
      since: new Date().toISOString(),
      name,
      masterUrl: url,
      masterName: answer.masterName,
      ...(input.receiveFiles !== undefined && { files: receivingFrom(db, input.receiveFiles) }),
    })
    change.note({ sentence: `Joined ${answer.masterName} as its slave`, changes: [{ field: 'master', after: where }] })
  })
  onStep(
    'enrolled',
    `Device ID ${db.local.deviceId}. This node now has a credential of its own, which the master can revoke.`,
  )
}

export const shortPin = (pin: Buffer): string => {
  const hex = pin.toString('hex')
  return `${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}:…:${hex.slice(-2)}`
}

/** Everything that can be judged without the network. */
export function checkJoin(db: Db, input: JoinInput): { key: Key; host: string; port: number; name: string } {
  const problems: Problems = {}
  const parsed = parseKey(input.key)
  if ('problem' in parsed) problems.key = parsed.problem
  const address = parseAddress(input.master)
  if (!address)
    problems.master =
      'Master’s address must be a host name or an IP address, with or without a port, as in master.example.lan:8154.'
  const name = canonicalName(input.name ?? '') || canonicalName(db.local.name)
  const nameIs = nodeNameProblem(name)
  if (nameIs) problems.name = nameIs
  if ('problem' in parsed || !address || nameIs) throw new Invalid(problems)
  return { key: parsed.key, ...address, name }
}

/** HOST or HOST:PORT as somebody types it; the port is 8154 unless written. */
export function parseAddress(typed: string): { host: string; port: number } | undefined {
  const match = /^(?:https:\/\/)?(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::(\d{1,5}))?\/?$/i.exec(typed.trim())
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3] ?? 8154)
  return host && port > 0 && port < 65_536 ? { host, port } : undefined
}

export const urlOf = ({ host, port }: { host: string; port: number }): string =>
  `https://${host.includes(':') ? `[${host}]` : host}:${port}`

/** The CA behind the address, if it is the one that the key pins. Not a byte of the secret is sent for this. */
async function provenCa(host: string, port: number, key: Key): Promise<string> {
  const where = `${host}:${port}`
  const chain = await certificateChain(host, port, key).catch((error) => {
    throw new Invalid({ master: reachProblem(error, where) })
  })
  const [leaf] = chain
  const ca = chain.find((certificate) => pinMatches(certificate, key.pin))
  if (!leaf || !ca)
    throw new Invalid({
      key: `${where} is not the master of this key: its certificate has another pin. The secret was not sent.`,
    })
  if (!leaf.verify(ca.publicKey) || !leaf.checkHost(masterName(key.clusterId)))
    throw new Invalid({ master: `${where} belongs to the cluster but is not its master. The secret was not sent.` })
  return ca.toString()
}

/** The certificates that a server shows. Nothing is believed yet, so nothing is verified here, and nothing is sent. */
function certificateChain(host: string, port: number, key: Key): Promise<X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host,
      port,
      servername: masterName(key.clusterId),
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    })
    socket.setTimeout(10_000, () => socket.destroy(Object.assign(new Error('time-out'), { code: 'ETIMEDOUT' })))
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      const chain: X509Certificate[] = []
      for (let one = socket.getPeerX509Certificate(); one && chain.length < 8; one = one.issuerCertificate) {
        if (chain.at(-1)?.fingerprint256 === one.fingerprint256) break
        chain.push(one)
      }
      socket.destroy()
      resolve(chain)
    })
  })
}

async function enrol(url: string, ca: string, key: Key, where: string, asked: EnrolRequest): Promise<EnrolAnswer> {
  const connection = openConnection(url, ca, key.clusterId)
  try {
    return await readJson<EnrolAnswer>(await askMaster(connection, '/v1/enrol', { method: 'POST', json: asked }))
  } catch (error) {
    if (!(error instanceof MasterRefused)) throw new Invalid({ master: reachProblem(error, where) })
    if (error.code === 'key') throw new Invalid({ key: error.message })
    if (error.code === 'invalid') throw new Invalid({ name: error.message })
    throw new Invalid({ master: `${where}: ${messageOf(error)}` })
  } finally {
    await connection.agent.close().catch(() => {})
  }
}
