import { randomBytes } from 'node:crypto'
import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import knexPkg, { type Knex } from 'knex'
import { migrations } from '../../migrations/index.ts'
import { messageOf } from '../errors.ts'
import { version } from '../version.ts'
import { type AuditEnd, firstSeal, readAuditEnd } from './audit-chain.ts'
import type { Changed } from './bodies.ts'
import { type Disk, databaseFile, newDisk } from './disk.ts'
import { keptKey, openFolder } from './files.ts'
import type { Refill } from './head.ts'
import { type Local, readLocal, writeLocal } from './local.ts'
import { noPosition, type Position, readPosition } from './position.ts'
import type { Receipt } from './receipts.ts'
import { giveSpare, keepSpare } from './spare.ts'
import { type Connection, keepStatements } from './statements.ts'
import { emptyTail, type Tail } from './tail.ts'
import { projectAgain } from './wipe.ts'
import type { Job } from './write.ts'

// knex is CommonJS: its named export exists for types only.
const { knex } = knexPkg

/** What happened in one commit; 'all' when it was so much that reading everything again is simpler. */
export type Listener = (changes: Changed[] | 'all') => void

/** The store of one node. `local` and `position` are kept in memory and always current. */
export type Db = {
  dir: string
  /** The one connection that writes; `commit` queues for it. */
  writer: Knex
  /** Reads never wait for the writer (WAL). */
  reader: Knex
  local: Local
  position: Position
  listeners: Set<Listener>
  /** Told when `local` has changed (mode, name, master); whoever changed it is answered once they are done. */
  localListeners: Set<() => Promise<void>>
  queue: Job[]
  draining: boolean
  disk: Disk
  auditKey: Buffer
  /** The key was missing and is a new one: what stands in the audit cannot be proved any more. */
  auditKeyIsLost?: boolean
  /** Where the chain of the audit ends. */
  audit: AuditEnd
  /** The last commit points, so that a slave's position is judged without a query. */
  recent: Map<number, string>
  tail: Tail
  /** Told of what slaves are to confirm, once it is committed. */
  onReceipts?: (receipts: Receipt[]) => void
  /** Begins to take a full sync, for who holds everything in memory. */
  refill?: () => Refill
  /** A row that was read is not as it was written. */
  isDamaged?: boolean
  /** Whoever reads everything in the background stops. */
  isClosing?: boolean
}

const pragmas = [
  'journal_mode = WAL',
  // FULL: an answered change survives a power cut. With NORMAL, WAL may lose the last commits (sqlite.org/pragma): disk.ts.
  'synchronous = FULL',
  'foreign_keys = ON',
  'busy_timeout = 5000',
  'trusted_schema = OFF',
  'secure_delete = ON',
  'journal_size_limit = 67108864',
  'cell_size_check = ON',
  'temp_store = MEMORY',
]

/** `cacheKib`: page cache of each connection. Small, for the kernel caches the file as well, and every node holds all in memory anyway. */
function connect(file: string, pool: { min: number; max: number }, cacheKib: number): Knex {
  return knex({
    client: 'sqlite3',
    connection: { filename: file },
    useNullAsDefault: true,
    // What goes wrong is thrown; knex would print it besides, with the values of the statement.
    log: { warn() {}, error() {}, deprecate() {}, debug() {} },
    acquireConnectionTimeout: 30_000,
    pool: {
      ...pool,
      afterCreate: (connection: Connection, done: (error: Error | null, connection: Connection) => void) => {
        keepStatements(connection)
        connection.exec(
          [...pragmas, `cache_size = -${cacheKib}`].map((pragma) => `PRAGMA ${pragma};`).join('\n'),
          (error) => done(error, connection),
        )
      },
    },
  })
}

/** Migrations by name without an ending, so that a database made from source opens from dist and the other way round. */
const migrationSource: Knex.MigrationSource<(typeof migrations)[number]> = {
  getMigrations: async () => [...migrations],
  getMigrationName: (migration) => migration.name,
  getMigration: async (migration) => ({ up: migration.up, down: async () => {} }),
}

/** The migration from which on the end of the audit is sealed. */
const sealedSince = '002-accounts'

/** Brings the tables up to date; the answer names the migrations that this took. */
async function migrate(db: Knex, file: string): Promise<string[]> {
  if (await db.schema.hasTable('knex_migrations')) {
    const names: { name: string }[] = await db('knex_migrations').select('name')
    const unknown = names.filter(({ name }) => !migrations.some((migration) => migration.name === name))
    if (unknown.length > 0) {
      const writer = (await readLocal(db)).writtenBy ?? 'a newer version'
      throw new Error(
        `${file} was written by version ${writer}; this is ${version}, which is older. Nothing was changed.`,
      )
    }
    // knex would write down that it looks: a node must begin on a full disk as well.
    if (names.length === migrations.length) return []
  }
  const [, applied]: [number, string[]] = await db.migrate.latest({ migrationSource })
  return applied
}

/** Device ID: 60 random bits in Crockford's base32, as D-7K3F-92QX-4MTC. */
function newDeviceId(): string {
  const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
  const text = Array.from(randomBytes(12), (byte) => alphabet[byte & 31]).join('')
  return `D-${text.slice(0, 4)}-${text.slice(4, 8)}-${text.slice(8)}`
}

/** Opens the store in `dir`, making both when missing. Throws with one clear sentence. */
export async function openDb(dir: string): Promise<Db> {
  openFolder(dir)
  const db = await openStore(dir).catch((error) => {
    if (/SQLITE_FULL|SQLITE_IOERR/.test(messageOf(error)) && giveSpare(dir)) return openStore(dir)
    throw error
  })
  keepSpare(dir)
  return db
}

async function openStore(dir: string): Promise<Db> {
  const file = join(dir, databaseFile)
  closeSync(openSync(file, 'a', 0o600))
  chmodSync(file, 0o600)
  const writer = connect(file, { min: 1, max: 1 }, 8192)
  const reader = connect(file, { min: 0, max: 3 }, 2048)
  try {
    const applied = await migrate(writer, file)
    const hadAuditKey = existsSync(join(dir, 'audit.key'))
    const db: Db = {
      dir,
      writer,
      reader,
      local: await readLocal(writer),
      position: noPosition,
      listeners: new Set(),
      localListeners: new Set(),
      queue: [],
      draining: false,
      disk: newDisk(),
      auditKey: keptKey(dir, 'audit.key'),
      audit: { rows: 0, mac: '' },
      recent: new Map(),
      tail: emptyTail(0),
    }
    const isUpgraded = db.local.writtenBy !== undefined && db.local.writtenBy !== version
    if (isUpgraded) await projectAgain(writer)
    await writeLocal(writer, db.local, {
      deviceId: db.local.deviceId || newDeviceId(),
      name: db.local.name || hostname(),
      writtenBy: version,
    })
    db.position = await readPosition(writer)
    db.tail = emptyTail(db.position.seq)
    if (applied.includes(sealedSince)) await firstSeal(writer, db.auditKey)
    db.audit = await readAuditEnd(writer)
    if (!hadAuditKey && db.audit.rows > 0) db.auditKeyIsLost = true
    return db
  } catch (error) {
    await Promise.all([writer.destroy(), reader.destroy()])
    throw new Error(messageOf(error).replace(/^.*SQLITE_(NOTADB|CORRUPT): /, `${file} is damaged: `))
  }
}

export async function closeDb(db: Db): Promise<void> {
  db.isClosing = true
  await db.writer.raw('PRAGMA wal_checkpoint(TRUNCATE)').catch(() => {})
  await Promise.all([db.writer.destroy(), db.reader.destroy()])
  // Where it was given up to begin: the log has gone, and left room.
  keepSpare(db.dir)
}

/** Called after each commit and before its writer is answered. Returns how to stop listening. */
export function onChanges(db: Db, listener: Listener): () => void {
  db.listeners.add(listener)
  return () => db.listeners.delete(listener)
}

export function onLocalChange(db: Db, listener: () => Promise<void>): () => void {
  db.localListeners.add(listener)
  return () => db.localListeners.delete(listener)
}
