import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import tls from 'node:tls'
import { Invalid, Refused } from '../../server/errors.ts'
import { readOwn } from '../../server/mode/certificates.ts'
import { formatKey, parseKey, rotateKey, synchronizationKey } from '../../server/mode/key.ts'
import { joinMaster } from '../../server/replication/join.ts'
import { startJoin } from '../../server/replication/joining.ts'
import { caughtUp, freePorts, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'
import { aStore } from '../support/store.ts'

const problemsOf = async (work: Promise<unknown>): Promise<Record<string, string>> =>
  work.then(
    () => assert.fail('it was accepted'),
    (error) => (error instanceof Invalid ? error.problems : assert.fail(error)),
  )

describe('joining', () => {
  let master: TestNode
  let other: TestNode
  let key: string
  before(async () => {
    master = await startMaster()
    other = await startMaster()
    key = await synchronizationKey(master.db)
  })
  after(async () => {
    await master.close()
    await other.close()
  })
  const address = (node = master) => `127.0.0.1:${node.ports().sync}`

  test('a mistyped key is refused before any network use', async () => {
    const { db, close } = await aStore()
    let asked = 0
    const server: Server = createServer(() => asked++).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const wrong = key.slice(0, -3) + (key.at(-3) === '7' ? '8' : '7') + key.slice(-2)
    const problems = await problemsOf(joinMaster(db, me, { master: `127.0.0.1:${port}`, key: wrong, name: 'gw' }))
    assert.match(problems.key ?? '', /mistyped|not complete/)
    assert.equal(asked, 0)
    server.close()
    await close()
  })

  test('a well-formed key with a wrong secret is refused once, and not tried again', async () => {
    const { db, close } = await aStore()
    const parsed = parseKey(key)
    if (!('key' in parsed)) assert.fail()
    const wrong = formatKey({ ...parsed.key, secret: '0'.repeat(32) })
    const problems = await problemsOf(joinMaster(db, me, { master: address(), key: wrong, name: 'gw' }))
    assert.match(problems.key ?? '', /not accepted/)
    assert.equal(db.local.mode, undefined)
    await close()
  })

  test('a server with another pin gets no byte of the secret', async () => {
    const { db, close } = await aStore()
    const pair = readOwn(other.dir)
    let heard = ''
    const server = tls.createServer({ cert: pair?.certificate, key: pair?.key }, (socket) => {
      socket.on('data', (data) => {
        heard += data
      })
      socket.on('error', () => {})
    })
    server.on('tlsClientError', () => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const problems = await problemsOf(joinMaster(db, me, { master: `127.0.0.1:${port}`, key, name: 'gw' }))
    assert.match(problems.key ?? '', /another pin\. The secret was not sent/)
    assert.equal(heard, '')
    server.close()
    await close()
  })

  test('a slave of the same cluster cannot stand in for the master', async () => {
    const slave = await startSlave(master, 'gw-impostor')
    const { db, close } = await aStore()
    const pair = readOwn(slave.dir)
    const server = tls.createServer({ cert: pair?.certificate, key: pair?.key }, (socket) =>
      socket.on('error', () => {}),
    )
    server.on('tlsClientError', () => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const problems = await problemsOf(joinMaster(db, me, { master: `127.0.0.1:${port}`, key, name: 'gw' }))
    assert.match(problems.master ?? '', /not its master\. The secret was not sent/)
    server.close()
    await close()
    await slave.close()
  })

  test('the master of another cluster is not the master of this key', async () => {
    const { db, close } = await aStore()
    const problems = await problemsOf(joinMaster(db, me, { master: address(other), key, name: 'gw' }))
    assert.match(problems.key ?? '', /not the master of this key/)
    await close()
  })

  test('a master that does not answer is said in one sentence', async () => {
    const { db, close } = await aStore()
    const [port] = await freePorts(1)
    const problems = await problemsOf(joinMaster(db, me, { master: `127.0.0.1:${port}`, key, name: 'gw' }))
    assert.match(problems.master ?? '', /Nothing answers at 127\.0\.0\.1/)
    await close()
  })

  test('what is wrong with address, key and name is said for each', async () => {
    const { db, close } = await aStore()
    const problems = await problemsOf(joinMaster(db, me, { master: 'not a host', key: 'ask1-xyz', name: 'No Name' }))
    assert.deepEqual(Object.keys(problems).sort(), ['key', 'master', 'name'])
    await close()
  })

  test('a node that has joined has a credential and a certificate of its own, and cannot join again', async () => {
    const slave = await startSlave(master, 'gw-toronto')
    const certificate = new X509Certificate(readOwn(slave.dir)?.certificate ?? '')
    assert.ok(certificate.checkHost('gw-toronto'))
    assert.ok(certificate.verify(new X509Certificate(readFileSync(join(master.dir, 'ca.pem'))).publicKey))
    assert.ok(readFileSync(join(slave.dir, 'device-credential'), 'utf8').startsWith(slave.db.local.deviceId))
    await assert.rejects(joinMaster(slave.db, me, { master: address(), key, name: 'gw' }), Refused)
    await slave.close()
  })

  test('a new key disturbs no slave that has joined; the old one enrols nobody', async () => {
    const slave = await startSlave(master, 'gw-lagos')
    const old = await synchronizationKey(master.db)
    key = await rotateKey(master.db, me)
    await aUser(master.db)
    await caughtUp(slave, master)
    const { db, close } = await aStore()
    assert.match(
      (await problemsOf(joinMaster(db, me, { master: address(), key: old, name: 'gw' }))).key ?? '',
      /not accepted/,
    )
    await close()
    await slave.close()
  })

  test('the page sees each step, the objects as they come, and the proof', async () => {
    const node = await startNode()
    const progress = startJoin(node.db, me, { master: address(), key, name: 'gw-progress' })
    await until(() => progress.done)
    assert.equal(progress.problems, undefined)
    assert.deepEqual(
      progress.steps.map(({ state }) => state),
      ['done', 'done', 'done', 'done', 'done'],
    )
    assert.ok(progress.total > 10)
    assert.equal(progress.received, progress.total)
    assert.equal(progress.seq, master.db.position.seq)
    await node.close()
  })
})
