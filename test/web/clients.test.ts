import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Express } from 'express'
import { clientLens, openClientUses } from '../../server/accounts/client-uses.ts'
import { addClient, changeClient, clientByName, clientList } from '../../server/accounts/clients.ts'
import { verifyPassword } from '../../server/accounts/passwords.ts'
import { objectsOf } from '../../server/store/objects.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

describe('the page of an LDAP client', { concurrency: false }, () => {
  let store: Awaited<ReturnType<typeof aMasterStore>>
  let app: Express
  let admin: Browser
  const page = async (path = '/clients/squid') => textOf((await admin.get(path)).text)
  const networks = async () => (await clientByName(store.db, 'squid')).client.networks
  const isRight = async (typed: string) => {
    const [object] = (await objectsOf(store.db.reader, 'client')).filter(({ body }) => body.name === 'squid')
    return verifyPassword(object?.body.password, typed)
  }

  before(async () => {
    store = await aMasterStore()
    await openClientUses(store.db)
    app = await aWebApp(store.db)
    await aUser(store.db, { username: 'audra', role: 'auditor', password })
    admin = await signedIn(app)
  })
  after(() => store.close())

  test('a client is added with its networks; one that is none is said beside its field, and what was typed is kept', async () => {
    const typed = { name: 'squid', role: 'read', networks: '10.1.0.0/16\nthe office' }
    const wrong = await admin.post('/clients', typed)
    assert.equal(wrong.status, 422)
    assert.match(textOf(wrong.text), /“the” is no network\. Write an address or a network, as in 10\.1\.0\.0\/16/)
    assert.match(wrong.text, /10\.1\.0\.0\/16\nthe office<\/textarea>/)
    const made = await admin.post('/clients', { ...typed, networks: '10.1.0.0/16, 2001:DB8::/32' })
    assert.equal(made.status, 200)
    assert.deepEqual(await networks(), ['10.1.0.0/16', '2001:db8::/32'])
    assert.match((await admin.get('/clients')).text, /href="\/clients\/squid"/)
  })

  test('it says what the client is, what it may, and how a service is set to it', async () => {
    const text = await page()
    assert.match(text, /A service that reads everything but secrets\./)
    assert.match(text, /binddn cn=squid,ou=Internal,dc=example,dc=lan/)
    assert.match(text, /uri ldaps:\/\/master\.example\.lan:6360 base dc=example,dc=lan/)
    assert.match(text, /Last use here never/)
    assert.match(text, /It has not been here yet/)
    assert.equal((await admin.get('/clients/nobody')).status, 404)
  })

  test('what it did not get is shown with what it means; what is harmless is marked; nothing of it is markup', async () => {
    const { id } = (await clientByName(store.db, 'squid')).client
    const { used, missed } = clientLens(store.db)
    used(id, '10.1.0.9')
    missed(id, 'unknown attribute', 'sAMAccountName')
    missed(id, 'unknown attribute', 'sAMAccountName')
    missed(id, 'base', '<img src=x onerror=alert(1)>')
    const text = await page()
    assert.match(text, /Last use here today \d\d:\d\d from 10\.1\.0\.9/)
    assert.match(text, /Base &lt;img src=x onerror=alert\(1\)&gt; There is nothing at this DN/)
    assert.match(
      text,
      /Unknown attribute sAMAccountName Harmless Active Directory: .* 2 times, first today .*, last today/,
    )
    assert.match(text, /Seen at this node, master\.example\.lan\./)
    assert.match(await page('/clients'), /squid .* today \d\d:\d\d 1 to look at/)
  })

  test('it is forgotten by one button, and the last use stays', async () => {
    const answer = await admin.post('/clients/squid/forget')
    assert.equal(answer.headers.location, '/clients/squid')
    const text = await page()
    assert.doesNotMatch(text, /sAMAccountName/)
    assert.match(text, /Nothing: this node gave it all it asked for\./)
    assert.match(text, /from 10\.1\.0\.9/)
  })

  test('networks are changed, and changed back by undo', async () => {
    const answer = await admin.post('/clients/squid', { networks: '10.2.0.0/16' })
    assert.equal(answer.status, 303)
    assert.deepEqual(await networks(), ['10.2.0.0/16'])
    const flash = await admin.get('/clients/squid')
    const [, undo = ''] = /action="(\/audit\/\d+\/undo)"/.exec(flash.text) ?? []
    await admin.post(undo, { back: '/clients/squid' })
    assert.deepEqual(await networks(), ['10.1.0.0/16', '2001:db8::/32'])
    assert.match(await page('/audit'), /Changed LDAP client squid .* Networks/)
    await admin.post('/clients/squid', { networks: '' })
    assert.deepEqual(await networks(), [])
  })

  test('what is no network is said beside its field, and what was typed is kept', async () => {
    const answer = await admin.post('/clients/squid', { networks: '10.0.0.0/64' })
    assert.equal(answer.status, 422)
    assert.match(answer.text, /id="f-networks-problem"/)
    assert.match(answer.text, /10\.0\.0\.0\/64<\/textarea>/)
    assert.deepEqual(await networks(), [])
  })

  test('who was slower changes nothing and is told', async () => {
    const [, seq = ''] = /name="seq" value="(\d+)"/.exec((await admin.get('/clients/squid')).text) ?? []
    await changeClient(store.db, me, 'squid', { networks: ['10.3.0.0/16'] })
    const answer = await admin.post('/clients/squid', { networks: '10.4.0.0/16', seq })
    assert.equal(answer.status, 422)
    assert.match(textOf(answer.text), /someone else changed LDAP client squid first/)
    assert.deepEqual(await networks(), ['10.3.0.0/16'])
  })

  test('a new password is asked for, made, and shown once; the record names it and does not show it', async () => {
    assert.match(await page('/clients/squid/password'), /Make a new password for squid\?/)
    const { text } = await admin.post('/clients/squid/password')
    const [, made = ''] = /id="made-password" value="([^"]+)"/.exec(text) ?? []
    assert.equal(await isRight(made), true)
    const again = (await admin.post('/clients/squid/password')).text
    assert.equal(await isRight(made), false)
    assert.doesNotMatch(again, new RegExp(made))
    assert.doesNotMatch((await admin.get('/clients/squid')).text, /made-password/)
    assert.match(await page('/audit'), /Made a new password for LDAP client squid/)
    assert.doesNotMatch(JSON.stringify(await store.db.reader('audit').select('*')), /argon2/)
  })

  test('an auditor sees all of it and changes nothing', async () => {
    const auditor = await signedIn(app, 'audra')
    const { text } = await auditor.get('/clients/squid')
    assert.match(textOf(text), /Where it may come from 10\.3\.0\.0\/16/)
    assert.doesNotMatch(text, /<textarea|\/password"|\/remove"|\/forget"/)
    for (const path of ['', '/forget', '/password', '/remove'])
      assert.equal((await auditor.post(`/clients/squid${path}`, { networks: '' })).status, 403, path)
    assert.deepEqual(await networks(), ['10.3.0.0/16'])
  })

  test('one that was added is taken away by undo; one that is removed goes after it was asked', async () => {
    await addClient(store.db, me, { name: 'wiki', role: 'auth' })
    const [, undo = ''] = /href="(\/audit\/\d+\/undo)"/.exec((await admin.get('/audit')).text) ?? []
    await admin.post(undo)
    assert.deepEqual(
      (await clientList(store.db)).map(({ name }) => name),
      ['squid'],
    )
    assert.match(await page('/clients/squid/remove'), /Remove squid\? .* Last seen here today/)
    assert.equal((await admin.post('/clients/squid/remove')).headers.location, '/clients')
    assert.deepEqual(await clientList(store.db), [])
    assert.equal((await admin.get('/clients/squid')).status, 404)
  })
})
