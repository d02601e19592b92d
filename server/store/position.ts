import { hash } from 'node:crypto'
import type { Knex } from 'knex'
import type { Db } from './db.ts'
import { insertRows } from './slices.ts'

/** Where a node stands in the feed, and the proof: equal positions mean equal accounts. */
export type Position = {
  clusterId: string
  epochNo: number
  epochId: string
  /** The cluster key's signature over the epoch, base64. */
  epochSig: string
  seq: number
  /** Additive 128-bit set hash over all live objects, 32 hex digits. */
  hash: string
  /** Number of live objects. */
  objects: number
  /** Deltas are answered for positions at or after this seq; older ones need a full sync. */
  horizon: number
}

export const emptyHash = '0'.repeat(32)

export type StateHash = Uint32Array

export const stateHash = (hex: string): StateHash =>
  Uint32Array.from([0, 8, 16, 24], (at) => Number.parseInt(hex.slice(at, at + 8), 16))

export const hashHex = (state: StateHash): string =>
  Array.from(state, (lane) => lane.toString(16).padStart(8, '0')).join('')

/** What stands for one live object: the beginning of SHA-256 over kind, id and body. */
export const objectDigest = (kind: string, id: string, body: string): Buffer =>
  hash('sha256', `${kind}\0${id}\0${body}`, 'buffer').subarray(0, 16)

/**
 * Adds (sign 1) or takes away (-1) one live object by its digest. Kind and id are hashed with the body, so no element can
 * stand in the set twice: that is what makes a sum safe as a set hash.
 */
export function countIn(state: StateHash, sign: 1 | -1, digest: Buffer): void {
  for (let lane = 0; lane < 4; lane++) state[lane] = (state[lane] as number) + sign * digest.readUInt32BE(lane * 4)
}

type Row = {
  cluster_id: string
  epoch_no: number
  epoch_id: string
  epoch_sig: string
  seq: number
  hash: string
  objects: number
  horizon: number
}

const rowToPosition = (row: Row): Position => ({
  clusterId: row.cluster_id,
  epochNo: row.epoch_no,
  epochId: row.epoch_id,
  epochSig: row.epoch_sig,
  seq: Number(row.seq),
  hash: row.hash,
  objects: row.objects,
  horizon: Number(row.horizon),
})

const positionToRow = (position: Position): Row & { one: 1 } => ({
  one: 1,
  cluster_id: position.clusterId,
  epoch_no: position.epochNo,
  epoch_id: position.epochId,
  epoch_sig: position.epochSig,
  seq: position.seq,
  hash: position.hash,
  objects: position.objects,
  horizon: position.horizon,
})

export const noPosition: Position = {
  clusterId: '',
  epochNo: 0,
  epochId: '',
  epochSig: '',
  seq: 0,
  hash: emptyHash,
  objects: 0,
  horizon: 0,
}

export async function readPosition(trx: Knex): Promise<Position> {
  const row: Row | undefined = await trx('position').where({ one: 1 }).first()
  return row ? rowToPosition(row) : noPosition
}

/** Two statements that do not depend on each other. */
export const writePosition = (trx: Knex, position: Position): Promise<void>[] => [
  insertRows(trx, 'position', [positionToRow(position)], ['one']),
  insertRows(trx, 'positions', position.seq > 0 ? [{ seq: position.seq, hash: position.hash }] : [], ['seq']),
]

const keptPositions = 50_000

const recentPositions = 1000

/** Positions of another epoch are another history. */
export function rememberPosition(db: Db, before: Position): void {
  if (before.epochId !== db.position.epochId) db.recent.clear()
  db.recent.set(db.position.seq, db.position.hash)
  if (db.recent.size > recentPositions) db.recent.delete(db.recent.keys().next().value as number)
}

/** Was this a state of ours? Only what was kept can be answered; a slave further back is answered by its proof afterwards. */
export async function wasPosition(db: Db, seq: number, hash: string): Promise<boolean> {
  const known = db.recent.get(seq)
  if (known !== undefined) return known === hash
  const row: { hash: string } | undefined = await db.reader('positions').where({ seq }).first('hash')
  return row?.hash === hash
}

export async function trimPositions(trx: Knex, head: number): Promise<void> {
  await trx('positions')
    .where('seq', '<', head - keptPositions)
    .delete()
}
