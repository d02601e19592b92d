import {
  booleanTlv,
  integerTlv,
  readConstructed,
  readerOf,
  readInteger,
  readOctets,
  tlv,
} from '../../server/ldap/wire/ber.ts'
import { type Answer, controlsOf } from './client.ts'

// Controls of a search as a client writes them, and what an answer says of them.

export type SortKey = { attribute: string; rule?: string; isReverse?: boolean }
export type Window = { before: number; after: number } & ({ offset: number; count: number } | { value: string })

const oid = {
  paged: '1.2.840.113556.1.4.319',
  sort: '1.2.840.113556.1.4.473',
  list: '2.16.840.1.113730.3.4.9',
  shown: '2.16.840.1.113730.3.4.10',
}

export type GivenControl = [string, boolean, Buffer]

export const pageControl = (size: number, cookie: Buffer = Buffer.alloc(0), isCritical = false): GivenControl => [
  oid.paged,
  isCritical,
  tlv(0x30, integerTlv(size), tlv(0x04, cookie)),
]

export const sortControl = (keys: readonly SortKey[], isCritical = false): GivenControl => [
  oid.sort,
  isCritical,
  tlv(
    0x30,
    ...keys.map(({ attribute, rule, isReverse }) =>
      tlv(
        0x30,
        tlv(0x04, attribute),
        ...(rule ? [tlv(0x80, rule)] : []),
        ...(isReverse ? [booleanTlv(true, 0x81)] : []),
      ),
    ),
  ),
]

export const windowControl = (window: Window, isCritical = false, context?: Buffer): GivenControl => [
  oid.list,
  isCritical,
  tlv(
    0x30,
    integerTlv(window.before),
    integerTlv(window.after),
    'value' in window ? tlv(0x81, window.value) : tlv(0xa0, integerTlv(window.offset), integerTlv(window.count)),
    ...(context ? [tlv(0x04, context)] : []),
  ),
]

export function pageCookie(answer: Answer): Buffer | undefined {
  const value = controlsOf(answer).get(oid.paged)
  if (!value) return undefined
  const page = readConstructed(readerOf(value), 0x30)
  readInteger(page)
  return readOctets(page)
}

export function placeOf(answer: Answer): { position: number; count: number } | undefined {
  const value = controlsOf(answer).get(oid.shown)
  if (!value) return undefined
  const shown = readConstructed(readerOf(value), 0x30)
  return { position: readInteger(shown), count: readInteger(shown) }
}
