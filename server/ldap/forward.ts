import { Unavailable } from '../errors.ts'
import type { LdapAnswer } from '../replication/wire.ts'
import { NotDone, resultOf } from './not-done.ts'
import type { Call } from './operations.ts'
import { isConfidential, type Session, whoIs, whyNothing } from './who.ts'
import { type Result, type ResultCode, resultCode } from './wire/result.ts'

/** Asks the master to do a request in the name of who is bound here. */
export type Forward = {
  /** Whether this node has a master. */
  isOn: () => boolean
  /** Rejects with Unavailable when the master is away, with Refused when it knows another password. */
  send: (as: Authority, address: string, message: Buffer) => Promise<Result>
}

export type Authority = { client: string } | { person: string; password: string }

/**
 * A change that the master makes where this node follows one: clients change accounts at any node, and need not know which is
 * the master. Refused at once while it is away (52), never put by: nobody must believe done what is not.
 */
export const byMaster =
  (run: (call: Call) => Result | Promise<Result>) =>
  (call: Call): Result | Promise<Result> =>
    call.services.forward?.isOn() ? ask(call, call.services.forward) : run(call)

async function ask({ message, session, services }: Call, forward: Forward): Promise<Result> {
  const { tree } = services.directory
  const who = whoIs(session, tree, true)
  if (who.view.entries === 'none')
    throw new NotDone(who.self ? resultCode.insufficientAccessRights : resultCode.strongerAuthRequired, whyNothing(who))
  if (!isConfidential(session))
    throw new NotDone(resultCode.confidentialityRequired, 'Changes need TLS here: use LDAPS or StartTLS.')
  try {
    const result = await forward.send(authorityOf(session), session.address, message.bytes)
    // Perhaps the own password: the one of the bind may not be right any more.
    if (result.code === resultCode.success && session.mustChange) session.mustChange = false
    return result
  } catch (error) {
    const result = resultOf(error)
    if (!result) throw error
    return result
  }
}

function authorityOf({ accountId, isClient, isMachine, password }: Session): Authority {
  if (isMachine)
    throw new NotDone(resultCode.unwillingToPerform, 'Nobody is master here: bind as an administrator, and it is done.')
  if (isClient) return { client: accountId! }
  if (password === undefined) throw new Unavailable('Bind again: the master asks for your password.')
  return { person: accountId!, password }
}

const base64 = (parts: readonly Buffer[] | undefined) => parts?.map((part) => part.toString('base64'))
const bytes = (parts: readonly string[]) => parts.map((part) => Buffer.from(part, 'base64'))

/** A result as it goes from the master to a slave, and back. */
export function toParts({ code, message, matchedDn, fields, controls }: Result): LdapAnswer {
  return { code, message, matchedDn, fields: base64(fields), controls: base64(controls) }
}

export function fromParts({ code, message, matchedDn, fields, controls }: LdapAnswer): Result {
  return {
    code: code as ResultCode,
    ...(message !== undefined && { message }),
    ...(matchedDn !== undefined && { matchedDn }),
    ...(fields && { fields: bytes(fields) }),
    ...(controls && { controls: bytes(controls) }),
  }
}
