import { integerTlv, tag, tlv } from './ber.ts'

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
  adminLimitExceeded: 11,
  unavailableCriticalExtension: 12,
  noSuchAttribute: 16,
  undefinedAttributeType: 17,
  inappropriateMatching: 18,
  invalidAttributeSyntax: 21,
  noSuchObject: 32,
  invalidDNSyntax: 34,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  busy: 51,
  unavailable: 52,
  unwillingToPerform: 53,
  other: 80,
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

/** Notice of Disconnection, RFC 4511 section 4.4.1: the last words before the connection closes. */
export const encodeNotice = (code: ResultCode, message: string): Buffer =>
  encodeResult(0, responseTag.extended, { code, message, fields: [tlv(0x8a, '1.3.6.1.4.1.1466.20036')] })
