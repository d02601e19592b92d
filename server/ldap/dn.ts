import { isUtf8 } from 'node:buffer'
import { foldCase } from './prepare.ts'

/** One `type=value` of an RDN; `value` is the text without escapes. */
export type NamePart = { type: string; value: string }
/** A relative distinguished name; more than one part when it is multi-valued (`cn=a+uid=b`). */
export type Rdn = NamePart[]
/** A distinguished name from the leaf upwards, as it is written. */
export type Dn = Rdn[]

// Longer than any name here can be; so a name of megabytes is refused before work goes into it.
const maxLength = 64 * 1024

// RFC 4514 section 3: the short names that every reader of DNs knows, with their other spellings.
const canonicalTypes = new Map<string, string>([
  ...spellings('cn', 'commonname', '2.5.4.3'),
  ...spellings('l', 'localityname', '2.5.4.7'),
  ...spellings('st', 'stateorprovincename', '2.5.4.8'),
  ...spellings('o', 'organizationname', '2.5.4.10'),
  ...spellings('ou', 'organizationalunitname', '2.5.4.11'),
  ...spellings('c', 'countryname', '2.5.4.6'),
  ...spellings('street', 'streetaddress', '2.5.4.9'),
  ...spellings('dc', 'domaincomponent', '0.9.2342.19200300.100.1.25'),
  ...spellings('uid', 'userid', '0.9.2342.19200300.100.1.1'),
])

function spellings(short: string, ...others: string[]): [string, string][] {
  return others.map((other) => [other, short])
}

const typePattern = /^(?:[a-z][a-z0-9-]*|(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+)$/i

/**
 * Reads the string form of RFC 4514, and what was allowed before it and is still sent (RFC 2253 section 4): spaces around
 * separators, `;` for `,`, values in quotes. Undefined: not a DN. Linear in its length.
 */
export function parseDn(text: string): Dn | undefined {
  if (text.length > maxLength) return undefined
  const dn: Dn = []
  if (text === '') return dn
  let at = skipSpaces(text, 0)
  let rdn: Rdn = []
  for (;;) {
    const equals = text.indexOf('=', at)
    if (equals < 0) return undefined
    const type = text.slice(at, equals).trim()
    if (!typePattern.test(type)) return undefined
    const read = readValue(text, skipSpaces(text, equals + 1))
    if (!read) return undefined
    rdn.push({ type, value: read.value })
    const separator = text[read.end]
    if (separator !== '+') {
      dn.push(rdn)
      rdn = []
    }
    if (separator === undefined) return dn
    at = skipSpaces(text, read.end + 1)
  }
}

function skipSpaces(text: string, at: number): number {
  while (text.charCodeAt(at) === 0x20) at++
  return at
}

const hexPair = /^[0-9a-f]{2}$/i

const isSeparator = (character: string | undefined): boolean =>
  character === ',' || character === '+' || character === ';' || character === undefined

/** Reads up to the next unescaped separator, or the end. */
function readValue(text: string, start: number): { value: string; end: number } | undefined {
  if (text[start] === '#') return readHexValue(text, start + 1)
  if (text[start] === '"') return readQuoted(text, start + 1)
  const pieces: string[] = []
  let at = start
  let plainFrom = start
  // Where the value ends when the spaces before the separator are not part of it.
  let valueEnd = start
  while (!isSeparator(text[at])) {
    const character = text[at]!
    if (character === '"' || character === '<' || character === '>' || character === '\0') return undefined
    if (character !== '\\') {
      at++
      if (character !== ' ') valueEnd = at
      continue
    }
    pieces.push(text.slice(plainFrom, at))
    const escaped = readEscaped(text, at)
    if (!escaped) return undefined
    pieces.push(escaped.value)
    at = escaped.end
    plainFrom = at
    valueEnd = at
  }
  pieces.push(text.slice(plainFrom, Math.max(plainFrom, valueEnd)))
  return { value: pieces.join(''), end: at }
}

function readQuoted(text: string, start: number): { value: string; end: number } | undefined {
  const pieces: string[] = []
  let at = start
  let plainFrom = start
  while (text[at] !== '"') {
    if (at >= text.length || text[at] === '\0') return undefined
    if (text[at] !== '\\') {
      at++
      continue
    }
    pieces.push(text.slice(plainFrom, at))
    const escaped = readEscaped(text, at)
    if (!escaped) return undefined
    pieces.push(escaped.value)
    at = escaped.end
    plainFrom = at
  }
  pieces.push(text.slice(plainFrom, at))
  const end = skipSpaces(text, at + 1)
  return isSeparator(text[end]) ? { value: pieces.join(''), end } : undefined
}

/** What a backslash and the characters behind it stand for. */
function readEscaped(text: string, at: number): { value: string; end: number } | undefined {
  const next = text[at + 1]
  if (next === undefined) return undefined
  if (' "#+,;<=>\\'.includes(next)) return { value: next, end: at + 2 }
  const octets = readEscapedOctets(text, at)
  if (octets.length === 0 || !isUtf8(octets)) return undefined
  return { value: octets.toString('utf8'), end: at + octets.length * 3 }
}

/** A run of `\xx`: together they are UTF-8, one alone need not be. */
function readEscapedOctets(text: string, start: number): Buffer {
  let end = start
  while (text[end] === '\\' && hexPair.test(text.slice(end + 1, end + 3))) end += 3
  return Buffer.from(text.slice(start, end).replaceAll('\\', ''), 'hex')
}

/** `#` and the BER of the value in hexadecimal. Strings are understood; of other types only the form is checked. */
function readHexValue(text: string, start: number): { value: string; end: number } | undefined {
  let end = start
  while (!isSeparator(text[end])) end++
  const hex = text.slice(start, end).trimEnd()
  if (hex.length < 4 || hex.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(hex)) return undefined
  const bytes = Buffer.from(hex, 'hex')
  const isString = bytes[0] === 0x04 || bytes[0] === 0x0c || bytes[0] === 0x13 || bytes[0] === 0x16
  if (!isString || bytes[1]! > 0x7f || bytes.length !== 2 + bytes[1]! || !isUtf8(bytes)) {
    return { value: `#${hex.toLowerCase()}`, end }
  }
  return { value: bytes.toString('utf8', 2), end }
}

/** The form that is equal for equal RDNs: canonical type, folded value, parts in order. */
export function rdnKey(rdn: Rdn): string {
  if (rdn.length === 1) return partKey(rdn[0]!)
  return rdn.map(partKey).sort().join('+')
}

function partKey(part: NamePart): string {
  const type = part.type.toLowerCase()
  return `${canonicalTypes.get(type) ?? type}=${escapeValue(foldCase(part.value))}`
}

const keysOf = new WeakMap<Dn, readonly string[]>()

/** The form of each RDN that is equal for equal ones; worked out once. */
export function dnKeys(dn: Dn): readonly string[] {
  let keys = keysOf.get(dn)
  if (!keys) {
    keys = dn.map(rdnKey)
    keysOf.set(dn, keys)
  }
  return keys
}

/** The form that is equal for equal DNs. */
export const dnKey = (dn: Dn): string => dnKeys(dn).join(',')

/** Text -> key, undefined when it is not a DN. */
export function normaliseDn(text: string): string | undefined {
  const dn = parseDn(text)
  return dn && dnKey(dn)
}

const needsEscape = /[\0"+,;<>\\]|^[ #]| $/
const alwaysEscaped = /["+,;<>\\]/g

/** A value as it stands in a DN, RFC 4514 section 2.4. */
export function escapeValue(value: string): string {
  if (!needsEscape.test(value)) return value
  let escaped = value.replace(alwaysEscaped, '\\$&').replaceAll('\0', '\\00')
  if (/^[ #]/.test(escaped)) escaped = `\\${escaped}`
  if (value.length > 1 && value.endsWith(' ')) escaped = `${escaped.slice(0, -1)}\\ `
  return escaped
}

export const formatRdn = (rdn: Rdn): string => rdn.map(({ type, value }) => `${type}=${escapeValue(value)}`).join('+')

export const formatDn = (dn: Dn): string => dn.map(formatRdn).join(',')
