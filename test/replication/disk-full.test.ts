import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { addUser, changeUser, userByUsername } from '../../server/accounts/users.ts'
import { Unavailable } from '../../server/errors.ts'
import { scrub } from '../../server/replication/scrub.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { masterStatus } from '../../server/replication/status.ts'
import { removeExpiredSessions } from '../../server/store/sessions.ts'
import { write } from '../../server/store/write.ts'
import { fillDisk, makeRoom } from '../support/disk.ts'
import { caughtUp, silent, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password, somebody } from '../support/people.ts'
import { ldapSignIn } from '../support/process.ts'
import { type Browser, signedIn, textOf } from '../support/web.ts'

const long = (number: number) => ({ kind: 'tomorrow', id: `7f-${number}`, body: `{"text":"${'x'.repeat(20_000)}"}` })

describe('a full disk makes a node read-only, not dead, and it goes on by itself when there is room', () => {
  let master: TestNode
  let slave: TestNode
  before(async () => {
    master = await startMaster()
    slave = await startSlave(master)
    await aUser(master.db, { username: 'anna', password })
    await caughtUp(slave, master)
  })
  after(async () => {
    await slave.close()
    await master.close()
  })
  const sessionsKept = async ({ db }: TestNode) => (await db.reader('sessions')).length
  const signsIn = (node: TestNode) => ldapSignIn(node.ports().ldap ?? 0, 'anna', password)

  test('on the master: a change is refused in words, the store stays sound, slaves are served', async () => {
    await fillDisk(master.db)
    const was = { ...master.db.position }
    const change = () => write(master.db, me, (change) => change.move(Array.from({ length: 20 }, (_, n) => long(n))))
    await assert.rejects(
      change(),
      (error) => error instanceof Unavailable && /disk of this node is full/.test(error.message),
    )
    assert.deepEqual(master.db.position, was)
    assert.equal(await signsIn(master), true)
    assert.equal((await (await signedIn(`http://127.0.0.1:${master.ports().web}`)).get('/users')).status, 200)
    // Several that share a commit are refused together, and none of them is kept.
    const several = await Promise.allSettled([change(), change(), change()])
    assert.ok(several.every(({ status }) => status === 'rejected'))
    assert.deepEqual(master.db.position, was)
    const found = await scrub(master.db, silent)
    assert.deepEqual([found.isProven, found.damaged, found.mended], [true, 0, []])
    await caughtUp(slave, master)

    await makeRoom(master.db)
    await change()
    await caughtUp(slave, master)
  })

  test('at the pages of both people sign in, and out for good, and stay signed in once there is room', async () => {
    for (const node of [master, slave]) {
      const url = `http://127.0.0.1:${node.ports().web}`
      const there = await sessionsKept(node)
      const before = await signedIn(url)
      await fillDisk(node.db)
      const browsers = []
      // More than a page of the file has room for.
      for (let each = 0; each < 16; each++) browsers.push(await signedIn(url))
      const [first, second] = browsers as [Browser, Browser]
      assert.equal((await first.get('/users')).status, 200)
      for (const browser of [before, second]) {
        assert.equal((await browser.post('/logout')).status, 303)
        assert.equal((await browser.get('/users')).status, 303)
      }
      assert.match(textOf((await first.get('/account')).text), /this one/)
      await makeRoom(node.db)
      await removeExpiredSessions(node.db)
      assert.equal(await sessionsKept(node), there + 15)
      assert.equal((await first.get('/users')).status, 200)
      assert.equal((await second.get('/users')).status, 303)
    }
  })

  test('on a slave: it stands where it stood, says so, serves, and catches up', async () => {
    await caughtUp(slave, master)
    await fillDisk(slave.db)
    const was = { ...slave.db.position }
    await write(master.db, me, (change) => change.move(Array.from({ length: 40 }, (_, n) => long(100 + n))))
    await until(() => /disk of this node is full/.test(masterStatus(slave.db).problem ?? ''))
    assert.equal(masterStatus(slave.db).reachable, true, 'it is not the master that is away')
    assert.deepEqual(slave.db.position, was)
    assert.equal(await signsIn(slave), true)
    assert.equal((await (await signedIn(`http://127.0.0.1:${slave.ports().web}`)).get('/users')).status, 200)
    const found = await scrub(slave.db, silent)
    assert.deepEqual([found.isProven, found.damaged, found.mended], [true, 0, []])

    await makeRoom(slave.db)
    // By itself, within its back-off; a test does not wait for that.
    await workerOf(slave.db)?.stop()
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
  })

  test('at any moment of an apply: nothing is kept of it', async () => {
    await caughtUp(slave, master)
    await workerOf(slave.db)?.stop()
    const { total } = await usersPage(slave.db, {})
    for (let number = 0; number < 60; number++) await addUser(master.db, me, somebody())
    const { id } = await userByUsername(master.db, 'anna')
    await changeUser(master.db, me, id, { first: 'Later' })
    const was = { ...slave.db.position }
    let refused = 0
    for (let room = 0; slave.db.position.seq !== master.db.position.seq; room += 2) {
      await fillDisk(slave.db)
      const [{ page_count: pages }] = await slave.db.writer.raw('PRAGMA page_count')
      await slave.db.writer.raw(`PRAGMA max_page_count = ${pages + room}`)
      const refusal = await workerOf(slave.db)
        ?.pullOnce(0)
        .then(() => undefined)
        .catch((error) => error)
      if (!refusal) break
      refused++
      assert.ok(refusal instanceof Unavailable, String(refusal))
      assert.deepEqual(slave.db.position, was)
      assert.equal((await usersPage(slave.db, {})).total, total)
    }
    assert.ok(refused > 1, `${refused} times`)
    await makeRoom(slave.db)
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
    assert.equal((await scrub(slave.db, silent)).isProven, true)
  })
})
