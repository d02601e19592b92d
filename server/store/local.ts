import type { Knex } from 'knex'
import { ReadOnly, Unavailable } from '../errors.ts'

export type Mode = 'standalone' | 'master' | 'slave'

/** A webhook, a mail address, or both; absent: nobody. Told after so many minutes. */
export type Alerts = { webhook?: string; mailTo?: string; afterMinutes: number }

/** Where the slaves of a master stood, by Device ID. `at`: when it said so, ISO 8601. */
export type Fleet = { at: string; devices: { deviceId: string; seq: number; lastContact: string }[] }

/** What the administrator of this machine allows for files. */
export type LocalFiles = {
  roots: string[]
  /** Units of systemd that may be reloaded after a change. */
  units: string[]
  /** 0: as fast as the line goes. */
  kilobytesPerSecond: number
  maxFiles: number
  maxMegabytes: number
  /** Slave: sets that are meant for this node are placed by themselves, but for those that it was told to look after no longer. */
  receives: boolean
  notHere: string[]
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
  /** Slave: where the others stood, as the master last told. */
  fleet?: Fleet
  /** The epochs that led here, each with the change at which it began: `<epoch>@<seq>`. */
  epochs?: string[]
  /** Master: where those before it answered, each until it knows. */
  oldMasters?: string[]
  /** Master: another node is it since a newer epoch; nothing is changed here any more. */
  newer?: { epochNo: number; name?: string; url?: string }
  /** Master: the device that shall take over; until then nothing is changed. `given`: it has got the cluster's key. */
  handOver?: { deviceId: string; name: string; given?: boolean }
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

/** Why accounts cannot be changed on this node now; undefined when they can. */
export function whyNoChange({ mode, masterName, masterUrl, newer, handOver }: Local): Error | undefined {
  if (mode === 'slave') return new ReadOnly(masterName ?? masterUrl ?? 'the master')
  if (!mode) return new Unavailable('This node is not set up yet. Choose its mode first.')
  if (newer) {
    const other = newer.name ?? 'Another node'
    return new ReadOnly(
      other,
      `${other} is master now. Nothing is changed here until this node is its slave: see Mode.`,
    )
  }
  if (handOver) return new Unavailable(`Nothing is changed while ${handOver.name} takes over as master. Try again.`, 5)
  return undefined
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
    if (value === undefined) await db('local').where({ name }).delete()
    else if (value !== local[name as keyof Local])
      await db('local')
        .insert({ name, value: JSON.stringify(value) })
        .onConflict('name')
        .merge()
  }
  Object.assign(local, changes)
}
