import type { Db } from '../store/db.ts'
import { type Contact, contacts, keepContacts } from '../store/devices.ts'

/** When each slave was last heard of and where it stood: kept in memory, flushed now and then. */
export type Contacts = {
  all: Map<string, Contact>
  /** Slaves whose long poll is open now, by Device ID; calling ends the poll. */
  open: Map<string, Set<() => void>>
  changed: Set<string>
}

const ofDb = new WeakMap<Db, Contacts>()

export async function openContacts(db: Db): Promise<Contacts> {
  const known = await contacts(db.reader)
  const opened: Contacts = {
    all: new Map(known.map((contact) => [contact.deviceId, contact])),
    open: new Map(),
    changed: new Set(),
  }
  ofDb.set(db, opened)
  return opened
}

export const contactsOf = (db: Db): Contacts | undefined => ofDb.get(db)

export function hear(db: Db, contact: Contact): void {
  const known = ofDb.get(db)
  known?.all.set(contact.deviceId, contact)
  known?.changed.add(contact.deviceId)
}

/** Marks a poll as open until the returned function is called. */
export function pollOpens(db: Db, deviceId: string, end: () => void): () => void {
  const open = ofDb.get(db)?.open
  const polls = open?.get(deviceId) ?? new Set()
  polls.add(end)
  open?.set(deviceId, polls)
  return () => {
    polls.delete(end)
    const contact = ofDb.get(db)?.all.get(deviceId)
    if (contact) hear(db, { ...contact, lastContact: new Date().toISOString() })
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
