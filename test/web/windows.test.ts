import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { clientLens, openClientUses } from '../../server/accounts/client-uses.ts'
import { clientByName } from '../../server/accounts/clients.ts'
import { giveSecrets } from '../../server/samba/controller.ts'
import { domainOf } from '../../server/samba/domain.ts'
import { machineList } from '../../server/samba/machines.ts'
import { keepReport } from '../../server/samba/reports.ts'
import { me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

describe('the pages of Windows Networking', { concurrency: false }, () => {
  let store: Awaited<ReturnType<typeof aMasterStore>>
  let admin: Browser
  const page = async (path = '/windows') => textOf((await admin.get(path)).text)

  before(async () => {
    store = await aMasterStore()
    await openClientUses(store.db)
    admin = await signedIn(await aWebApp(store.db))
  })
  after(() => store.close())

  test('a name that is none is said beside its field; a good one makes the domain', async () => {
    const wrong = await admin.post('/windows', { name: '9 lives', password: '' })
    assert.equal(wrong.status, 422)
    assert.match(textOf(wrong.text), /Windows domain must have 1–15 of/)
    assert.equal((await admin.post('/windows', { name: 'example', password: '' })).status, 303)
    assert.equal((await domainOf(store.db))?.name, 'EXAMPLE')
    assert.match(await page(), /Domain EXAMPLE\./)
  })

  test('each server is listed with its node, and no secret of it is shown', async () => {
    const secrets = await giveSecrets(store.db, me, { name: 'gw-malmo', deviceId: 'D-AAAA-BBBB-CCCC' }, 'GW-MALMO')
    const { text } = await admin.get('/windows')
    assert.match(textOf(text), /GW-MALMO ?Samba on gw-malmo/)
    assert.ok(!text.includes(secrets.password) && !text.includes(secrets.machinePassword))
    assert.match(textOf(text), /never never/)
    const { client } = await clientByName(store.db, 'samba-gw-malmo')
    clientLens(store.db).used(client.id, '127.0.0.1')
    assert.match(await page(), /GW-MALMO ?Samba on gw-malmo ?Not heard of yet never today/)
  })

  test('what Samba of a node was found to be is said of it, the reason too', async () => {
    assert.match(await page(), /No Samba is set up on this machine/)
    assert.match(await page(), /Not heard of yet/)
    const wrong = { what: 'Trust', state: 'bad', says: 'could not check <b>secret</b>' } as const
    const at = new Date().toISOString()
    const report = { at, kind: 'bdc', server: 'GW-MALMO', version: '4.17.12', findings: [wrong] } as const
    keepReport(store.db, 'D-AAAA-BBBB-CCCC', { ...report, findings: [wrong] })
    const { text } = await admin.get('/windows')
    assert.match(textOf(text), /Does not serve/)
    assert.match(text, /Trust: could not check &lt;b&gt;secret/)
    keepReport(store.db, store.db.local.deviceId, { ...report, server: 'PDC', findings: [] })
    assert.match(await page(), /This node is a master now, and its Samba is still a BDC\./)
    const fine = { what: 'smbd', state: 'good', says: 'It answers.' } as const
    keepReport(store.db, store.db.local.deviceId, { ...report, kind: 'pdc', server: 'PDC', findings: [fine] })
    assert.match(await page(), /PDC is set up as the PDC, with Samba 4\.17\.12/)
  })

  test('another node cannot take the name of a server', async () => {
    const other = { name: 'gw-lund', deviceId: 'D-AAAA-BBBB-DDDD' }
    await assert.rejects(giveSecrets(store.db, me, other, 'GW-MALMO'), /in the domain already: Samba on gw-malmo/)
  })

  test('a computer is added, found and removed', async () => {
    assert.equal((await admin.post('/windows/computers', { name: 'ws-0421' })).status, 303)
    assert.match(await page('/windows/computers?search=0421'), /WS-0421\$/)
    assert.doesNotMatch(await page('/windows/computers?search=0421'), /GW-MALMO\$/)
    assert.match(await page('/windows/computers/ws-0421$/remove'), /Remove WS-0421\$\?/)
    await admin.post('/windows/computers/ws-0421$/remove', {})
    assert.deepEqual(
      (await machineList(store.db)).map(({ name }) => name),
      ['gw-malmo$'],
    )
  })
})
