import {
  atEnd,
  integerTlv,
  Malformed,
  peekTag,
  readConstructed,
  readerOf,
  readInteger,
  readOctets,
  tag,
  tlv,
} from '../wire/ber.ts'
import { type Control, controlOid, controlTlv } from '../wire/controls.ts'
import type { ResultCode } from '../wire/result.ts'
import { neededValue } from './value.ts'

/** A virtual list view: a window on a sorted list, draft-ietf-ldapext-ldapv3-vlv-09. */
export type ListView = {
  before: number
  after: number
  /** A place in a list that the client takes to have `count` entries (0: it does not know), counted from 1; or a value. */
  target: { offset: number; count: number } | { value: Buffer }
  context: string | undefined
}

export function readListView(control: Control): ListView {
  const value = readConstructed(readerOf(neededValue(control)), tag.sequence)
  const before = readInteger(value)
  const after = readInteger(value)
  if (before < 0 || after < 0) throw new Malformed('a negative count in a list view')
  const target = readTarget(value)
  const context = atEnd(value) ? undefined : readOctets(value).toString('latin1')
  return { before, after, target, context }
}

function readTarget(value: ReturnType<typeof readConstructed>): ListView['target'] {
  if (peekTag(value) !== 0xa0) return { value: readOctets(value, 0x81) }
  const place = readConstructed(value, 0xa0)
  return { offset: readInteger(place), count: readInteger(place) }
}

export const listViewResponse = (position: number, count: number, code: ResultCode, context?: string): Buffer =>
  controlTlv(
    controlOid.listViewResponse,
    tlv(
      tag.sequence,
      integerTlv(position),
      integerTlv(count),
      integerTlv(code, tag.enumerated),
      ...(context === undefined ? [] : [tlv(tag.octetString, Buffer.from(context, 'latin1'))]),
    ),
  )
