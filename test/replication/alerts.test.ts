import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { auditPage } from '../../server/audit/audit.ts'
import { changeAlerts, watchFleet } from '../../server/replication/alerts.ts'
import { contactsOf } from '../../server/replication/contact.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { deviceStatuses } from '../../server/replication/status.ts'
import { caughtUp, silent, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'
import { aFolder } from '../support/store.ts'
import { signedIn, textOf } from '../support/web.ts'

describe('somebody is told when a device falls behind', () => {
  let master: TestNode
  let slave: TestNode
  // biome-ignore lint/suspicious/noExplicitAny: what arrives, each test says
  const arrived: any[] = []
  let status = 200
  const server = createServer((req, res) => {
    let text = ''
    req.on('data', (part) => {
      text += part
    })
    req.on('end', () => {
      if (status === 200) arrived.push(JSON.parse(text))
      res.writeHead(status).end()
    })
  })
  let hook = ''
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    hook = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/secret-path`
    master = await startMaster()
    slave = await startSlave(master, 'gw-malmo')
  })
  beforeEach(() => {
    arrived.length = 0
    status = 200
  })
  after(async () => {
    server.close()
    await slave?.close()
    await master?.close()
  })

  const state = async () => (await deviceStatuses(master.db))[0]?.state
  /** As if the line had been gone for so many minutes. */
  async function away(minutes: number): Promise<void> {
    await workerOf(slave.db)?.stop()
    const contacts = contactsOf(master.db)
    await until(() => contacts?.open.get(slave.db.local.deviceId)?.size === 0)
    const contact = contacts?.all.get(slave.db.local.deviceId)
    if (contact) contact.lastContact = new Date(Date.now() - minutes * 60_000).toISOString()
    assert.equal(await state(), 'away')
  }
  async function back(): Promise<void> {
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
    await until(async () => (await state()) === 'equal')
  }

  test('once, after the minutes that were asked for, with what to do; and once when it is equal again', async () => {
    await changeAlerts(master.db, me, { webhook: hook, afterMinutes: '15' })
    const { look } = watchFleet(master.db, silent)
    await look()
    await away(10)
    await look()
    assert.equal(arrived.length, 0)
    await look(Date.now() + 6 * 60_000)
    await look(Date.now() + 7 * 60_000)
    assert.equal(arrived.length, 1)
    assert.match(arrived[0].text, /^gw-malmo is not equal to master\.example\.lan\..*No contact\..*1\. Look whether/s)
    assert.deepEqual([arrived[0].devices[0].name, arrived[0].devices[0].state], ['gw-malmo', 'away'])
    await back()
    await look()
    await look()
    assert.equal(arrived.length, 2)
    assert.match(arrived[1].subject, /^gw-malmo is equal again$/)
  })

  test('what did not arrive is sent again', async () => {
    const { look } = watchFleet(master.db, silent)
    await away(30)
    status = 500
    await look()
    assert.equal(arrived.length, 0)
    status = 200
    await look()
    assert.equal(arrived.length, 1)
    await back()
  })

  test('by mail, through the mail server of the machine', async () => {
    const folder = aFolder('mail')
    const program = join(folder, 'sendmail')
    writeFileSync(program, `#!/bin/sh\ncat > ${folder}/mail\n`)
    chmodSync(program, 0o755)
    process.env.ACCOUNT_SYNC_SENDMAIL = program
    await changeAlerts(master.db, me, { webhook: '', mailTo: 'admins@example.lan', afterMinutes: '1' })
    const { look } = watchFleet(master.db, silent)
    await away(5)
    await look()
    const [head = '', body = ''] = readFileSync(join(folder, 'mail'), 'utf8').split('\n\n')
    assert.match(head, /^To: admins@example\.lan$/m)
    assert.match(Buffer.from(body, 'base64').toString(), /gw-malmo is not equal/)
    await back()
    delete process.env.ACCOUNT_SYNC_SENDMAIL
  })

  test('the page keeps the webhook to itself, and tests it', async () => {
    const admin = await signedIn(`http://127.0.0.1:${master.ports().web}`)
    const wrong = await admin.post('/devices/alerts', { webhook: 'ftp://x', mailTo: 'a b', afterMinutes: '0' })
    assert.equal(wrong.status, 422)
    assert.match(textOf(wrong.text), /Webhook must be an address.*E-mail must be one address|E-mail must.*Webhook must/)
    assert.equal((await admin.post('/devices/alerts', { webhook: hook, mailTo: '', afterMinutes: '20' })).status, 303)
    const shown = await admin.get('/devices/alerts')
    assert.match(textOf(shown.text), /One at 127\.0\.0\.1:\d+ is kept/)
    assert.doesNotMatch(shown.text, /secret-path/)
    assert.equal((await admin.post('/devices/alerts/test')).status, 303)
    assert.match(arrived[0].text, /This is a test/)
    status = 404
    await admin.post('/devices/alerts/test')
    assert.match(
      textOf((await admin.get('/devices/alerts')).text),
      /Not sent: The webhook at 127\.0\.0\.1:\d+ answered 404/,
    )
    // Left empty it stays.
    await admin.post('/devices/alerts', { webhook: '', mailTo: '', afterMinutes: '30' })
    assert.equal(master.db.local.alerts?.webhook, hook)
    await admin.post('/devices/alerts', { webhook: '', noWebhook: 'yes', mailTo: '', afterMinutes: '30' })
    assert.equal(master.db.local.alerts?.webhook, undefined)
    assert.doesNotMatch(JSON.stringify((await auditPage(master.db, { size: 100 })).rows), /secret-path/)
  })
})
