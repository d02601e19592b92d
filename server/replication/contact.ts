import { type Db, onChanges } from '../store/db.ts'
import { type Contact, contacts, keepContacts } from '../store/devices.ts'

/** When each slave was last heard of and where it stood: kept in memory, flushed now and then. */
export type Contacts = {
  all: Map<string, Contact>
  /** Slaves whose long poll is open now, by Device ID; calling ends the poll. */
  open: Map<string, Set<() => void>>
  changed: Set<string>
  /** When the latest changes were committed here, by seq, oldest first. */
  moments: { seq: number; at: number }[]
  /** How far each was behind at worst since somebody looked. */
  worst: Map<string, { changes: number; seconds: number }>
}

const momentsAtMost = 5000

const ofDb = new WeakMap<Db, Contacts>()

export async function openContacts(db: Db): Promise<Contacts> {
  const known = await contacts(db.reader)
  const opened: Contacts = {
    all: new Map(known.map((contact) => [contact.deviceId, contact])),
    open: new Map(),
    changed: new Set(),
    moments: [{ seq: db.position.seq, at: Date.now() }],
    worst: new Map(),
  }
  ofDb.set(db, opened)
  onChanges(db, () => {
    const { moments } = opened
    moments.push({ seq: db.position.seq, at: Date.now() })
    if (moments.length > momentsAtMost) moments.splice(0, momentsAtMost / 2)
  })
  return opened
}

export const contactsOf = (db: Db): Contacts | undefined => ofDb.get(db)

/** When the first change after `seq` was made here; undefined when there is none, or it was too long ago to be known. */
export function changedAfter(db: Db, seq: number): number | undefined {
  const moments = ofDb.get(db)?.moments ?? []
  let [low, high] = [0, moments.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((moments[middle] as Contacts['moments'][number]).seq > seq) high = middle
    else low = middle + 1
  }
  // Before the first that is known there may have been others.
  return low > 0 ? moments[low]?.at : undefined
}

/** A slave asks: what it asked with, it holds. */
export function hear(db: Db, contact: Contact): void {
  const known = ofDb.get(db)
  if (!known) return
  const before = known.all.get(contact.deviceId)
  const took = before && before.seq < contact.seq ? secondsSince(changedAfter(db, before.seq)) : undefined
  if (before && took !== undefined) {
    const worst = known.worst.get(contact.deviceId) ?? { changes: 0, seconds: 0 }
    known.worst.set(contact.deviceId, {
      changes: Math.max(worst.changes, contact.seq - before.seq),
      seconds: Math.max(worst.seconds, took),
    })
  }
  const tookSeconds = took ?? before?.tookSeconds
  known.all.set(contact.deviceId, {
    ...contact,
    ...(tookSeconds !== undefined && { tookSeconds }),
    ...(contact.provedAt === undefined &&
      before?.provedAt && { provedAt: before.provedAt, provedSeq: before.provedSeq }),
    ...(contact.report === undefined && before?.report && { report: before.report }),
  })
  known.changed.add(contact.deviceId)
}

const secondsSince = (at: number | undefined): number | undefined =>
  at === undefined ? undefined : Math.max(0, Date.now() - at) / 1000

/** Whoever has lost its line comes again while the old poll still hangs; more of them would only hold answers in memory. */
const openAtMost = 4

/** Marks a poll as open until the returned function is called; `end` is called when it is one too many. */
export function pollOpens(db: Db, deviceId: string, end: () => void): () => void {
  const open = ofDb.get(db)?.open
  const polls = open?.get(deviceId) ?? new Set()
  const [oldest] = polls
  if (oldest && polls.size >= openAtMost) {
    polls.delete(oldest)
    oldest()
  }
  polls.add(end)
  open?.set(deviceId, polls)
  return () => {
    polls.delete(end)
    const known = ofDb.get(db)
    const contact = known?.all.get(deviceId)
    if (contact) known?.all.set(deviceId, { ...contact, lastContact: new Date().toISOString() })
    known?.changed.add(deviceId)
  }
}

export const endPolls = (db: Db, deviceId?: string): void => {
  for (const [id, polls] of ofDb.get(db)?.open ?? [])
    if (deviceId === undefined || id === deviceId) for (const end of [...polls]) end()
}

export async function flushContacts(db: Db): Promise<void> {
  const known = ofDb.get(db)
  if (!known || known.changed.size === 0) return
  const kept = [...known.changed].flatMap((id) => known.all.get(id) ?? [])
  known.changed.clear()
  await keepContacts(db.writer, kept)
}
