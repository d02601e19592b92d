import { readConstructed, readerOf, readInteger, readOctets, readText, tag } from './wire/ber.ts'
import type { Message } from './wire/message.ts'
import { requestTag } from './wire/request-tag.ts'
import { type ResultCode, resultCode } from './wire/result.ts'

/** RFC 3909. */
export const cancelOid = '1.3.6.1.1.8'

/** The id of the request that an extended request wants ended; undefined when it wants something else. */
export function targetOfCancel({ body }: Message): number | undefined {
  const { bytes, at, end } = body
  // Read on a reader of its own: what is no cancel is read again by its operation.
  const reader = readerOf(bytes, at, end)
  if (readText(reader, 0x80) !== cancelOid) return undefined
  return readInteger(readConstructed(readerOf(readOctets(reader, 0x81)), tag.sequence))
}

const cannotBeCanceled: ReadonlySet<number> = new Set([requestTag.bind, requestTag.unbind, requestTag.abandon])

/** What a cancel of this request is answered with. `isLate`: what it does has begun, and cannot be stopped half way. */
export function cancelRequest(target: Message | undefined, isLate: boolean): ResultCode {
  if (!target) return resultCode.noSuchOperation
  if (cannotBeCanceled.has(target.operation)) return resultCode.cannotCancel
  return isLate ? resultCode.tooLate : resultCode.success
}
