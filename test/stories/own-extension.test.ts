import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addClient } from '../../server/accounts/clients.ts'
import { exportUsers } from '../../server/accounts/csv.ts'
import { type Client, connectTo } from '../ldap/client.ts'
import { caughtUp, startMaster, startSlave, type TestNode } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'
import { type Browser, signedIn, textOf } from '../support/web.ts'

// An administrator makes an extension in the browser; another site's services read its values from their own node.
const entry = 'uid=aek,ou=Users,ou=Accounts,dc=example,dc=lan'

describe('an extension made in the pages', { concurrency: false }, () => {
  let master: TestNode
  let slave: TestNode
  let admin: Browser
  let ldap: Client

  before(async () => {
    master = await startMaster()
    slave = await startSlave(master)
    await aUser(master.db, { username: 'aek', first: 'Åsa', last: 'Ek' })
    const service = await addClient(master.db, me, { name: 'reader', role: 'read' })
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
})
