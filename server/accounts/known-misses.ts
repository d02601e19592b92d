// What services ask every directory for, whether it has it or not.

/** [where it comes from, what it is for] */
type Known = readonly [from: string, reason: string]

const ofActiveDirectory =
  'accountExpires badPasswordTime badPwdCount distinguishedName groupType isDeleted isCriticalSystemObject lastLogoff lastLogon lastLogonTimestamp lockoutTime logonCount logonHours nTSecurityDescriptor name objectCategory objectGUID objectSid primaryGroupID proxyAddresses pwdLastSet sAMAccountName sAMAccountType servicePrincipalName sIDHistory thumbnailPhoto tokenGroups unixHomeDirectory userAccountControl userPrincipalName uSNChanged uSNCreated whenChanged whenCreated'
const of389 =
  'nsAccountLock nsUniqueId nsRole nsRoleDN passwordExpirationTime passwordAllowChangeTime accountUnlockTime passwordRetryCount entryUSN lastUSN'
const ofEDirectory =
  'loginDisabled loginExpirationTime loginAllowedTimeMap loginTime loginGraceLimit GUID nspmPasswordPolicyDN'
const ofHosts = 'authorizedService host rhost'
const ofCertificates = 'userCertificate userSMIMECertificate cACertificate userPKCS12'

const listed = (names: string, known: Known): [string, Known][] =>
  names.split(' ').map((name) => [name.toLowerCase(), known])

const attributes = new Map<string, Known>([
  ...listed(ofActiveDirectory, ['Active Directory', 'many services ask for it in case they are connected to one.']),
  ...listed(of389, [
    '389 Directory Server and FreeIPA',
    'sssd and others ask for it in case they are connected to one.',
  ]),
  ...listed(ofEDirectory, ['eDirectory', 'sssd and others ask for it in case they are connected to one.']),
  ...listed(ofHosts, ['sssd and pam_ldap', 'rules about hosts and services, where a directory keeps such.']),
  ...listed(ofCertificates, ['Certificates', 'sssd and mail programs ask for those of a person, where there are any.']),
])

/** Families by how they begin: there are too many of each to be named. */
const families: readonly (readonly [RegExp, Known])[] = [
  [/^krb/, ['Kerberos', 'the service asks for it in case the directory serves a Kerberos realm.']],
  [/^(sudo|automount)/, ['sudo and automount', 'the service asks for rules, which are not kept here.']],
  [/^ipa/, ['FreeIPA', 'sssd asks for it in case it is connected to one.']],
  [
    /^ms(ds|-ds|exch|rtcsip|sfu|npallow)/,
    ['Active Directory', 'many services ask for it in case they are connected to one.'],
  ],
  [/^(orcl|ds-|ibm-)/, ['Other directories', 'the service asks for it in case it is connected to one.']],
  [
    /^pwd[a-z]/,
    ['Password policy in the directory', 'its state is kept here, and told by the password policy control.'],
  ],
]

/** By name in lower case: attributes that services try, and do without. */
export const harmlessAttributes = (name: string): Known | undefined =>
  attributes.get(name) ?? families.find(([pattern]) => pattern.test(name))?.[1]

const onlyThere = (where: string): string =>
  `means something only on ${where}; the request was answered without it. Nothing to do.`

/** OID -> its name, what it would have done, and whether services do as well without. */
export const namedControls = new Map<string, readonly [name: string, does: string, isHarmless: boolean]>([
  [
    '1.3.6.1.4.1.4203.666.5.16',
    [
      'Dereference',
      'would have brought the members of a group along with it. nslcd and sssd then ask for each by itself. Nothing to do.',
      true,
    ],
  ],
  ['1.2.840.113556.1.4.529', ['Extended DN', onlyThere('Active Directory'), true]],
  ['1.2.840.113556.1.4.801', ['Security descriptor flags', onlyThere('Active Directory'), true]],
  ['1.2.840.113556.1.4.1339', ['Domain scope', onlyThere('Active Directory'), true]],
  ['1.2.840.113556.1.4.1340', ['Search options', onlyThere('Active Directory'), true]],
  ['1.2.840.113556.1.4.417', ['Show deleted objects', onlyThere('Active Directory'), true]],
  [
    '1.2.840.113556.1.4.1413',
    [
      'Permissive modify',
      'would have passed over values that are there already. Changes are taken strictly here.',
      false,
    ],
  ],
  [
    '1.2.840.113556.1.4.805',
    ['Tree delete', 'would have removed an entry with all below it. Entries are removed one by one here.', false],
  ],
  [
    '2.16.840.1.113730.3.4.3',
    [
      'Persistent search',
      'would have told of changes as they happen. Content synchronization (RFC 4533) does that here.',
      false,
    ],
  ],
  [
    '2.16.840.1.113730.3.4.12',
    [
      'Proxied authorization, version 1',
      'would have asked in the name of somebody else. Nobody may here: give the service a role that fits.',
      false,
    ],
  ],
  [
    '2.16.840.1.113730.3.4.18',
    [
      'Proxied authorization',
      'would have asked in the name of somebody else. Nobody may here: give the service a role that fits.',
      false,
    ],
  ],
  [
    '2.16.840.1.113730.3.4.16',
    [
      'Authorization identity',
      'would have told with the bind who is signed in; “Who am I” tells it. Nothing to do.',
      true,
    ],
  ],
  [
    '1.3.6.1.4.1.42.2.27.9.5.8',
    [
      'Account usability',
      'would have told whether somebody may sign in. The password policy control of a bind tells it. Nothing to do.',
      true,
    ],
  ],
  [
    '1.3.6.1.4.1.21008.108.63.1',
    ['Session tracking', 'names the user behind a request, for a log. Nothing to do.', true],
  ],
  [
    '1.3.6.1.4.1.4203.1.10.1',
    ['Subentries', 'would have shown entries about the directory itself. There are none. Nothing to do.', true],
  ],
  [
    '1.3.6.1.4.1.4203.1.10.2',
    ['No-op', 'would have tried a change without making it. Nothing is tried that way here.', false],
  ],
  [
    '1.3.6.1.4.1.4203.666.5.2',
    ['No-op', 'would have tried a change without making it. Nothing is tried that way here.', false],
  ],
  [
    '1.3.6.1.4.1.4203.666.5.12',
    ['Relax rules', 'would have written what the schema does not allow. Nobody may here.', false],
  ],
  [
    '1.2.826.0.1.3344810.2.3',
    ['Matched values', 'would have left out values that the filter does not ask for. It got all of them.', true],
  ],
])

export const namedOperations = new Map<string, string>([
  ['1.3.6.1.1.21.1', 'A transaction (RFC 5805)'],
  ['1.3.6.1.1.21.3', 'A transaction (RFC 5805)'],
  ['1.3.6.1.4.1.1466.101.119.1', 'Refreshing of dynamic entries (RFC 2589)'],
  ['1.3.6.1.1.19', 'Turn (RFC 4531)'],
  ['1.2.840.113556.1.4.1781', 'The fast bind of Active Directory'],
])
