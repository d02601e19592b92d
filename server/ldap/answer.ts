import { copySelected, firstByte, rdnLength, selectedLength, selectedSlots, typeOnly } from './block.ts'
import type { Entry } from './entry.ts'
import type { Selection } from './select.ts'
import { slotOf } from './slots.ts'
import type { Tree } from './tree.ts'
import { readConstructed, readerOf, readInteger, tag, tlv, tlvSize, writeHeader } from './wire/ber.ts'
import { createOutput, type Output } from './wire/output.ts'
import { workedOut } from './worked-out.ts'

/** Attributes that are worked out for each answer. */
const worked = (['entryDN', 'entryCSN', 'contextCSN', 'hasSubordinates'] as const).map((name) => ({
  slot: slotOf(name),
  name: tlv(tag.octetString, name),
  work: workedOut[name],
}))

const messageIdSize = (id: number): number => (id < 0x80 ? 1 : id < 0x8000 ? 2 : id < 0x80_0000 ? 3 : 4)

/** Writes a SearchResultEntry (RFC 4511 section 4.5.2): finished pieces copied behind one another. `controls`: a finished [0]. */
export function writeEntry(
  output: Output,
  messageId: number,
  tree: Tree,
  entry: Entry,
  selection: Selection,
  typesOnly: boolean,
  controls: Buffer = none,
): void {
  const { mask, shared } = selection.cut(entry.part)
  const suffix = tree.suffixOf(entry)
  const own = entry.slab.bytes
  const rdn = rdnLength(own, entry.at)
  const dnSize = rdn + suffix.length
  const members = selection.wantsMembers ? tree.members.blockOf(entry) : undefined
  const dynamic =
    typesOnly || selection.wantsWorkedOut || entry.children ? dynamicPart(tree, entry, selection, typesOnly) : none
  const ownSize = typesOnly ? 0 : selectedLength(own, entry.at, mask)
  const sharedSize = typesOnly ? 0 : shared.length
  const membersSize = members && !typesOnly ? selectedLength(members, 0, mask) : 0
  const listSize = ownSize + sharedSize + membersSize + dynamic.length
  const bodySize = tlvSize(dnSize) + tlvSize(listSize)
  const idSize = messageIdSize(messageId)
  const messageSize = 2 + idSize + tlvSize(bodySize) + controls.length
  output.reserve(tlvSize(messageSize))
  const { bytes } = output
  let at = writeHeader(bytes, output.length, tag.sequence, messageSize)
  bytes[at++] = tag.integer
  bytes[at++] = idSize
  for (let shift = (idSize - 1) * 8; shift >= 0; shift -= 8) bytes[at++] = (messageId >>> shift) & 0xff
  at = writeHeader(bytes, at, 0x64, bodySize)
  at = writeHeader(bytes, at, tag.octetString, dnSize)
  at = copyShort(own, firstByte(own, entry.at), rdn, bytes, at)
  at = copyShort(suffix, 0, suffix.length, bytes, at)
  at = writeHeader(bytes, at, tag.sequence, listSize)
  if (sharedSize > 0) {
    bytes.set(shared, at)
    at += sharedSize
  }
  if (ownSize > 0) at = copySelected(own, entry.at, mask, bytes, at)
  if (membersSize > 0) at = copySelected(members!, 0, mask, bytes, at)
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

/** For a few dozen bytes a loop is quicker than the call of a native copy. */
function copyShort(from: Buffer, start: number, length: number, to: Buffer, at: number): number {
  for (let i = 0; i < length; i++) to[at + i] = from[start + i]!
  return at + length
}

const none = Buffer.alloc(0)

/** What is worked out for each answer: all of it for typesOnly, otherwise attributes that depend on the tree. */
function dynamicPart(tree: Tree, entry: Entry, selection: Selection, typesOnly: boolean): Buffer {
  const { mask } = selection.cut(entry.part)
  const pieces: Buffer[] = []
  if (typesOnly) {
    const members = selection.wantsMembers ? tree.members.blockOf(entry) : undefined
    const found = [
      ...selectedSlots(entry.part.block, 0, mask),
      ...selectedSlots(entry.slab.bytes, entry.at, mask),
      ...(members ? selectedSlots(members, 0, mask) : []),
    ]
    pieces.push(...found.map((slot) => typeOnly(tree.schema.slots[slot]!)))
  }
  for (const { slot, name, work } of worked) {
    const value = mask[slot] === 1 ? work(tree, entry) : undefined
    if (value !== undefined)
      pieces.push(tlv(tag.sequence, name, typesOnly ? tlv(tag.set) : tlv(tag.set, tlv(tag.octetString, value))))
  }
  return Buffer.concat(pieces)
}

const scratch = createOutput()

/** A SearchResultEntry by itself, for a control that holds one. */
export function entryTlv(tree: Tree, entry: Entry, selection: Selection): Buffer {
  scratch.length = 0
  writeEntry(scratch, 1, tree, entry, selection, false)
  const message = readConstructed(readerOf(scratch.bytes, 0, scratch.length), tag.sequence)
  readInteger(message)
  return Buffer.from(scratch.bytes.subarray(message.at, message.end))
}
