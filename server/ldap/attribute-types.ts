import { type Rule, ruleByName, type SyntaxName } from './matching.ts'
import { coreAttributes } from './schema-core.ts'
import { sambaAttributes } from './schema-samba.ts'
import { tag, tlv } from './wire/ber.ts'

/** An attribute type as RFC 4512 section 4.1.2 describes it; what a supertype gives is filled in. */
export type AttributeType = {
  /** Place in `standardTypes`; -1 for one that an extension brings. */
  number: number
  oid: string
  /** First the name under which values are returned. */
  names: readonly string[]
  /** That name as it stands in an answer, in BER. */
  encodedName: Buffer
  sup: AttributeType | undefined
  equality: Rule | undefined
  ordering: Rule | undefined
  substrings: Rule | undefined
  syntax: SyntaxName
  isSingle: boolean
  isOperational: boolean
  /** This type and all below it: asking for `name` asks for `cn`, `sn`, ... too. */
  family: AttributeType[]
}

/** A row of the tables in schema-core.ts. */
export type AttributeRow = {
  oid: string
  names: string
  sup?: string
  equality?: string
  ordering?: string
  substrings?: string
  syntax?: SyntaxName
  isSingle?: boolean
  isOperational?: boolean
}

/** The same ones in every directory, whatever its extensions. */
export const standardTypes: readonly AttributeType[] = build([...coreAttributes, ...sambaAttributes])

const byName = new Map(standardTypes.flatMap((type) => spellings(type).map((name) => [name, type] as const)))

/** By name in any case, or OID. Descriptions with options (`cn;lang-sv`) are not known: no entry has any. */
export const standardType = (description: string): AttributeType | undefined =>
  byName.get(description) ?? byName.get(description.toLowerCase())

/** For names written in our own code. */
export function attribute(name: string): AttributeType {
  const type = standardType(name)
  if (!type) throw new Error(`the schema has no attribute ${name}`)
  return type
}

/** Under what a type is looked up: OID, and names in lower case. */
export function spellings(type: AttributeType): string[] {
  return [type.oid, ...type.names.map((name) => name.toLowerCase())]
}

export function attributeType(row: AttributeRow, number: number, sup?: AttributeType): AttributeType {
  const rule = (name: string | undefined): Rule | undefined => (name ? ruleByName(name) : undefined)
  const names = row.names.split(' ')
  const type: AttributeType = {
    number,
    oid: row.oid,
    names,
    encodedName: tlv(tag.octetString, names[0]!),
    sup,
    equality: rule(row.equality) ?? sup?.equality,
    ordering: rule(row.ordering) ?? sup?.ordering,
    substrings: rule(row.substrings) ?? sup?.substrings,
    syntax: row.syntax ?? sup?.syntax ?? 'directoryString',
    isSingle: row.isSingle ?? false,
    isOperational: row.isOperational ?? false,
    family: [],
  }
  for (let above: AttributeType | undefined = type; above; above = above.sup) above.family.push(type)
  return type
}

function build(rows: readonly AttributeRow[]): AttributeType[] {
  const types: AttributeType[] = []
  for (const row of rows) {
    const sup = types.find((type) => type.names[0] === row.sup)
    types.push(attributeType(row, types.length, sup))
  }
  return types
}
