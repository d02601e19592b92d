import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import { after, before, describe, mock, test } from 'node:test'
import tls from 'node:tls'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { addUser, userByUsername } from '../../server/accounts/users.ts'
import { issueOwn } from '../../server/mode/ca.ts'
import { keepOwn, masterName, readOwn } from '../../server/mode/certificates.ts'
import { revokeDevice } from '../../server/replication/devices.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { masterStatus } from '../../server/replication/status.ts'
import { objectLine } from '../../server/replication/wire.ts'
import { write } from '../../server/store/write.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password, somebody } from '../support/people.ts'
import { ldapSignIn } from '../support/process.ts'
import { openRelay, type Relay } from '../support/relay.ts'

describe('I4, I12: a line that is cut', () => {
  let master: TestNode
  let slave: TestNode
  let relay: Relay
  before(async () => {
    master = await startMaster()
    for (let number = 0; number < 200; number++)
      await write(master.db, me, (change) =>
        change.move([{ kind: 'tomorrow', id: `7f-${number}`, body: `{"text":"${'x'.repeat(200)}${number}"}` }]),
      )
    relay = await openRelay(master.ports().sync ?? 0)
    slave = await startSlave(master, 'gw-malmo', relay.port)
  })
  after(async () => {
    await slave.close()
    await relay.close()
    await master.close()
  })

  test('at any byte costs nothing but another try, and never a person', async () => {
    await aUser(master.db, { username: 'anna', password })
    await caughtUp(slave, master)
    const { total } = await usersPage(slave.db, {})
    for (let bytes = 1200; bytes < 4000; bytes += 200) {
      relay.cutAfter(undefined)
      await caughtUp(slave, master)
      await workerOf(slave.db)?.stop()
      for (let number = 0; number < 5; number++)
        await write(master.db, me, (change) =>
          change.move([{ kind: 'tomorrow', id: `7f-${number}`, body: `{"cut":"${bytes}${'y'.repeat(300)}"}` }]),
        )
      relay.cutAfter(bytes)
      const cuts = relay.cuts()
      workerOf(slave.db)?.start()
      await until(() => relay.cuts() > cuts || slave.db.position.seq === master.db.position.seq)
      assert.equal((await usersPage(slave.db, {})).total, total)
      assert.equal(await ldapSignIn(slave.ports().ldap ?? 0, 'anna', password), true)
    }
    relay.cutAfter(undefined)
    await caughtUp(slave, master)
    assert.ok(relay.cuts() > 3, `${relay.cuts()} cuts`)
  })

  test('and one that says nothing any more does not keep a slave from serving', async () => {
    await caughtUp(slave, master)
    relay.hold(true)
    await aUser(master.db)
    assert.equal(await ldapSignIn(slave.ports().ldap ?? 0, 'anna', password), true)
    relay.hold(false)
    // The poll that hangs ends by its own time; a new worker does not wait for that.
    await workerOf(slave.db)?.stop()
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
  })
})

describe('I11: what a slave has joined is what it talks to', () => {
  test('another server at the master’s address gets no credential, whatever certificate it has', async () => {
    const master = await startMaster()
    const stranger = await startMaster()
    const { sync = 0 } = master.ports()
    const slave = await startSlave(master)
    await aUser(master.db, { username: 'anna', password })
    await caughtUp(slave, master)
    await master.stop()
    for (const pair of [readOwn(stranger.dir), readOwn(slave.dir)]) {
      let heard = ''
      const server = tls.createServer({ cert: pair?.certificate, key: pair?.key }, (socket) => {
        socket.on('data', (data) => {
          heard += data
        })
        socket.on('error', () => {})
      })
      let tried = 0
      server.on('tlsClientError', () => tried++)
      server.on('connection', () => tried++)
      await new Promise<void>((resolve) => server.listen(sync, '127.0.0.1', resolve))
      await workerOf(slave.db)?.stop()
      workerOf(slave.db)?.start()
      await until(() => tried > 0)
      await until(() => /not this cluster’s master/.test(masterStatus(slave.db).problem ?? ''))
      assert.equal(heard, '')
      assert.equal(await ldapSignIn(slave.ports().ldap ?? 0, 'anna', password), true)
      await new Promise((resolve) => server.close(resolve))
    }
    const back = await startNode(master.dir, { 'sync-port': `${sync}` })
    await caughtUp(slave, back)
    await slave.close()
    await back.close()
    await stranger.close()
  })

  test('the master’s certificate is renewed, and every slave goes on without a word', async () => {
    const master = await startMaster()
    const { sync = 0 } = master.ports()
    const slave = await startSlave(master)
    await master.stop()
    const real = Date.now
    // As it would have been made almost its whole life ago.
    mock.method(Date, 'now', () => real() - 380 * 86_400_000)
    await issueOwn(master.dir, 'master.example.lan', [masterName(master.db.position.clusterId)])
    mock.restoreAll()
    const before = readOwn(master.dir)?.certificate
    const again = await startNode(master.dir, { 'sync-port': `${sync}` })
    assert.notEqual(readOwn(master.dir)?.certificate, before)
    await aUser(again.db)
    await caughtUp(slave, again)
    await slave.close()
    await again.close()
  })

  test('a slave’s own certificate near its end is made anew by the master', async () => {
    const master = await startMaster()
    let slave = await startSlave(master)
    const before = readOwn(slave.dir)
    await slave.stop()
    const { makeRequest, signRequest } = await import('../../server/mode/ca.ts')
    const { key, request } = await makeRequest('gw-malmo')
    const real = Date.now
    // As it would have been made almost its whole life ago.
    mock.method(Date, 'now', () => real() - 800 * 86_400_000)
    const certificate = await signRequest(master.dir, request, ['gw-malmo'])
    mock.restoreAll()
    keepOwn(slave.dir, { key, certificate })
    slave = await startNode(slave.dir)
    await until(() => readOwn(slave.dir)?.certificate !== certificate, 10_000)
    assert.notEqual(readOwn(slave.dir)?.certificate, before?.certificate)
    await aUser(master.db)
    await caughtUp(slave, master)
    await slave.close()
    await master.close()
  })

  test('a device that is revoked while its pull is open gets nothing that comes afterwards', async () => {
    const master = await startMaster()
    const slave = await startSlave(master)
    await aUser(master.db, { username: 'anna', password })
    await caughtUp(slave, master)
    const was = { ...slave.db.position }
    // In one commit's time: the revocation and a change behind it.
    await Promise.all([
      revokeDevice(master.db, me, slave.db.local.deviceId),
      addUser(master.db, me, somebody({ username: 'too_late' })),
    ])
    await until(() => workerOf(slave.db)?.line.stopped === true)
    assert.equal((await usersPage(slave.db, { search: 'too_late' })).total, 0)
    assert.equal(slave.db.position.seq, was.seq)
    assert.equal(await ldapSignIn(slave.ports().ldap ?? 0, 'anna', password), true)
    await slave.close()
    await master.close()
  })
})

describe('a master that answers nonsense', () => {
  let master: TestNode
  let slave: TestNode
  before(async () => {
    master = await startMaster()
    slave = await startSlave(master)
    await aUser(master.db, { username: 'anna', password })
    await caughtUp(slave, master)
    await master.stop()
  })
  after(async () => {
    await slave.close()
  })

  test('changes nothing at a slave, which says so and serves on', async () => {
    const pair = readOwn(master.dir)
    const { seq, hash, objects, clusterId, epochNo, epochId, epochSig } = slave.db.position
    const head = (more: object) =>
      `${JSON.stringify({ t: 'head', mode: 'delta', cluster: clusterId, epoch: `${epochNo}.${epochId}`, sig: epochSig, since: seq, upto: seq + 1, count: 1, horizon: 0, ...more })}\n`
    const end = (more: object) => `${JSON.stringify({ t: 'end', upto: seq + 1, hash, objects, n: 1, ...more })}\n`
    const row = objectLine({ seq: seq + 1, kind: 'tomorrow', id: 'x', body: '{"a":1}' })
    const bodies: Record<string, string | Buffer> = {
      nothing: '',
      'a page': '<html>502 Bad Gateway</html>',
      'a wrong hash': head({}) + row + end({ objects: objects + 1 }),
      'a wrong number of objects': head({}) + row + end({}),
      'no end': head({}) + row,
      'the same number twice': head({ count: 2 }) + row + row + end({ n: 2 }),
      'a full copy cut short': head({ mode: 'full', since: 0, count: 1 }) + row + end({}),
      'another cluster': head({ cluster: 'other' }) + row + end({}),
      'an epoch that nobody signed': head({ epoch: `${epochNo + 1}.x` }) + row + end({}),
      'bytes that are no text': Buffer.concat([Buffer.from(head({})), Buffer.from([0xff, 0xfe, 0x0a])]),
      'a line without end': `${head({})}${'x'.repeat(9 * 1024 * 1024)}`,
    }
    let body: string | Buffer = ''
    let asked = 0
    const server = createServer({ cert: pair?.certificate, key: pair?.key }, (req, res) => {
      asked++
      res.writeHead(200, { 'content-type': 'application/x-ndjson', 'sync-seq': String(seq + 1) })
      res.end(req.url?.startsWith('/v1/changes') ? body : '{}')
    })
    const port = Number(new URL(slave.db.local.masterUrl ?? '').port)
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    const was = { ...slave.db.position }
    const rows = await slave.db.reader('objects').count({ n: '*' })
    for (const [what, given] of Object.entries(bodies)) {
      body = given
      asked = 0
      await workerOf(slave.db)?.stop()
      workerOf(slave.db)?.start()
      await until(
        () => asked > 0 && workerOf(slave.db)?.line.problem !== undefined,
        5000,
        () => what,
      )
      assert.deepEqual(slave.db.position, was, what)
      assert.deepEqual(await slave.db.reader('objects').count({ n: '*' }), rows, what)
      assert.equal(await ldapSignIn(slave.ports().ldap ?? 0, 'anna', password), true, what)
    }
    await workerOf(slave.db)?.stop()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    assert.equal((await userByUsername(slave.db, 'anna')).username, 'anna')
  })
})
