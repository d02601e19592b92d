import type { Asked } from './searches.ts'

// Where a node answers otherwise than OpenLDAP, and is meant to. docs/ldap.md tells it to administrators.

export type Difference = {
  what: string
  why: string
  /** Whether it shows in this search. */
  concerns: (asked: Asked) => boolean
  /** Attributes in which it shows; absent: in anything. */
  leaves?: readonly string[]
  /** A search in which it does. */
  example: Partial<Asked>
}

const everyText = ({ base, filter }: Asked): string => `${base} ${filter}`

export const differences: readonly Difference[] = [
  {
    what: 'A value in a DN may be written as `#` and its BER in hexadecimal.',
    why: 'RFC 4514 section 2.4; OpenLDAP takes it for no DN.',
    concerns: (asked) => /(=|\\3d)( |\\20)*(#|\\23)(0|\\30)(4|\\34)/i.test(everyText(asked)),
    example: { base: 'dc=#04076578616d706c65,dc=lan' },
  },
  {
    what: 'An approximate match is an equality match.',
    why: 'RFC 4511 section 4.5.1.7.6 allows it; OpenLDAP compares by sound, which finds `Meier` for `Mayer` and misses names that are not English.',
    concerns: ({ filter }) => filter.includes('~='),
    example: { filter: '(uid~=person31)' },
  },
  {
    what: 'An extensible match may name `objectIdentifierMatch` and `UUIDMatch`.',
    why: 'They are equality rules like the others; OpenLDAP leaves them undefined there.',
    concerns: ({ filter }) =>
      /\((objectclass|2\.5\.4\.0|entryuuid|1\.3\.6\.1\.1\.16\.4|structuralobjectclass)?(:dn)?:[^=]*=/i.test(filter) ||
      /:(UUIDMatch|objectIdentifierMatch):=/i.test(filter),
    example: { filter: '(objectClass:objectIdentifierMatch:=posixGroup)' },
  },
  {
    what: 'Booleans are `TRUE` and `FALSE` in any case.',
    why: 'The quoted words of the grammar in RFC 4517 section 3.3.3 are without regard to case; OpenLDAP takes capitals only.',
    concerns: ({ filter }) => /(exampleIsGuest|hasSubordinates)[^=]*=/i.test(filter),
    example: { filter: '(exampleIsGuest=true)' },
  },
  {
    what: '`memberOf` is among all attributes (`*`), and is no operational one (`+`).',
    why: 'Clients that ask for everything mean it, as Active Directory answers; OpenLDAP keeps it for those who name it.',
    concerns: ({ attributes }) => !attributes.some((each) => /^memberof$/i.test(each)),
    leaves: ['memberOf'],
    example: { filter: '(uid=person2)' },
  },
  {
    what: '`creatorsName`, `modifiersName` and `contextCSN` are no attributes; `entryCSN` is there for who replicates.',
    why: 'Who changed what stands in the audit, which people may not read by LDAP.',
    concerns: () => true,
    leaves: ['creatorsName', 'modifiersName', 'entryCSN', 'contextCSN'],
    example: { filter: '(uid=person2)', attributes: ['+'] },
  },
  {
    what: 'White space at an end of a piece of a substring filter counts, also in attributes of ASCII text.',
    why: 'RFC 4518 section 2.6.1; OpenLDAP has it so for other text, and cuts it off there.',
    concerns: ({ filter }) =>
      /\((gecos|mail|rfc822mailbox|0\.9\.2342\.19200300\.100\.1\.3|maillocaladdress|memberuid|dc|domaincomponent)=[^()]*( |\\20)?\*( |\\20)?/i.test(
        filter,
      ) && /( |\\20)\*|\*( |\\20)|( |\\20)\)/.test(filter),
    example: { filter: '(gecos=* be*)' },
  },
  {
    what: '`structuralObjectClass` is the one class, and not those above it.',
    why: 'RFC 4512 section 3.4.2, which says of `objectClass` alone that classes above are meant as well.',
    concerns: ({ filter }) => /structuralObjectClass/i.test(filter),
    example: { filter: '(structuralObjectClass=person)' },
  },
  {
    what: 'A DN with an attribute type that the schema does not have names nothing (32).',
    why: 'It is a DN by RFC 4514; OpenLDAP takes it for none (34).',
    concerns: () => false,
    example: { base: 'noSuchType=x,dc=example,dc=lan', scope: 'base' },
  },
  {
    what: 'The root DSE tells what this server is.',
    why: 'It is another program, with other controls and another name.',
    concerns: ({ base, scope }) => base === '' && scope === 'base',
    example: { base: '', scope: 'base', attributes: ['+'] },
  },
  {
    what: 'A person may have a country: `c` is among what inetOrgPerson allows.',
    why: 'The Contact Extension has one, and no class of the standards allows it.',
    concerns: ({ attributes }) => attributes.some((each) => /^@inetorgperson$/i.test(each)),
    leaves: ['c'],
    example: { filter: '(c=SE)', attributes: ['@inetOrgPerson'] },
  },
  {
    what: 'Entries are sorted by attributes that have no ordering rule: by what makes their values equal.',
    why: 'Names, cities and addresses have none, and those are what people sort by; OpenLDAP refuses (18).',
    concerns: () => false,
    example: { filter: '(uid=*)', sort: [{ attribute: 'cn' }] },
  },
  {
    what: 'A sort that cannot be done, and need not be, leaves the entries unsorted; one that must be is answered with 12.',
    why: 'RFC 2891 section 2; OpenLDAP answers with the reason (16, 18) either way.',
    concerns: () => false,
    example: { filter: '(uid=*)', sort: [{ attribute: 'nonsense' }] },
  },
  {
    what: 'A list view without a sort is answered with 60, a place that is not in the list with 61.',
    why: 'draft-ietf-ldapext-ldapv3-vlv-09, and what other servers answer; OpenLDAP has 76 for both.',
    concerns: () => false,
    example: { window: { before: 0, after: 1, offset: 1, count: 0 } },
  },
]
