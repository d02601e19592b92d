import type { Matching } from '../extensions/field.ts'
import { extensions } from '../extensions/index.ts'
import { type Rule, ruleByName, type SyntaxName } from './matching.ts'
import { coreAttributes } from './schema-core.ts'

/** An attribute type as RFC 4512 section 4.1.2 describes it; what a supertype gives is filled in. */
export type AttributeType = {
  /** Place in `attributeTypes`. */
  number: number
  oid: string
  /** First the name under which values are returned. */
  names: readonly string[]
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

// An attribute of an extension that no standard describes gets its rules from the declaration.
const rulesOf: Record<Matching, Omit<AttributeRow, 'oid' | 'names'>> = {
  caseIgnore: { equality: 'caseIgnoreMatch', substrings: 'caseIgnoreSubstringsMatch', syntax: 'directoryString' },
  caseExact: { equality: 'caseExactMatch', substrings: 'caseExactSubstringsMatch', syntax: 'directoryString' },
  integer: { equality: 'integerMatch', ordering: 'integerOrderingMatch', syntax: 'integer' },
  telephone: {
    equality: 'telephoneNumberMatch',
    substrings: 'telephoneNumberSubstringsMatch',
    syntax: 'telephoneNumber',
  },
}

function declaredRows(): AttributeRow[] {
  const known = new Set(coreAttributes.flatMap((row) => row.names.toLowerCase().split(' ')))
  const rows: AttributeRow[] = []
  for (const { attribute, matching } of extensions.flatMap((extension) => Object.values(extension.user))) {
    const name = attribute.toLowerCase()
    if (known.has(name)) continue
    known.add(name)
    // `<name>-oid` is what servers write for a type that nobody registered a number for.
    rows.push({ oid: `${name}-oid`, names: attribute, isSingle: true, ...rulesOf[matching] })
  }
  return rows
}

export const attributeTypes: readonly AttributeType[] = build([...coreAttributes, ...declaredRows()])

const byName = new Map<string, AttributeType>()
for (const type of attributeTypes) {
  byName.set(type.oid, type)
  for (const name of type.names) byName.set(name.toLowerCase(), type)
}

/** By name in any case, or OID. Descriptions with options (`cn;lang-sv`) are not known: no entry has any. */
export const attributeByName = (description: string): AttributeType | undefined =>
  byName.get(description) ?? byName.get(description.toLowerCase())

/** For names written in our own code. */
export function attribute(name: string): AttributeType {
  const type = attributeByName(name)
  if (!type) throw new Error(`the schema has no attribute ${name}`)
  return type
}

function build(rows: AttributeRow[]): AttributeType[] {
  const types: AttributeType[] = []
  const rule = (name: string | undefined): Rule | undefined => (name ? ruleByName(name) : undefined)
  for (const row of rows) {
    const sup = types.find((type) => type.names[0] === row.sup)
    const type: AttributeType = {
      number: types.length,
      oid: row.oid,
      names: row.names.split(' '),
      sup,
      equality: rule(row.equality) ?? sup?.equality,
      ordering: rule(row.ordering) ?? sup?.ordering,
      substrings: rule(row.substrings) ?? sup?.substrings,
      syntax: row.syntax ?? sup?.syntax ?? 'directoryString',
      isSingle: row.isSingle ?? false,
      isOperational: row.isOperational ?? false,
      family: [],
    }
    types.push(type)
    for (let above: AttributeType | undefined = type; above; above = above.sup) above.family.push(type)
  }
  return types
}
