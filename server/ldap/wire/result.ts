import { integerSize, tag, tlv, tlvSize, writeHeader, writeInteger } from './ber.ts'
import { createOutput, type Output } from './output.ts'

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

/** RFC 4511 section 4.1.9, into the output. */
export function writeResult(output: Output, messageId: number, response: number, result: Result): void {
  const { code, message = '', matchedDn = '', fields = none, controls = none } = result
  const matchedSize = sizeOf(matchedDn)
  const messageSize = sizeOf(message)
  const codeSize = integerSize(code)
  const fieldsSize = total(fields)
  const controlsSize = total(controls)
  const bodySize = 2 + codeSize + tlvSize(matchedSize) + tlvSize(messageSize) + fieldsSize
  const idSize = integerSize(messageId)
  const size = 2 + idSize + tlvSize(bodySize) + (controls.length > 0 ? tlvSize(controlsSize) : 0)
  output.reserve(tlvSize(size))
  const { bytes } = output
  let at = writeHeader(bytes, output.length, tag.sequence, size)
  at = writeInteger(bytes, at, tag.integer, messageId, idSize)
  at = writeHeader(bytes, at, response, bodySize)
  at = writeInteger(bytes, at, tag.enumerated, code, codeSize)
  at = writeText(bytes, at, matchedDn, matchedSize)
  at = writeText(bytes, at, message, messageSize)
  at = writeAll(bytes, at, fields)
  if (controls.length > 0) at = writeAll(bytes, writeHeader(bytes, at, 0xa0, controlsSize), controls)
  output.length = at
}

const none: Buffer[] = []
const sizeOf = (text: string): number => (text === '' ? 0 : Buffer.byteLength(text))
const total = (parts: readonly Buffer[]): number => parts.reduce((sum, part) => sum + part.length, 0)

function writeText(bytes: Buffer, start: number, text: string, size: number): number {
  const at = writeHeader(bytes, start, tag.octetString, size)
  return size > 0 ? at + bytes.write(text, at) : at
}

function writeAll(bytes: Buffer, start: number, parts: readonly Buffer[]): number {
  let at = start
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return at
}

/** Notice of Disconnection, RFC 4511 section 4.4.1: the last words before the connection closes. */
export function encodeNotice(code: ResultCode, message: string): Buffer {
  const output = createOutput(256)
  writeResult(output, 0, responseTag.extended, { code, message, fields: [tlv(0x8a, '1.3.6.1.4.1.1466.20036')] })
  return output.bytes.subarray(0, output.length)
}
