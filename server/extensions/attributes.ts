import type { Field } from './field.ts'

// Which LDAP names an extension made in the pages may take. Every attribute type and object class of the schema is in one of
// these lists; a test holds them and the schema together.

const words = (text: string): string[] => text.split(' ')
const texts: readonly Field['type'][] = ['text', 'email', 'choice', 'number', 'switch', 'date']

/** Standard attributes of a person that nothing here fills, and the types of field whose values they can hold. */
const free = new Map<string, readonly Field['type'][]>([
  ...words(
    'businessCategory carLicense departmentNumber description employeeType initials labeledURI ' +
      'physicalDeliveryOfficeName x121Address',
  ).map((name) => [name.toLowerCase(), [...texts, 'list']] as const),
  ...words('employeeNumber preferredLanguage').map((name) => [name.toLowerCase(), texts] as const),
  ...words('homePhone homeTelephoneNumber pager pagerTelephoneNumber').map(
    (name) => [name.toLowerCase(), ['telephone']] as const,
  ),
])

/** What the program serves itself, or what the standards give a syntax that no field has. */
const taken = new Set(
  words(
    'objectClass createTimestamp modifyTimestamp creatorsName modifiersName hasSubordinates numSubordinates ' +
      'subschemaSubentry structuralObjectClass governingStructureRule matchingRules matchingRuleUse attributeTypes ' +
      'objectClasses ldapSyntaxes nameForms namingContexts altServer supportedExtension supportedControl ' +
      'supportedLDAPVersion supportedFeatures supportedSASLMechanisms vendorName vendorVersion entryUUID entryDN entryCSN ' +
      'contextCSN memberOf name distinguishedName aliasedObjectName cn commonName sn surname c countryName l localityName ' +
      'st stateOrProvinceName street streetAddress o organizationName ou organizationalUnitName title postalAddress ' +
      'postalCode postOfficeBox telephoneNumber facsimileTelephoneNumber fax registeredAddress destinationIndicator member ' +
      'uniqueMember owner seeAlso userPassword userCertificate cACertificate givenName gn x500UniqueIdentifier uid userid ' +
      'dc domainComponent mail rfc822Mailbox roomNumber photo manager secretary associatedDomain associatedName ' +
      'homePostalAddress mobile mobileTelephoneNumber audio jpegPhoto userSMIMECertificate userPKCS12 displayName uidNumber ' +
      'gidNumber gecos homeDirectory loginShell shadowLastChange shadowMin shadowMax shadowWarning shadowInactive ' +
      'shadowExpire shadowFlag memberUid authPassword loginDisabled nsAccountLock ref dn',
  ).map((name) => name.toLowerCase()),
)

/** Families of names that belong to parts of the program and to other servers. */
const families = /^(samba|zarafa|kopano|clear|pwd|krb|ssh|mailLocal|account-?sync|olc|ds-|ns|supported)/i

/** Allows every attribute: for one that no other class of the entry does. */
export const anyAttribute = 'extensibleObject'

/**
 * Attributes that have a class of their own, whichever extension they come from: clients look for both together. No class
 * of the standards lets a person have a country.
 */
export const classOfAttribute: Readonly<Record<string, string>> = {
  c: anyAttribute,
  sshpublickey: 'ldapPublicKey',
  maillocaladdress: 'inetLocalMailRecipient',
}

/** RFC 4512 section 1.4, keystring. */
const descriptor = /^[a-z][a-z0-9-]{0,47}$/i

/** Why a field of this type cannot have this attribute, or undefined; whether another field has it is not asked here. */
export function attributeProblem(attribute: string, type: Field['type']): string | undefined {
  if (!descriptor.test(attribute))
    return 'An LDAP attribute begins with a letter and has at most 48 letters, digits and “-”, as in exampleCardNumber.'
  const name = attribute.toLowerCase()
  const types = free.get(name)
  if (types)
    return types.includes(type) ? undefined : `The standard gives “${attribute}” another kind of value. Choose another.`
  if (taken.has(name) || families.test(name))
    return `The attribute “${attribute}” has a meaning of its own here. Choose another, as in exampleCardNumber.`
  return undefined
}

const classes = new Set(
  words(
    'top extensibleObject subentry subschema organizationalUnit organization person organizationalPerson inetOrgPerson ' +
      'applicationProcess simpleSecurityObject groupOfNames groupOfUniqueNames groupOfMembers domain dcObject posixAccount ' +
      'posixGroup shadowAccount device account alias referral country locality ldapPublicKey inetLocalMailRecipient uidObject',
  ).map((name) => name.toLowerCase()),
)

/** Why an extension cannot have this object class, or undefined; whether another one has it is not asked here. */
export function objectClassProblem(name: string): string | undefined {
  if (!descriptor.test(name))
    return 'An object class begins with a letter and has at most 48 letters, digits and “-”, as in exampleStaffCard.'
  if (classes.has(name.toLowerCase()) || families.test(name))
    return `The object class “${name}” has a meaning of its own here. Choose another, as in exampleStaffCard.`
  return undefined
}
