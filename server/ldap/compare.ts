import { mayRead } from './access.ts'
import { isFulfilled } from './assertion.ts'
import { parseDn } from './dn.ts'
import { prepare, truth } from './evaluate.ts'
import { missAttribute, missedBy } from './lens.ts'
import type { Call } from './operations.ts'
import { named } from './search.ts'
import { readConstructed, readOctets, readText } from './wire/ber.ts'
import { type Result, resultCode } from './wire/result.ts'

/** RFC 4511 section 4.10. */
export function compare(call: Call): Result {
  const { body, controls } = call.message
  const name = readText(body)
  const assertion = readConstructed(body, 0x30)
  const attribute = readText(assertion)
  const value = readOctets(assertion)
  const dn = parseDn(name)
  if (!dn) return { code: resultCode.invalidDNSyntax, message: 'The name of the entry is not a DN.' }
  const { tree } = call.services.directory
  const found = named(call, tree, dn)
  if ('code' in found) return found
  const { entry, who } = found
  const view = who.others && entry !== who.self ? who.others : who.view
  if (controls.length > 0 && !isFulfilled(call, tree, entry, who)) return { code: resultCode.assertionFailed }
  const type = tree.schema.attributeByName(attribute)
  missAttribute(missedBy(call.services.lens, call.session), tree.schema, view, attribute)
  if (!type) return { code: resultCode.undefinedAttributeType, message: 'This attribute is not in the schema.' }
  // What may not be read is as if it were not there.
  const isPresent = prepare({ kind: 'present', attribute }, tree, view).evaluate(entry) === truth.true
  if (!isPresent || !mayRead(view, who.self, entry)) return { code: resultCode.noSuchAttribute }
  if (!type.equality)
    return { code: resultCode.inappropriateMatching, message: 'Values of this attribute have no equality.' }
  const result = prepare({ kind: 'equal', attribute, value }, tree, view).evaluate(entry)
  if (result === truth.undefined) return { code: resultCode.invalidAttributeSyntax }
  return { code: result === truth.true ? resultCode.compareTrue : resultCode.compareFalse }
}
