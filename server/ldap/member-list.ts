import { blockOfLists, findSlot, firstByte, onlyValue, rdnLength } from './block.ts'
import type { Entry } from './entry.ts'
import { slotOf } from './slots.ts'
import { tag, tlvSize, writeHeader } from './wire/ber.ts'

const memberSlot = slotOf('member')
const memberUidSlot = slotOf('memberUid')
const uidSlot = slotOf('uid')
/** Members between two looks at the clock. */
const stride = 256

/** `next` goes on until `deadline`; it gives the block once that is whole. */
export type MemberList = { next: (deadline: number) => Buffer | undefined }

/**
 * `memberUid` and `member` of a group, from bytes to bytes. One of everybody takes long: it is made a piece at a time, of the
 * people who are in it when it is begun. `suffix`: what follows the RDN of each.
 */
export function encodeMembers(users: readonly Entry[], suffix: Buffer): MemberList {
  const uids = createValues(users.length * 16)
  const names = createValues(users.length * (20 + suffix.length))
  let at = 0

  function add({ slab: { bytes }, at: block }: Entry): void {
    const uid = findSlot(bytes, block, uidSlot)
    if (uid >= 0) uids.add(bytes, ...onlyValue(bytes, uid))
    names.add(bytes, firstByte(bytes, block), rdnLength(bytes, block), suffix)
  }

  return {
    next(deadline) {
      while (at < users.length) {
        for (const end = Math.min(at + stride, users.length); at < end; at++) {
          const user = users[at]!
          if (user.place >= 0) add(user)
        }
        if (performance.now() > deadline) break
      }
      if (at < users.length) return undefined
      return blockOfLists([
        { slot: memberUidSlot, values: uids.written() },
        { slot: memberSlot, values: names.written() },
      ])
    },
  }
}

/** Values behind one another, in a buffer that grows. */
function createValues(expected: number) {
  let bytes = Buffer.allocUnsafeSlow(Math.max(64, expected))
  let length = 0
  return {
    add(from: Buffer, start: number, size: number, suffix?: Buffer): void {
      const whole = size + (suffix?.length ?? 0)
      if (length + tlvSize(whole) > bytes.length) {
        const grown = Buffer.allocUnsafeSlow(bytes.length * 2 + whole + 8)
        grown.set(bytes.subarray(0, length))
        bytes = grown
      }
      let at = writeHeader(bytes, length, tag.octetString, whole)
      for (let i = 0; i < size; i++) bytes[at++] = from[start + i]!
      if (suffix) for (let i = 0; i < suffix.length; i++) bytes[at++] = suffix[i]!
      length = at
    },
    written: (): Buffer => bytes.subarray(0, length),
  }
}
