import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { binds, blobs } from './counters.ts'
import { type DeviceStatus, deviceStatuses, masterStatus } from './replication/status.ts'
import type { Db } from './store/db.ts'

const registry = new Registry()
collectDefaultMetrics({ register: registry })

const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
  new Gauge({ name: `account_sync_${name}`, help, labelNames, registers: [registry] })

const seq = gauge('feed_seq', 'Change at which this node stands')
const objects = gauge('feed_objects', 'Live objects in the feed')
const reachable = gauge('master_reachable', '1 while the master of this slave answers')
const lag = gauge('master_lag_seconds', 'Seconds for which this slave is known to be behind')
const bowed = gauge('bowed', '1 while another node is master in place of this one')
const devices = gauge('devices', 'Slaves of this master by state', ['state'])
const deviceLag = gauge('device_lag_changes', 'Changes that a slave has not confirmed', ['device'])
const deviceLagSeconds = gauge('device_lag_seconds', 'Seconds since the first of them, or that the last one took', [
  'device',
])
const deviceEqual = gauge('device_equal', '1 while the state hash of a slave is this master’s', ['device'])
const deviceContact = gauge('device_contact_age_seconds', 'Seconds since a slave was last heard of', ['device'])
const deviceCertificate = gauge('device_certificate_days', 'Days until the certificate of a slave ends', ['device'])
const deviceDisk = gauge('device_disk_free_bytes', 'Bytes free where a slave keeps its data', ['device'])
const deviceClock = gauge('device_clock_offset_seconds', 'How far the clock of a slave is ahead', ['device'])
const deviceTrouble = gauge('device_trouble', '1 for each thing that is wrong with a slave', ['device', 'code'])
const ofDevices = [
  deviceLag,
  deviceLagSeconds,
  deviceEqual,
  deviceContact,
  deviceCertificate,
  deviceDisk,
  deviceClock,
  deviceTrouble,
]
new Counter({
  name: 'account_sync_ldap_binds_total',
  help: 'LDAP binds by result',
  labelNames: ['result'],
  registers: [registry],
  collect() {
    this.reset()
    this.inc({ result: 'accepted' }, binds.accepted)
    this.inc({ result: 'refused' }, binds.refused)
  },
})

new Counter({
  name: 'account_sync_files_sent_total',
  help: 'Blobs of files that slaves have asked for and were given',
  registers: [registry],
  collect() {
    this.reset()
    this.inc(blobs.sent)
  },
})
new Counter({
  name: 'account_sync_files_sent_bytes_total',
  help: 'Bytes of them',
  registers: [registry],
  collect() {
    this.reset()
    this.inc(blobs.bytes)
  },
})

export const metricsType = registry.contentType

/** What this node measures, in Prometheus' text format. */
export async function metricsText(db: Db): Promise<string> {
  seq.set(db.position.seq)
  objects.set(db.position.objects)
  bowed.set(db.local.newer ? 1 : 0)
  if (db.local.mode === 'slave') {
    const master = masterStatus(db)
    reachable.set(master.reachable ? 1 : 0)
    lag.set(master.lagSeconds)
  }
  devices.reset()
  for (const one of ofDevices) one.reset()
  for (const device of await deviceStatuses(db)) {
    devices.inc({ state: device.state })
    if (device.status === 'active') measure(device)
  }
  return registry.metrics()
}

function measure({ name: device, ...is }: DeviceStatus): void {
  const set = (one: typeof deviceLag, value: number | undefined) => value !== undefined && one.set({ device }, value)
  set(deviceLag, is.lag)
  set(deviceLagSeconds, is.lagSeconds)
  set(deviceEqual, is.state === 'equal' ? 1 : 0)
  set(deviceContact, is.lastContact === undefined ? undefined : (Date.now() - Date.parse(is.lastContact)) / 1000)
  set(deviceCertificate, is.certificateDays)
  set(deviceDisk, is.report?.disk?.free)
  set(deviceClock, is.report?.clockMs === undefined ? undefined : is.report.clockMs / 1000)
  for (const { code } of is.trouble) deviceTrouble.set({ device, code }, 1)
}
