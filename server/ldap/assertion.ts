import { mayRead } from './access.ts'
import { controlOf, neededValue } from './controls/value.ts'
import type { Entry } from './entry.ts'
import { prepare } from './evaluate.ts'
import { missedBy } from './lens.ts'
import type { Call } from './operations.ts'
import type { Tree } from './tree.ts'
import { truth } from './truth.ts'
import type { Who } from './who.ts'
import { readerOf } from './wire/ber.ts'
import { controlOid } from './wire/controls.ts'
import { readFilter } from './wire/filter.ts'

const maxParts = 64

/** Whether what the request asserts of its entry is so, RFC 4528; true where it asserts nothing. */
export function isFulfilled(
  { message, services, session }: Call,
  tree: Tree,
  entry: Entry,
  { view, self, others }: Who,
): boolean {
  const control = controlOf(message.controls, controlOid.assertion)
  if (!control) return true
  const filter = readFilter(readerOf(neededValue(control)), maxParts, services.limits.filterDepth)
  const eyes = others && entry !== self ? others : view
  // Of what may be named and not read, nothing is so.
  if (!mayRead(eyes, self, entry)) return false
  return prepare(filter, tree, eyes, missedBy(services.lens, session)).evaluate(entry) === truth.true
}
