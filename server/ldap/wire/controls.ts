import {
  atEnd,
  Malformed,
  peekTag,
  type Reader,
  readBoolean,
  readConstructed,
  readOctets,
  readText,
  tag,
  tlv,
} from './ber.ts'
import { requestTag } from './request-tag.ts'

/** RFC 4511 section 4.1.11. */
export type Control = { oid: string; isCritical: boolean; value: Buffer | undefined }

export const controlOid = {
  /** RFC 3296. There are no referral entries here, so that treating them as plain entries is what happens anyway. */
  manageDsaIt: '2.16.840.1.113730.3.4.2',
  /** Of Active Directory, and in OpenLDAP too: no referrals. There are none here, as with ManageDsaIT. */
  domainScope: '1.2.840.113556.1.4.1339',
  /** RFC 2696 */
  paged: '1.2.840.113556.1.4.319',
  /** RFC 2891 */
  sort: '1.2.840.113556.1.4.473',
  sortResponse: '1.2.840.113556.1.4.474',
  /** draft-ietf-ldapext-ldapv3-vlv-09 */
  listView: '2.16.840.1.113730.3.4.9',
  listViewResponse: '2.16.840.1.113730.3.4.10',
  /** RFC 4528 */
  assertion: '1.3.6.1.1.12',
  /** RFC 4527 */
  preRead: '1.3.6.1.1.13.1',
  postRead: '1.3.6.1.1.13.2',
  /** RFC 4533 */
  syncRequest: '1.3.6.1.4.1.4203.1.9.1.1',
  syncState: '1.3.6.1.4.1.4203.1.9.1.2',
  syncDone: '1.3.6.1.4.1.4203.1.9.1.3',
  /** draft-behera-ldap-password-policy-10 */
  passwordPolicy: '1.3.6.1.4.1.42.2.27.8.5.1',
} as const

const { bind, search, compare, add, modify, remove, modifyDn, extended } = requestTag

/** What a request may carry, and on which operations it means something. */
const requestControls = new Map<string, readonly number[]>([
  [controlOid.manageDsaIt, [search, compare, add, modify, remove, modifyDn]],
  [controlOid.domainScope, [search]],
  [controlOid.paged, [search]],
  [controlOid.sort, [search]],
  [controlOid.listView, [search]],
  [controlOid.assertion, [search, compare, add, modify, remove, modifyDn]],
  [controlOid.preRead, [modify, remove, modifyDn]],
  [controlOid.postRead, [add, modify, modifyDn]],
  [controlOid.syncRequest, [search]],
  [controlOid.passwordPolicy, [bind, search, compare, add, modify, remove, modifyDn, extended]],
])

/** What the root DSE announces. */
export const supportedControls: readonly string[] = [...requestControls.keys()]

export function readControls(message: Reader): Control[] {
  const controls: Control[] = []
  const list = readConstructed(message, 0xa0)
  while (!atEnd(list)) {
    const control = readConstructed(list, tag.sequence)
    const oid = readText(control)
    const isCritical = peekTag(control) === tag.boolean ? readBoolean(control) : false
    const value = peekTag(control) === tag.octetString ? readOctets(control) : undefined
    if (!atEnd(control)) throw new Malformed('more after the end of a control')
    controls.push({ oid, isCritical, value })
  }
  return controls
}

/**
 * A control that must be obeyed, and is not known or means nothing on this operation: the request is refused rather than
 * answered differently. One that need not be is passed over.
 */
export const unknownCritical = (controls: readonly Control[], operation: number): Control | undefined =>
  controls.find((control) => control.isCritical && !requestControls.get(control.oid)?.includes(operation))

/** One that says something, and stands there twice: which of the two is meant? */
export function repeatedControl(controls: readonly Control[]): Control | undefined {
  const seen = new Set<string>()
  return controls.find(({ oid }) => {
    if (!requestControls.has(oid)) return false
    const isRepeated = seen.has(oid)
    seen.add(oid)
    return isRepeated
  })
}

/** Controls of a request that are not obeyed, whether they had to be or not. */
export const passedOver = (controls: readonly Control[], operation: number): Control[] =>
  controls.filter((control) => !requestControls.get(control.oid)?.includes(operation))

/** A Control of a response. */
export const controlTlv = (oid: string, value?: Uint8Array): Buffer =>
  tlv(tag.sequence, tlv(tag.octetString, oid), ...(value ? [tlv(tag.octetString, value)] : []))
