import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addToken } from '../../server/accounts/tokens.ts'
import { flushContacts, hear, openContacts } from '../../server/replication/contact.ts'
import { lagHistory, takeLags } from '../../server/replication/lags.ts'
import { readReport } from '../../server/replication/report.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { deviceStatuses } from '../../server/replication/status.ts'
import { keepReport } from '../../server/samba/reports.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'
import { signedIn, textOf } from '../support/web.ts'

describe('what a master knows of its slaves', () => {
  let master: TestNode
  let slave: TestNode
  before(async () => {
    master = await startMaster()
    slave = await startSlave(master, 'gw-malmo')
  })
  after(async () => {
    await slave?.close()
    await master?.close()
  })

  const device = async () => {
    const [first] = await deviceStatuses(master.db)
    assert.ok(first)
    return first
  }
  const here = (node: TestNode) => `http://127.0.0.1:${node.ports().web}`
  /** As if the slave had said this with its last request. */
  const says = (report: object) =>
    hear(master.db, {
      deviceId: slave.db.local.deviceId,
      seq: master.db.position.seq,
      hash: master.db.position.hash,
      lastContact: new Date().toISOString(),
      report,
    })

  test('a slave tells of its clock, disk and certificate with each request', async () => {
    await until(async () => (await device()).report?.disk !== undefined)
    const { report, certificateDays, state, provedAt, trouble } = await device()
    assert.equal(state, 'equal')
    assert.ok(Math.abs(report?.clockMs ?? 1e9) < 60_000)
    assert.ok((report?.disk?.total ?? 0) >= (report?.disk?.free ?? -1))
    assert.ok((certificateDays ?? 0) > 14)
    assert.ok(Date.parse(provedAt ?? '') > Date.now() - 60_000)
    assert.deepEqual(
      trouble.filter(({ code }) => code !== 'disk-low'),
      [],
    )
  })

  test('the lag is known in changes and seconds, and is written down for a day', async () => {
    await aUser(master.db)
    await caughtUp(slave, master)
    await until(async () => (await device()).lag === 0 && (await device()).lagSeconds !== undefined)
    await workerOf(slave.db)?.stop()
    await aUser(master.db)
    const behind = await device()
    assert.ok(behind.lag > 0)
    assert.ok((behind.lagSeconds ?? -1) >= 0)
    await takeLags(master.db)
    const points = (await lagHistory(master.db)).get(slave.db.local.deviceId)
    assert.equal(points?.length, 48)
    assert.ok((points?.at(-1)?.changes ?? 0) > 0)
    assert.equal(points?.[0]?.changes, undefined)
    workerOf(slave.db)?.start()
    await caughtUp(slave, master)
  })

  test('each trouble is a sentence with what to do', async () => {
    // It would say how it is itself.
    await workerOf(slave.db)?.stop()
    const gigabyte = 1e9
    for (const [report, title] of [
      [{ clockMs: 14 * 60_000 }, /^Its clock is 14 min fast$/],
      [{ clockMs: -2 * 60_000 }, /^Its clock is 2 min slow$/],
      [{ certificateUntil: new Date(Date.now() + 6.5 * 86_400_000).toISOString() }, /^Its certificate ends in 6 days$/],
      [{ disk: { free: 38e6, total: gigabyte } }, /^Only 38 MB are free on its disk$/],
      [
        {
          disk: { free: 1e6, total: gigabyte },
          trouble: { code: 'disk', text: 'Full.', since: '2026-11-23T09:12:00Z' },
        },
        /^The disk is full: 1 MB free$/,
      ],
      [{ trouble: { code: 'diverged', text: 'x', since: '2026-11-23T09:12:00Z' } }, /^It did not become equal/],
    ] as const) {
      says(report)
      const { trouble } = await device()
      assert.equal(trouble.length, 1, JSON.stringify(report))
      assert.match(trouble[0]?.title ?? '', title)
      assert.ok((trouble[0]?.steps.length ?? 0) > 0)
    }
  })

  test('Samba that was found not to serve is such a trouble, and the device says what Samba is there', async () => {
    says({})
    const at = new Date().toISOString()
    const found = { at, kind: 'bdc', server: 'GW-MALMO', version: '4.17.12' } as const
    const wrong = { what: 'Trust', state: 'bad', says: 'could not check secret.' } as const
    keepReport(master.db, slave.db.local.deviceId, { ...found, findings: [wrong] })
    const { trouble, samba } = await device()
    assert.equal(samba?.server, 'GW-MALMO')
    assert.deepEqual(
      trouble.map(({ title, text }) => [title, text]),
      [['Samba does not serve as a BDC', 'Trust: could not check secret.']],
    )
    const admin = await signedIn(here(master))
    const opened = await admin.get(`/devices?open=${slave.db.local.deviceId}`)
    assert.match(textOf(opened.text), /Slave, BDC GW-MALMO/)
    const fine = { ...found, findings: [{ ...wrong, state: 'good' as const }] }
    keepReport(master.db, slave.db.local.deviceId, { ...fine, kind: 'pdc' })
    assert.equal((await device()).trouble[0]?.title, 'Its Samba is still the PDC')
    keepReport(master.db, slave.db.local.deviceId, fine)
    assert.deepEqual((await device()).trouble, [])
  })

  test('what a slave says is read with care', () => {
    const written = (value: unknown) => encodeURIComponent(JSON.stringify(value))
    for (const header of [
      '%',
      'x',
      written([]),
      written({ disk: { free: -1, total: 1 } }),
      written({ web: 'x'.repeat(999) }),
    ])
      assert.equal(readReport(header), undefined, header)
    assert.equal(readReport(written({ clock: 5000, web: 'https://gw:81' }), 4000)?.clockMs, 1000)
  })

  test('the page has it, worst first, with its row open, also live and without scripts', async () => {
    says({ clockMs: 14 * 60_000, disk: { free: 41e9, total: 1e11 }, web: 'javascript:alert(1)' })
    const admin = await signedIn(here(master))
    const page = await admin.get('/devices')
    assert.match(textOf(page.text), /1 of 1 is equal to this node at change .* Live\./)
    assert.match(textOf(page.text), /Equal at \d+ checked \d+ s ago/)
    assert.match(textOf(page.text), /Its clock is 14 min fast\./)
    const id = slave.db.local.deviceId
    const opened = await admin.part(`/devices?open=${id}&live=1`)
    assert.match(opened.text, /^\s*<div id="devices"/)
    assert.match(textOf(opened.text), /What to do On gw-malmo, turn time synchronisation on/)
    assert.match(textOf(opened.text), /Disk 41 GB of 100 GB free/)
    assert.doesNotMatch(opened.text, /javascript:/)
    assert.match((await admin.get(`/devices/${id}`)).text, /class="bars"/)
  })

  test('the same is there as JSON and as metrics', async () => {
    const { token } = await addToken(master.db, me, { name: 'watch', role: 'auditor' })
    says({ clockMs: 14 * 60_000, disk: { free: 41e9, total: 1e11 } })
    const api = (path: string) =>
      fetch(`${here(master)}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } }).then(
        // biome-ignore lint/suspicious/noExplicitAny: what it is, the test says
        (answer) => answer.json() as Promise<any>,
      )
    const one = await api(`/devices/${slave.db.local.deviceId}`)
    assert.deepEqual(
      [one.name, one.state, one.report.disk.free, one.trouble[0].code],
      ['gw-malmo', 'equal', 41e9, 'clock'],
    )
    assert.equal((await api(`/devices/${slave.db.local.deviceId}/lag`)).items.length, 48)
    assert.deepEqual((await api('/receipts')).items, [])
    const metrics = await (await fetch(`${here(master)}/metrics`)).text()
    for (const line of [
      'account_sync_device_equal{device="gw-malmo"} 1',
      'account_sync_device_lag_changes{device="gw-malmo"} 0',
      'account_sync_device_clock_offset_seconds{device="gw-malmo"} 840',
      'account_sync_device_disk_free_bytes{device="gw-malmo"} 41000000000',
      'account_sync_device_trouble{device="gw-malmo",code="clock"} 1',
    ])
      assert.ok(metrics.includes(line), line)
  })

  test('a master that starts anew still knows it', async () => {
    says({ clockMs: 14 * 60_000 })
    await flushContacts(master.db)
    const again = await openContacts(master.db)
    assert.equal(again.all.get(slave.db.local.deviceId)?.report?.clockMs, 14 * 60_000)
  })
})
