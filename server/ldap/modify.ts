import type { Call } from './operations.ts'
import { readConstructed, readText, tag } from './wire/ber.ts'
import type { Result } from './wire/result.ts'
import { readModifications } from './writes/changes.ts'
import { changeEntry } from './writing.ts'

/** RFC 4511 section 4.6: all of it or nothing. */
export function modify(call: Call): Promise<Result> {
  const { body } = call.message
  const name = readText(body)
  const modifications = readModifications(readConstructed(body, tag.sequence))
  return changeEntry(call, name, ({ writer, actor }, entry, expectedSeq) =>
    writer.modify(actor, entry, modifications, expectedSeq),
  )
}
