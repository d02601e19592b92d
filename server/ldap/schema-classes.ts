import { extensions } from '../extensions/index.ts'

/** An object class, RFC 4512 section 4.1.1. */
export type ObjectClass = {
  oid: string
  name: string
  sup: string | undefined
  kind: 'ABSTRACT' | 'STRUCTURAL' | 'AUXILIARY'
  must: readonly string[]
  may: readonly string[]
}

const words = (text: string): string[] => text.split(' ').filter(Boolean)

const objectClass = (
  oid: string,
  name: string,
  kind: ObjectClass['kind'],
  sup: string | undefined,
  must: string,
  may = '',
): ObjectClass => ({ oid, name, kind, sup, must: words(must), may: words(may) })

const postal =
  'registeredAddress destinationIndicator telephoneNumber facsimileTelephoneNumber street postOfficeBox postalCode ' +
  'postalAddress physicalDeliveryOfficeName st l'

/** What the standards describe. */
const core: ObjectClass[] = [
  objectClass('2.5.6.0', 'top', 'ABSTRACT', undefined, 'objectClass'),
  objectClass('1.3.6.1.4.1.1466.101.120.111', 'extensibleObject', 'AUXILIARY', 'top', ''),
  objectClass('2.5.17.0', 'subentry', 'STRUCTURAL', 'top', 'cn'),
  objectClass('2.5.20.1', 'subschema', 'AUXILIARY', undefined, '', 'attributeTypes objectClasses matchingRules'),
  // RFC 4519
  objectClass(
    '2.5.6.5',
    'organizationalUnit',
    'STRUCTURAL',
    'top',
    'ou',
    `businessCategory description seeAlso userPassword ${postal}`,
  ),
  objectClass('2.5.6.6', 'person', 'STRUCTURAL', 'top', 'sn cn', 'userPassword telephoneNumber seeAlso description'),
  objectClass('2.5.6.7', 'organizationalPerson', 'STRUCTURAL', 'person', '', `title ou ${postal}`),
  objectClass('2.5.6.11', 'applicationProcess', 'STRUCTURAL', 'top', 'cn', 'seeAlso ou l description'),
  objectClass('0.9.2342.19200300.100.4.19', 'simpleSecurityObject', 'AUXILIARY', 'top', 'userPassword'),
  objectClass(
    '2.5.6.9',
    'groupOfNames',
    'STRUCTURAL',
    'top',
    'member cn',
    'businessCategory seeAlso owner ou o description',
  ),
  // RFC 4524
  objectClass(
    '0.9.2342.19200300.100.4.13',
    'domain',
    'STRUCTURAL',
    'top',
    'dc',
    `userPassword seeAlso businessCategory o description associatedName ${postal}`,
  ),
  // RFC 2798. `c` is our addition: the contact extension has a country, and no other class allows one on a person.
  objectClass(
    '2.16.840.1.113730.3.2.2',
    'inetOrgPerson',
    'STRUCTURAL',
    'organizationalPerson',
    '',
    'audio businessCategory c carLicense departmentNumber displayName employeeNumber employeeType givenName homePhone ' +
      'homePostalAddress initials jpegPhoto labeledURI mail manager mobile o pager photo roomNumber secretary uid ' +
      'userCertificate x500UniqueIdentifier preferredLanguage userSMIMECertificate userPKCS12 memberOf',
  ),
  // RFC 2307. Groups follow RFC 2307bis: posixGroup is auxiliary, so that a group may have `member` as well, and
  // groupOfMembers carries it rather than groupOfNames, which does not allow a group without members.
  objectClass(
    '1.3.6.1.1.1.2.0',
    'posixAccount',
    'AUXILIARY',
    'top',
    'cn uid uidNumber gidNumber homeDirectory',
    'userPassword loginShell gecos description',
  ),
  objectClass(
    '1.3.6.1.1.1.2.1',
    'shadowAccount',
    'AUXILIARY',
    'top',
    'uid',
    'userPassword shadowLastChange shadowMin shadowMax shadowWarning shadowInactive shadowExpire shadowFlag description',
  ),
  objectClass('1.3.6.1.1.1.2.2', 'posixGroup', 'AUXILIARY', 'top', 'gidNumber', 'userPassword memberUid description'),
  objectClass(
    '1.3.6.1.1.1.2.18',
    'groupOfMembers',
    'STRUCTURAL',
    'top',
    'cn',
    'businessCategory seeAlso owner ou o description member',
  ),
]

/** The core, then one auxiliary class for each extension that brings a class of its own. */
export const objectClasses: readonly ObjectClass[] = [...core, ...declared()]

function declared(): ObjectClass[] {
  const classes = new Map<string, ObjectClass>()
  for (const extension of extensions) {
    if (core.some((each) => each.name === extension.objectClass)) continue
    const attributes = Object.values(extension.user).map((field) => field.attribute)
    const before = classes.get(extension.objectClass)
    classes.set(extension.objectClass, {
      oid: `${extension.objectClass.toLowerCase()}-oid`,
      name: extension.objectClass,
      sup: 'top',
      kind: 'AUXILIARY',
      must: [],
      may: [...new Set([...(before?.may ?? []), ...attributes])],
    })
  }
  return [...classes.values()]
}

const byName = new Map(
  objectClasses.flatMap(
    (each) =>
      [
        [each.name.toLowerCase(), each],
        [each.oid, each],
      ] as const,
  ),
)

/** By name in any case, or OID. */
export const objectClassByName = (name: string): ObjectClass | undefined => byName.get(name.toLowerCase())
