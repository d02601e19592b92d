import type { Call } from './operations.ts'
import type { Result } from './wire/result.ts'
import { changeEntry } from './writing.ts'

/** RFC 4511 section 4.8. The entry goes to the recycle bin. */
export function remove(call: Call): Promise<Result> {
  const { bytes, at, end } = call.message.body
  return changeEntry(call, bytes.toString('utf8', at, end), ({ writer, actor }, entry, expectedSeq) =>
    writer.remove(actor, entry, expectedSeq),
  )
}
