import type { AttributeRow } from './attribute-types.ts'
import type { ObjectClass } from './schema-classes.ts'

// Samba's schema, as its samba.schema for OpenLDAP has it: what an NT4 domain keeps in a directory.

type Rules = Omit<AttributeRow, 'oid' | 'names'>

const single = { isSingle: true } as const
const ia5: Rules = { equality: 'caseIgnoreIA5Match', substrings: 'caseIgnoreIA5SubstringsMatch', syntax: 'ia5String' }
const text: Rules = { equality: 'caseIgnoreMatch', syntax: 'directoryString' }
const exact: Rules = { equality: 'caseExactMatch', syntax: 'directoryString' }
const integer: Rules = { equality: 'integerMatch', syntax: 'integer', ...single }
const octets: Rules = { equality: 'octetStringMatch', syntax: 'octetString' }

const row = (number: number, names: string, rules: Rules): AttributeRow => ({
  oid: `1.3.6.1.4.1.7165.2.1.${number}`,
  names,
  ...rules,
})

export const sambaAttributes: readonly AttributeRow[] = [
  row(19, 'sambaGroupType', integer),
  row(20, 'sambaSID', { ...ia5, ...single }),
  row(21, 'sambaNextUserRid', integer),
  row(22, 'sambaNextGroupRid', integer),
  row(23, 'sambaPrimaryGroupSID', { ...ia5, ...single }),
  row(24, 'sambaLMPassword', { ...ia5, ...single }),
  row(25, 'sambaNTPassword', { ...ia5, ...single }),
  row(26, 'sambaAcctFlags', { ...ia5, ...single }),
  row(27, 'sambaPwdLastSet', integer),
  row(28, 'sambaPwdCanChange', integer),
  row(29, 'sambaPwdMustChange', integer),
  row(30, 'sambaLogonTime', integer),
  row(31, 'sambaLogoffTime', integer),
  row(32, 'sambaKickoffTime', integer),
  row(33, 'sambaHomeDrive', { ...ia5, ...single }),
  row(34, 'sambaLogonScript', { ...text, ...single }),
  row(35, 'sambaProfilePath', { ...text, ...single }),
  row(36, 'sambaUserWorkstations', { ...text, ...single }),
  row(37, 'sambaHomePath', text),
  row(38, 'sambaDomainName', text),
  row(39, 'sambaNextRid', integer),
  row(40, 'sambaAlgorithmicRidBase', integer),
  row(47, 'sambaMungedDial', exact),
  row(48, 'sambaBadPasswordCount', integer),
  row(49, 'sambaBadPasswordTime', integer),
  row(51, 'sambaSIDList', ia5),
  row(53, 'sambaTrustFlags', ia5),
  row(54, 'sambaPasswordHistory', ia5),
  row(55, 'sambaLogonHours', { ...ia5, ...single }),
  row(58, 'sambaMinPwdLength', integer),
  row(59, 'sambaPwdHistoryLength', integer),
  row(60, 'sambaLogonToChgPwd', integer),
  row(61, 'sambaMaxPwdAge', integer),
  row(62, 'sambaMinPwdAge', integer),
  row(63, 'sambaLockoutDuration', integer),
  row(64, 'sambaLockoutObservationWindow', integer),
  row(65, 'sambaLockoutThreshold', integer),
  row(66, 'sambaForceLogoff', integer),
  row(67, 'sambaRefuseMachinePwdChange', integer),
  row(68, 'sambaClearTextPassword', octets),
  row(69, 'sambaPreviousClearTextPassword', octets),
]

const words = (list: string): string[] => list.split(' ').filter(Boolean)

const objectClass = (number: number, name: string, kind: ObjectClass['kind'], must: string, may = ''): ObjectClass => ({
  oid: `1.3.6.1.4.1.7165.2.2.${number}`,
  name,
  kind,
  sup: 'top',
  must: words(must),
  may: words(may),
})

export const sambaClasses: readonly ObjectClass[] = [
  objectClass(
    4,
    'sambaGroupMapping',
    'AUXILIARY',
    'gidNumber sambaSID sambaGroupType',
    'displayName description sambaSIDList',
  ),
  objectClass(
    5,
    'sambaDomain',
    'STRUCTURAL',
    'sambaDomainName sambaSID',
    'sambaNextRid sambaNextGroupRid sambaNextUserRid sambaAlgorithmicRidBase sambaMinPwdLength sambaPwdHistoryLength ' +
      'sambaLogonToChgPwd sambaMaxPwdAge sambaMinPwdAge sambaLockoutDuration sambaLockoutObservationWindow ' +
      'sambaLockoutThreshold sambaForceLogoff sambaRefuseMachinePwdChange',
  ),
  objectClass(
    6,
    'sambaSamAccount',
    'AUXILIARY',
    'uid sambaSID',
    'cn sambaLMPassword sambaNTPassword sambaPwdLastSet sambaLogonTime sambaLogoffTime sambaKickoffTime ' +
      'sambaPwdCanChange sambaPwdMustChange sambaAcctFlags displayName sambaHomePath sambaHomeDrive sambaLogonScript ' +
      'sambaProfilePath description sambaUserWorkstations sambaPrimaryGroupSID sambaDomainName sambaMungedDial ' +
      'sambaBadPasswordCount sambaBadPasswordTime sambaPasswordHistory sambaLogonHours',
  ),
  objectClass(7, 'sambaUnixIdPool', 'AUXILIARY', 'uidNumber gidNumber'),
  objectClass(8, 'sambaIdmapEntry', 'AUXILIARY', 'sambaSID', 'uidNumber gidNumber'),
  objectClass(9, 'sambaSidEntry', 'STRUCTURAL', 'sambaSID'),
  objectClass(
    14,
    'sambaTrustPassword',
    'STRUCTURAL',
    'sambaDomainName sambaNTPassword sambaTrustFlags',
    'sambaSID sambaPwdLastSet',
  ),
  objectClass(
    15,
    'sambaTrustedDomainPassword',
    'STRUCTURAL',
    'sambaDomainName sambaSID sambaClearTextPassword sambaPwdLastSet',
    'sambaPreviousClearTextPassword',
  ),
]
