import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { clientLens } from '../../server/accounts/client-uses.ts'
import { addClient, clientByName } from '../../server/accounts/clients.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { addProfile } from '../../server/accounts/profiles.ts'
import { removeUser } from '../../server/accounts/users.ts'
import { claimCode } from '../../server/auth/claim.ts'
import { synchronizationKey } from '../../server/mode/key.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'
import { aBrowser, type Browser, signedIn, textOf } from '../support/web.ts'

let master: TestNode
let slave: TestNode
let admin: Browser

const urlOf = (node: TestNode): string => `http://127.0.0.1:${node.ports().web}`

before(async () => {
  master = await startMaster()
  await addGroup(master.db, me, { name: 'sales', description: '' })
  await aUser(master.db, { username: 'aek', first: 'Åsa', last: 'Ek', groups: ['sales'], plugins: ['pptpd'] })
  await addProfile(master.db, me, { name: 'Sellers', groups: ['sales'] })
  await addClient(master.db, me, { name: 'squid', role: 'read', networks: ['10.1.0.0/16'] })
  await removeUser(master.db, me, (await aUser(master.db, { username: 'binned' })).id)
  slave = await startSlave(master)
  admin = await signedIn(urlOf(slave))
})
after(async () => {
  await slave?.close()
  await master?.close()
})

test('a slave shows people, groups and who has a plugin, and names its master', async () => {
  for (const path of [
    '/users',
    '/users/aek',
    '/groups',
    '/extensions',
    '/plugins/pptpd',
    '/clients',
    '/clients/squid',
    '/windows',
    '/windows/computers',
  ]) {
    const page = textOf((await admin.get(path)).text)
    assert.match(page, /This node is a slave of master\.example\.lan\./, path)
  }
  assert.match(textOf((await admin.get('/plugins/pptpd')).text), /Ek, Åsa/)
})

test('a slave has no control that could not work', async () => {
  for (const path of [
    '/',
    '/users',
    '/users/aek',
    '/groups',
    '/groups/allusers',
    '/groups/sales',
    '/profiles',
    '/profiles/Sellers',
    '/bin',
    '/extensions',
    '/plugins',
    '/plugins/pptpd',
    '/mode',
    '/clients',
    '/clients/squid',
    '/windows',
    '/windows/computers',
    '/account',
  ]) {
    const { text } = await admin.get(path)
    const forms = [...text.matchAll(/<form[^>]*method="post"[^>]*>.*?<\/form>/gs)].filter(([form]) =>
      /<button/.test(form),
    )
    const actions = forms.map(([form]) => /action="([^"]*)"/.exec(form)?.[1])
    assert.deepEqual(
      actions.filter(
        (action) => !['/theme', '/logout', '/account/password#password', '/account/fields'].includes(action ?? ''),
      ),
      [],
      path,
    )
    assert.doesNotMatch(text, /href="\/(users\/new|groups\/new|import)"|\/remove"/, path)
  }
})

test('every change that is sent to a slave all the same is refused with the name of its master', async () => {
  for (const path of [
    '/users/new',
    '/users/aek',
    '/users/aek/remove',
    '/selected-users',
    '/selected-users/save',
    '/groups/new',
    '/profiles/new',
    '/bin/x/restore',
    '/extensions/contact',
    '/plugins/ftp/users/add',
    '/clients',
    '/clients/squid',
    '/clients/squid/password',
    '/import',
    '/mode/key/new',
    '/mode/become/standalone',
  ]) {
    const answer = await admin.post(path, { username: 'x', usernames: 'aek', action: 'lock', status: 'locked' })
    assert.equal(answer.status, 409, path)
    assert.match(textOf(answer.text), /slave of master\.example\.lan/)
  }
})

test('a slave shows what it saw of an LDAP client itself, and forgets that where it is asked', async () => {
  const { id } = (await clientByName(slave.db, 'squid')).client
  clientLens(slave.db).used(id, '10.1.0.7')
  clientLens(slave.db).missed(id, 'base', 'dc=other')
  const page = textOf((await admin.get('/clients/squid')).text)
  assert.match(page, /Last use here today .* from 10\.1\.0\.7/)
  assert.match(page, /Base dc=other/)
  assert.match(page, /Where it may come from 10\.1\.0\.0\/16/)
  assert.deepEqual((await clientByName(master.db, 'squid')).misses, [])
  assert.equal((await admin.post('/clients/squid/forget')).status, 303)
  assert.doesNotMatch((await admin.get('/clients/squid')).text, /dc=other/)
  assert.match(textOf((await admin.get('/clients/squid')).text), /from 10\.1\.0\.7/)
})

test('a change on the master is on the page of the slave', async () => {
  await aUser(master.db, { username: 'later', first: 'Nils', last: 'Later' })
  await caughtUp(slave, master)
  assert.match(textOf((await admin.get('/users?search=later')).text), /Later, Nils/)
})

test('the master lists the slave as equal, and revoking it takes its name to confirm', async () => {
  const browser = await signedIn(urlOf(master))
  await until(async () => /gw-malmo .* Equal Equal at/.test(textOf((await browser.get('/devices')).text)))
  const href = `/devices/${slave.db.local.deviceId}`
  assert.match(textOf((await browser.get(href)).text), /Device ID D-/)
  assert.equal((await browser.post(`${href}/revoke`, { name: 'gw' })).status, 422)
  assert.equal((await browser.post(`${href}/revoke`, { name: 'gw-malmo' })).status, 303)
  assert.match(textOf((await browser.get(href)).text), /Revoked\. It receives nothing any more\./)
})

test('a fresh node joins from the browser, with the steps to watch; a mistyped key is said at its field', async () => {
  const fresh = await startNode()
  try {
    const browser = aBrowser(urlOf(fresh))
    await browser.post('/setup/claim', { code: claimCode(fresh.dir) })
    const key = await synchronizationKey(master.db)
    const typed = { master: `127.0.0.1:${master.ports().sync}`, name: 'fs-malmo' }
    const wrong = await browser.post('/setup/slave', { ...typed, key: `${key.slice(0, -1)}u` })
    assert.equal(wrong.status, 422)
    assert.match(wrong.text, /id="f-key-problem"/)
    assert.match(wrong.text, /value="fs-malmo"/)
    assert.equal((await browser.post('/setup/slave', { ...typed, key })).headers.location, '/setup/joining')
    await until(async () => (await browser.part('/setup/joining')).headers['hx-redirect'] === '/setup/done', 15_000)
    const page = textOf((await browser.get('/setup/done')).text)
    assert.match(page, /fs-malmo is a slave of master\.example\.lan/)
    assert.match(page, /Equal to the master at change \d+/)
  } finally {
    await fresh.close()
  }
})
