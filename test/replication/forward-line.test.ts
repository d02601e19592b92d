import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { User } from '../../server/accounts/user.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { userByUsername } from '../../server/accounts/users.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { onChanges } from '../../server/store/db.ts'
import { connectTo } from '../ldap/client.ts'
import { passwordRequest } from '../ldap/writable.ts'
import { fillDisk, makeRoom } from '../support/disk.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { openRelay, type Relay } from '../support/relay.ts'
import { type Browser, signedIn, textOf } from '../support/web.ts'

const another = 'four-quiet-wooden-boats'

describe('what a slave says of a change that its master may have made', () => {
  let master: TestNode
  let slave: TestNode
  let line: Relay
  let anna: User
  let hedda: Browser
  before(async () => {
    master = await startMaster()
    line = await openRelay(master.ports().sync ?? 0)
    await aUser(master.db, { username: 'hedda', password, role: 'helpdesk', mustChange: false })
    await aUser(master.db, { username: 'carla', password, mustChange: false })
    anna = await aUser(master.db, { username: 'anna', password })
    slave = await startSlave(master, 'gw-malmo', line.port)
    hedda = await signedIn(`http://127.0.0.1:${slave.ports().web}`, 'hedda')
  })
  beforeEach(async () => {
    await setStatus(master.db, me, anna.id, 'enabled')
    // Also behind the pause that follows a failure.
    await until(async () => (await unlock()).status === 303, 15_000)
    await caughtUp(slave, master)
  })
  after(async () => {
    await slave?.close()
    await line?.close()
    await master?.close()
  })

  const lock = () => hedda.post('/users/anna/status', { status: 'locked', authority: password })
  const unlock = () => hedda.post('/users/anna/status', { status: 'enabled', authority: password })
  const status = async (node: TestNode) => (await userByUsername(node.db, 'anna')).status

  test('done there and not here yet: both are said, after an act and beside a password that is shown once', async () => {
    await workerOf(slave.db)?.stop()
    assert.equal((await lock()).status, 303)
    assert.deepEqual([await status(master), await status(slave)], ['locked', 'enabled'])
    const page = textOf((await hedda.get('/users/anna')).text)
    assert.match(page, /is locked\. master\.example\.lan has done it; this node does not hold it yet/)
    const generated = await hedda.post('/users/anna/password/generate', { authority: password })
    assert.match(textOf(generated.text), /has done it; this node does not hold it yet/)
    assert.doesNotMatch(textOf((await hedda.get('/users/anna')).text), /does not hold it yet/)
    const client = connectTo(slave.ports().ldap as number)
    const dn = 'uid=carla,ou=Users,ou=Accounts,dc=example,dc=lan'
    assert.equal(await client.bind(dn, password), 0)
    const changed = await client.request(passwordRequest({ old: password, new: another }))
    assert.deepEqual([changed.code, changed.message], [0, 'The master has done it. This node does not hold it yet.'])
    client.end()
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
    assert.equal(await status(slave), 'locked')
  })

  test('the disk of the master is full: it is the master that says so', async () => {
    await fillDisk(master.db)
    // A page or two may have room for some rows more.
    let answer = await lock()
    for (let tries = 0; answer.status === 303 && tries < 100; tries++)
      answer = tries % 2 ? await lock() : await unlock()
    assert.equal(answer.status, 503)
    assert.match(textOf(answer.text), /master\.example\.lan says: The disk of this node is full/)
    await makeRoom(master.db)
  })

  test('a line on which nothing was sent: it was not done, and that is said', async () => {
    line.hold(true)
    line.shut(true)
    line.shut(false)
    const answer = await lock()
    assert.equal(answer.status, 503)
    assert.match(textOf(answer.text), /Not changed: the master cannot be reached/)
    assert.equal(await status(master), 'enabled')
    line.hold(false)
    line.shut(true)
    line.shut(false)
  })

  test('a master that is gone behind the request: that it is not known is said, and no more', async () => {
    const stop = onChanges(master.db, () => {
      stop()
      void line.close()
    })
    const answer = await lock()
    assert.equal(await status(master), 'locked')
    assert.equal(answer.status, 503)
    assert.match(textOf(answer.text), /may have done it or not: look before you try again/)
    assert.doesNotMatch(textOf(answer.text), /Not changed/)
  })
})
