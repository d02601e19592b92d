import assert from 'node:assert/strict'
import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { auditPage } from '../../server/audit/audit.ts'
import {
  acceptCredential,
  addCredential,
  credentialHash,
  readCredential,
  readCredentials,
} from '../../server/mode/credential.ts'
import { askMaster, connectionToMaster, MasterRefused } from '../../server/replication/connection.ts'
import { deviceList, revokeDevice } from '../../server/replication/devices.ts'
import type { DeviceBody } from '../../server/store/bodies.ts'
import { write } from '../../server/store/write.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'

const dayMs = 86_400_000

describe('the credential of a slave is another one every month', () => {
  let master: TestNode
  let slave: TestNode
  before(async () => {
    master = await startMaster()
  })
  after(() => master.close())
  beforeEach(async () => {
    slave = await startSlave(master, `gw-${count++}`)
  })
  afterEach(() => slave.close())
  let count = 0

  const file = (): string => join(slave.dir, 'device-credential')
  const device = async (): Promise<DeviceBody & { id: string }> =>
    (await deviceList(master.db)).find(({ deviceId }) => deviceId === slave.db.local.deviceId)!
  const isTaken = async (): Promise<boolean> =>
    (await device()).tokenHash === credentialHash(readCredentials(slave.dir)[0]!)

  /** What the master keeps of the device, as it would be where another history led there. */
  async function keep(changes: Partial<DeviceBody>): Promise<void> {
    const { id, scope: _, ...body } = await device()
    await write(master.db, me, (change) => change.put('device', id, { ...body, ...changes }))
  }

  /** Another process: it knows nothing but what is written. */
  async function restart(whileStopped: () => unknown = () => {}): Promise<void> {
    await slave.stop()
    await whileStopped()
    for (const one of readCredentials(slave.dir)) acceptCredential(one)
    slave = await startNode(slave.dir)
    await aUser(master.db)
    await caughtUp(slave, master)
  }

  function makeOld(days = 31): void {
    const made = new Date(Date.now() - days * dayMs)
    utimesSync(file(), made, made)
  }

  /** As who holds this credential. */
  async function ask(credential: string, path: string, json?: unknown): Promise<number> {
    const connection = { ...connectionToMaster(slave.db), as: undefined }
    connection.headers.authorization = `Bearer ${credential}`
    try {
      const answer = await askMaster(connection, path, json === undefined ? {} : { method: 'POST', json })
      answer.body.resume()
      return answer.status
    } catch (error) {
      if (error instanceof MasterRefused) return error.status
      throw error
    } finally {
      await connection.agent.destroy()
    }
  }

  test('a month after it was made; the one before opens for a day more, and the audit says so', async () => {
    const [first] = readCredentials(slave.dir)
    await restart(makeOld)
    await until(isTaken)
    const [second, third, ...others] = readCredentials(slave.dir)
    assert.notEqual(second, first)
    assert.deepEqual([third, others], [first, []])
    assert.equal(readCredential(slave.dir), second)
    const { rows } = await auditPage(master.db, { object: (await device()).id })
    assert.equal(rows[0]?.sentence, `Device ${slave.db.local.name} renewed its credential`)
    assert.equal(await ask(first!, '/v1/digest'), 200)
    await keep({ earlier: { ...(await device()).earlier!, until: new Date().toISOString() } })
    assert.equal(await ask(first!, '/v1/digest'), 401)
    assert.equal(await ask(second!, '/v1/digest'), 200)
  })

  test('not before, and not again at the next start', async () => {
    const before = readFileSync(file(), 'utf8')
    await restart(() => makeOld(29))
    await restart()
    assert.equal(readFileSync(file(), 'utf8'), before)
  })

  test('a node that was killed before the master heard of the new one goes on with the old one, and tells it', async () => {
    const [first] = readCredentials(slave.dir)
    await restart(() => addCredential(slave.dir, `${slave.db.local.deviceId}.never-heard-of`))
    await until(isTaken)
    assert.deepEqual(readCredentials(slave.dir), [`${slave.db.local.deviceId}.never-heard-of`, first])
  })

  test('a node that was killed before it heard the answer asks with the new one', async () => {
    const next = `${slave.db.local.deviceId}.taken-already`
    const [first] = readCredentials(slave.dir)
    await restart(async () => {
      addCredential(slave.dir, next)
      assert.equal(await ask(first!, '/v1/credential', { tokenHash: credentialHash(next) }), 200)
      assert.equal(await ask(first!, '/v1/credential', { tokenHash: credentialHash(next) }), 200)
    })
    assert.ok(await isTaken())
    assert.deepEqual(readCredentials(slave.dir), [next, first])
  })

  test('a master that knows an older one only, from a backup or another node, is told of the newest', async () => {
    const old = await device()
    for (const _ of [1, 2]) {
      await restart(makeOld)
      await until(isTaken)
    }
    assert.equal(readCredentials(slave.dir).length, 3)
    await restart(() => keep({ tokenHash: old.tokenHash, earlier: { tokenHash: old.tokenHash, until: '2020-01-01' } }))
    await until(isTaken)
    assert.equal(readCredentials(slave.dir).length, 3)
  })

  test('who has the one before makes no other one with it', async () => {
    const [first] = readCredentials(slave.dir)
    await restart(makeOld)
    await until(isTaken)
    assert.equal(await ask(first!, '/v1/credential', { tokenHash: '0'.repeat(64) }), 403)
    assert.equal(await ask(first!, '/v1/credential', { tokenHash: 'short' }), 422)
    assert.equal(await ask('nobody', '/v1/credential', { tokenHash: '0'.repeat(64) }), 401)
    assert.ok(await isTaken())
  })

  test('revoked, neither opens', async () => {
    await restart(makeOld)
    await until(isTaken)
    await revokeDevice(master.db, me, slave.db.local.deviceId)
    for (const credential of readCredentials(slave.dir)) assert.equal(await ask(credential, '/v1/digest'), 403)
  })

  test('a file from before there were several is read as it is', async () => {
    const [first] = readCredentials(slave.dir)
    await restart(() => writeFileSync(file(), first!))
    assert.deepEqual(readCredentials(slave.dir), [first])
  })
})
