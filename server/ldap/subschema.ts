import type { AttributeType } from './attribute-types.ts'
import { matchingRules, syntaxes } from './matching.ts'
import type { Schema } from './schema.ts'
import type { ObjectClass } from './schema-classes.ts'

/** The schema as clients read it at cn=Subschema, RFC 4512 section 4.2. */
export const subschemaDn = 'cn=Subschema'

/** Attribute name -> values. */
export const subschemaValues = (schema: Schema): Record<string, string[]> => ({
  ldapSyntaxes: Object.values(syntaxes).map(({ oid, description }) => `( ${oid} DESC '${description}' )`),
  matchingRules: matchingRules.map(
    ({ oid, name, syntax }) => `( ${oid} NAME '${name}' SYNTAX ${syntaxes[syntax].oid} )`,
  ),
  attributeTypes: schema.attributeTypes().map(describeAttribute),
  objectClasses: schema.objectClasses().map(describeClass),
})

function describeAttribute(type: AttributeType): string {
  const inherits = (rule: 'equality' | 'ordering' | 'substrings'): boolean => type.sup?.[rule] === type[rule]
  const parts = [type.oid, `NAME ${quoted(type.names)}`]
  if (type.sup) parts.push(`SUP ${type.sup.names[0]}`)
  if (type.equality && !inherits('equality')) parts.push(`EQUALITY ${type.equality.name}`)
  if (type.ordering && !inherits('ordering')) parts.push(`ORDERING ${type.ordering.name}`)
  if (type.substrings && !inherits('substrings')) parts.push(`SUBSTR ${type.substrings.name}`)
  if (type.sup?.syntax !== type.syntax) parts.push(`SYNTAX ${syntaxes[type.syntax].oid}`)
  if (type.isSingle) parts.push('SINGLE-VALUE')
  if (type.isOperational) parts.push('NO-USER-MODIFICATION USAGE directoryOperation')
  return `( ${parts.join(' ')} )`
}

function describeClass(objectClass: ObjectClass): string {
  const parts = [objectClass.oid, `NAME '${objectClass.name}'`]
  if (objectClass.sup) parts.push(`SUP ${objectClass.sup}`)
  parts.push(objectClass.kind)
  if (objectClass.must.length > 0) parts.push(`MUST ${oids(objectClass.must)}`)
  if (objectClass.may.length > 0) parts.push(`MAY ${oids(objectClass.may)}`)
  return `( ${parts.join(' ')} )`
}

function quoted(names: readonly string[]): string {
  const each = names.map((name) => `'${name}'`)
  return each.length === 1 ? each[0]! : `( ${each.join(' ')} )`
}

function oids(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `( ${names.join(' $ ')} )`
}
