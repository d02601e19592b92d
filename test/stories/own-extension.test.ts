import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addClient } from '../../server/accounts/clients.ts'
import { exportUsers } from '../../server/accounts/csv.ts'
import { type Client, connectTo } from '../ldap/client.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'
import { type Browser, signedIn, textOf } from '../support/web.ts'

// An administrator makes an extension in the browser; another site's services read its values from their own node.
const entry = 'uid=aek,ou=Users,ou=Accounts,dc=example,dc=lan'

describe('an extension made in the pages', { concurrency: false }, () => {
  let master: TestNode
  let slave: TestNode
  let admin: Browser
  let ldap: Client
  let service: Awaited<ReturnType<typeof addClient>>

  before(async () => {
    master = await startMaster()
    slave = await startSlave(master)
    await aUser(master.db, { username: 'aek', first: 'Åsa', last: 'Ek' })
    service = await addClient(master.db, me, { name: 'reader', role: 'read' })
    await caughtUp(slave, master)
    admin = await signedIn(`http://127.0.0.1:${master.ports().web}`)
    ldap = connectTo(slave.ports().ldap ?? 0)
    assert.equal(await ldap.bind(service.dn, service.password), 0)
  })
  after(async () => {
    ldap?.end()
    await slave?.close()
    await master?.close()
  })

  const served = async (): Promise<Record<string, string[]>> =>
    (await ldap.search({ base: entry, scope: 'base' })).entries[0]?.attributes ?? assert.fail('no entry')
  const schema = async (): Promise<string> => {
    const answer = await ldap.search({ base: 'cn=Subschema', scope: 'base', attributes: ['+'] })
    const { attributeTypes = [], objectClasses = [] } = answer.entries[0]?.attributes ?? {}
    return [...attributeTypes, ...objectClasses].join('\n')
  }
  const saveCard = async (number: string) => {
    const saved = await admin.post('/users/aek', {
      username: 'aek',
      first: 'Åsa',
      last: 'Ek',
      role: 'person',
      'staff_card.card_number': number,
    })
    assert.equal(saved.status, 303, textOf(saved.text))
    await caughtUp(slave, master)
  }

  test('is made on the master and filled in for somebody', async () => {
    const made = await admin.post('/extensions/new', {
      title: 'Staff card',
      block: '0',
      'fields.0.label': 'Card number',
      'fields.0.type': 'text',
      'fields.0.pattern': '[A-Z]{2}[0-9]{4}',
    })
    assert.equal(made.headers.location, '/extensions/staff_card')
    await saveCard('AB1234')
  })

  test('the slave serves value, object class and schema, and finds by it', async () => {
    const attributes = await served()
    assert.deepEqual(attributes.exampleCardNumber, ['AB1234'])
    assert.equal(attributes.objectClass?.includes('exampleStaffCard'), true)
    assert.match(await schema(), /NAME 'exampleCardNumber'/)
    assert.match(await schema(), /NAME 'exampleStaffCard'[^\n]*MAY exampleCardNumber/)
    const found = await ldap.search({
      base: 'dc=example,dc=lan',
      filter: '(exampleCardNumber=ab1234)',
      attributes: ['uid'],
    })
    assert.deepEqual(
      found.entries.map(({ attributes }) => attributes.uid),
      [['aek']],
    )
  })

  test('the slave’s pages and its CSV show it, without a control', async () => {
    const there = await signedIn(`http://127.0.0.1:${slave.ports().web}`)
    const { text } = await there.get('/extensions/staff_card')
    assert.match(textOf(text), /Card number .*exampleCardNumber/)
    assert.doesNotMatch(text, /staff_card\/(edit|remove)/)
    assert.match((await there.get('/users/aek')).text, /AB1234/)
    assert.equal((await there.get('/extensions/new')).status, 409)
    let csv = ''
    for await (const piece of exportUsers(slave.db)) csv += piece
    assert.match(csv, /extensions\.staff_card\.card_number/)
  })

  test('turned off it is served nowhere, turned on it is back, removed it is gone from the schema', async () => {
    await admin.post('/extensions/staff_card', { on: 'no', back: '/extensions' })
    await caughtUp(slave, master)
    assert.equal((await served()).exampleCardNumber, undefined)
    await admin.post('/extensions/staff_card', { on: 'yes', back: '/extensions' })
    await caughtUp(slave, master)
    assert.deepEqual((await served()).exampleCardNumber, ['AB1234'])
    await admin.post('/extensions/staff_card/remove', { name: 'staff_card' })
    await caughtUp(slave, master)
    const attributes = await served()
    assert.equal(attributes.exampleCardNumber, undefined)
    assert.equal(attributes.objectClass?.includes('exampleStaffCard'), false)
    assert.doesNotMatch(await schema(), /exampleCardNumber/)
  })

  test('what was made, filled in and changed while a slave was away is served by it once it is back', async () => {
    ldap.end()
    await slave.stop()
    const made = await admin.post('/extensions/new', {
      title: 'Locker',
      block: ['0', '1'],
      'fields.0.label': 'Locker number',
      'fields.0.type': 'number',
      'fields.1.label': 'Keys',
      'fields.1.type': 'list',
    })
    assert.equal(made.headers.location, '/extensions/locker')
    const person = { username: 'aek', first: 'Åsa', last: 'Ek', role: 'person' }
    await admin.post('/users/aek', { ...person, 'locker.locker_number': '12', 'locker.keys': 'K1\r\nK2' })
    // The declaration moves behind the values that need it.
    const fields = ['locker_number', 'keys'].map((name, at) => [`fields.${at}.name`, name] as const)
    const renamed = await admin.post('/extensions/locker/edit', {
      title: 'Lockers',
      name: 'locker',
      block: ['0', '1'],
      ...Object.fromEntries(fields),
      'fields.0.label': 'Number of the locker',
      'fields.0.type': 'number',
      'fields.0.attribute': 'exampleLocker',
      'fields.1.label': 'Keys',
      'fields.1.type': 'list',
    })
    assert.equal(renamed.headers.location, '/extensions/locker')
    await admin.post('/plugins/new', { title: 'Canteen' })
    await admin.post('/plugins/canteen/users/add', { usernames: 'aek' })

    slave = await startNode(slave.dir)
    await until(() => slave.ports().ldap !== undefined)
    await caughtUp(slave, master)
    ldap = connectTo(slave.ports().ldap ?? 0)
    assert.equal(await ldap.bind(service.dn, service.password), 0)
    const { exampleLocker, exampleKeys, objectClass } = await served()
    assert.deepEqual([exampleLocker, exampleKeys], [['12'], ['K1', 'K2']])
    assert.equal(objectClass?.includes('exampleLocker'), true)
    const filter = '(&(exampleLocker>=12)(memberOf=cn=canteen_plugin,ou=Groups,ou=Accounts,dc=example,dc=lan))'
    const { entries } = await ldap.search({ base: 'dc=example,dc=lan', filter })
    assert.deepEqual(
      entries.map(({ dn }) => dn),
      [entry],
    )
    const there = await signedIn(`http://127.0.0.1:${slave.ports().web}`)
    assert.match(textOf((await there.get('/plugins/canteen')).text), /Ek, Åsa aek No No password is set yet/)
  })
})
