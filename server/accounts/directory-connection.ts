import type { ConnectionOptions } from 'node:tls'
import type ldapjs from 'ldapjs'
import { Invalid, messageOf, type Problems } from '../errors.ts'
import { type Address, type Certificate, fetchCertificate, tlsFor } from './directory-certificate.ts'

/** How the way to the directory is kept private. */
export type Security = 'ldaps' | 'starttls' | 'plain'

export type DirectoryGiven = {
  /** ldap.example.com, with a port where it is not the usual one; ldap:// and ldaps:// are understood. */
  url: string
  security: Security
  /** Empty: without signing in. */
  bindDn: string
  password: string
  /** Empty: the directory's first naming context. */
  base: string
  /** Fingerprint of the certificate that somebody looked at and trusts. */
  fingerprint?: string | undefined
  /** The authority's certificate, PEM. */
  ca?: string | undefined
}

/** The certificate is shown to the person, who decides. */
export class Untrusted extends Invalid {
  readonly certificate: Certificate
  constructor(certificate: Certificate) {
    super({
      url: `The certificate of this directory is not trusted. ${certificate.why ?? ''} Its SHA-256 fingerprint is ${certificate.fingerprint}.`,
    })
    this.certificate = certificate
  }
}

export const connectMs = 10_000
export const answerMs = 30_000

export type Client = ReturnType<typeof ldapjs.createClient>

/** Connects and signs in, does something, and lets go. Throws Invalid with what to mend. */
export async function connected<T>(
  given: DirectoryGiven,
  most: number,
  run: (client: Client) => Promise<T>,
): Promise<T> {
  const at = addressOf(given)
  if (given.bindDn.trim() !== '' && given.password === '')
    throw new Invalid({
      password: 'The password of the bind DN is needed. Leave both empty to read without signing in.',
    })
  let deadline: NodeJS.Timeout | undefined
  let client: Client | undefined
  try {
    const tls = given.security === 'plain' ? undefined : await trusted(given, at)
    const scheme = given.security === 'ldaps' ? 'ldaps' : 'ldap'
    const host = at.host.includes(':') ? `[${at.host}]` : at.host
    const { createClient } = (await import('ldapjs')).default
    client = createClient({
      url: `${scheme}://${host}:${at.port}`,
      connectTimeout: connectMs,
      timeout: answerMs,
      reconnect: false,
      ...(given.security === 'ldaps' && tls && { tlsOptions: tls }),
    })
    const open = client
    const late = new Promise<never>((_, reject) => {
      deadline = setTimeout(() => reject(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })), most).unref()
    })
    // What the connection says after it was given up is nobody's business any more.
    const broken = new Promise<never>((_, reject) => {
      for (const event of ['error', 'connectError', 'setupError', 'connectTimeout'])
        open.on(event, (error: unknown) => reject(error ?? Object.assign(new Error(event), { code: 'ETIMEDOUT' })))
      open.on('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
    })
    const work = async () => {
      await new Promise<void>((resolve) => open.once('connect', () => resolve()))
      if (given.security === 'starttls' && tls) await called((done) => open.starttls(tls, [], done))
      await called((done) => open.bind(given.bindDn.trim(), given.password, done))
      return run(open)
    }
    const doing = work()
    doing.catch(() => {})
    broken.catch(() => {})
    return await Promise.race([doing, broken, late])
  } catch (error) {
    if (error instanceof Invalid) throw error
    throw new Invalid(explained(error, given, at))
  } finally {
    clearTimeout(deadline)
    client?.destroy()
  }
}

const called = (call: (done: (error?: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())))

function addressOf({ url, security }: DirectoryGiven): Address {
  const [, scheme = '', bracketed, plain, port] =
    /^(?:(ldaps?):\/\/)?(?:\[([0-9a-f:]+)\]|([^\s:/[\]]+))(?::(\d{1,5}))?\/?$/i.exec(url.trim()) ?? []
  const host = bracketed ?? plain
  if (!host)
    throw new Invalid({ url: 'Address must be the name of a host, as in ldap.example.com or ldaps://10.0.0.5:636.' })
  if (scheme.toLowerCase() === 'ldaps' && security !== 'ldaps')
    throw new Invalid({ security: 'The address says ldaps://. Choose LDAPS, or write ldap://.' })
  const number = Number(port ?? (security === 'ldaps' ? 636 : 389))
  if (number < 1 || number > 65_535) throw new Invalid({ url: 'The port must be from 1 to 65535.' })
  return { host, port: number }
}

/** What TLS is told, once the certificate is one that may be trusted. */
async function trusted(given: DirectoryGiven, at: Address): Promise<ConnectionOptions> {
  if (given.ca && !/-----BEGIN CERTIFICATE-----/.test(given.ca))
    throw new Invalid({
      ca: 'The authority’s certificate must be PEM text that begins with -----BEGIN CERTIFICATE-----.',
    })
  const certificate = await fetchCertificate(at, given.security === 'starttls', given.ca)
  if (certificate.why === undefined) return { ...tlsFor(at), ...(given.ca && { ca: [given.ca] }) }
  if (given.fingerprint !== certificate.fingerprint) throw new Untrusted(certificate)
  // Exactly this certificate, whoever signed it and whatever name it has.
  const only = { ca: [certificate.pem], allowPartialTrustChain: true, checkServerIdentity: () => undefined }
  return { ...tlsFor(at), ...only }
}

/** What the connection or the directory said, in words, under the field it is about. */
function explained(error: unknown, { security, base, bindDn }: DirectoryGiven, { host, port }: Address): Problems {
  const { code, name } = error as { code?: unknown; name?: string }
  const where = `${host}, port ${port},`
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return { url: `There is no host named ${host}, or the name service cannot say where it is.` }
    case 'ECONNREFUSED':
      return { url: `${where} refuses the connection. Does the directory run there, and is the port right?` }
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return { url: `There is no way to ${host} from this node.` }
    case 'ETIMEDOUT':
      return { url: `${where} does not answer in time. A firewall may stand between.` }
    case 'NO_STARTTLS':
      return { security: `${where} does not offer StartTLS. Choose LDAPS, or plain on a network you trust.` }
    case 'CERT_HAS_EXPIRED':
      return { url: `The certificate of ${host} has expired.` }
    case 'TLS':
    case 'ECONNRESET':
    case 'EPROTO':
      return security === 'ldaps'
        ? { security: `${where} does not speak TLS. LDAPS is usually on port 636; on port 389 choose StartTLS.` }
        : { url: `${where} ended the connection. Is it an LDAP server, and does it want TLS?` }
  }
  switch (name) {
    case 'InvalidCredentialsError':
      return { password: 'The directory does not accept this bind DN with this password.' }
    case 'InvalidDnSyntaxError':
      return { bindDn: 'The bind DN is no DN, as in cn=admin,dc=example,dc=com.' }
    case 'NoSuchObjectError':
      return bindDn && !base
        ? { bindDn: 'The bind DN is not known there.' }
        : { base: `There is no entry “${base}” in this directory, or the bind DN may not see it.` }
    case 'ConfidentialityRequiredError':
      return { security: 'The directory wants TLS. Choose LDAPS or StartTLS.' }
    case 'InappropriateAuthenticationError':
    case 'StrongAuthRequiredError':
    case 'InsufficientAccessRightsError':
    case 'UnwillingToPerformError':
    case 'OperationsError':
      return {
        bindDn: `The directory does not allow this: ${messageOf(error) || name}. Sign in with a bind DN that may read it.`,
      }
    case 'SizeLimitExceededError':
    case 'AdminLimitExceededError':
      return {
        base: 'The directory ends its answer early, at its size limit. Use a bind DN that may read more, or a smaller base.',
      }
    case 'TimeLimitExceededError':
    case 'TimeoutError':
      return { url: 'The directory took too long to answer.' }
  }
  if (/^Parser error/.test(messageOf(error)))
    return { url: `${where} does not answer as an LDAP server does. Is the port right?` }
  return { url: `The directory said: ${messageOf(error) || name || 'nothing'}` }
}
