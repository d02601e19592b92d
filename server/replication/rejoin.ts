import { needRight } from '../accounts/roles.ts'
import { type Actor, thisNode } from '../audit/actor.ts'
import { Invalid, Refused } from '../errors.ts'
import { forgetCaKey, keepOwn, ownNames, readCa, signText } from '../mode/certificates.ts'
import { keepCredential } from '../mode/credential.ts'
import { enrolmentText } from '../mode/enrolment.ts'
import { epochIsSigned } from '../mode/epoch.ts'
import { forgetKey } from '../mode/key.ts'
import type { Db } from '../store/db.ts'
import { takeNtHashKey } from '../store/nt-hashes.ts'
import { commit } from '../store/write.ts'
import { version } from '../version.ts'
import { askMaster, MasterRefused, openConnection, reachProblem, readJson } from './connection.ts'
import { parseAddress, urlOf } from './join.ts'
import { syncPortOf } from './serving.ts'
import { type EnrolAnswer, protocol } from './wire.ts'

/**
 * A master that another one has taken the place of becomes its slave, with its data. It proves who it is by the cluster's
 * key, which it then forgets. What it changed and the new master never got is kept in a file by the worker.
 */
export async function becomeSlave(db: Db, actor: Actor, typed?: string): Promise<void> {
  needRight(actor, 'change')
  const { newer, name, deviceId } = db.local
  if (db.local.mode !== 'master' || !newer)
    throw new Refused('Only a master in whose place another node is master becomes its slave.', 'not-replaced')
  const address = parseAddress(typed || newer.url || '')
  if (!address)
    throw new Invalid({ master: 'Master’s address must be a host name or an IP address, as in gw-malmo:8154.' })
  const url = urlOf(address)
  const ca = readCa(db.dir) ?? ''
  const { clusterId } = db.position
  const { makeRequest } = await import('../mode/ca.ts')
  const { request, key } = await makeRequest(name)
  const connection = openConnection(url, ca, clusterId)
  let answer: EnrolAnswer
  try {
    const asked = { deviceId, name, version, protocol, request, names: ownNames(name), port: syncPortOf(db) }
    const secret = signText(db.dir, enrolmentText(clusterId, deviceId, request))
    answer = await readJson<EnrolAnswer>(
      await askMaster(connection, '/v1/enrol', { method: 'POST', json: { ...asked, keyId: 'ca', secret } }),
    )
  } catch (error) {
    if (error instanceof MasterRefused) throw new Refused(`${url}: ${error.message}`, error.code)
    throw new Invalid({ master: reachProblem(error, `${address.host}:${address.port}`) })
  } finally {
    await connection.agent.destroy().catch(() => {})
  }
  const epoch = { clusterId: answer.clusterId, epochNo: answer.epochNo, epochId: answer.epochId }
  if (
    epoch.clusterId !== clusterId ||
    epoch.epochNo <= db.position.epochNo ||
    !epochIsSigned(epoch, answer.epochSig, ca)
  )
    throw new Refused(
      'What answers there is not the newer master of this cluster. Nothing was changed here.',
      'cluster',
    )
  keepOwn(db.dir, { key, certificate: answer.certificate })
  keepCredential(db.dir, answer.credential)
  if (answer.ntHashKey) takeNtHashKey(db.dir, answer.ntHashKey)
  await commit(db, actor, async (change) => {
    change.local({
      mode: 'slave',
      since: new Date().toISOString(),
      masterUrl: url,
      masterName: answer.masterName,
      newer: undefined,
      handOver: undefined,
      oldMasters: undefined,
      keyMade: undefined,
    })
    change.note({ sentence: `This node became a slave of ${answer.masterName}` })
  })
  forgetCaKey(db.dir)
  forgetKey(db.dir)
}

/** In a planned hand-over nobody has to ask for it. */
export const rejoinAfterHandOver = (db: Db): Promise<void> | undefined =>
  db.local.mode === 'master' && db.local.handOver?.given && db.local.newer?.url ? becomeSlave(db, thisNode) : undefined
