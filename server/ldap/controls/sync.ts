import {
  atEnd,
  booleanTlv,
  integerTlv,
  Malformed,
  peekTag,
  readBoolean,
  readConstructed,
  readerOf,
  readInteger,
  readOctets,
  tag,
  tlv,
} from '../wire/ber.ts'
import { type Control, controlOid, controlTlv } from '../wire/controls.ts'
import { neededValue } from './value.ts'

/** Content synchronization, RFC 4533. */
export type SyncRequest = { isPersistent: boolean; cookie: Buffer | undefined }

export function readSyncRequest(control: Control): SyncRequest {
  const value = readConstructed(readerOf(neededValue(control)), tag.sequence)
  const mode = readInteger(value, tag.enumerated)
  if (mode !== 1 && mode !== 3) throw new Malformed('a synchronization of an unknown mode')
  const cookie = peekTag(value) === tag.octetString ? readOctets(value) : undefined
  if (peekTag(value) === tag.boolean) readBoolean(value)
  if (!atEnd(value)) throw new Malformed('more after the end of a sync request')
  return { isPersistent: mode === 3, cookie: cookie && cookie.length > 0 ? Buffer.from(cookie) : undefined }
}

export const syncState = { add: 1, modify: 2, delete: 3 } as const

const uuidBytes = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex')

const cookieTlv = (cookie: Buffer | undefined): Buffer[] => (cookie ? [tlv(tag.octetString, cookie)] : [])

/** The controls of an entry: what has become of it. */
export const stateControls = (state: keyof typeof syncState, id: string, cookie?: Buffer): Buffer =>
  tlv(
    0xa0,
    controlTlv(
      controlOid.syncState,
      tlv(
        tag.sequence,
        integerTlv(syncState[state], tag.enumerated),
        tlv(tag.octetString, uuidBytes(id)),
        ...cookieTlv(cookie),
      ),
    ),
  )

/** `refreshDeletes`: what was not told is as it was; otherwise what was not told is gone. */
export const doneControl = (cookie: Buffer, refreshDeletes: boolean): Buffer =>
  controlTlv(controlOid.syncDone, tlv(tag.sequence, ...cookieTlv(cookie), booleanTlv(refreshDeletes)))

const syncInfoOid = '1.3.6.1.4.1.4203.1.9.1.4'

const intermediate = (messageId: number, info: Buffer): Buffer =>
  tlv(tag.sequence, integerTlv(messageId), tlv(0x79, tlv(0x80, syncInfoOid), tlv(0x81, info)))

/** The refresh is over, and the changes begin. */
export const refreshDone = (messageId: number, cookie: Buffer, refreshDeletes: boolean): Buffer =>
  intermediate(messageId, tlv(refreshDeletes ? 0xa1 : 0xa2, ...cookieTlv(cookie)))

/** Entries that are gone (`areGone`), or that are there as they were. */
export const idSet = (messageId: number, ids: readonly string[], areGone: boolean): Buffer =>
  intermediate(
    messageId,
    tlv(0xa3, booleanTlv(areGone), tlv(tag.set, ...ids.map((id) => tlv(tag.octetString, uuidBytes(id))))),
  )
