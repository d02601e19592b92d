import { unregisteredOid } from './oid.ts'
import { sambaClasses } from './schema-samba.ts'

/** An object class, RFC 4512 section 4.1.1. */
export type ObjectClass = {
  oid: string
  name: string
  sup: string | undefined
  kind: 'ABSTRACT' | 'STRUCTURAL' | 'AUXILIARY'
  must: readonly string[]
  may: readonly string[]
}

/** What every person's and every group's entry has. */
export const userClasses = ['top', 'person', 'organizationalPerson', 'inetOrgPerson', 'posixAccount', 'shadowAccount']

// RFC 2307bis: groupOfMembers carries `member` and may be empty, posixGroup brings gidNumber and `memberUid`. With
// groupOfNames an empty group would break the schema, and with the structural posixGroup of RFC 2307 there is no `member`.
export const groupClasses = ['top', 'groupOfMembers', 'posixGroup']

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

/** What the standards describe: the same in every directory. */
export const standardClasses: readonly ObjectClass[] = [
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
  // RFC 4524: what Samba makes computers of
  objectClass('0.9.2342.19200300.100.4.5', 'account', 'STRUCTURAL', 'top', 'uid', 'description seeAlso l o ou'),
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
  // RFC 2798
  objectClass(
    '2.16.840.1.113730.3.2.2',
    'inetOrgPerson',
    'STRUCTURAL',
    'organizationalPerson',
    '',
    'audio businessCategory carLicense departmentNumber displayName employeeNumber employeeType givenName homePhone ' +
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
  // OpenSSH-LPK, draft-lachman-laser-ldap-mail-routing
  objectClass('1.3.6.1.4.1.24552.500.1.1.2.0', 'ldapPublicKey', 'AUXILIARY', 'top', '', 'sshPublicKey uid'),
  objectClass('2.16.840.1.113730.3.2.147', 'inetLocalMailRecipient', 'AUXILIARY', 'top', '', 'mailLocalAddress'),
  ...sambaClasses,
]

/** The class that carries the attributes which an extension brings. */
export const auxiliaryClass = (name: string, attributes: readonly string[]): ObjectClass => ({
  oid: unregisteredOid('class', name),
  name,
  sup: 'top',
  kind: 'AUXILIARY',
  must: [],
  may: attributes,
})
