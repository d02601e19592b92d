import { integerTlv, tag, tlv, writeHeader } from './ber.ts'
import type { Output } from './output.ts'

/** RFC 4511 appendix A; the names as they stand there. */
export const resultCode = {
  success: 0,
  operationsError: 1,
  protocolError: 2,
  timeLimitExceeded: 3,
  sizeLimitExceeded: 4,
  compareFalse: 5,
  compareTrue: 6,
  authMethodNotSupported: 7,
  strongerAuthRequired: 8,
  adminLimitExceeded: 11,
  unavailableCriticalExtension: 12,
  confidentialityRequired: 13,
  noSuchAttribute: 16,
  undefinedAttributeType: 17,
  inappropriateMatching: 18,
  constraintViolation: 19,
  attributeOrValueExists: 20,
  invalidAttributeSyntax: 21,
  noSuchObject: 32,
  invalidDNSyntax: 34,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  busy: 51,
  unavailable: 52,
  unwillingToPerform: 53,
  /** RFC 2891: virtual list view without a sort. */
  sortControlMissing: 60,
  offsetRangeError: 61,
  namingViolation: 64,
  objectClassViolation: 65,
  notAllowedOnNonLeaf: 66,
  notAllowedOnRDN: 67,
  entryAlreadyExists: 68,
  objectClassModsProhibited: 69,
  affectsMultipleDSAs: 71,
  other: 80,
  /** RFC 3909 */
  canceled: 118,
  noSuchOperation: 119,
  tooLate: 120,
  cannotCancel: 121,
  /** RFC 4528 */
  assertionFailed: 122,
  /** RFC 4533 */
  syncRefreshRequired: 4096,
} as const

export type ResultCode = (typeof resultCode)[keyof typeof resultCode]

/** What an operation answers. `fields` are finished TLVs after the LDAPResult (responseName, responseValue, ...). */
export type Result = {
  code: ResultCode
  message?: string
  matchedDn?: string
  fields?: Buffer[]
  /** Finished Control TLVs. */
  controls?: Buffer[]
  /** What the connection does once this is sent. */
  after?: 'startTls'
}

export const responseTag = {
  bind: 0x61,
  searchDone: 0x65,
  modify: 0x67,
  add: 0x69,
  remove: 0x6b,
  modifyDn: 0x6d,
  compare: 0x6f,
  extended: 0x78,
} as const

export function encodeResult(messageId: number, response: number, result: Result): Buffer {
  const { code, message = '', matchedDn = '', fields = [], controls = [] } = result
  const operation = tlv(
    response,
    integerTlv(code, tag.enumerated),
    tlv(tag.octetString, matchedDn),
    tlv(tag.octetString, message),
    ...fields,
  )
  const parts = [integerTlv(messageId), operation]
  if (controls.length > 0) parts.push(tlv(0xa0, ...controls))
  return tlv(tag.sequence, ...parts)
}

const bareSize = 7

/** The same into the output; most results are a code and nothing else, and those are written byte by byte. */
export function writeResult(output: Output, messageId: number, response: number, result: Result): void {
  if (
    result.message ||
    result.matchedDn ||
    result.fields ||
    result.controls ||
    messageId > 0x7fff ||
    result.code > 0x7f
  ) {
    output.append(encodeResult(messageId, response, result))
    return
  }
  const idSize = messageId > 0x7f ? 2 : 1
  output.reserve(32)
  const { bytes } = output
  let at = writeHeader(bytes, output.length, tag.sequence, 2 + idSize + 2 + bareSize)
  at = writeHeader(bytes, at, tag.integer, idSize)
  if (idSize === 2) bytes[at++] = messageId >> 8
  bytes[at++] = messageId & 0xff
  at = writeHeader(bytes, at, response, bareSize)
  at = writeHeader(bytes, at, tag.enumerated, 1)
  bytes[at++] = result.code
  // No matchedDN, no diagnosticMessage.
  at = writeHeader(bytes, at, tag.octetString, 0)
  output.length = writeHeader(bytes, at, tag.octetString, 0)
}

/** Notice of Disconnection, RFC 4511 section 4.4.1: the last words before the connection closes. */
export const encodeNotice = (code: ResultCode, message: string): Buffer =>
  encodeResult(0, responseTag.extended, { code, message, fields: [tlv(0x8a, '1.3.6.1.4.1.1466.20036')] })
