import type { AttributeRow } from './attribute-types.ts'
import { unregisteredOid } from './oid.ts'

type Rules = Omit<AttributeRow, 'oid' | 'names'>

const ignoreCase: Rules = {
  equality: 'caseIgnoreMatch',
  substrings: 'caseIgnoreSubstringsMatch',
  syntax: 'directoryString',
}
const ignoreCaseIa5: Rules = {
  equality: 'caseIgnoreIA5Match',
  substrings: 'caseIgnoreIA5SubstringsMatch',
  syntax: 'ia5String',
}
const exactIa5: Rules = { equality: 'caseExactIA5Match', syntax: 'ia5String' }
const integer: Rules = { equality: 'integerMatch', syntax: 'integer', isSingle: true }
const orderedInteger: Rules = { ...integer, ordering: 'integerOrderingMatch' }
const telephone: Rules = {
  equality: 'telephoneNumberMatch',
  substrings: 'telephoneNumberSubstringsMatch',
  syntax: 'telephoneNumber',
}
const postal: Rules = {
  equality: 'caseIgnoreListMatch',
  substrings: 'caseIgnoreListSubstringsMatch',
  syntax: 'postalAddress',
}
const dn: Rules = { equality: 'distinguishedNameMatch', syntax: 'dn' }
const oid: Rules = { equality: 'objectIdentifierMatch', syntax: 'objectIdentifier' }
const operational = { isOperational: true } satisfies Rules
const time: Rules = {
  equality: 'generalizedTimeMatch',
  ordering: 'generalizedTimeOrderingMatch',
  syntax: 'generalizedTime',
  isSingle: true,
  ...operational,
}
const single = { isSingle: true } satisfies Rules
const name: Rules = { sup: 'name' }

const row = (oidOfType: string, names: string, rules: Rules = {}): AttributeRow => ({ oid: oidOfType, names, ...rules })

/** What the standards describe and our object classes allow. A supertype stands before its subtypes. */
const changeNumber = {
  equality: 'octetStringMatch',
  ordering: 'octetStringOrderingMatch',
  syntax: 'octetString',
} as const

export const coreAttributes: readonly AttributeRow[] = [
  // RFC 4512
  row('2.5.4.0', 'objectClass', oid),
  row('2.5.18.1', 'createTimestamp', time),
  row('2.5.18.2', 'modifyTimestamp', time),
  row('2.5.18.9', 'hasSubordinates', { equality: 'booleanMatch', syntax: 'boolean', ...single, ...operational }),
  row('2.5.18.10', 'subschemaSubentry', { ...dn, ...single, ...operational }),
  row('2.5.21.9', 'structuralObjectClass', { ...oid, ...single, ...operational }),
  row('2.5.21.4', 'matchingRules', { syntax: 'matchingRuleDescription', ...operational }),
  row('2.5.21.5', 'attributeTypes', { syntax: 'attributeTypeDescription', ...operational }),
  row('2.5.21.6', 'objectClasses', { syntax: 'objectClassDescription', ...operational }),
  row('1.3.6.1.4.1.1466.101.120.16', 'ldapSyntaxes', { syntax: 'syntaxDescription', ...operational }),
  row('1.3.6.1.4.1.1466.101.120.5', 'namingContexts', { ...dn, ...operational }),
  row('1.3.6.1.4.1.1466.101.120.7', 'supportedExtension', { ...oid, ...operational }),
  row('1.3.6.1.4.1.1466.101.120.13', 'supportedControl', { ...oid, ...operational }),
  row('1.3.6.1.4.1.1466.101.120.15', 'supportedLDAPVersion', { ...integer, isSingle: false, ...operational }),
  row('1.3.6.1.4.1.1466.101.120.14', 'supportedSASLMechanisms', { syntax: 'directoryString', ...operational }),
  row('1.3.6.1.4.1.4203.1.3.5', 'supportedFeatures', { ...oid, ...operational }),
  // RFC 3045, RFC 4530, RFC 5020, and memberOf as directories have it since Active Directory
  row('1.3.6.1.1.4', 'vendorName', { ...exactIa5, syntax: 'directoryString', ...single, ...operational }),
  row('1.3.6.1.1.5', 'vendorVersion', { ...exactIa5, syntax: 'directoryString', ...single, ...operational }),
  row('1.3.6.1.1.16.4', 'entryUUID', {
    equality: 'UUIDMatch',
    ordering: 'UUIDOrderingMatch',
    syntax: 'uuid',
    ...single,
    ...operational,
  }),
  row('1.3.6.1.1.20', 'entryDN', { ...dn, ...single, ...operational }),
  // As OpenLDAP numbers them
  row('1.3.6.1.4.1.4203.666.1.7', 'entryCSN', { ...changeNumber, ...single, ...operational }),
  row('1.3.6.1.4.1.4203.666.1.25', 'contextCSN', { ...changeNumber, ...operational }),
  row('1.2.840.113556.1.2.102', 'memberOf', dn),
  // RFC 4519
  row('2.5.4.41', 'name', ignoreCase),
  row('2.5.4.49', 'distinguishedName', dn),
  row('2.5.4.3', 'cn commonName', name),
  row('2.5.4.4', 'sn surname', name),
  row('2.5.4.6', 'c countryName', { ...name, syntax: 'country', ...single }),
  row('2.5.4.7', 'l localityName', name),
  row('2.5.4.8', 'st stateOrProvinceName', name),
  row('2.5.4.9', 'street streetAddress', ignoreCase),
  row('2.5.4.10', 'o organizationName', name),
  row('2.5.4.11', 'ou organizationalUnitName', name),
  row('2.5.4.12', 'title', name),
  row('2.5.4.13', 'description', ignoreCase),
  row('2.5.4.15', 'businessCategory', ignoreCase),
  row('2.5.4.16', 'postalAddress', postal),
  row('2.5.4.17', 'postalCode', ignoreCase),
  row('2.5.4.18', 'postOfficeBox', ignoreCase),
  row('2.5.4.19', 'physicalDeliveryOfficeName', ignoreCase),
  row('2.5.4.20', 'telephoneNumber', telephone),
  row('2.5.4.23', 'facsimileTelephoneNumber fax', { syntax: 'facsimile' }),
  row('2.5.4.26', 'registeredAddress', { sup: 'postalAddress' }),
  row('2.5.4.27', 'destinationIndicator', { ...ignoreCase, syntax: 'printableString' }),
  row('2.5.4.31', 'member', { sup: 'distinguishedName' }),
  row('2.5.4.32', 'owner', { sup: 'distinguishedName' }),
  row('2.5.4.34', 'seeAlso', { sup: 'distinguishedName' }),
  row('2.5.4.35', 'userPassword', { equality: 'octetStringMatch', syntax: 'octetString' }),
  row('2.5.4.36', 'userCertificate', { syntax: 'certificate' }),
  row('2.5.4.42', 'givenName gn', name),
  row('2.5.4.43', 'initials', name),
  row('2.5.4.45', 'x500UniqueIdentifier', { syntax: 'bitString' }),
  row('0.9.2342.19200300.100.1.1', 'uid userid', ignoreCase),
  row('0.9.2342.19200300.100.1.25', 'dc domainComponent', { ...ignoreCaseIa5, ...single }),
  // RFC 4524, RFC 2079, RFC 2798
  row('0.9.2342.19200300.100.1.3', 'mail rfc822Mailbox', ignoreCaseIa5),
  row('0.9.2342.19200300.100.1.6', 'roomNumber', ignoreCase),
  row('0.9.2342.19200300.100.1.7', 'photo', { syntax: 'octetString' }),
  row('0.9.2342.19200300.100.1.10', 'manager', dn),
  row('0.9.2342.19200300.100.1.20', 'homePhone homeTelephoneNumber', telephone),
  row('0.9.2342.19200300.100.1.21', 'secretary', dn),
  row('0.9.2342.19200300.100.1.37', 'associatedDomain', ignoreCaseIa5),
  row('0.9.2342.19200300.100.1.38', 'associatedName', dn),
  row('0.9.2342.19200300.100.1.39', 'homePostalAddress', postal),
  row('0.9.2342.19200300.100.1.41', 'mobile mobileTelephoneNumber', telephone),
  row('0.9.2342.19200300.100.1.42', 'pager pagerTelephoneNumber', telephone),
  row('0.9.2342.19200300.100.1.55', 'audio', { syntax: 'octetString' }),
  row('0.9.2342.19200300.100.1.60', 'jpegPhoto', { syntax: 'jpeg' }),
  row('1.3.6.1.4.1.250.1.57', 'labeledURI', { equality: 'caseExactMatch', syntax: 'directoryString' }),
  row('2.16.840.1.113730.3.1.1', 'carLicense', ignoreCase),
  row('2.16.840.1.113730.3.1.2', 'departmentNumber', ignoreCase),
  row('2.16.840.1.113730.3.1.3', 'employeeNumber', { ...ignoreCase, ...single }),
  row('2.16.840.1.113730.3.1.4', 'employeeType', ignoreCase),
  row('2.16.840.1.113730.3.1.39', 'preferredLanguage', { ...ignoreCase, ...single }),
  row('2.16.840.1.113730.3.1.40', 'userSMIMECertificate', { syntax: 'octetString' }),
  row('2.16.840.1.113730.3.1.216', 'userPKCS12', { syntax: 'octetString' }),
  row('2.16.840.1.113730.3.1.241', 'displayName', { ...ignoreCase, ...single }),
  // RFC 2307, with the ordering of RFC 2307bis
  row('1.3.6.1.1.1.1.0', 'uidNumber', orderedInteger),
  row('1.3.6.1.1.1.1.1', 'gidNumber', orderedInteger),
  row('1.3.6.1.1.1.1.2', 'gecos', { ...ignoreCaseIa5, ...single }),
  row('1.3.6.1.1.1.1.3', 'homeDirectory', { ...exactIa5, ...single }),
  row('1.3.6.1.1.1.1.4', 'loginShell', { ...exactIa5, ...single }),
  row('1.3.6.1.1.1.1.5', 'shadowLastChange', integer),
  row('1.3.6.1.1.1.1.6', 'shadowMin', integer),
  row('1.3.6.1.1.1.1.7', 'shadowMax', integer),
  row('1.3.6.1.1.1.1.8', 'shadowWarning', integer),
  row('1.3.6.1.1.1.1.9', 'shadowInactive', integer),
  row('1.3.6.1.1.1.1.10', 'shadowExpire', integer),
  row('1.3.6.1.1.1.1.11', 'shadowFlag', integer),
  // caseExact in RFC 2307. Usernames are unique without regard to case here, and clients ask in any case, as they do for uid.
  row('1.3.6.1.1.1.1.12', 'memberUid', ignoreCaseIa5),
  // OpenSSH-LPK, draft-lachman-laser-ldap-mail-routing
  row('1.3.6.1.4.1.24552.500.1.1.1.13', 'sshPublicKey', { equality: 'octetStringMatch', syntax: 'octetString' }),
  row('2.16.840.1.113730.3.1.13', 'mailLocalAddress', { equality: 'caseIgnoreIA5Match', syntax: 'ia5String' }),
]

/** Flags and quotas that Zarafa reads as numbers, whatever they look like on the form. */
const unregistered = (name: string): AttributeRow => row(unregisteredOid('attribute', name), name, orderedInteger)

/** Attributes of extensions whose rules do not follow from the declaration. */
export const serviceAttributes: readonly AttributeRow[] = [
  'zarafaAccount',
  'zarafaAdmin',
  'zarafaQuotaOverride',
  'zarafaQuotaWarn',
  'zarafaQuotaSoft',
  'zarafaQuotaHard',
].map(unregistered)
