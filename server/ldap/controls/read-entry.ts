import { atEnd, readConstructed, readerOf, readText, tag } from '../wire/ber.ts'
import { type Control, controlTlv } from '../wire/controls.ts'
import { neededValue } from './value.ts'

/** The attributes that a pre-read or post-read control asks for, RFC 4527. */
export function readAttributeList(control: Control): string[] {
  const list = readConstructed(readerOf(neededValue(control)), tag.sequence)
  const names: string[] = []
  while (!atEnd(list)) names.push(readText(list))
  return names
}

/** `entry`: a whole SearchResultEntry. */
export const readEntryResponse = (oid: string, entry: Uint8Array): Buffer => controlTlv(oid, entry)
