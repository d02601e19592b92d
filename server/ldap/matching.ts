import { normaliseDn } from './dn.ts'
import { foldCase, keepCase } from './prepare.ts'

/** How a syntax or matching rule is named in the schema, RFC 4517 (UUID: RFC 4530). */
export const syntaxes = {
  bitString: { oid: '1.3.6.1.4.1.1466.115.121.1.6', description: 'Bit String' },
  boolean: { oid: '1.3.6.1.4.1.1466.115.121.1.7', description: 'Boolean' },
  certificate: { oid: '1.3.6.1.4.1.1466.115.121.1.8', description: 'Certificate' },
  country: { oid: '1.3.6.1.4.1.1466.115.121.1.11', description: 'Country String' },
  dn: { oid: '1.3.6.1.4.1.1466.115.121.1.12', description: 'DN' },
  directoryString: { oid: '1.3.6.1.4.1.1466.115.121.1.15', description: 'Directory String' },
  facsimile: { oid: '1.3.6.1.4.1.1466.115.121.1.22', description: 'Facsimile Telephone Number' },
  generalizedTime: { oid: '1.3.6.1.4.1.1466.115.121.1.24', description: 'Generalized Time' },
  ia5String: { oid: '1.3.6.1.4.1.1466.115.121.1.26', description: 'IA5 String' },
  integer: { oid: '1.3.6.1.4.1.1466.115.121.1.27', description: 'INTEGER' },
  jpeg: { oid: '1.3.6.1.4.1.1466.115.121.1.28', description: 'JPEG' },
  objectIdentifier: { oid: '1.3.6.1.4.1.1466.115.121.1.38', description: 'OID' },
  octetString: { oid: '1.3.6.1.4.1.1466.115.121.1.40', description: 'Octet String' },
  postalAddress: { oid: '1.3.6.1.4.1.1466.115.121.1.41', description: 'Postal Address' },
  printableString: { oid: '1.3.6.1.4.1.1466.115.121.1.44', description: 'Printable String' },
  telephoneNumber: { oid: '1.3.6.1.4.1.1466.115.121.1.50', description: 'Telephone Number' },
  attributeTypeDescription: { oid: '1.3.6.1.4.1.1466.115.121.1.3', description: 'Attribute Type Description' },
  objectClassDescription: { oid: '1.3.6.1.4.1.1466.115.121.1.37', description: 'Object Class Description' },
  matchingRuleDescription: { oid: '1.3.6.1.4.1.1466.115.121.1.30', description: 'Matching Rule Description' },
  syntaxDescription: { oid: '1.3.6.1.4.1.1466.115.121.1.54', description: 'LDAP Syntax Description' },
  uuid: { oid: '1.3.6.1.1.16.1', description: 'UUID' },
} as const

export type SyntaxName = keyof typeof syntaxes

/** A matching rule turns values into keys: equal keys match. Undefined: not a value of the rule's syntax. */
export type Rule = {
  name: string
  oid: string
  syntax: SyntaxName
  key: (text: string) => string | undefined
  /** Order of two keys; for ordering rules. */
  compare?: (a: string, b: string) => number
  /** Whether the key of a value goes with the asserted one, where that is not being equal. */
  matches?: (value: string, asserted: string) => boolean
}

const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const rule = (name: string, oid: string, syntax: SyntaxName, key: Rule['key'], compare?: Rule['compare']): Rule => ({
  name,
  oid,
  syntax,
  key,
  compare,
})

/** Every bit of the one, or one of them, is set in the other; what Active Directory's clients ask flags with. */
const bitRule = (name: string, oid: string, isSet: (value: bigint, asserted: bigint) => boolean): Rule => ({
  ...rule(name, oid, 'integer', integerKey),
  matches: (value, asserted) => isSet(BigInt(value), BigInt(asserted)),
})

const inChain = rule('inChainMatch', '1.2.840.113556.1.4.1941', 'dn', normaliseDn)

/** The rule by which clients of Active Directory ask through nested groups. */
export const isInChain = (of: Rule): boolean => of === inChain

const oidKey = (text: string): string | undefined =>
  /^(?:[a-z][a-z0-9-]*|\d+(?:\.\d+)*)$/i.test(text) ? text.toLowerCase() : undefined

/** A Directory String has at least one character (RFC 4517 section 3.3.6); an IA5 String need not have any. */
const notEmpty =
  (key: (text: string) => string) =>
  (text: string): string | undefined =>
    text === '' ? undefined : key(text)
const folded = notEmpty(foldCase)
const exact = notEmpty(keepCase)

/** RFC 4517 section 4.2, RFC 4530, and integerOrderingMatch as RFC 2307bis asks. */
const list: Rule[] = [
  rule('objectIdentifierMatch', '2.5.13.0', 'objectIdentifier', oidKey),
  rule('distinguishedNameMatch', '2.5.13.1', 'dn', normaliseDn),
  rule('caseIgnoreMatch', '2.5.13.2', 'directoryString', folded),
  rule('caseIgnoreOrderingMatch', '2.5.13.3', 'directoryString', folded, byCodePoint),
  rule('caseIgnoreSubstringsMatch', '2.5.13.4', 'directoryString', folded),
  rule('caseExactMatch', '2.5.13.5', 'directoryString', exact),
  rule('caseExactSubstringsMatch', '2.5.13.7', 'directoryString', exact),
  rule('caseIgnoreListMatch', '2.5.13.11', 'postalAddress', foldCase),
  rule('caseIgnoreListSubstringsMatch', '2.5.13.12', 'postalAddress', foldCase),
  rule('booleanMatch', '2.5.13.13', 'boolean', (text) =>
    /^(TRUE|FALSE)$/i.test(text) ? text.toUpperCase() : undefined,
  ),
  rule('integerMatch', '2.5.13.14', 'integer', integerKey),
  rule('integerOrderingMatch', '2.5.13.15', 'integer', integerKey, compareIntegers),
  rule('octetStringMatch', '2.5.13.17', 'octetString', (text) => text),
  rule('octetStringOrderingMatch', '2.5.13.18', 'octetString', (text) => text, byCodePoint),
  rule('telephoneNumberMatch', '2.5.13.20', 'telephoneNumber', telephoneKey),
  rule('telephoneNumberSubstringsMatch', '2.5.13.21', 'telephoneNumber', telephoneKey),
  rule('generalizedTimeMatch', '2.5.13.27', 'generalizedTime', timeKey),
  rule('generalizedTimeOrderingMatch', '2.5.13.28', 'generalizedTime', timeKey, byCodePoint),
  rule('caseExactIA5Match', '1.3.6.1.4.1.1466.109.114.1', 'ia5String', keepCase),
  rule('caseIgnoreIA5Match', '1.3.6.1.4.1.1466.109.114.2', 'ia5String', foldCase),
  rule('caseIgnoreIA5SubstringsMatch', '1.3.6.1.4.1.1466.109.114.3', 'ia5String', foldCase),
  rule('UUIDMatch', '1.3.6.1.1.16.2', 'uuid', uuidKey),
  rule('UUIDOrderingMatch', '1.3.6.1.1.16.3', 'uuid', uuidKey, byCodePoint),
  inChain,
  bitRule('integerBitAndMatch', '1.2.840.113556.1.4.803', (value, asserted) => (value & asserted) === asserted),
  bitRule('integerBitOrMatch', '1.2.840.113556.1.4.804', (value, asserted) => (value & asserted) !== 0n),
]

/** Characters of a syntax, where a value is refused for one that is not among them (RFC 4517 section 3.3). */
const alphabets: Partial<Record<SyntaxName, RegExp>> = {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII begins with them
  ia5String: /^[\u0000-\u007f]*$/,
  telephoneNumber: /^[a-z0-9'()+,./:?= -]*$/i,
}

/** The key of a value that a request names: it must be of the rule's syntax, where what is kept is taken as it is. */
export const assertedKey = (of: Rule, text: string): string | undefined =>
  alphabets[of.syntax]?.test(text) === false ? undefined : of.key(text)

/** Syntaxes whose values the rules of another one take as well. */
const alsoOf: Partial<Record<SyntaxName, readonly SyntaxName[]>> = {
  directoryString: ['country', 'printableString', 'telephoneNumber'],
  ia5String: ['country'],
}

/** Whether values of an attribute type can be held against a value by this rule, in an extensible match. */
export const fits = (asked: Rule, { syntax, equality }: { syntax: SyntaxName; equality: Rule | undefined }): boolean =>
  !asked.name.endsWith('SubstringsMatch') &&
  (asked === equality || asked.syntax === syntax || alsoOf[asked.syntax]?.includes(syntax) === true)

const byName = new Map(
  list.flatMap(
    (each) =>
      [
        [each.name.toLowerCase(), each],
        [each.oid, each],
      ] as const,
  ),
)

export const matchingRules: readonly Rule[] = list

/** By name or OID. */
export const ruleByName = (name: string): Rule | undefined => byName.get(name.toLowerCase())

/** RFC 4517 section 3.3.16 has no zeros in front. More digits than this are nobody's number, and take long to reckon with. */
const mostDigits = 64

function integerKey(text: string): string | undefined {
  return text.length <= mostDigits && /^(?:0|-?[1-9]\d*)$/.test(text) ? text : undefined
}

function compareIntegers(a: string, b: string): number {
  const [isNegativeA, isNegativeB] = [a.startsWith('-'), b.startsWith('-')]
  if (isNegativeA !== isNegativeB) return isNegativeA ? -1 : 1
  const order = a.length - b.length || byCodePoint(a, b)
  return isNegativeA ? -order : order
}

/** RFC 4518 section 2.6.3: nothing but spaces and hyphens is one space. */
function telephoneKey(text: string): string | undefined {
  return text === '' ? undefined : text.replace(/[\s-]/g, '').toLowerCase() || ' '
}

/** `YYYYMMDDhh[mm[ss]][.fraction](Z|+hhmm|-hhmm)` -> UTC with milliseconds, so that keys order as times do. */
function timeKey(text: string): string | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)?(\d\d)?(?:[.,](\d+))?(?:Z|([+-])(\d\d)(\d\d)?)$/.exec(text)
  if (!parts) return undefined
  const [, year, month, day, hours, minutes, seconds, fraction = '', sign, offsetHours, offsetMinutes] = parts
  // A leap second is none that any entry has, and a time all the same.
  const isTime = (
    [
      [hours, 23],
      [minutes, 59],
      [seconds, 60],
      [offsetHours, 23],
      [offsetMinutes, 59],
    ] as const
  ).every(([part, most]) => Number(part ?? 0) <= most)
  // Not Date.UTC, to which the year 50 is 1950.
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  if (!isTime || date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined
  // What the fraction is a fraction of: the smallest unit given.
  const unitMs = seconds ? 1000 : minutes ? 60_000 : 3_600_000
  const time =
    date.setUTCHours(Number(hours), Number(minutes ?? 0), Number(seconds ?? 0)) +
    Math.round(Number(`0.${fraction || '0'}`) * unitMs)
  const offset = (Number(offsetHours ?? 0) * 60 + Number(offsetMinutes ?? 0)) * 60_000
  const utc = sign === '+' ? time - offset : sign === '-' ? time + offset : time
  return new Date(utc).toISOString()
}

function uuidKey(text: string): string | undefined {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : undefined
}
