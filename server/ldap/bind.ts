import { isUtf8 } from 'node:buffer'
import { Unavailable } from '../errors.ts'
import { parseDn } from './dn.ts'
import type { Entry } from './entry.ts'
import type { Call } from './operations.ts'
import { peekTag, readInteger, readOctets, readText } from './wire/ber.ts'
import { type Result, resultCode } from './wire/result.ts'

// Nobody types more; and hashing it would be work that an attacker gets for nothing.
const maxPasswordBytes = 1024

const simple = 0x80

/** RFC 4511 section 4.2, with the rules of RFC 4513 section 5.1. */
export function bind(call: Call): Result | Promise<Result> {
  const { message, session } = call
  // Whatever comes of it, the old identity ends here (RFC 4513 section 4).
  session.accountId = undefined
  const version = readInteger(message.body)
  const name = readText(message.body)
  if (version !== 3) return { code: resultCode.protocolError, message: 'Only LDAP version 3 is spoken here.' }
  if (peekTag(message.body) !== simple) {
    return {
      code: resultCode.authMethodNotSupported,
      message: 'Use a simple bind (ldapsearch -x); SASL is not offered.',
    }
  }
  const password = readOctets(message.body, simple)
  if (name === '' && password.length === 0) return { code: resultCode.success }
  if (password.length === 0) {
    // An "unauthenticated bind" looks like a success to clients that forgot to ask for a password.
    return { code: resultCode.unwillingToPerform, message: 'A bind with a name needs a password.' }
  }
  return check(call, name, password)
}

async function check(call: Call, name: string, password: Buffer): Promise<Result> {
  const { session, services } = call
  const { directory, verify, onBind } = services
  const dn = parseDn(name)
  if (!dn) return { code: resultCode.invalidDNSyntax, message: 'The name to bind as is not a DN.' }
  if (!directory.tree.base()) return { code: resultCode.unavailable, message: 'The directory is not set up yet.' }
  const entry = dn.length > 0 ? directory.tree.resolve(dn).entry : undefined
  const hash = entry?.account?.hash
  const report = (ok: boolean, reason?: string): void => onBind?.({ dn: name, ok, reason, address: session.address })
  const isReadable = password.length <= maxPasswordBytes && isUtf8(password)
  let isRight: boolean
  try {
    // Unknown names, and accounts that may not bind, cost what a wrong password costs.
    isRight = await verify(isReadable ? hash : undefined, isReadable ? password.toString('utf8') : '')
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    report(false, 'busy')
    return { code: resultCode.busy, message: error.message }
  }
  const reason = refusal(entry, hash, isRight && isReadable, directory.tree.entryById(entry?.id ?? ''))
  report(reason === undefined, reason)
  // One answer for all of it: which one it was stands in the log, not on the wire.
  if (reason !== undefined) return { code: resultCode.invalidCredentials }
  session.accountId = entry!.id
  return { code: resultCode.success }
}

/** Why not; undefined when the bind is good. `current` is the account as it is after the time the check took. */
function refusal(
  entry: Entry | undefined,
  hash: string | undefined,
  isRight: boolean,
  current: Entry | undefined,
): string | undefined {
  if (!entry?.account) return 'unknown name'
  if (hash === undefined) return 'no password is set'
  if (!isRight) return 'wrong password'
  if (!current?.account || current.account.hash !== hash) return 'changed meanwhile'
  return current.account.refused
}
