import { isFulfilled } from './assertion.ts'
import { type AttributeType, attribute } from './attribute-types.ts'
import { controlOf } from './controls/value.ts'
import { parseDn, rdnKey } from './dn.ts'
import { NotDone } from './not-done.ts'
import type { Call } from './operations.ts'
import type { Tree } from './tree.ts'
import { atEnd, Malformed, type Reader, readConstructed, readText, tag } from './wire/ber.ts'
import { controlOid } from './wire/controls.ts'
import { type Result, resultCode } from './wire/result.ts'
import type { NewEntry } from './writer.ts'
import { readAttribute, textOf, typeOf } from './writes/changes.ts'
import { groundsOf, readControl } from './writing.ts'

const objectClass = attribute('objectClass')
const userPassword = attribute('userPassword')

/** RFC 4511 section 4.7: people and groups. */
export async function add(call: Call): Promise<Result> {
  const { body, controls } = call.message
  const name = readText(body)
  const list = readConstructed(body, tag.sequence)
  const grounds = await groundsOf(call)
  const { tree, writer, actor, who } = grounds
  const dn = parseDn(name)
  if (!dn || dn.length === 0) throw new NotDone(resultCode.invalidDNSyntax, 'The name of the entry is not a DN.')
  const { entry: there, above } = tree.resolve(dn)
  if (there) throw new NotDone(resultCode.entryAlreadyExists, 'There is an entry of this name already.')
  const parent = tree.resolve(dn.slice(1)).entry
  if (!parent) return { code: resultCode.noSuchObject, matchedDn: above ? tree.dnOf(above) : '' }
  if (controlOf(controls, controlOid.assertion) && !isFulfilled(call, tree, parent, who))
    return { code: resultCode.assertionFailed }
  const unit = (['users', 'groups'] as const).find((each) => tree.unitOf(parent) === each)
  if (!unit)
    throw new NotDone(resultCode.unwillingToPerform, 'People are added below ou=Users, groups below ou=Groups.')
  const { values, classes, password } = readEntry(tree, list)
  const [part, ...more] = dn[0]!
  const naming = unit === 'users' ? attribute('uid') : attribute('cn')
  if (more.length > 0 || tree.schema.attributeByName(part!.type) !== naming)
    throw new NotDone(resultCode.namingViolation, `Entries here are named by ${naming.names[0]} alone.`)
  const key = (value: string): string => naming.equality!.key(value) ?? value
  const given = values.get(naming)
  if (given && (given.length !== 1 || key(given[0]!) !== key(part!.value)))
    throw new NotDone(resultCode.namingViolation, `${naming.names[0]} must be what the entry is named by.`)
  const entry: NewEntry = { unit, name: part!.value, values, classes, password }
  await writer.add(actor, entry)
  const added = parent.children?.get(rdnKey(dn[0]!))
  const told = added ? readControl(call, grounds, added, controlOid.postRead) : []
  return told.length > 0 ? { code: resultCode.success, controls: told } : { code: resultCode.success }
}

function readEntry(tree: Tree, list: Reader): Pick<NewEntry, 'values' | 'classes' | 'password'> {
  const values = new Map<AttributeType, string[]>()
  let password: string | undefined
  while (!atEnd(list)) {
    const { attribute: name, values: given } = readAttribute(readConstructed(list, tag.sequence))
    const type = typeOf(tree.schema, name)
    if (given.length === 0) throw new Malformed(`no value of ${name}`)
    if (type.isOperational)
      throw new NotDone(resultCode.constraintViolation, `${name} is kept by the directory itself.`)
    const texts = given.map((value) => textOf(type, value))
    if (type === userPassword) {
      if (texts.length > 1) throw new NotDone(resultCode.constraintViolation, 'There is one password.')
      password = texts[0]
      continue
    }
    const all = [...(values.get(type) ?? []), ...texts]
    const keys = new Set(all.map((value) => type.equality?.key(value) ?? value))
    if (keys.size < all.length) throw new NotDone(resultCode.attributeOrValueExists, `${name}: the same value twice.`)
    if (type.isSingle && all.length > 1) throw new NotDone(resultCode.constraintViolation, `${name} takes one value.`)
    values.set(type, all)
  }
  const classes = values.get(objectClass) ?? []
  values.delete(objectClass)
  if (classes.length === 0) throw new NotDone(resultCode.objectClassViolation, 'An entry has an objectClass.')
  return { values, classes, password }
}
