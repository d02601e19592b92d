import type { UserBody } from '../../store/bodies.ts'
import type { Line } from '../block.ts'
import { escapeValue } from '../dn.ts'
import type { Described } from '../entry.ts'
import { pluginKey } from '../members.ts'
import { fieldSlots, slotOf } from '../slots.ts'
import { asciiName } from './ascii.ts'
import { operationalLines } from './times.ts'

const classes = ['top', 'person', 'organizationalPerson', 'inetOrgPerson', 'posixAccount', 'shadowAccount']

/** The group that everybody has as primary group. */
const allUsersNumber = '63000'

const slot = {
  uid: slotOf('uid'),
  cn: slotOf('cn'),
  sn: slotOf('sn'),
  givenName: slotOf('givenName'),
  displayName: slotOf('displayName'),
  uidNumber: slotOf('uidNumber'),
  gidNumber: slotOf('gidNumber'),
  homeDirectory: slotOf('homeDirectory'),
  loginShell: slotOf('loginShell'),
  gecos: slotOf('gecos'),
  shadowLastChange: slotOf('shadowLastChange'),
  shadowExpire: slotOf('shadowExpire'),
}

export function describeUser(id: string, body: UserBody): Described {
  const { username, first, last } = body
  const name = `${first} ${last}`.trim() || username
  const lines: Line[] = [
    [slot.uid, [username]],
    [slot.cn, [name]],
    // person (RFC 4519) does not go without sn.
    [slot.sn, [last || username]],
    [slot.givenName, first ? [first] : []],
    [slot.displayName, [name]],
    [slot.uidNumber, [String(body.uidNumber)]],
    [slot.gidNumber, [allUsersNumber]],
    [slot.homeDirectory, [`/home/${username}`]],
    [slot.loginShell, ['/sbin/nologin']],
    [slot.gecos, [asciiName(name)]],
    [slot.shadowLastChange, body.passwordChanged ? [daysSinceEpoch(body.passwordChanged)] : []],
    // pam_unix reads this as expired on 2 January 1970, and so refuses a session opened by SSH key as well.
    [slot.shadowExpire, body.status === 'enabled' ? [] : ['1']],
    ...extensionLines(body),
    ...operationalLines(id, body.added, body.changed),
  ]
  return {
    rdn: `uid=${escapeValue(username)}`,
    classes,
    lines,
    account: {
      hash: body.password,
      refused: body.status === 'enabled' ? undefined : body.status,
      view: body.role === 'administrator' ? 'administrator' : 'person',
    },
    memberOf: [...body.groups, ...body.plugins.map(pluginKey)],
  }
}

function extensionLines(body: UserBody): Line[] {
  const lines: Line[] = []
  for (const { extension, name, field, slot } of fieldSlots) {
    const value = body.extensions[extension]?.[name]
    if (value === undefined || value === null || value === '') continue
    lines.push([slot, [field.format(value as string)]])
  }
  return lines
}

const daysSinceEpoch = (iso: string): string => String(Math.floor(Date.parse(iso) / 86_400_000) || 0)
