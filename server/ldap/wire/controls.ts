import { atEnd, peekTag, type Reader, readBoolean, readConstructed, readOctets, readText, tag } from './ber.ts'

/** RFC 4511 section 4.1.11. */
export type Control = { oid: string; isCritical: boolean; value: Buffer | undefined }

export const controlOid = {
  /** RFC 3296. There are no referral entries here, so that treating them as plain entries is what happens anyway. */
  manageDsaIt: '2.16.840.1.113730.3.4.2',
} as const

/** What a request may carry and the root DSE announces. */
export const supportedControls: readonly string[] = Object.values(controlOid)

export function readControls(message: Reader): Control[] {
  const controls: Control[] = []
  const list = readConstructed(message, 0xa0)
  while (!atEnd(list)) {
    const control = readConstructed(list, tag.sequence)
    const oid = readText(control)
    const isCritical = peekTag(control) === tag.boolean ? readBoolean(control) : false
    const value = peekTag(control) === tag.octetString ? readOctets(control) : undefined
    controls.push({ oid, isCritical, value })
  }
  return controls
}

/** A control that must be obeyed and is not known here: the request is refused rather than answered differently. */
export const unknownCritical = (controls: Control[]): Control | undefined =>
  controls.find((control) => control.isCritical && !supportedControls.includes(control.oid))
