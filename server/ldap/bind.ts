import { isUtf8 } from 'node:buffer'
import { Unavailable } from '../errors.ts'
import { parseDn } from './dn.ts'
import type { Account, Entry } from './entry.ts'
import type { Call, Services } from './operations.ts'
import { standsInTheWay } from './who.ts'
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

async function check(call: Call, name: string, given: Buffer): Promise<Result> {
  const { session, services } = call
  const { directory, onBind } = services
  const dn = parseDn(name)
  if (!dn) return { code: resultCode.invalidDNSyntax, message: 'The name to bind as is not a DN.' }
  if (!directory.tree.base()) return { code: resultCode.unavailable, message: 'The directory is not set up yet.' }
  const entry = dn.length > 0 ? directory.tree.resolve(dn).entry : undefined
  const password = given.length <= maxPasswordBytes && isUtf8(given) ? given.toString('utf8') : undefined
  const report = (ok: boolean, reason?: string): void => onBind?.({ dn: name, ok, reason, address: session.address })
  let reason: string | undefined
  try {
    reason = await refusal(services, entry, password)
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    report(false, 'busy')
    return { code: resultCode.busy, message: error.message }
  }
  report(reason === undefined, reason)
  // One answer for all of it: which one it was stands in the log, not on the wire.
  if (reason !== undefined) return { code: resultCode.invalidCredentials }
  session.accountId = entry!.id
  return { code: resultCode.success }
}

/** Why not; undefined when the bind is good. */
async function refusal(
  services: Services,
  entry: Entry | undefined,
  password: string | undefined,
): Promise<string | undefined> {
  const { directory, judge, log } = services
  const { id = '', account } = entry ?? {}
  const isPerson = account?.view === 'person' || account?.view === 'administrator'
  const judged = async (who: Account): Promise<string | undefined> =>
    standsInTheWay(who) ?? (isPerson ? judge?.refusal(id) : undefined)
  const told = (what: unknown): void => {
    Promise.resolve(what).catch((error) => log.warn({ err: error }, 'LDAP: a sign-in was not counted'))
  }
  // Who may not bind is held against nothing, like an unknown name: the time tells nobody that the password was right.
  const closed = account && (await judged(account))
  const { isRight, hash } = await verified(services, id, closed ? undefined : account?.hash, password)
  if (!account) return 'unknown name'
  if (closed) return closed
  if (hash === undefined) return 'no password is set'
  if (!isRight) {
    if (isPerson && password !== undefined) told(judge?.failed(id, password))
    return 'wrong password'
  }
  // The account as it is after the time all this took; of many tries at once those behind a lock are refused as well.
  const current = directory.tree.entryById(id)?.account
  if (current?.hash !== hash) return 'changed meanwhile'
  const reason = await judged(current)
  if (reason === undefined && isPerson) told(judge?.good(id, hash, password!))
  return reason
}

/**
 * Whether the password fits, and which hash. Unknown names, and accounts that may not bind, cost what a wrong password
 * costs. A hash that was replaced meanwhile is tried as well: it may be a better one of the same password.
 */
async function verified(
  { directory, verify }: Services,
  id: string,
  hash: string | undefined,
  password: string | undefined,
): Promise<{ isRight: boolean; hash: string | undefined }> {
  const isRight = await verify(password === undefined ? undefined : hash, password ?? '')
  if (!isRight || hash === undefined || password === undefined) return { isRight: false, hash }
  const now = directory.tree.entryById(id)?.account?.hash
  if (now === undefined || now === hash || !(await verify(now, password))) return { isRight, hash }
  return { isRight, hash: now }
}
