import { copyBytes, createPick, firstByte, rdnLength, selectedSlots, typeOnly } from './block.ts'
import type { Entry } from './entry.ts'
import type { Selection } from './select.ts'
import { slotOf } from './slots.ts'
import type { Tree } from './tree.ts'
import {
  integerSize,
  readConstructed,
  readerOf,
  readInteger,
  tag,
  tlv,
  tlvSize,
  writeHeader,
  writeInteger,
} from './wire/ber.ts'
import { createOutput, type Output } from './wire/output.ts'
import { workedOut } from './worked-out.ts'

/** Attributes that are worked out for each answer. */
const worked = (['entryDN', 'entryCSN', 'contextCSN', 'hasSubordinates'] as const).map((name) => ({
  slot: slotOf(name),
  name: tlv(tag.octetString, name),
  work: workedOut[name],
}))

const ownPick = createPick()
const membersPick = createPick()

/**
 * Writes a SearchResultEntry (RFC 4511 section 4.5.2): finished pieces copied behind one another. `members`: as members.ts
 * has them, where the selection wants them. `controls`: a finished [0].
 */
export function writeEntry(
  output: Output,
  messageId: number,
  tree: Tree,
  entry: Entry,
  selection: Selection,
  members: Buffer | undefined,
  typesOnly: boolean,
  controls: Buffer = none,
): void {
  const { mask, shared } = selection.cut(entry.part)
  const suffix = tree.suffixOf(entry)
  const own = entry.slab.bytes
  const rdn = rdnLength(own, entry.at)
  const dnSize = rdn + suffix.length
  const dynamic =
    typesOnly || selection.wantsWorkedOut || entry.children
      ? dynamicPart(tree, entry, selection, members, typesOnly)
      : none
  const ownSize = typesOnly ? 0 : ownPick.select(own, entry.at, mask)
  const sharedSize = typesOnly ? 0 : shared.length
  const membersSize = members && !typesOnly ? membersPick.select(members, 0, mask) : 0
  const listSize = ownSize + sharedSize + membersSize + dynamic.length
  const bodySize = tlvSize(dnSize) + tlvSize(listSize)
  const idSize = integerSize(messageId)
  const messageSize = 2 + idSize + tlvSize(bodySize) + controls.length
  output.reserve(tlvSize(messageSize))
  const { bytes } = output
  let at = writeHeader(bytes, output.length, tag.sequence, messageSize)
  at = writeInteger(bytes, at, tag.integer, messageId, idSize)
  at = writeHeader(bytes, at, 0x64, bodySize)
  at = writeHeader(bytes, at, tag.octetString, dnSize)
  at = copyBytes(own, firstByte(own, entry.at), rdn, bytes, at)
  at = copyBytes(suffix, 0, suffix.length, bytes, at)
  at = writeHeader(bytes, at, tag.sequence, listSize)
  if (sharedSize > 0) {
    bytes.set(shared, at)
    at += sharedSize
  }
  if (ownSize > 0) at = ownPick.copy(bytes, at)
  if (membersSize > 0) at = membersPick.copy(bytes, at)
  if (dynamic.length > 0) {
    bytes.set(dynamic, at)
    at += dynamic.length
  }
  if (controls.length > 0) {
    bytes.set(controls, at)
    at += controls.length
  }
  output.length = at
}

const none = Buffer.alloc(0)

/** What is worked out for each answer: all of it for typesOnly, otherwise attributes that depend on the tree. */
function dynamicPart(
  tree: Tree,
  entry: Entry,
  selection: Selection,
  members: Buffer | undefined,
  typesOnly: boolean,
): Buffer {
  const { mask } = selection.cut(entry.part)
  const pieces: Buffer[] = []
  if (typesOnly) {
    const found = [
      ...selectedSlots(entry.part.block, 0, mask),
      ...selectedSlots(entry.slab.bytes, entry.at, mask),
      ...(members ? selectedSlots(members, 0, mask) : []),
    ]
    pieces.push(...found.map((slot) => typeOnly(tree.schema.slots[slot]!)))
  }
  for (const { slot, name, work } of worked) {
    const value = mask[slot] === 1 ? work(tree, entry) : undefined
    if (value !== undefined) pieces.push(attributeTlv(name, typesOnly ? undefined : value))
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
}

/** A PartialAttribute with one value or none; `name` is finished. */
function attributeTlv(name: Buffer, value: string | undefined): Buffer {
  const length = value === undefined ? 0 : Buffer.byteLength(value)
  const setLength = value === undefined ? 0 : tlvSize(length)
  const size = name.length + tlvSize(setLength)
  const bytes = Buffer.allocUnsafe(tlvSize(size))
  let at = writeHeader(bytes, 0, tag.sequence, size)
  bytes.set(name, at)
  at = writeHeader(bytes, at + name.length, tag.set, setLength)
  if (value !== undefined) bytes.write(value, writeHeader(bytes, at, tag.octetString, length))
  return bytes
}

const scratch = createOutput()

/** A SearchResultEntry by itself, for a control that holds one. */
export function entryTlv(tree: Tree, entry: Entry, selection: Selection): Buffer {
  scratch.length = 0
  const members = selection.wantsMembers ? tree.members.blockOf(entry) : undefined
  writeEntry(scratch, 1, tree, entry, selection, members, false)
  const message = readConstructed(readerOf(scratch.bytes, 0, scratch.length), tag.sequence)
  readInteger(message)
  return Buffer.from(scratch.bytes.subarray(message.at, message.end))
}
