import { isUtf8 } from 'node:buffer'
import { Unavailable } from '../errors.ts'
import { type PolicyNotice, policyResponse } from './controls/password-policy.ts'
import { controlOf } from './controls/value.ts'
import type { Dn } from './dn.ts'
import type { Account, Entry } from './entry.ts'
import { readName } from './name.ts'
import type { Call, Refusal, Services } from './operations.ts'
import { isConfidential, standsInTheWay } from './who.ts'
import { atEnd, peekTag, readConstructed, readInteger, readOctets, readText } from './wire/ber.ts'
import { controlOid } from './wire/controls.ts'
import { type Result, resultCode } from './wire/result.ts'

// Nobody types more; and hashing it would be work that an attacker gets for nothing.
const maxPasswordBytes = 1024

const simple = 0x80
const sasl = 0xa3

/** RFC 4511 section 4.2, with the rules of RFC 4513 section 5.1. */
export function bind(call: Call): Result | Promise<Result> {
  const { message, session } = call
  const version = readInteger(message.body)
  const { text: name, dn } = readName(message.body)
  if (!dn) return { code: resultCode.invalidDNSyntax, message: 'The name to bind as is not a DN.' }
  if (version !== 3) return { code: resultCode.protocolError, message: 'Only LDAP version 3 is spoken here.' }
  if (peekTag(message.body) === sasl) return bindExternal(call)
  if (peekTag(message.body) !== simple)
    return { code: resultCode.authMethodNotSupported, message: 'Use a simple bind (ldapsearch -x).' }
  const password = readOctets(message.body, simple)
  if (name === '' && password.length === 0) return { code: resultCode.success }
  if (password.length === 0) {
    // An "unauthenticated bind" looks like a success to clients that forgot to ask for a password.
    tellRefused(call, entryOf(call, dn), 'no password was sent')
    return { code: resultCode.unwillingToPerform, message: 'A bind with a name needs a password.' }
  }
  if (!isConfidential(session)) {
    tellRefused(call, entryOf(call, dn), 'in the clear')
    return { code: resultCode.confidentialityRequired, message: 'Passwords need TLS here: use LDAPS or StartTLS.' }
  }
  return check(call, name, dn, password)
}

/**
 * SASL EXTERNAL (RFC 4422 appendix A) on the Unix socket: the file system has let nobody else in than root and the user that
 * the node runs as, who have everything here anyway.
 */
function bindExternal({ message, session }: Call): Result {
  const credentials = readConstructed(message.body, sasl)
  const mechanism = readText(credentials)
  const asked = atEnd(credentials) ? '' : readText(credentials)
  if (mechanism !== 'EXTERNAL' || session.door !== 'unix') {
    const offered = session.door === 'unix' ? 'Of SASL there is EXTERNAL only.' : 'Use a simple bind (ldapsearch -x).'
    return { code: resultCode.authMethodNotSupported, message: offered }
  }
  if (asked !== '') return { code: resultCode.invalidCredentials, message: 'EXTERNAL is for this machine itself only.' }
  session.isMachine = true
  return { code: resultCode.success }
}

const entryOf = ({ services }: Call, dn: Dn): Entry | undefined =>
  dn.length > 0 ? services.directory.tree.resolve(dn).entry : undefined

async function check(call: Call, name: string, dn: Dn, given: Buffer): Promise<Result> {
  const { message, session, services } = call
  const { directory, onBind } = services
  if (!directory.tree.base()) return { code: resultCode.unavailable, message: 'The directory is not set up yet.' }
  const entry = entryOf(call, dn)
  const password = given.length <= maxPasswordBytes && isUtf8(given) ? given.toString('utf8') : undefined
  const report = (ok: boolean, reason?: string): void => onBind?.({ dn: name, ok, reason, address: session.address })
  const asksForPolicy = controlOf(message.controls, controlOid.passwordPolicy) !== undefined
  const withNotice = (result: Result, notice: PolicyNotice): Result =>
    asksForPolicy ? { ...result, controls: [policyResponse(notice)] } : result
  let refused: Refusal | undefined
  try {
    refused = await refusal(services, entry, password, session.address)
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    report(false, 'busy')
    return { code: resultCode.busy, message: error.message }
  }
  // Who understands the control learns that a new password is asked for, and can do that and nothing else.
  const mayOnlyChange = refused?.error === 'changeAfterReset' && asksForPolicy
  report(!refused || mayOnlyChange, refused?.reason)
  if (refused) tellRefused(call, entry, refused.reason)
  // One answer for all of it: which one it was stands in the log, not on the wire.
  if (refused && !mayOnlyChange) return withNotice({ code: resultCode.invalidCredentials }, noticeOf(refused))
  const { id, account } = entry!
  session.accountId = id
  session.isClient = !isPerson(account!)
  session.mustChange = mayOnlyChange
  if (!session.isClient && services.forward?.isOn()) session.password = password
  if (session.isClient) services.lens?.used(id, session.address)
  const secondsLeft = asksForPolicy && isPerson(account!) ? await services.judge?.secondsLeft?.(id) : undefined
  return withNotice(
    { code: resultCode.success },
    { ...(refused && noticeOf(refused)), ...(secondsLeft !== undefined && { secondsLeft }) },
  )
}

/** Whoever looks after a service finds the reason on the page of the client; the log has it once, not at each try. */
function tellRefused({ services, session }: Call, entry: Entry | undefined, reason: string): void {
  const { lens, log, directory } = services
  if (!entry?.account || isPerson(entry.account) || lens?.missed(entry.id, 'bind', reason) === false) return
  const { address } = session
  log.warn({ dn: directory.tree.dnOf(entry), address, reason }, 'LDAP: the bind of a client was refused')
}

const noticeOf = ({ error }: Refusal): PolicyNotice => (error ? { error } : {})

const isPerson = ({ view }: Account): boolean => view === 'person' || view === 'administrator'

/** Why not; undefined when the bind is good. */
async function refusal(
  services: Services,
  entry: Entry | undefined,
  password: string | undefined,
  address: string,
): Promise<Refusal | undefined> {
  const { directory, judge, log } = services
  const { id = '', account } = entry ?? {}
  const ofPerson = account !== undefined && isPerson(account)
  const judged = async (who: Account): Promise<Refusal | undefined> => {
    const standing = standsInTheWay(who)
    if (standing) return { reason: standing }
    if (who.isElsewhere) return { reason: 'belongs to the Samba of another node' }
    if (who.from && !who.from(address)) return { reason: `not allowed from ${address}` }
    return ofPerson ? judge?.refusal(id) : undefined
  }
  const told = (what: unknown): void => {
    Promise.resolve(what).catch((error) => log.warn({ err: error }, 'LDAP: a sign-in was not counted'))
  }
  // Who may not bind is held against nothing, like an unknown name: the time tells nobody that the password was right.
  const closed = account && (await judged(account))
  const isShut = closed !== undefined && closed.error !== 'changeAfterReset'
  const asked = isShut || password === undefined ? undefined : account?.hash
  const welcome = (reason: Refusal | undefined, hash: string): Refusal | undefined => {
    if (reason === undefined && ofPerson) told(judge?.good(id, hash, password!))
    return reason
  }
  const fits = services.verify(asked, password ?? '')
  // Found out lately: no time has passed since the account was judged.
  if (fits === true) return welcome(closed, asked!)
  const { isRight, hash } = await verified(services, id, asked, password ?? '', fits)
  if (!account) return { reason: 'unknown name' }
  if (isShut) return closed
  if (account.hash === undefined) return { reason: 'no password is set' }
  if (!isRight) {
    if (ofPerson && password !== undefined) told(judge?.failed(id, password))
    return { reason: 'wrong password' }
  }
  // The account as it is after the time all this took; of many tries at once those behind a lock are refused as well.
  const current = directory.tree.entryById(id)?.account
  if (current === undefined || current.hash !== hash) return { reason: 'changed meanwhile' }
  return welcome(await judged(current), hash!)
}

/**
 * Whether the password fits, and which hash. Unknown names, and accounts that may not bind, cost what a wrong password
 * costs. A hash that was replaced meanwhile is tried as well: it may be a better one of the same password.
 */
async function verified(
  { directory, verify }: Services,
  id: string,
  hash: string | undefined,
  password: string,
  fits: Promise<boolean>,
): Promise<{ isRight: boolean; hash: string | undefined }> {
  const isRight = await fits
  if (!isRight || hash === undefined) return { isRight: false, hash }
  const now = directory.tree.entryById(id)?.account?.hash
  if (now === undefined || now === hash || !(await verify(now, password))) return { isRight, hash }
  return { isRight, hash: now }
}
