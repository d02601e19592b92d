import { isUtf8 } from 'node:buffer'

// The part of BER that LDAP allows (RFC 4511 section 5.1): definite lengths only, one-byte tags.

/** The bytes are not what the protocol allows. The connection that sent them is closed with a notice. */
export class Malformed extends Error {}

export const tag = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  enumerated: 0x0a,
  sequence: 0x30,
  set: 0x31,
} as const

/** Reads one level of TLVs between two offsets. Every read checks its bounds, so that no byte can make it run on. */
export type Reader = { bytes: Buffer; at: number; end: number }

export const readerOf = (bytes: Buffer, at = 0, end = bytes.length): Reader => ({ bytes, at, end })

export const atEnd = (reader: Reader): boolean => reader.at >= reader.end

export function peekTag(reader: Reader): number {
  return reader.at < reader.end ? reader.bytes[reader.at]! : -1
}

/** Moves past tag and length and gives the length; the value then starts at `reader.at`. */
function enter(reader: Reader, expected: number): number {
  const { bytes, end } = reader
  let at = reader.at
  if (at + 2 > end) throw new Malformed('a value ends early')
  if (expected >= 0 && bytes[at] !== expected) {
    throw new Malformed(`tag 0x${bytes[at]!.toString(16)} where 0x${expected.toString(16)} belongs`)
  }
  let length = bytes[at + 1]!
  at += 2
  if (length > 0x7f) {
    const octets = length & 0x7f
    if (octets === 0) throw new Malformed('indefinite length')
    if (octets > 4 || at + octets > end) throw new Malformed('a length that cannot be')
    length = 0
    for (let i = 0; i < octets; i++) length = length * 256 + bytes[at++]!
  }
  if (length > end - at) throw new Malformed('a value is longer than what holds it')
  reader.at = at
  return length
}

/** A reader over the value of the next TLV, which must have this tag. */
export function readConstructed(reader: Reader, expected: number): Reader {
  const length = enter(reader, expected)
  const inner = { bytes: reader.bytes, at: reader.at, end: reader.at + length }
  reader.at += length
  return inner
}

/** The value of the next TLV as a view on the message: copy what is kept longer than the request. */
export function readOctets(reader: Reader, expected: number = tag.octetString): Buffer {
  const length = enter(reader, expected)
  const start = reader.at
  reader.at += length
  return reader.bytes.subarray(start, reader.at)
}

/** An LDAPString: UTF-8, checked. */
export function readText(reader: Reader, expected: number = tag.octetString): string {
  const length = enter(reader, expected)
  const start = reader.at
  reader.at += length
  return textBetween(reader.bytes, start, reader.at)
}

/** UTF-8, checked. */
export function textBetween(bytes: Buffer, start: number, end: number): string {
  for (let i = start; i < end; i++) {
    if (bytes[i]! > 0x7f) {
      if (!isUtf8(bytes.subarray(start, end))) throw new Malformed('a string is not UTF-8')
      return bytes.toString('utf8', start, end)
    }
  }
  return bytes.toString('latin1', start, end)
}

/** An INTEGER or ENUMERATED of up to 32 bits. */
export function readInteger(reader: Reader, expected: number = tag.integer): number {
  const length = enter(reader, expected)
  if (length < 1 || length > 4) throw new Malformed('an integer of a size that cannot be')
  let value = reader.bytes.readInt8(reader.at)
  for (let i = 1; i < length; i++) value = value * 256 + reader.bytes[reader.at + i]!
  reader.at += length
  return value
}

export function readBoolean(reader: Reader, expected: number = tag.boolean): boolean {
  if (enter(reader, expected) !== 1) throw new Malformed('a boolean of a size that cannot be')
  return reader.bytes[reader.at++] !== 0
}

export function skip(reader: Reader): void {
  const length = enter(reader, -1)
  reader.at += length
}

const maxNesting = 32
/** Where the values end that the check is inside of; it runs to its end within a tick. */
const ends = new Float64Array(maxNesting)

/**
 * Checks the whole message before any of it is acted on: each constructed TLV is filled exactly, one-byte tags,
 * definite lengths, at most 32 levels. Without recursion, so that depth in the input is not depth on our stack.
 */
export function checkNesting(bytes: Buffer): void {
  let depth = 0
  let end = bytes.length
  let at = 0
  for (;;) {
    while (at === end) {
      if (depth === 0) return
      end = ends[--depth]!
    }
    const first = bytes[at]!
    if ((first & 0x1f) === 0x1f) throw new Malformed('a tag of more than one byte')
    if (at + 2 > end) throw new Malformed('a value ends early')
    let length = bytes[at + 1]!
    at += 2
    if (length > 0x7f) {
      const octets = length & 0x7f
      if (octets === 0) throw new Malformed('indefinite length')
      if (octets > 4 || at + octets > end) throw new Malformed('a length that cannot be')
      length = 0
      for (let i = 0; i < octets; i++) length = length * 256 + bytes[at++]!
    }
    if (length > end - at) throw new Malformed('a value is longer than what holds it')
    if ((first & 0x20) === 0) {
      at += length
    } else {
      if (depth >= maxNesting) throw new Malformed('nested too deeply')
      ends[depth++] = end
      end = at + length
    }
  }
}

/** How many bytes a length field takes. */
export const lengthSize = (length: number): number =>
  length < 0x80 ? 1 : length < 0x100 ? 2 : length < 0x1_0000 ? 3 : length < 0x100_0000 ? 4 : 5

/** How many bytes a TLV takes whose value has `length` bytes. */
export const tlvSize = (length: number): number => 1 + lengthSize(length) + length

/** Writes tag and length; gives the offset of the value. */
export function writeHeader(bytes: Buffer, at: number, tagByte: number, length: number): number {
  bytes[at++] = tagByte
  if (length < 0x80) {
    bytes[at++] = length
    return at
  }
  const octets = lengthSize(length) - 1
  bytes[at++] = 0x80 | octets
  for (let shift = (octets - 1) * 8; shift >= 0; shift -= 8) bytes[at++] = (length >>> shift) & 0xff
  return at
}

/** How many bytes the value of an INTEGER takes, from 0 to 2^31 - 1: X.690 section 8.3.2. */
export const integerSize = (value: number): number =>
  value < 0x80 ? 1 : value < 0x8000 ? 2 : value < 0x80_0000 ? 3 : 4

/** An INTEGER or ENUMERATED of that range; `size` is its `integerSize`. */
export function writeInteger(bytes: Buffer, start: number, tagByte: number, value: number, size: number): number {
  let at = start
  bytes[at++] = tagByte
  bytes[at++] = size
  for (let shift = (size - 1) * 8; shift >= 0; shift -= 8) bytes[at++] = (value >>> shift) & 0xff
  return at
}

/** One TLV of given parts, for what is not written thousands of times a second. */
export function tlv(tagByte: number, ...parts: (string | Uint8Array)[]): Buffer {
  const values = parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))
  const length = values.reduce((sum, value) => sum + value.length, 0)
  const bytes = Buffer.allocUnsafe(tlvSize(length))
  let at = writeHeader(bytes, 0, tagByte, length)
  for (const value of values) {
    bytes.set(value, at)
    at += value.length
  }
  return bytes
}

/** The shortest two's-complement form, X.690 section 8.3.2. */
export function integerTlv(value: number, tagByte: number = tag.integer): Buffer {
  const octets: number[] = []
  let rest = value
  do {
    octets.unshift(rest & 0xff)
    rest >>= 8
  } while (!(rest === 0 && octets[0]! < 0x80) && !(rest === -1 && octets[0]! >= 0x80))
  return tlv(tagByte, Uint8Array.from(octets))
}

export const booleanTlv = (value: boolean, tagByte: number = tag.boolean): Buffer =>
  tlv(tagByte, Uint8Array.of(value ? 0xff : 0))
