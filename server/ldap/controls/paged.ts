import { integerTlv, Malformed, readConstructed, readerOf, readInteger, readOctets, tag, tlv } from '../wire/ber.ts'
import { type Control, controlOid, controlTlv } from '../wire/controls.ts'
import { neededValue } from './value.ts'

/** Simple paged results, RFC 2696. */
export type Page = { size: number; cookie: string }

export function readPage(control: Control): Page {
  const value = readConstructed(readerOf(neededValue(control)), tag.sequence)
  const size = readInteger(value)
  if (size < 0) throw new Malformed('a page of a negative size')
  return { size, cookie: readOctets(value).toString('latin1') }
}

/** `total`: how many there are in all, 0 while that is not known. An empty cookie ends it. */
export const pageResponse = (total: number, cookie: string): Buffer =>
  controlTlv(
    controlOid.paged,
    tlv(tag.sequence, integerTlv(total), tlv(tag.octetString, Buffer.from(cookie, 'latin1'))),
  )
