import type { Knex } from 'knex'

export type Mode = 'standalone' | 'master' | 'slave'

/** A webhook, a mail address, or both; absent: nobody. Told after so many minutes. */
export type Alerts = { webhook?: string; mailTo?: string; afterMinutes: number }

/** What the administrator of this machine allows for files. */
export type LocalFiles = {
  roots: string[]
  /** Units of systemd that may be reloaded after a change. */
  units: string[]
  /** 0: as fast as the line goes. */
  kilobytesPerSecond: number
  maxFiles: number
  maxMegabytes: number
}

/** What this node knows of itself; it never travels. */
export type Local = {
  deviceId: string
  /** How the node calls itself, and how the master's Devices page calls it. */
  name: string
  /** Absent until the node is set up. */
  mode?: Mode
  /** When this mode began, ISO 8601. */
  since?: string
  /** Slave: https://host:8154 of its master, and the master's name. */
  masterUrl?: string
  masterName?: string
  /** Slave: where the master's web pages are, for links. */
  masterWeb?: string
  /** Slave: the last moment at which the hashes agreed, ISO 8601. */
  provedAt?: string
  /** Master: when the Synchronization Key was made. */
  keyMade?: string
  /** Master: who is told when a slave falls behind. */
  alerts?: Alerts
  /** Slave: the port of its master for files. */
  masterFilesPort?: number
  /** Below which directories files may be written here, and what they may take. */
  files?: LocalFiles
  /** The version that last opened this database. */
  writtenBy?: string
}

/** A node that was never set up has nothing in the table yet. */
export async function readLocal(db: Knex): Promise<Local> {
  const local: Local = { deviceId: '', name: '' }
  if (!(await db.schema.hasTable('local'))) return local
  const rows: { name: string; value: string }[] = await db('local').select('name', 'value')
  return Object.assign(local, Object.fromEntries(rows.map(({ name, value }) => [name, JSON.parse(value)])))
}

/** Facts that change too often to be written each time: written down now and then. */
export async function keepProof(db: Knex, local: Local): Promise<void> {
  if (local.provedAt) await writeLocal(db, { deviceId: '', name: '' }, { provedAt: local.provedAt })
}

/** Writes the changed facts and then shows them in `local`; undefined takes a fact away. */
export async function writeLocal(db: Knex, local: Local, changes: Partial<Local>): Promise<void> {
  for (const [name, value] of Object.entries(changes)) {
    if (value === local[name as keyof Local]) continue
    if (value === undefined) await db('local').where({ name }).delete()
    else
      await db('local')
        .insert({ name, value: JSON.stringify(value) })
        .onConflict('name')
        .merge()
  }
  Object.assign(local, changes)
}
