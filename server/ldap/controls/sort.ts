import {
  atEnd,
  integerTlv,
  Malformed,
  peekTag,
  readBoolean,
  readConstructed,
  readerOf,
  readText,
  tag,
  tlv,
} from '../wire/ber.ts'
import { type Control, controlOid, controlTlv } from '../wire/controls.ts'
import type { ResultCode } from '../wire/result.ts'
import { neededValue } from './value.ts'

/** Server side sorting, RFC 2891. */
export type SortKey = { attribute: string; rule: string | undefined; isReverse: boolean }

const maxKeys = 16

export function readSortKeys(control: Control): SortKey[] {
  const list = readConstructed(readerOf(neededValue(control)), tag.sequence)
  const keys: SortKey[] = []
  while (!atEnd(list)) {
    const key = readConstructed(list, tag.sequence)
    const attribute = readText(key)
    const rule = peekTag(key) === 0x80 ? readText(key, 0x80) : undefined
    const isReverse = peekTag(key) === 0x81 ? readBoolean(key, 0x81) : false
    if (!atEnd(key)) throw new Malformed('more after the end of a sort key')
    keys.push({ attribute, rule, isReverse })
  }
  if (keys.length === 0 || keys.length > maxKeys) throw new Malformed(`a sort by ${keys.length} keys`)
  return keys
}

/** `attribute`: the one at which it failed. */
export const sortResponse = (code: ResultCode, attribute?: string): Buffer =>
  controlTlv(
    controlOid.sortResponse,
    tlv(tag.sequence, integerTlv(code, tag.enumerated), ...(attribute === undefined ? [] : [tlv(0x80, attribute)])),
  )
