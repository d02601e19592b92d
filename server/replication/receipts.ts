import type { Logger } from 'pino'
import { thisNode } from '../audit/actor.ts'
import { NotFound } from '../errors.ts'
import type { Db } from '../store/db.ts'
import {
  type Receipt,
  receiptById,
  receiptOf as receiptOfObject,
  receiptsKept,
  receiptsUnderWay,
  rowsWithReceipt,
  saveReceipts,
  trimReceipts,
} from '../store/receipts.ts'
import { commit } from '../store/write.ts'
import { type DeviceStatus, deviceStatuses } from './status.ts'

export type { Receipt } from '../store/receipts.ts'

/** So long a receipt waits before it says in the audit who has not confirmed. */
const patienceMs = 30_000
const keptDays = 400
const dayMs = 86_400_000
const namedAtMost = 60

type UnderWay = {
  receipts: Map<number, Receipt>
  /** Who made the latest ones, for the pages that they see next. */
  made: { id: number; actor: string }[]
  changed: Set<number>
  log: Logger | undefined
  telling: boolean
}

const madeAtMost = 100

const ofDb = new WeakMap<Db, UnderWay>()

/** Follows what slaves are to confirm, also what an earlier process began. */
export async function openReceipts(db: Db, log?: Logger): Promise<void> {
  const known = await receiptsUnderWay(db.reader)
  const mine: UnderWay = {
    receipts: new Map(known.map((receipt) => [receipt.id, receipt])),
    made: [],
    changed: new Set(),
    log,
    telling: false,
  }
  ofDb.set(db, mine)
  db.onReceipts = (receipts) => {
    for (const receipt of receipts) mine.receipts.set(receipt.id, receipt)
    mine.made = [...mine.made, ...receipts.map(({ id, actor }) => ({ id, actor }))].slice(-madeAtMost)
  }
  await trimReceipts(db.writer, new Date(Date.now() - keptDays * dayMs).toISOString())
}

/** A slave asked with a position that is one of this master's: whatever came before it, it holds. */
export function confirm(db: Db, deviceId: string, seq: number): void {
  const mine = ofDb.get(db)
  if (!mine || mine.receipts.size === 0) return
  let isDone = false
  for (const receipt of mine.receipts.values()) {
    if (receipt.seq > seq || receipt.confirmed[deviceId] || !receipt.awaits.includes(deviceId)) continue
    receipt.confirmed[deviceId] = new Date().toISOString()
    mine.changed.add(receipt.id)
    isDone ||= receipt.awaits.every((id) => receipt.confirmed[id])
  }
  if (isDone) void tellReceipts(db).catch((error) => mine.log?.warn({ err: error }, 'a receipt was not kept'))
}

/** Writes down who has confirmed since, and says in the audit how far it is, and that all have it. */
export async function tellReceipts(db: Db, now = Date.now()): Promise<void> {
  const mine = ofDb.get(db)
  if (!mine || mine.receipts.size === 0 || mine.telling || db.local.mode === 'slave') return
  mine.telling = true
  try {
    const devices = await deviceStatuses(db)
    for (const receipt of [...mine.receipts.values()]) {
      const shown = shownReceipt(receipt, devices)
      const isOld = now - Date.parse(receipt.at) >= patienceMs
      const told = shown.isDone ? 'all' : isOld ? 'part' : 'no'
      if (told === receipt.told && !mine.changed.has(receipt.id)) continue
      await keep(db, receipt, told, told === receipt.told ? undefined : shown)
      mine.changed.delete(receipt.id)
      // A bulk edit may have moved it on meanwhile.
      if (told === 'all' && mine.receipts.get(receipt.id) === receipt) mine.receipts.delete(receipt.id)
    }
  } finally {
    mine.telling = false
  }
}

function keep(db: Db, receipt: Receipt, told: Receipt['told'], shown: ShownReceipt | undefined): Promise<void> {
  return commit(db, thisNode, async (change) => {
    receipt.told = told
    await saveReceipts(change.trx, [receipt])
    if (!shown) return
    change.note({
      sentence: `${confirmedOf(shown)}: ${whatWasDone(receipt)}`,
      object: { kind: receipt.kind, id: receipt.object, name: receipt.name },
      changes: [
        { field: 'receipt', after: `row ${receipt.id}, change ${receipt.seq}` },
        ...shown.nodes.slice(0, namedAtMost).map(({ name, has, at, since }) => ({
          field: name,
          after: has
            ? `confirmed after ${secondsBetween(receipt.at, at)} s`
            : `not reached${since ? ` since ${since}` : ' yet'}`,
        })),
      ],
    })
  })
}

const secondsBetween = (from: string, until = from): string =>
  Math.max(0, (Date.parse(until) - Date.parse(from)) / 1000).toFixed(1)

export const whatWasDone = ({ sentence, people, kind }: Receipt): string =>
  people === 1 || kind !== 'user' ? sentence : `${sentence} and ${people - 1} more`

/** 17 of 20 nodes confirmed */
export const confirmedOf = ({ having, of }: Pick<ShownReceipt, 'having' | 'of'>): string =>
  `${having} of ${of} ${of === 1 ? 'node' : 'nodes'} confirmed`

export type ReceiptNode = {
  deviceId: string
  name: string
  has: boolean
  /** When it confirmed, ISO 8601. */
  at?: string
  state: DeviceStatus['state']
  /** Since when it is not reached; absent while it answers. */
  since?: string
  /** Why it has not confirmed although it answers. */
  problem?: string
}

/** A receipt as it stands now; slaves that were revoked since count no more. */
export type ShownReceipt = Receipt & {
  having: number
  of: number
  /** Who has not confirmed comes first, then who was last. */
  nodes: ReceiptNode[]
  isDone: boolean
  /** Somebody answers and has not confirmed yet. */
  isComing: boolean
  /** Seconds from the act to the latest confirmation. */
  seconds?: number
}

export function shownReceipt(receipt: Receipt, devices: readonly DeviceStatus[]): ShownReceipt {
  const awaited = new Set(receipt.awaits)
  const nodes = devices
    .filter(({ deviceId, status }) => awaited.has(deviceId) && status === 'active')
    .map((device): ReceiptNode => {
      const { deviceId, name, state, lastContact, trouble } = device
      const at = receipt.confirmed[deviceId]
      return {
        deviceId,
        name,
        state,
        has: at !== undefined,
        ...(at && { at }),
        ...(state === 'away' && lastContact && { since: lastContact }),
        ...problemOf(trouble),
      }
    })
    .sort((a, b) => Number(a.has) - Number(b.has) || (b.at ?? '').localeCompare(a.at ?? ''))
  const having = nodes.filter(({ has }) => has).length
  const last = nodes.find(({ has }) => has)?.at
  return {
    ...receipt,
    nodes,
    having,
    of: nodes.length,
    isDone: having === nodes.length,
    isComing: nodes.some(({ has, state }) => !has && state !== 'away'),
    ...(last && { seconds: Number(secondsBetween(receipt.at, last)) }),
  }
}

/** Only what keeps a node from taking the change. */
function problemOf(trouble: DeviceStatus['trouble']): { problem?: string } {
  const found = trouble.find(({ code }) => ['disk', 'diverged', 'bad-answer'].includes(code))
  return found ? { problem: found.title } : {}
}

const asItIs = async (db: Db, receipt: Receipt): Promise<ShownReceipt> =>
  shownReceipt(ofDb.get(db)?.receipts.get(receipt.id) ?? receipt, await deviceStatuses(db))

/** The receipt of what stands in this row of the audit. */
export async function receiptOfRow(db: Db, id: number): Promise<ShownReceipt> {
  const receipt = Number.isSafeInteger(id) ? await receiptById(db.reader, id) : undefined
  if (!receipt) throw new NotFound('There is no such receipt.')
  return asItIs(db, receipt)
}

/** The latest about a person. */
export async function receiptOfUser(db: Db, userId: string): Promise<ShownReceipt | undefined> {
  const receipt = await receiptOfObject(db.reader, userId)
  return receipt && asItIs(db, receipt)
}

/** The newest first. */
export async function latestReceipts(db: Db, size = 50): Promise<ShownReceipt[]> {
  const [receipts, devices] = await Promise.all([receiptsKept(db.reader, size), deviceStatuses(db)])
  return receipts.map((receipt) => shownReceipt(ofDb.get(db)?.receipts.get(receipt.id) ?? receipt, devices))
}

/** The receipt of what somebody did after a row of the audit. */
export const receiptAfter = (db: Db, actor: string, row: number): number | undefined =>
  ofDb.get(db)?.made.find((one) => one.actor === actor && one.id > row)?.id

export const withReceipt = (db: Db, rows: number[]): Promise<Set<number>> => rowsWithReceipt(db.reader, rows)
