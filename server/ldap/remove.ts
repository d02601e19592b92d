import { NotDone } from './not-done.ts'
import type { Call } from './operations.ts'
import { type Result, resultCode } from './wire/result.ts'
import { changeEntry } from './writing.ts'

/** RFC 4511 section 4.8. The entry goes to the recycle bin. */
export function remove(call: Call): Promise<Result> {
  const { bytes, at, end } = call.message.body
  return changeEntry(call, bytes.toString('utf8', at, end), () => async ({ writer, actor }, entry, expectedSeq) => {
    if (entry.children && entry.children.size > 0)
      throw new NotDone(resultCode.notAllowedOnNonLeaf, 'There are entries below this one.')
    await writer.remove(actor, entry, expectedSeq)
  })
}
