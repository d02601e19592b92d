import {
  atEnd,
  integerTlv,
  peekTag,
  readConstructed,
  readerOf,
  readInteger,
  readOctets,
  readText,
  tlv,
} from '../../server/ldap/wire/ber.ts'
import { controlOid } from '../../server/ldap/wire/controls.ts'
import { type Answer, encodeFilter } from './client.ts'

// Controls as a client sends them, and what it reads of those that come back.

type Sent = [oid: string, isCritical: boolean, value: Buffer]

export const paged = (size: number, cookie: Buffer = Buffer.alloc(0)): Sent => [
  controlOid.paged,
  true,
  tlv(0x30, integerTlv(size), tlv(0x04, cookie)),
]

export const sortedBy = (attribute: string, isCritical = true): Sent => [
  controlOid.sort,
  isCritical,
  tlv(0x30, tlv(0x30, tlv(0x04, attribute))),
]

/** A list view at the first entry that is not before `value`. */
export const viewAt = (value: string): Sent => [
  controlOid.listView,
  true,
  tlv(0x30, integerTlv(0), integerTlv(0), tlv(0x81, value)),
]

export const asserting = (filter: string): Sent => [controlOid.assertion, true, encodeFilter(filter)]

export const reading = (when: 'preRead' | 'postRead', ...attributes: string[]): Sent => [
  controlOid[when],
  true,
  tlv(0x30, ...attributes.map((name) => tlv(0x04, name))),
]

/** The value of a control that an answer carries. */
export function answered({ response }: Answer, oid: string): Buffer | undefined {
  const message = readConstructed(readerOf(response), 0x30)
  readInteger(message)
  readConstructed(message, peekTag(message))
  if (atEnd(message)) return undefined
  for (const list = readConstructed(message, 0xa0); !atEnd(list); ) {
    const control = readConstructed(list, 0x30)
    const found = readText(control)
    if (found === oid) return readOctets(control)
  }
  return undefined
}

/** The cookie with which the next page is asked for; empty: there is none. */
export function cookieOf(answer: Answer): Buffer {
  const value = readConstructed(readerOf(answered(answer, controlOid.paged) ?? tlv(0x30)), 0x30)
  readInteger(value)
  return readOctets(value)
}
