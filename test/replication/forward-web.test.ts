import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, password } from '../support/people.ts'
import { aBrowser, type Browser, signedIn, textOf } from '../support/web.ts'

const chosen = 'quite-another-one-9'

describe('what people do at a slave, their master does', () => {
  let master: TestNode
  let slave: TestNode
  before(async () => {
    master = await startMaster()
    for (const username of ['anna', 'bruno', 'carla', 'forced', 'other-admin'])
      await aUser(master.db, {
        username,
        password,
        mustChange: username === 'forced',
        role: username === 'other-admin' ? 'administrator' : 'person',
      })
    await aUser(master.db, { username: 'hedda', password, role: 'helpdesk', mustChange: false })
    slave = await startSlave(master)
    await caughtUp(slave, master)
  })
  after(async () => {
    await slave?.close()
    await master?.close()
  })

  const pages = (node: TestNode) => `http://127.0.0.1:${node.ports().web}`
  const at = (node: TestNode, username: string, typed = password): Promise<Browser> =>
    signedIn(pages(node), username, typed)
  const maySignIn = async (node: TestNode, username: string, typed: string) =>
    (await aBrowser(pages(node)).post('/login', { username, password: typed })).status === 303
  /** What was done last to somebody; that nodes confirmed it comes on its own. */
  const latest = async (username: string) => {
    const { id } = await userByUsername(master.db, username)
    return (await auditPage(master.db, { object: id })).rows.find(({ actor }) => actor !== 'this node')
  }

  test('an own new password holds at the slave when it is answered, and the record names the site', async () => {
    const anna = await at(slave, 'anna')
    assert.match((await anna.get('/account')).text, /action="\/account\/password.*name="current"/s)
    const done = await anna.post('/account/password', { current: password, password: chosen, password2: chosen })
    assert.deepEqual([done.status, done.headers.location], [303, '/account'])
    assert.equal((await anna.get('/account')).status, 200, 'the session goes on')
    assert.equal(await maySignIn(slave, 'anna', chosen), true)
    assert.equal(await maySignIn(master, 'anna', chosen), true)
    const row = await latest('anna')
    assert.deepEqual([row?.actor, row?.via, row?.sentence], ['anna', 'web', 'Changed the own password'])
    assert.match(row?.address ?? '', /^(::ffff:)?127\.0\.0\.1 at gw-malmo$/)
  })

  test('a wrong password of one’s own is found here, and a weak new one is named field by field', async () => {
    const bruno = await at(slave, 'bruno')
    const wrong = await bruno.post('/account/password', { current: 'not-mine-1', password: chosen, password2: chosen })
    assert.equal(wrong.status, 422)
    assert.match(textOf(wrong.text), /This is not your password/)
    const weak = await bruno.post('/account/password', { current: password, password: 'short', password2: 'short' })
    assert.equal(weak.status, 422)
    assert.match(textOf(weak.text), /at least 8|At least 8/)
    assert.equal(await maySignIn(master, 'bruno', password), true)
  })

  test('who must set a new password first does so at the slave', async () => {
    const forced = await at(slave, 'forced')
    assert.equal((await forced.get('/account')).headers.location, '/account/new-password')
    assert.match((await forced.get('/account/new-password')).text, /name="current"/)
    const done = await forced.post('/account/new-password', { current: password, password: chosen, password2: chosen })
    assert.equal(done.status, 303)
    assert.equal((await forced.get('/account')).status, 200)
  })

  test('the help desk at a slave locks, unlocks and sets passwords with its own password, within its rights', async () => {
    const hedda = await at(slave, 'hedda')
    assert.match((await hedda.get('/users/carla')).text, /href="\/users\/carla\/status\?status=locked/)
    assert.match(
      textOf((await hedda.get('/users/carla/status?status=locked&from=enabled')).text),
      /Lock Some .* Your own password/,
    )
    assert.equal((await hedda.post('/users/carla/status', { status: 'locked' })).status, 422)
    assert.equal((await hedda.post('/users/carla/status', { status: 'locked', authority: 'wrong-one-1' })).status, 422)
    assert.equal((await userByUsername(master.db, 'carla')).status, 'enabled')

    const locked = await hedda.post('/users/carla/status?from=enabled', { status: 'locked', authority: password })
    assert.equal(locked.status, 303)
    assert.equal((await userByUsername(slave.db, 'carla')).status, 'locked')
    const row = await latest('carla')
    assert.equal(row?.actor, 'hedda')
    assert.match(row?.address ?? '', /at gw-malmo$/)
    await hedda.post('/users/carla/status?from=locked', { status: 'enabled', authority: password })
    assert.equal(await maySignIn(slave, 'carla', password), true)

    const asked = (await hedda.get('/users/carla/password')).text
    assert.match(asked, /name="authority".*name="password2".*name="authority"/s)
    const set = await hedda.post('/users/carla/password', { password: chosen, password2: chosen, authority: password })
    assert.equal(set.status, 303)
    assert.equal(await maySignIn(slave, 'carla', chosen), true)
    const made = await hedda.post('/users/carla/password/generate', { authority: password })
    const [generated = ''] = /id="password-once">([^<]+)</.exec(made.text)?.slice(1) ?? []
    assert.equal(await maySignIn(slave, 'carla', generated), true)

    const disabled = await hedda.post('/users/carla/status', { status: 'disabled', authority: password })
    assert.equal(disabled.status, 403)
    const above = await hedda.post('/users/other-admin/status', { status: 'locked', authority: password })
    assert.equal(above.status, 403)
    assert.equal((await userByUsername(master.db, 'other-admin')).status, 'enabled')
  })

  test('everything else is refused with the name of the master', async () => {
    const admin = await at(slave, 'admin')
    for (const path of ['/users/carla', '/users/new', '/users/carla/remove', '/groups/new'])
      assert.equal((await admin.post(path, { username: 'x' })).status, 409, path)
  })

  test('with the master away it is refused at once and nothing is put by', async () => {
    const hedda = await at(slave, 'hedda')
    const anna = await at(slave, 'anna', chosen)
    await master.stop()
    const refused = await anna.post('/account/password', { current: chosen, password, password2: password })
    assert.equal(refused.status, 503)
    assert.match(textOf(refused.text), /Not changed: the master cannot be reached/)
    assert.equal((await hedda.post('/users/carla/status', { status: 'locked', authority: password })).status, 503)
    const link = await hedda.post('/users/carla/password/invite', { authority: password })
    assert.equal(link.status, 503)
    assert.match(textOf(link.text), /Not changed: the master cannot be reached/)
    assert.equal(await maySignIn(slave, 'anna', chosen), true, 'the old one is still right')
    await until(async () => (await userByUsername(slave.db, 'carla')).status === 'enabled')
  })

  test('and the pages for it say so before anybody types', async () => {
    const hedda = await at(slave, 'hedda')
    await until(async () => /has not answered since/.test(textOf((await hedda.get('/account')).text)))
    for (const path of ['/account', '/users/carla/password', '/users/carla', '/groups/allusers'])
      assert.match(textOf((await hedda.get(path)).text), /master\.example\.lan has not answered since/, path)
    const asks = textOf((await hedda.get('/users/carla/status?status=locked')).text)
    assert.match(asks, /master\.example\.lan goes by it, and does not answer/)
    const forced = await at(slave, 'forced', chosen)
    assert.match(textOf((await forced.get('/account')).text), /has not answered since/)
  })
})
