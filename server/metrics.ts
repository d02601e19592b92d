import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { deviceStatuses, masterStatus } from './replication/status.ts'
import type { Db } from './store/db.ts'

export const registry = new Registry()
collectDefaultMetrics({ register: registry })

const gauge = (name: string, help: string, labelNames: string[] = []) =>
  new Gauge({ name: `account_sync_${name}`, help, labelNames, registers: [registry] })

const seq = gauge('feed_seq', 'Change at which this node stands')
const objects = gauge('feed_objects', 'Live objects in the feed')
const reachable = gauge('master_reachable', '1 while the master of this slave answers')
const lag = gauge('master_lag_seconds', 'Seconds for which this slave is known to be behind')
const devices = gauge('devices', 'Slaves of this master by state', ['state'])
const binds = new Counter({
  name: 'account_sync_ldap_binds_total',
  help: 'LDAP binds by result',
  labelNames: ['result'],
  registers: [registry],
})

let watched: Db | undefined

/** Which node the metrics speak of; they are read when they are asked for. */
export const watchNode = (db: Db): void => {
  watched = db
}

export const countBind = ({ ok }: { ok: boolean }): void => binds.inc({ result: ok ? 'accepted' : 'refused' })

/** The metrics in Prometheus' text format. */
export async function metricsText(): Promise<string> {
  if (watched) {
    seq.set(watched.position.seq)
    objects.set(watched.position.objects)
    if (watched.local.mode === 'slave') {
      const master = masterStatus(watched)
      reachable.set(master.reachable ? 1 : 0)
      lag.set(master.lagSeconds)
    }
    devices.reset()
    for (const { state } of await deviceStatuses(watched)) devices.inc({ state })
  }
  return registry.metrics()
}
