import { mayRead } from './access.ts'
import { isFulfilled } from './assertion.ts'
import { attribute } from './attribute-types.ts'
import { readDescription } from './description.ts'
import { prepare } from './evaluate.ts'
import { missAttribute, missedBy } from './lens.ts'
import { readName } from './name.ts'
import type { Call } from './operations.ts'
import { named } from './search.ts'
import { truth } from './truth.ts'
import { readConstructed, readOctets, readText } from './wire/ber.ts'
import { type Result, resultCode } from './wire/result.ts'
import { textOf } from './writes/changes.ts'

const ofClasses = new Set([attribute('objectClass'), attribute('structuralObjectClass')])

/** RFC 4511 section 4.10. */
export function compare(call: Call): Result {
  const { body, controls } = call.message
  const { dn } = readName(body)
  const assertion = readConstructed(body, 0x30)
  const described = readText(assertion)
  const value = readOctets(assertion)
  if (!dn) return { code: resultCode.invalidDNSyntax, message: 'The name of the entry is not a DN.' }
  const { tree } = call.services.directory
  const missed = missedBy(call.services.lens, call.session)
  const type = readDescription(tree.schema, described)?.type
  if (!type) missed?.('unknown attribute', described)
  if (!type) return { code: resultCode.undefinedAttributeType, message: 'This attribute is not in the schema.' }
  if (!type.equality)
    return { code: resultCode.inappropriateMatching, message: 'Values of this attribute have no equality.' }
  const text = textOf(type, value)
  if (ofClasses.has(type) && !tree.schema.objectClassByName(text))
    return { code: resultCode.invalidAttributeSyntax, message: 'This class is not in the schema.' }
  const found = named(call, tree, dn)
  if ('code' in found) return found
  const { entry, who } = found
  const view = who.others && entry !== who.self ? who.others : who.view
  if (controls.length > 0 && !isFulfilled(call, tree, entry, who)) return { code: resultCode.assertionFailed }
  missAttribute(missed, tree.schema, view, described)
  // What may not be read is as if it were not there.
  const isPresent = prepare({ kind: 'present', attribute: described }, tree, view).evaluate(entry) === truth.true
  if (!isPresent || !mayRead(view, who.self, entry)) return { code: resultCode.noSuchAttribute }
  const isEqual = prepare({ kind: 'equal', attribute: described, value }, tree, view).evaluate(entry) === truth.true
  return { code: isEqual ? resultCode.compareTrue : resultCode.compareFalse }
}
