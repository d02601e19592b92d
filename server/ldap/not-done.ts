import { AlreadyThere, Invalid, NotFound, ReadOnly, Refused, Unavailable } from '../errors.ts'
import { Malformed } from './wire/ber.ts'
import { type Result, type ResultCode, resultCode } from './wire/result.ts'

/** A request that is not done, with the code that LDAP has for the reason. */
export class NotDone extends Error {
  readonly code: ResultCode
  constructor(code: ResultCode, message: string) {
    super(message)
    this.code = code
  }
}

/** What stops a request, in the words of LDAP; undefined: a fault of ours. */
export function resultOf(error: unknown): Result | undefined {
  if (error instanceof Malformed)
    return { code: resultCode.protocolError, message: `Not understood: ${error.message}.` }
  const code = codeOf(error)
  return code === undefined ? undefined : { code, message: (error as Error).message }
}

function codeOf(error: unknown): ResultCode | undefined {
  if (error instanceof NotDone) return error.code
  if (error instanceof AlreadyThere) return resultCode.entryAlreadyExists
  if (error instanceof Invalid) return resultCode.constraintViolation
  if (error instanceof NotFound) return resultCode.noSuchObject
  if (error instanceof Refused) return resultCode.insufficientAccessRights
  if (error instanceof ReadOnly) return resultCode.unwillingToPerform
  if (error instanceof Unavailable) return resultCode.unavailable
  return undefined
}
