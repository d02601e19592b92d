import { rdnSlot, type Slot, type SlotInfo, standardSlots } from './slots.ts'
import { tag, tlv, tlvSize, writeHeader } from './wire/ber.ts'

/**
 * A block is a list of attributes, finished as BER (PartialAttribute, RFC 4511 section 4.1.7), behind a layout that says
 * where each one is: count (two bytes), then slot (two) and length (four) of each, then the attributes. An answer copies from it.
 */
export type Line = [slot: Slot, values: readonly string[]]

const countSize = 2
const recordSize = 6

let scratch = Buffer.allocUnsafeSlow(64 * 1024)

/** The block of these lines; the first record is the RDN where one is given. A view on scratch: copy it before the next call. */
export function encodeBlock(lines: readonly Line[], slots: readonly SlotInfo[], rdn?: string): Buffer {
  const filled = lines.filter(([, values]) => values.length > 0)
  const count = filled.length + (rdn === undefined ? 0 : 1)
  let layout = countSize
  let at = countSize + count * recordSize
  if (rdn !== undefined) {
    const length = Buffer.byteLength(rdn)
    ensure(at + length)
    scratch.write(rdn, at)
    layout = writeRecord(scratch, layout, rdnSlot, length)
    at += length
  }
  for (const [slot, values] of filled) {
    const start = at
    at = writeAttribute(at, slots[slot]!.type.encodedName, values)
    layout = writeRecord(scratch, layout, slot, at - start)
  }
  scratch.writeUInt16BE(count)
  return scratch.subarray(0, at)
}

/** A block of standard attributes, to keep. */
export const copyBlock = (lines: readonly Line[]): Buffer => Buffer.from(encodeBlock(lines, standardSlots))

function ensure(size: number): void {
  if (size <= scratch.length) return
  const grown = Buffer.allocUnsafeSlow(Math.max(size, scratch.length * 2))
  scratch.copy(grown)
  scratch = grown
}

function writeRecord(bytes: Buffer, at: number, slot: Slot, length: number): number {
  // Byte by byte: this runs for every attribute of a load, and the methods of Buffer check what is known here.
  bytes[at] = slot >>> 8
  bytes[at + 1] = slot
  bytes[at + 2] = length >>> 24
  bytes[at + 3] = length >>> 16
  bytes[at + 4] = length >>> 8
  bytes[at + 5] = length
  return at + recordSize
}

function writeAttribute(start: number, name: Buffer, values: readonly string[]): number {
  let valuesLength = 0
  for (const value of values) valuesLength += tlvSize(Buffer.byteLength(value))
  const length = name.length + tlvSize(valuesLength)
  ensure(start + tlvSize(length))
  let at = writeHeader(scratch, start, tag.sequence, length)
  scratch.set(name, at)
  at = writeHeader(scratch, at + name.length, tag.set, valuesLength)
  for (const value of values) {
    at = writeHeader(scratch, at, tag.octetString, Buffer.byteLength(value))
    at += scratch.write(value, at)
  }
  return at
}

/** One attribute with an empty set of values, as typesOnly asks. */
export const typeOnly = ({ type }: SlotInfo): Buffer => tlv(tag.sequence, type.encodedName, tlv(tag.set))

const slotAt = (bytes: Buffer, at: number): Slot => (bytes[at]! << 8) | bytes[at + 1]!

const lengthAt = (bytes: Buffer, at: number): number =>
  bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)

/** Length of the RDN of a block that has one; it stands at `firstByte`. */
export const rdnLength = (bytes: Buffer, block: number): number => lengthAt(bytes, block + countSize + 2)

/** Where the contents of a block begin. */
export const firstByte = (bytes: Buffer, block: number): number => block + countSize + slotAt(bytes, block) * recordSize

/** Copies the attributes of a block that a mask lets through, neighbours together. */
export type Pick = {
  /** How many bytes they take; `copy` is about the same ones until it is called again. */
  select: (bytes: Buffer, block: number, mask: Uint8Array) => number
  /** Gives the offset after them. */
  copy: (target: Buffer, at: number) => number
}

/** For so few bytes a loop is quicker than the call of a native copy. */
const fewBytes = 48

export function createPick(): Pick {
  let source: Buffer = noBytes
  // From, to, from, to ...
  const runs: number[] = []
  let used = 0

  function select(bytes: Buffer, block: number, mask: Uint8Array): number {
    source = bytes
    used = 0
    let sum = 0
    const end = firstByte(bytes, block)
    let at = end
    let from = -1
    for (let record = block + countSize; record < end; record += recordSize) {
      const length = lengthAt(bytes, record + 2)
      if (mask[slotAt(bytes, record)] === 1) {
        sum += length
        if (from < 0) from = at
      } else if (from >= 0) {
        runs[used++] = from
        runs[used++] = at
        from = -1
      }
      at += length
    }
    if (from >= 0) {
      runs[used++] = from
      runs[used++] = at
    }
    return sum
  }

  function copy(target: Buffer, start: number): number {
    let at = start
    for (let i = 0; i < used; i += 2) {
      const from = runs[i]!
      at = copyBytes(source, from, runs[i + 1]! - from, target, at)
    }
    return at
  }

  return { select, copy }
}

const noBytes = Buffer.alloc(0)

/** Gives the offset after them. */
export function copyBytes(source: Buffer, from: number, length: number, target: Buffer, at: number): number {
  if (length > fewBytes) source.copy(target, at, from, from + length)
  else for (let i = 0; i < length; i++) target[at + i] = source[from + i]!
  return at + length
}

/** The slots of a block that a mask lets through. */
export function selectedSlots(bytes: Buffer, block: number, mask: Uint8Array): Slot[] {
  const found: Slot[] = []
  const end = firstByte(bytes, block)
  for (let record = block + countSize; record < end; record += recordSize) {
    if (mask[slotAt(bytes, record)] === 1) found.push(slotAt(bytes, record))
  }
  return found
}

/** Each slot of a block, and where its attribute starts. */
export function eachSlot(bytes: Buffer, block: number, take: (slot: Slot, at: number) => void): void {
  const end = firstByte(bytes, block)
  let at = end
  for (let record = block + countSize; record < end; record += recordSize) {
    take(slotAt(bytes, record), at)
    at += lengthAt(bytes, record + 2)
  }
}

/** Where the attribute in this slot starts, or -1. */
export function findSlot(bytes: Buffer, block: number, slot: Slot): number {
  const end = firstByte(bytes, block)
  let at = end
  for (let record = block + countSize; record < end; record += recordSize) {
    if (slotAt(bytes, record) === slot) return at
    at += lengthAt(bytes, record + 2)
  }
  return -1
}

/** Whether one of the values of the attribute that starts here passes. The bytes are our own, so nothing is checked again. */
export function someValue(bytes: Buffer, attributeAt: number, passes: (value: string) => boolean): boolean {
  const name = valueAt(bytes, attributeAt)
  const set = name + bytes[name + 1]! + 2
  let at = valueAt(bytes, set)
  const end = at + lengthOf(bytes, set)
  while (at < end) {
    const length = lengthOf(bytes, at)
    const value = valueAt(bytes, at)
    at = value + length
    if (passes(bytes.toString('utf8', value, at))) return true
  }
  return false
}

function lengthOf(bytes: Buffer, tlvAt: number): number {
  const first = bytes[tlvAt + 1]!
  if (first < 0x80) return first
  let length = 0
  for (let i = 0; i < (first & 0x7f); i++) length = length * 256 + bytes[tlvAt + 2 + i]!
  return length
}

function valueAt(bytes: Buffer, tlvAt: number): number {
  const first = bytes[tlvAt + 1]!
  return tlvAt + 2 + (first < 0x80 ? 0 : first & 0x7f)
}

/** Where the only value of the attribute that starts here stands, and how long it is. */
export function onlyValue(bytes: Buffer, attributeAt: number): [at: number, length: number] {
  const name = valueAt(bytes, attributeAt)
  const value = valueAt(bytes, name + bytes[name + 1]! + 2)
  return [valueAt(bytes, value), lengthOf(bytes, value)]
}

/** The first value of a slot, for what has one. */
export function firstValue(bytes: Buffer, block: number, slot: Slot): string | undefined {
  let found: string | undefined
  const at = findSlot(bytes, block, slot)
  if (at >= 0) {
    someValue(bytes, at, (value) => {
      found = value
      return true
    })
  }
  return found
}

/** What `encodeBlock` was given, without the RDN. */
export function linesOf(bytes: Buffer, block: number): Line[] {
  const lines: Line[] = []
  let isRdn = true
  eachSlot(bytes, block, (slot, at) => {
    if (!isRdn) {
      const values: string[] = []
      someValue(bytes, at, (value) => {
        values.push(value)
        return false
      })
      lines.push([slot, values])
    }
    isRdn = false
  })
  return lines
}

/** Writes another text of the same length over the only value of a slot. */
export function overwriteValue(bytes: Buffer, block: number, slot: Slot, text: string): void {
  const at = findSlot(bytes, block, slot)
  if (at < 0) return
  bytes.write(text, onlyValue(bytes, at)[0])
}

/** Finished values of standard attributes as a block of their own: for long lists that are copied together. */
export function blockOfLists(lists: { slot: Slot; values: Buffer }[]): Buffer {
  const filled = lists.filter(({ values }) => values.length > 0)
  const nameOf = (slot: Slot): Buffer => standardSlots[slot]!.type.encodedName
  const sizes = filled.map(({ slot, values }) => tlvSize(nameOf(slot).length + tlvSize(values.length)))
  let at = countSize + filled.length * recordSize
  const bytes = Buffer.allocUnsafeSlow(sizes.reduce((sum, size) => sum + size, at))
  bytes.writeUInt16BE(filled.length)
  filled.forEach(({ slot, values }, i) => {
    const name = nameOf(slot)
    writeRecord(bytes, countSize + i * recordSize, slot, sizes[i]!)
    at = writeHeader(bytes, at, tag.sequence, name.length + tlvSize(values.length))
    bytes.set(name, at)
    at = writeHeader(bytes, at + name.length, tag.set, values.length)
    bytes.set(values, at)
    at += values.length
  })
  return bytes
}
