import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import ldap from 'ldapjs'
import { undelete } from '../../server/accounts/bin.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { changeUser, removeUser } from '../../server/accounts/users.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { aBrowser, signedIn } from '../support/web.ts'

const dnOf = (username: string) => `uid=${username},ou=Users,ou=Accounts,dc=example,dc=lan`

/** May this person bind to this node's LDAP now? */
function mayBind(node: TestNode, username: string): Promise<boolean> {
  const client = ldap.createClient({ url: `ldap://127.0.0.1:${node.ports().ldap}` })
  return new Promise((resolve, reject) => {
    client.on('error', reject)
    client.bind(dnOf(username), password, (error) => {
      client.unbind()
      if (error && error.name !== 'InvalidCredentialsError') reject(error)
      else resolve(!error)
    })
  })
}

const pagesOf = (node: TestNode) => `http://127.0.0.1:${node.ports().web}`

async function maySignIn(node: TestNode, username: string): Promise<boolean> {
  return (await aBrowser(pagesOf(node)).post('/login', { username, password })).status === 303
}

/** Refused at every door of every node, within a second. */
async function refusedEverywhere(nodes: TestNode[], username: string): Promise<void> {
  const isRefused = async () => {
    for (const node of nodes) if (await mayBind(node, username)) return false
    return true
  }
  await until(isRefused, 1000, () => `${username} still binds somewhere after a second`)
  for (const node of nodes) assert.equal(await maySignIn(node, username), false, `${username} signs in on pages`)
}

describe('who may not sign in is refused at every door of every node', () => {
  let master: TestNode
  let slave: TestNode
  before(async () => {
    master = await startMaster()
    slave = await startSlave(master)
  })
  after(async () => {
    await slave?.close()
    await master?.close()
  })

  test('a disabled person, whose open session on the slave ends as well', async () => {
    const anna = await aUser(master.db, { username: 'anna', password })
    await caughtUp(slave, master)
    assert.equal(await mayBind(slave, 'anna'), true, 'she could sign in before')
    const browser = await signedIn(pagesOf(slave), 'anna')
    assert.equal((await browser.get('/account')).status, 200)
    await setStatus(master.db, me, anna.id, 'disabled')
    await refusedEverywhere([master, slave], 'anna')
    assert.equal((await browser.get('/account')).status, 303)
    await setStatus(master.db, me, anna.id, 'enabled')
    await until(() => mayBind(slave, 'anna'), 1000)
  })

  test('a locked person, and one who was removed until they come back', async () => {
    const bruno = await aUser(master.db, { username: 'bruno', password })
    await caughtUp(slave, master)
    await setStatus(master.db, me, bruno.id, 'locked')
    await refusedEverywhere([master, slave], 'bruno')
    await setStatus(master.db, me, bruno.id, 'enabled')
    await removeUser(master.db, me, bruno.id)
    await refusedEverywhere([master, slave], 'bruno')
    await undelete(master.db, me, bruno.id)
    await until(() => mayBind(slave, 'bruno'), 1000)
  })

  test('an account that ends, at its moment, without anything being sent', async () => {
    const soon = new Date(Date.now() + 1500).toISOString()
    const clara = await aUser(master.db, { username: 'clara', password, validUntil: soon })
    await caughtUp(slave, master)
    assert.equal(await mayBind(slave, 'clara'), true, 'it has not ended yet')
    await until(() => Date.now() > Date.parse(soon), 3000)
    await refusedEverywhere([master, slave], 'clara')
    await changeUser(master.db, me, clara.id, { validUntil: '' })
    await until(() => mayBind(slave, 'clara'), 1000)
  })

  test('an account that has not begun', async () => {
    await aUser(master.db, { username: 'dora', password, validFrom: new Date(Date.now() + 86_400_000).toISOString() })
    await caughtUp(slave, master)
    await refusedEverywhere([master, slave], 'dora')
  })
})
