import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addMembers, removeMembers } from '../../server/accounts/group-members.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { signIn } from '../../server/accounts/sign-in.ts'
import { signInFacts } from '../../server/accounts/sign-ins.ts'
import { removeUser, setPassword, userByUsername } from '../../server/accounts/users.ts'
import { setScope } from '../../server/replication/devices.ts'
import { heldNow } from '../../server/replication/scope.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { deviceStatuses } from '../../server/replication/status.ts'
import { secretsHeldBy } from '../../server/replication/stolen.ts'
import { setUpDomain } from '../../server/samba/domain.ts'
import type { Db } from '../../server/store/db.ts'
import { objectById } from '../../server/store/objects.ts'
import { startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { signedIn, textOf } from '../support/web.ts'

describe('which secrets travel to a device', () => {
  let master: TestNode
  let slave: TestNode
  let full: TestNode
  const ids: Record<string, string> = {}
  before(async () => {
    master = await startMaster()
    await setUpDomain(master.db, me, { name: 'EXAMPLE' })
    const windows = { extensions: { samba: { account: 'yes' } } }
    for (const username of ['anna', 'bruno', 'carla'])
      ids[username] = (await aUser(master.db, { username, password, ...(username !== 'carla' && windows) })).id
    ids.malmo = (await addGroup(master.db, me, { name: 'malmo', description: 'Malmö' })).id
    ids.europe = (await addGroup(master.db, me, { name: 'europe', description: 'Europe' })).id
    await addMembers(master.db, me, ids.malmo, { usernames: ['anna'] })
    slave = await startSlave(master, 'gw-malmo')
    full = await startSlave(master, 'gw-full')
  })
  after(async () => {
    await slave?.close()
    await full?.close()
    await master?.close()
  })

  const device = async (node = slave) => {
    const found = (await deviceStatuses(master.db)).find(({ deviceId }) => deviceId === node.db.local.deviceId)
    assert.ok(found)
    return found
  }
  const equal = (node = slave) =>
    until(
      async () => node.db.position.seq === master.db.position.seq && (await device(node)).state === 'equal',
      10_000,
      () => `${workerOf(node.db)?.line.problem} ${node.db.position.seq} ${master.db.position.seq}`,
    )
  const hasPassword = async (username: string, db: Db = slave.db) =>
    (await objectById(db.reader, 'user', ids[username] as string))?.body.password !== undefined
  const hasHash = async (username: string, db: Db = slave.db) =>
    (await db
      .reader('objects')
      .where({ kind: 'nt-hash', id: ids[username] ?? '', deleted: false })
      .first()) !== undefined
  /** What is written on the slave anywhere, also what was taken out. */
  const written = async () => JSON.stringify(await slave.db.reader('objects'))

  test('people of some groups only: the others keep their names there and lose their secrets', async () => {
    const hash = (await objectById(master.db.reader, 'user', ids.bruno as string))?.body.password ?? ''
    assert.ok((await written()).includes(hash))
    await setScope(master.db, me, slave.db.local.deviceId, { groups: ['malmo'] })
    await equal()
    assert.deepEqual([await hasPassword('anna'), await hasPassword('bruno')], [true, false])
    assert.deepEqual([await hasHash('anna'), await hasHash('bruno')], [true, false])
    assert.equal((await userByUsername(slave.db, 'bruno')).username, 'bruno')
    assert.ok(!(await written()).includes(hash))
    assert.ok(await hasPassword('bruno', full.db), 'another device is not concerned')
  })

  test('it proves what it holds with a state hash of its own', async () => {
    const held = await heldNow(master.db, (await device()).scope as object)
    assert.deepEqual([held.hash, held.objects], [slave.db.position.hash, slave.db.position.objects])
    assert.notEqual(slave.db.position.hash, master.db.position.hash)
    await equal(full)
    assert.equal(full.db.position.hash, master.db.position.hash)
  })

  test('wrong passwords there lock nobody out who could not sign in there', async () => {
    const wrong = (username: string) => signIn(slave.db, username, `wrong ${Math.random()}`).catch(() => {})
    for (let tries = 0; tries < 10; tries++) await wrong('bruno')
    // Told behind those.
    await wrong('anna')
    await until(async () => (await signInFacts(master.db, ids.anna as string)).failures === 1)
    assert.equal((await signInFacts(master.db, ids.bruno as string)).failures, 0)
    assert.equal((await userByUsername(master.db, 'bruno')).lockedUntil, undefined)
  })

  test('changes go on arriving, each within the scope', async () => {
    await setPassword(master.db, me, ids.bruno as string, 'another-long-one-7')
    await setPassword(master.db, me, ids.anna as string, 'another-long-one-7')
    await equal()
    assert.deepEqual(
      [await hasPassword('anna'), await hasPassword('bruno'), await hasHash('bruno')],
      [true, false, false],
    )
    const anna = (db: Db) => objectById(db.reader, 'user', ids.anna as string)
    assert.deepEqual((await anna(slave.db))?.body, (await anna(master.db))?.body)
  })

  test('who joins the group comes with the secrets, who leaves goes without', async () => {
    await addMembers(master.db, me, ids.malmo as string, { usernames: ['bruno'] })
    await equal()
    assert.deepEqual([await hasPassword('bruno'), await hasHash('bruno')], [true, true])
    await removeMembers(master.db, me, ids.malmo as string, { usernames: ['bruno'] })
    await equal()
    assert.deepEqual([await hasPassword('bruno'), await hasHash('bruno')], [false, false])
  })

  test('a group within a group brings its people in', async () => {
    await addMembers(master.db, me, ids.europe as string, { usernames: ['carla'] })
    await addMembers(master.db, me, ids.malmo as string, { groups: ['europe'] })
    await equal()
    assert.equal(await hasPassword('carla'), true)
  })

  test('somebody in the recycle bin leaves no secret behind either', async () => {
    const hash = (await objectById(master.db.reader, 'user', ids.bruno as string))?.body.password ?? 'none'
    await removeUser(master.db, me, ids.bruno as string)
    await equal()
    assert.ok(!(await written()).includes(hash))
  })

  test('NT hashes travel only where Samba runs', async () => {
    await setScope(master.db, me, slave.db.local.deviceId, { ntHashes: false })
    await equal()
    assert.deepEqual([await hasPassword('carla'), await hasHash('anna')], [true, false])
    await setScope(master.db, me, slave.db.local.deviceId, {})
    await equal()
    assert.equal(await hasHash('anna'), true)
    assert.equal(slave.db.position.hash, master.db.position.hash)
  })

  test('damage is found and repaired within the scope', async () => {
    await setScope(master.db, me, slave.db.local.deviceId, { groups: ['malmo'] })
    await equal()
    await workerOf(slave.db)?.stop()
    const body = JSON.stringify({
      ...(await objectById(slave.db.reader, 'user', ids.anna as string))?.body,
      first: 'Damaged',
    })
    await slave.db.writer('objects').where({ kind: 'user', id: ids.anna }).update({ body })
    slave.db.position = { ...slave.db.position, hash: '0'.repeat(32) }
    workerOf(slave.db)?.start()
    await until(async () => (await objectById(slave.db.reader, 'user', ids.anna as string))?.body.first === 'Some')
    await equal()
  })

  test('a stolen one held what travelled to it, and the list says so', async () => {
    const held = await secretsHeldBy(master.db, slave.db.local.deviceId)
    assert.deepEqual(held.people.map(({ username }) => username).sort(), ['anna', 'carla'])
  })

  test('the page changes it, and refuses a group that there is not', async () => {
    const admin = await signedIn(`http://127.0.0.1:${master.ports().web}`)
    const href = `/devices/${slave.db.local.deviceId}`
    assert.match((await admin.get(`${href}/scope`)).text, /value="malmo"/)
    const refused = await admin.post(`${href}/scope`, { whose: 'groups', groups: 'nowhere', ntHashes: 'yes' })
    assert.equal(refused.status, 422)
    assert.match(textOf(refused.text), /There is no group “nowhere”/)
    assert.equal((await admin.post(`${href}/scope`, { whose: 'groups', groups: ' ', ntHashes: 'yes' })).status, 422)
    assert.equal((await admin.post(`${href}/scope`, { whose: 'everybody', ntHashes: 'yes' })).status, 303)
    await equal()
    assert.equal((await device()).scope, undefined)
  })
})
