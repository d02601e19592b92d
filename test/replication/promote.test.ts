import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { addGroup } from '../../server/accounts/groups.ts'
import { addUser, userByUsername } from '../../server/accounts/users.ts'
import { metricsText } from '../../server/metrics.ts'
import { setMode } from '../../server/mode/mode.ts'
import { makeRecoveryCode } from '../../server/mode/recovery.ts'
import { unshippedChanges } from '../../server/mode/unshipped.ts'
import { setScope } from '../../server/replication/devices.ts'
import { followMaster } from '../../server/replication/follow.ts'
import { handOver } from '../../server/replication/hand-over.ts'
import { leaveMaster, promote, promotion } from '../../server/replication/promotion.ts'
import { becomeSlave } from '../../server/replication/rejoin.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { nodeStatus } from '../../server/replication/status.ts'
import {
  caughtUp,
  freePorts,
  isEqual,
  startMaster,
  startNode,
  startSlave,
  type TestNode,
  until,
} from '../support/node.ts'
import { me, somebody } from '../support/people.ts'
import { signedIn, textOf } from '../support/web.ts'

const addressOf = (node: TestNode) => `127.0.0.1:${node.ports().sync}`
const has = (node: TestNode, username: string) =>
  userByUsername(node.db, username).then(
    () => true,
    () => false,
  )

/** A master with a recovery code, and two slaves that are equal to it. */
async function cluster() {
  const master = await startMaster()
  const code = await makeRecoveryCode(master.db, me)
  const [a, b] = await Promise.all([startSlave(master, 'gw-a'), startSlave(master, 'gw-b')])
  await addUser(master.db, me, somebody({ username: 'ann' }))
  await Promise.all([caughtUp(a, master), caughtUp(b, master)])
  return { master, code, a, b }
}

/** Whether the accounts ever came as a whole while `run` ran. */
async function withoutFullSync(node: TestNode, run: () => Promise<void>): Promise<void> {
  let everything = 0
  const listener = (changes: unknown) => {
    if (changes === 'all') everything++
  }
  node.db.listeners.add(listener)
  await run()
  node.db.listeners.delete(listener)
  assert.equal(everything, 0)
}

describe('a slave is promoted', () => {
  test('others follow without a full sync; the old master bows when it returns, and comes back as a slave', async () => {
    const { master, code, a, b } = await cluster()
    const port = `${master.ports().sync}`
    await a.stop()
    const dirA = a.dir
    // Not replicated to anybody: both slaves are away.
    await b.stop()
    await addUser(master.db, me, somebody({ username: 'unshipped' }))
    await master.stop()

    const a2 = await startNode(dirA)
    const plan = await promotion(a2.db)
    assert.equal(plan.masterAnswers, false)
    assert.deepEqual(
      plan.others.map(({ name }) => name),
      ['gw-b'],
    )
    await promote(a2.db, me, code)
    await until(() => a2.ports().sync !== undefined)
    assert.equal(a2.db.local.mode, 'master')
    assert.equal(a2.db.position.epochNo, 2)
    await addUser(a2.db, me, somebody({ username: 'bob' }))

    const b2 = await startNode(b.dir)
    await withoutFullSync(b2, async () => {
      await followMaster(b2.db, me, addressOf(a2))
      await until(() => isEqual(b2, a2), 10_000)
    })
    assert.ok(await has(b2, 'bob'))
    assert.equal(b2.db.position.epochId, a2.db.position.epochId)
    assert.deepEqual(
      (await nodeStatus(a2.db)).devices.map(({ name }) => name),
      ['gw-b'],
    )

    const old = await startNode(master.dir, { 'sync-port': port })
    await until(() => old.db.local.newer?.url !== undefined, 20_000)
    await assert.rejects(addUser(old.db, me, somebody({ username: 'late' })), /gw-a/)
    assert.equal((await nodeStatus(old.db)).newer?.name, 'gw-a')
    assert.match(await metricsText(old.db), /^account_sync_bowed 1$/m)
    await becomeSlave(old.db, me)
    assert.ok(!existsSync(join(old.dir, 'ca.key')))
    assert.ok(!existsSync(join(old.dir, 'synchronization-key.json')))
    await until(() => isEqual(old, a2), 20_000)
    assert.ok(!(await has(old, 'unshipped')))
    const [kept] = await unshippedChanges(old.db)
    assert.deepEqual(
      kept?.changes.map(({ kind, name, what }) => ({ kind, name, what })).filter(({ kind }) => kind === 'user'),
      [{ kind: 'user', name: 'unshipped', what: 'added' }],
    )
    assert.match(readFileSync(join(old.dir, kept?.file ?? ''), 'utf8'), /unshipped/)
    await until(() => a2.db.local.oldMasters?.length === 0, 40_000)
    await addUser(a2.db, me, somebody({ username: 'cyd' }))
    await Promise.all([caughtUp(old, a2), caughtUp(b2, a2)])
    await Promise.all([a2.close(), b2.close(), old.close()])
  })

  test('a slave that nobody tells finds the new master by itself, and goes on from where it is', async () => {
    const { master, code, a, b } = await cluster()
    await master.close()
    await until(async () => !(await promotion(a.db)).masterAnswers)
    await promote(a.db, me, code)
    await addUser(a.db, me, somebody({ username: 'bob' }))
    await withoutFullSync(b, () => until(() => isEqual(b, a), 40_000))
    assert.equal(b.db.local.masterUrl, `https://${addressOf(a)}`)
    assert.ok(await has(b, 'bob'))
    await Promise.all([a.close(), b.close()])
  })

  test('before it, a slave knows which of the others had less, also once the master is gone', async () => {
    const { master, a, b } = await cluster()
    await b.stop()
    await addUser(master.db, me, somebody({ username: 'later' }))
    await caughtUp(a, master)
    await a.stop()
    const again = await startNode(a.dir)
    await until(() => again.db.local.fleet !== undefined)
    await again.stop()
    await master.close()
    const alone = await startNode(a.dir)
    const { others } = await promotion(alone.db)
    assert.deepEqual(
      others.map(({ name, has }) => [name, has]),
      [['gw-b', 'less']],
    )
    await Promise.all([alone.close(), b.close()])
  })

  test('one that was as far when the master last told is not taken for one that has less', async () => {
    const { master, a, b } = await cluster()
    await a.stop()
    const again = await startNode(a.dir)
    await until(() => again.db.local.fleet?.devices.length === 2)
    // Both go on, and then one alone: nobody tells of it, for the master is asked each minute.
    await addUser(master.db, me, somebody({ username: 'for-both' }))
    await Promise.all([caughtUp(again, master), caughtUp(b, master)])
    await workerOf(again.db)?.stop()
    await addUser(master.db, me, somebody({ username: 'for-one' }))
    await caughtUp(b, master)
    const { seq, others } = await promotion(again.db)
    const [other] = others
    assert.ok(other?.seq !== undefined && other.seq < seq)
    assert.equal(other.has, undefined)
    const admin = await signedIn(`http://127.0.0.1:${again.ports().web}`)
    assert.match(textOf((await admin.get('/mode/promote')).text), /Whether gw-b has more or less than this node by now/)
    await Promise.all([again.close(), b.close(), master.close()])
  })

  test('an old master that comes back after masters changed twice bows, and keeps all that it had not shipped', async () => {
    const { master, code, a, b } = await cluster()
    await Promise.all([a.stop(), b.stop()])
    await addUser(master.db, me, somebody({ username: 'unshipped' }))
    await master.stop()
    const [a2, b2] = await Promise.all([startNode(a.dir), startNode(b.dir)])
    await promote(a2.db, me, code)
    await followMaster(b2.db, me, addressOf(a2))
    for (const username of ['cyd', 'dan', 'eve']) await addUser(a2.db, me, somebody({ username }))
    await caughtUp(b2, a2)
    await until(async () =>
      (await nodeStatus(a2.db)).devices.some(({ name, state }) => name === 'gw-b' && state === 'equal'),
    )
    await handOver(a2.db, me, 'gw-b')
    // At another address than before, where nobody looks for it.
    const old = await startNode(master.dir, { 'sync-port': `${(await freePorts(1))[0]}` })
    await until(() => old.db.local.newer?.url === `https://${addressOf(b2)}`, 20_000)
    await becomeSlave(old.db, me)
    await until(() => isEqual(old, b2), 20_000)
    const [kept] = await unshippedChanges(old.db)
    const people = kept?.changes.filter(({ kind }) => kind === 'user').map(({ name, what }) => `${what} ${name}`)
    assert.deepEqual(people, ['added unshipped'])
    await Promise.all([a2.close(), b2.close(), old.close()])
  })

  test('not one to which not all secrets travel: every node would lose the others', async () => {
    const { master, code, a, b } = await cluster()
    await addGroup(master.db, me, { name: 'crew', description: '' })
    await setScope(master.db, me, a.db.local.deviceId, { groups: ['crew'] })
    await until(async () => (await promotion(a.db)).isPartial)
    await assert.rejects(handOver(master.db, me, 'gw-a'), /Not all secrets travel to gw-a/)
    await master.close()
    await until(async () => !(await promotion(a.db)).masterAnswers)
    await assert.rejects(promote(a.db, me, code), /Not all secrets travel to this node/)
    assert.equal(a.db.local.mode, 'slave')
    await Promise.all([a.close(), b.close()])
  })

  test('only with the right code, and not past a master that answers', async () => {
    const { master, code, a, b } = await cluster()
    await until(async () => (await promotion(a.db)).masterAnswers)
    await assert.rejects(promote(a.db, me, code), /master\.example\.lan answers\. Hand over from there/)
    const newer = await makeRecoveryCode(master.db, me)
    await caughtUp(a, master)
    for (const [typed, words] of [
      ['', /recovery code is needed/],
      ['ask1-abc', /begins with “arc1-”/],
      [`${newer.slice(0, -1)}${newer.endsWith('0') ? '1' : '0'}`, /checksum is wrong/],
      [code, /not the recovery code of/],
    ] as const)
      await assert.rejects(promote(a.db, me, typed, true), words)
    assert.equal(a.db.local.mode, 'slave')
    assert.ok(!existsSync(join(a.dir, 'ca.key')))
    await caughtUp(a, master)
    await Promise.all([master.close(), a.close(), b.close()])
  })

  test('what a slave holds does not open the cluster’s key, and an epoch that is not signed moves nobody', async () => {
    const { master, a, b } = await cluster()
    const sealed = await a.db.reader('objects').where({ kind: 'recovery' }).first('body')
    assert.doesNotMatch(sealed.body, /PRIVATE KEY|arc1/)
    const { askMaster, connectionToMaster } = await import('../../server/replication/connection.ts')
    const line = connectionToMaster(a.db)
    const forged = new URLSearchParams({
      since: `${a.db.position.seq}`,
      hash: a.db.position.hash,
      epoch: '9.00000000-0000-4000-8000-000000000000',
      sig: a.db.position.epochSig,
      port: '1',
    })
    await askMaster(line, `/v1/changes?${forged}&wait=0`).then(
      ({ body }) => body.destroy(),
      () => {},
    )
    await line.agent.destroy()
    assert.equal(master.db.local.newer, undefined)
    await addUser(master.db, me, somebody({ username: 'still' }))
    // A slave cannot be sent to a node that is not a master of this cluster.
    const stranger = await startMaster()
    await assert.rejects(followMaster(a.db, me, addressOf(stranger)), /not this cluster’s master/)
    assert.equal(a.db.local.masterUrl, `https://${addressOf(master)}`)
    await Promise.all([master.close(), a.close(), b.close(), stranger.close()])
  })

  test('an administrator can decide for the old master: it goes on above the newer epoch, and the other bows', async () => {
    const { master, code, a, b } = await cluster()
    await promote(a.db, me, code, true)
    await until(() => master.db.local.newer?.url !== undefined, 10_000)
    await assert.rejects(addUser(master.db, me, somebody({ username: 'no' })))
    await setMode(master.db, me, 'master')
    assert.equal(master.db.position.epochNo, 3)
    await addUser(master.db, me, somebody({ username: 'yes' }))
    await until(() => a.db.local.newer !== undefined, 10_000)
    await becomeSlave(a.db, me, addressOf(master))
    await until(() => isEqual(a, master), 10_000)
    await Promise.all([master.close(), a.close(), b.close()])
  })
})

describe('the master hands over', () => {
  test('there and back again under load: no change that was answered is lost', async () => {
    const { master, a, b } = await cluster()
    const done: string[] = []
    let isOver = false
    const load = (async () => {
      for (let n = 0; !isOver; n++) {
        const node = [master, a].find(({ db }) => db.local.mode === 'master') as TestNode
        const username = `load${n}`
        await addUser(node.db, me, somebody({ username })).then(
          () => done.push(username),
          () => new Promise((resolve) => setTimeout(resolve, 20)),
        )
      }
    })()
    assert.deepEqual(await handOver(master.db, me, 'gw-a'), { name: 'gw-a' })
    assert.equal(a.db.local.mode, 'master')
    assert.equal(master.db.local.mode, 'slave')
    assert.ok(!existsSync(join(master.dir, 'ca.key')))
    const before = done.length
    await until(() => done.length > before + 3, 10_000)
    await until(() => isEqual(b, a) || b.db.position.epochId === a.db.position.epochId, 20_000)

    const back = (await nodeStatus(a.db)).devices.find(({ name }) => name === 'master.example.lan')
    await until(async () =>
      (await nodeStatus(a.db)).devices.some(({ name, state }) => name === back?.name && state !== 'away'),
    )
    await handOver(a.db, me, 'master.example.lan')
    assert.equal(master.db.local.mode, 'master')
    assert.equal(master.db.position.epochNo, 3)
    const again = done.length
    await until(() => done.length > again + 3, 10_000)
    isOver = true
    await load
    await Promise.all([until(() => isEqual(a, master), 20_000), until(() => isEqual(b, master), 20_000)])
    for (const username of done) assert.ok(await has(master, username), username)
    assert.deepEqual(await unshippedChanges(master.db), [])
    assert.deepEqual(await unshippedChanges(a.db), [])
    await Promise.all([master.stop(), a.stop()])
    // Nothing of it comes back when they start anew.
    const [head, slave] = await Promise.all([startNode(master.dir), startNode(a.dir)])
    assert.deepEqual(
      [head.db.local.newer, head.db.local.handOver, head.db.local.masterUrl],
      [undefined, undefined, undefined],
    )
    await addUser(head.db, me, somebody({ username: 'goes-on' }))
    await caughtUp(slave, head)
    await Promise.all([head.close(), slave.close(), b.close()])
  })

  test('a slave that is not in contact cannot take over, and one that does not come for the key leaves everything as it was', async () => {
    const { master, a, b } = await cluster()
    await assert.rejects(handOver(master.db, me, 'gw-nowhere'), /There is no device/)
    await b.close()
    await assert.rejects(handOver(master.db, me, 'gw-b', 200), /did not become equal in time/)
    await addUser(master.db, me, somebody({ username: 'goes-on' }))
    await caughtUp(a, master)
    assert.equal(master.db.position.epochNo, 1)
    await Promise.all([master.close(), a.close()])
  })
})

describe('a slave is detached', () => {
  test('it is standalone with its accounts, in a cluster of its own, and its master is not touched', async () => {
    const { master, a, b } = await cluster()
    const { clusterId } = a.db.position
    await leaveMaster(a.db, me)
    assert.equal(a.db.local.mode, 'standalone')
    assert.notEqual(a.db.position.clusterId, clusterId)
    assert.ok(await has(a, 'ann'))
    await addUser(a.db, me, somebody({ username: 'own' }))
    await addUser(master.db, me, somebody({ username: 'theirs' }))
    await caughtUp(b, master)
    assert.ok(!(await has(master, 'own')))
    assert.ok(!(await has(a, 'theirs')))
    assert.ok(!existsSync(join(a.dir, 'device-credential')))
    assert.deepEqual((await nodeStatus(a.db)).devices, [])
    await a.stop()
    const again = await startNode(a.dir)
    await setMode(again.db, me, 'master')
    await until(() => again.ports().sync !== undefined)
    const slave = await startSlave(again, 'gw-new')
    assert.ok(await has(slave, 'own'))
    await assert.rejects(leaveMaster(master.db, me), /Only a slave is detached/)
    await Promise.all([again.close(), slave.close(), master.close(), b.close()])
  })
})
