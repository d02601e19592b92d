import { type Dn, parseDn } from './dn.ts'
import { type Reader, readConstructed, tag, textBetween } from './wire/ber.ts'
import { recalling } from './wire/recall.ts'

/** An LDAPDN (RFC 4511 section 4.1.3): as it was sent, and read; undefined: it is no DN. */
export type Name = { text: string; dn: Dn | undefined }

const nameIn = recalling(({ bytes, at, end }: Reader): Name => {
  const text = textBetween(bytes, at, end)
  return { text, dn: parseDn(text) }
})

/** Clients name few places, again and again: those are not read anew. */
export const readName = (reader: Reader): Name => nameIn(readConstructed(reader, tag.octetString))
