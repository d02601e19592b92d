import { isFulfilled } from './assertion.ts'
import { type AttributeType, attribute } from './attribute-types.ts'
import { controlOf } from './controls/value.ts'
import { escapeValue, parseDn, rdnKey } from './dn.ts'
import { NotDone } from './not-done.ts'
import type { Call } from './operations.ts'
import { isKnown, lookUp } from './search.ts'
import type { Place, Tree } from './tree.ts'
import { atEnd, Malformed, type Reader, readConstructed, readText, tag } from './wire/ber.ts'
import { controlOid } from './wire/controls.ts'
import { type Result, resultCode } from './wire/result.ts'
import type { NewEntry, NewKind } from './writer.ts'
import { checkValues, keyOf, readAttribute, refuseOperational, refuseTooMuch, typeOf } from './writes/changes.ts'
import { groundsOf, readControl } from './writing.ts'

const objectClass = attribute('objectClass')
const userPassword = attribute('userPassword')

/** What may be added below what, and by what it is named. */
const kindsIn: Partial<Record<Place, [AttributeType, NewKind][]>> = {
  users: [[attribute('uid'), 'person']],
  groups: [
    [attribute('cn'), 'group'],
    [attribute('sambaSID'), 'kept'],
  ],
  computers: [[attribute('uid'), 'machine']],
  idmap: [[attribute('sambaSID'), 'kept']],
  windows: [[attribute('sambaDomainName'), 'kept']],
}

/** RFC 4511 section 4.7: people, groups, computers, and what Samba keeps for itself. */
export async function add(call: Call): Promise<Result> {
  const { body, controls } = call.message
  const name = readText(body)
  const list = readConstructed(body, tag.sequence)
  const grounds = await groundsOf(call)
  const { tree, writer, actor, who } = grounds
  const dn = parseDn(name)
  if (!dn) throw new NotDone(resultCode.invalidDNSyntax, 'The name of the entry is not a DN.')
  const { values, classes, password } = readEntry(tree, list)
  const { entry: there } = tree.resolve(dn)
  // The empty name is that of the root DSE.
  if (dn.length === 0 || (there && isKnown(who, there)))
    throw new NotDone(resultCode.entryAlreadyExists, 'There is an entry of this name already.')
  const parent = lookUp(tree, who, dn.slice(1))
  if ('code' in parent) return parent
  if (controlOf(controls, controlOid.assertion) && !isFulfilled(call, tree, parent, who))
    return { code: resultCode.assertionFailed }
  const place = tree.placeOf(parent)
  const kinds = place && kindsIn[place]
  if (!place || !kinds)
    throw new NotDone(
      resultCode.unwillingToPerform,
      'People are added below ou=Users, groups below ou=Groups, computers below ou=Computers.',
    )
  const [part, ...more] = dn[0]!
  const named = tree.schema.attributeByName(part!.type)
  const [naming, kind] = kinds.find(([type]) => type === named) ?? []
  if (more.length > 0 || !naming || !kind)
    throw new NotDone(
      resultCode.namingViolation,
      `Entries here are named by ${kinds.map(([type]) => type.names[0]).join(' or ')} alone.`,
    )
  const given = values.get(naming)
  if (given && (given.length !== 1 || keyOf(naming, given[0]!) !== keyOf(naming, part!.value)))
    throw new NotDone(resultCode.namingViolation, `${naming.names[0]} must be what the entry is named by.`)
  const { value } = part!
  if (!given && kind === 'kept') values.set(naming, [value])
  const rdn = `${naming.names[0]}=${escapeValue(value)}`
  const entry: NewEntry = { kind, place, rdn, name: value, values, classes, password }
  await writer.add(actor, entry)
  const added = parent.children?.get(rdnKey(dn[0]!))
  const told = added ? readControl(call, grounds, added, controlOid.postRead) : []
  return told.length > 0 ? { code: resultCode.success, controls: told } : { code: resultCode.success }
}

function readEntry(
  tree: Tree,
  list: Reader,
): Pick<NewEntry, 'classes' | 'password'> & { values: Map<AttributeType, string[]> } {
  // An attribute may stand there more than once; that is one attribute with all of the values.
  const sent = new Map<AttributeType, { attribute: string; values: Buffer[] }>()
  while (!atEnd(list)) {
    const { attribute: name, values } = readAttribute(readConstructed(list, tag.sequence))
    if (values.length === 0) throw new Malformed(`no value of ${name}`)
    const type = typeOf(tree.schema, name)
    const before = sent.get(type)
    if (before) for (const value of values) before.values.push(value)
    else sent.set(type, { attribute: name, values })
  }
  refuseTooMuch(tree.schema, [...sent.values()])
  const values = new Map<AttributeType, string[]>()
  for (const [type, each] of sent) values.set(type, checkValues(tree.schema, each.attribute, each.values))
  for (const each of sent.values()) refuseOperational(tree.schema, each.attribute)
  const [password, ...more] = values.get(userPassword) ?? []
  if (more.length > 0) throw new NotDone(resultCode.constraintViolation, 'There is one password.')
  const classes = values.get(objectClass) ?? []
  if (classes.length === 0) throw new NotDone(resultCode.objectClassViolation, 'An entry has an objectClass.')
  values.delete(userPassword)
  values.delete(objectClass)
  return { values, classes, password }
}
