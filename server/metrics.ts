import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { binds } from './counters.ts'
import { deviceStatuses, masterStatus } from './replication/status.ts'
import type { Db } from './store/db.ts'

const registry = new Registry()
collectDefaultMetrics({ register: registry })

const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
  new Gauge({ name: `account_sync_${name}`, help, labelNames, registers: [registry] })

const seq = gauge('feed_seq', 'Change at which this node stands')
const objects = gauge('feed_objects', 'Live objects in the feed')
const reachable = gauge('master_reachable', '1 while the master of this slave answers')
const lag = gauge('master_lag_seconds', 'Seconds for which this slave is known to be behind')
const devices = gauge('devices', 'Slaves of this master by state', ['state'])
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

export const metricsType = registry.contentType

/** What this node measures, in Prometheus' text format. */
export async function metricsText(db: Db): Promise<string> {
  seq.set(db.position.seq)
  objects.set(db.position.objects)
  if (db.local.mode === 'slave') {
    const master = masterStatus(db)
    reachable.set(master.reachable ? 1 : 0)
    lag.set(master.lagSeconds)
  }
  devices.reset()
  for (const { state } of await deviceStatuses(db)) devices.inc({ state })
  return registry.metrics()
}
