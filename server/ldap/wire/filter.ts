import {
  atEnd,
  Malformed,
  peekTag,
  type Reader,
  readBoolean,
  readConstructed,
  readOctets,
  readText,
  skip,
} from './ber.ts'

/** A search filter as it was sent (RFC 4511 section 4.5.1.7): values stay bytes, nothing is turned into text and back. */
export type Filter =
  | { kind: 'and' | 'or'; filters: Filter[] }
  | { kind: 'not'; filter: Filter }
  | { kind: 'equal' | 'atLeast' | 'atMost' | 'approximate'; attribute: string; value: Buffer }
  | { kind: 'substrings'; attribute: string; initial?: Buffer; any: Buffer[]; final?: Buffer }
  | { kind: 'present'; attribute: string }
  | {
      kind: 'extensible'
      rule: string | undefined
      attribute: string | undefined
      value: Buffer
      withDnAttributes: boolean
    }

/** A filter that would cost more than it can be worth; answered with adminLimitExceeded. */
export class FilterTooLarge extends Error {}

const filterTag = {
  and: 0xa0,
  or: 0xa1,
  not: 0xa2,
  equal: 0xa3,
  substrings: 0xa4,
  atLeast: 0xa5,
  atMost: 0xa6,
  present: 0x87,
  approximate: 0xa8,
  extensible: 0xa9,
} as const

/** Folding text takes longer the more of it there is, and nobody is found by so much. */
const mostBytes = 512 * 1024

/** What is asked of every attribute is asked of some hundred. */
const ofEveryAttribute = 64

/** Parts of a filter: each comparison, each piece of a substring, each AND, OR and NOT. */
export function partsOf(filter: Filter): number {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.filters.reduce((sum, each) => sum + partsOf(each), 1)
    case 'not':
      return 1 + partsOf(filter.filter)
    default:
      return ownParts(filter)
  }
}

function ownParts(filter: Filter): number {
  if (filter.kind === 'substrings') return Math.max(1, filter.any.length)
  return filter.kind === 'extensible' && filter.attribute === undefined ? ofEveryAttribute : 1
}

export function readFilter(reader: Reader, maxParts: number, maxDepth: number): Filter {
  let parts = 0
  const whole = { ...reader }
  skip(whole)
  if (whole.at - reader.at > mostBytes) throw new FilterTooLarge(`The filter has more than ${mostBytes / 1024} kB.`)

  function read(from: Reader, depth: number): Filter {
    if (depth > maxDepth) throw new FilterTooLarge(`The filter is nested more than ${maxDepth} deep.`)
    const filter = readOne(from, depth)
    parts += ownParts(filter)
    if (parts > maxParts) throw new FilterTooLarge(`The filter has more than ${maxParts} parts.`)
    return filter
  }

  function readOne(from: Reader, depth: number): Filter {
    const kind = peekTag(from)
    switch (kind) {
      case filterTag.and:
        return { kind: 'and', filters: readSet(from, kind, depth) }
      case filterTag.or:
        return { kind: 'or', filters: readSet(from, kind, depth) }
      case filterTag.not: {
        const inner = readConstructed(from, kind)
        const filter = read(inner, depth + 1)
        mustEnd(inner)
        return { kind: 'not', filter }
      }
      case filterTag.equal:
        return assertion('equal', readConstructed(from, kind))
      case filterTag.atLeast:
        return assertion('atLeast', readConstructed(from, kind))
      case filterTag.atMost:
        return assertion('atMost', readConstructed(from, kind))
      case filterTag.approximate:
        return assertion('approximate', readConstructed(from, kind))
      case filterTag.substrings:
        return substrings(readConstructed(from, kind))
      case filterTag.present:
        return { kind: 'present', attribute: readText(from, kind) }
      case filterTag.extensible:
        return extensible(readConstructed(from, kind))
      default:
        throw new Malformed('a filter of an unknown kind')
    }
  }

  function readSet(from: Reader, kind: number, depth: number): Filter[] {
    const inner = readConstructed(from, kind)
    const filters: Filter[] = []
    while (!atEnd(inner)) filters.push(read(inner, depth + 1))
    return filters
  }

  return read(reader, 1)
}

function mustEnd(reader: Reader): void {
  if (!atEnd(reader)) throw new Malformed('more after the end of a filter')
}

function assertion(kind: 'equal' | 'atLeast' | 'atMost' | 'approximate', inner: Reader): Filter {
  const attribute = readText(inner)
  const value = readOctets(inner)
  mustEnd(inner)
  return { kind, attribute, value }
}

function substrings(inner: Reader): Filter {
  const filter: Filter = { kind: 'substrings', attribute: readText(inner), any: [] }
  const pieces = readConstructed(inner, 0x30)
  mustEnd(inner)
  if (atEnd(pieces)) throw new Malformed('a substring filter without a piece')
  while (!atEnd(pieces)) {
    const kind = peekTag(pieces)
    const value = readOctets(pieces, kind)
    if (value.length === 0) throw new Malformed('an empty piece in a substring filter')
    if (filter.final) throw new Malformed('a piece after the final one')
    if (kind === 0x80 && !filter.initial && filter.any.length === 0) filter.initial = value
    else if (kind === 0x81) filter.any.push(value)
    else if (kind === 0x82) filter.final = value
    else throw new Malformed('pieces of a substring filter out of order')
  }
  return filter
}

function extensible(inner: Reader): Filter {
  let rule: string | undefined
  let attribute: string | undefined
  let value: Buffer | undefined
  let withDnAttributes = false
  while (!atEnd(inner)) {
    const kind = peekTag(inner)
    if (kind === 0x81) rule = readText(inner, kind)
    else if (kind === 0x82) attribute = readText(inner, kind)
    else if (kind === 0x83) value = readOctets(inner, kind)
    else if (kind === 0x84) withDnAttributes = readBoolean(inner, kind)
    else skip(inner)
  }
  if (!value || (!rule && !attribute)) throw new Malformed('an extensible filter without rule or attribute')
  return { kind: 'extensible', rule, attribute, value, withDnAttributes }
}
