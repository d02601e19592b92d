import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { changeUser, userByUsername } from '../../server/accounts/users.ts'
import { epochName } from '../../server/mode/epoch.ts'
import { scrub } from '../../server/replication/scrub.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { masterStatus } from '../../server/replication/status.ts'
import { canonical } from '../../server/store/canonical.ts'
import { objectById } from '../../server/store/objects.ts'
import { write } from '../../server/store/write.ts'
import { caughtUp, silent, startMaster, startNode, startSlave, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { ldapSignIn } from '../support/process.ts'

test('fields that a slave does not know are kept to the byte, and outlive an edit on a master that does not know them', async () => {
  const master = await startMaster()
  let slave = await startSlave(master)
  const anna = await aUser(master.db, { username: 'anna', password })
  const body = (await objectById(master.db.reader, 'user', anna.id))?.body as object
  const later = {
    ...body,
    passkeys: [{ id: 'k1', counter: 7 }],
    extensions: { 'from-tomorrow': { colour: 'grün', depth: 3 } },
  }
  await write(master.db, me, (change) => change.move([{ kind: 'user', id: anna.id, body: canonical(later) }]))
  await caughtUp(slave, master)
  const kept = async (node: typeof slave) =>
    JSON.parse((await node.db.reader('objects').where({ id: anna.id }).first()).body)
  assert.deepEqual(await kept(slave), later)
  assert.equal(await ldapSignIn(slave.ports().ldap ?? 0, 'anna', password), true)
  await changeUser(master.db, me, anna.id, { first: 'Edited' })
  await caughtUp(slave, master)
  const { passkeys, extensions } = await kept(slave)
  assert.deepEqual(passkeys, later.passkeys)
  assert.deepEqual(extensions['from-tomorrow'], later.extensions['from-tomorrow'])
  assert.equal((await scrub(slave.db, silent)).mended.length, 0)
  // As after an upgrade: made anew from what was kept, without the network.
  await master.stop()
  await slave.db.writer('local').where({ name: 'writtenBy' }).update({ value: '"0.0.9"' })
  await slave.stop()
  slave = await startNode(slave.dir)
  assert.equal((await userByUsername(slave.db, 'anna')).first, 'Edited')
  await slave.close()
  await master.close()
})

test('a master that speaks another protocol is not pulled from; the slave says so and serves on', async () => {
  const master = await startMaster()
  const slave = await startSlave(master)
  await aUser(master.db, { username: 'anna', password })
  await caughtUp(slave, master)
  const asked = await fetchAs(
    slave.db.dir,
    master.ports().sync ?? 0,
    {
      'sync-protocol': '2',
      'sync-cluster': master.db.position.clusterId,
    },
    `since=0&epoch=${epochName(master.db.position)}`,
  )
  assert.equal(asked.status, 426)
  assert.equal(JSON.parse(asked.body).code, 'protocol')
  await slave.close()
  await master.close()
})

async function fetchAs(dir: string, port: number, headers: Record<string, string>, query: string) {
  const { Agent, request } = await import('undici')
  const { masterName, readCa } = await import('../../server/mode/certificates.ts')
  const { readCredential } = await import('../../server/mode/credential.ts')
  const servername = masterName(headers['sync-cluster'] ?? '')
  const dispatcher = new Agent({ connect: { ca: readCa(dir), servername } })
  const answer = await request(`https://127.0.0.1:${port}/v1/changes?${query}`, {
    dispatcher,
    headers: { authorization: `Bearer ${readCredential(dir)}`, ...headers },
  })
  const body = await answer.body.text()
  await dispatcher.close()
  return { status: answer.statusCode, body }
}

test('I10: clocks that jump by ten years, forward and back, delay and lose nothing', async () => {
  const master = await startMaster()
  const slave = await startSlave(master)
  await aUser(master.db, { username: 'anna', password })
  const real = Date.now
  const years = 365 * 86_400_000
  try {
    for (const offset of [10 * years, -10 * years, 0, 3 * years]) {
      mock.restoreAll()
      mock.method(Date, 'now', () => real() + offset)
      const user = await aUser(master.db)
      await caughtUpMonotonic(() => slave.db.position.hash === master.db.position.hash)
      assert.equal((await userByUsername(slave.db, user.username)).id, user.id)
      assert.equal(masterStatus(slave.db).reachable, true)
      assert.equal(workerOf(slave.db)?.line.problem, undefined)
    }
  } finally {
    mock.restoreAll()
  }
  await aUser(master.db)
  await caughtUp(slave, master)
  await until(() => ldapSignIn(slave.ports().ldap ?? 0, 'anna', password))
  await slave.close()
  await master.close()
})

async function caughtUpMonotonic(isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !isSo(); ) {
    if (performance.now() > end) throw new Error('it did not come about in time')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
