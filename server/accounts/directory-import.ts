import type { ConnectionOptions } from 'node:tls'
import ldapjs from 'ldapjs'
import { Invalid, messageOf, type Problems } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { maxRows } from './csv-file.ts'
import { type Address, type Certificate, fetchCertificate, tlsFor } from './directory-certificate.ts'
import { type Entry, tableOfEntries } from './entries.ts'
import { textOf } from './ldif.ts'
import type { Table } from './table.ts'

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

export type DirectoryLook = {
  kind: string
  base: string
  /** The first people, as they stand there. */
  people: { dn: string; username: string; name: string; mail: string; hasHash: boolean }[]
  /** The first of many: more are there. */
  more: boolean
  groups: number
  moreGroups: boolean
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

const connectMs = 10_000
const answerMs = 30_000
const readMs = 15 * 60_000
const pageSize = 500
const shown = 20

const people =
  '(|(objectClass=person)(objectClass=inetOrgPerson)(objectClass=posixAccount)(objectClass=sambaSamAccount)(objectClass=account))'
const groups =
  '(|(objectClass=posixGroup)(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=groupOfMembers)(objectClass=group))'
/** Not among `*` everywhere. */
const attributes = ['*', 'nsAccountLock', 'pwdAccountLockedTime', 'userPassword']

/** Connects, signs in, and looks what is there: a few people, how many groups. Throws Invalid with what to mend. */
export const lookAtDirectory = (given: DirectoryGiven): Promise<DirectoryLook> =>
  connected(given, connectMs + 2 * answerMs, async (client) => {
    const root = await rootOf(client)
    const base = given.base.trim() || root.bases[0] || ''
    if (base === '')
      throw new Invalid({ base: 'The directory does not say what it holds. Type its base, as in dc=example,dc=com.' })
    const some: Entry[] = []
    for await (const entry of search(client, base, people, root.pages, shown + 1)) some.push(entry)
    let found = 0
    for await (const _ of search(client, base, groups, root.pages, 2001, ['cn'])) found++
    const isClearOs = some.some((entry) =>
      entry.attributes.get('objectclass')?.some((name) => /^clearaccount$/i.test(name)),
    )
    return {
      kind: isClearOs ? 'ClearOS' : root.kind,
      base,
      people: some.slice(0, shown).map(personShown),
      more: some.length > shown,
      groups: Math.min(found, 2000),
      moreGroups: found > 2000,
    }
  })

function personShown({ dn, attributes: has }: Entry): DirectoryLook['people'][number] {
  const one = (name: string) => has.get(name)?.[0] ?? ''
  return {
    dn,
    username: one('uid') || one('samaccountname'),
    name: one('cn') || `${one('givenname')} ${one('sn')}`.trim(),
    mail: one('mail'),
    hasHash: has.has('userpassword') || has.has('sambantpassword'),
  }
}

/** Everyone and every group of a directory, as a table to import. `told` hears how many entries have come. */
export async function readDirectory(
  db: Db,
  given: DirectoryGiven,
  told: (entries: number) => void = () => {},
  signal?: AbortSignal,
): Promise<Table> {
  const found = await connected(given, readMs, async (client) => {
    const root = await rootOf(client)
    const base = given.base.trim() || root.bases[0] || ''
    const entries: Entry[] = []
    for await (const entry of search(client, base, `(|${people}${groups})`, root.pages, maxRows * 2)) {
      signal?.throwIfAborted()
      entries.push({ ...entry, line: entries.length + 1 })
      if (entries.length % 100 === 0) told(entries.length)
    }
    told(entries.length)
    return entries
  })
  const hashes = found.some(({ attributes: has }) => has.has('userpassword') || has.has('sambantpassword'))
  return tableOfEntries(
    db,
    found,
    'entry',
    hashes ? [] : ['No password hash can be read there: people need a new password, or a bind DN that may read them.'],
  )
}

type Client = ReturnType<typeof ldapjs.createClient>

async function connected<T>(given: DirectoryGiven, most: number, run: (client: Client) => Promise<T>): Promise<T> {
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
    client = ldapjs.createClient({
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
  return { url: `The directory said: ${messageOf(error) || name || 'nothing'}` }
}

type Root = { kind: string; bases: string[]; pages: boolean }

/** RFC 4512 section 5.1: what the server says of itself. */
async function rootOf(client: Client): Promise<Root> {
  const [root] = await collected(
    searched(client, '', { scope: 'base', filter: '(objectClass=*)', attributes: ['*', '+'] }),
  )
  const all = (name: string) => root?.attributes.get(name) ?? []
  const vendor = [...all('vendorname'), ...all('vendorversion'), ...all('objectclass')].join(' ')
  const kind = kinds.find(([pattern]) => pattern.test(vendor))?.[1]
  const isAd = all('rootdomainnamingcontext').length > 0
  const bases = isAd
    ? all('rootdomainnamingcontext')
    : all('namingcontexts').filter((one) => !/^(cn=|o=netscaperoot)/i.test(one))
  return {
    kind: isAd ? 'Active Directory' : (kind ?? 'LDAP server'),
    bases: bases.length > 0 ? bases : all('namingcontexts'),
    pages: all('supportedcontrol').includes('1.2.840.113556.1.4.319'),
  }
}

const kinds: readonly [RegExp, string][] = [
  [/lldap/i, 'lldap'],
  [/389|fedora|red ?hat/i, '389 Directory Server'],
  [/account synchronization/i, 'Account Synchronization'],
  [/openldap/i, 'OpenLDAP'],
]

async function collected(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const found: Entry[] = []
  for await (const entry of entries) found.push(entry)
  return found
}

/** Entries below a base, at most so many, in pages where the server has them (RFC 2696). */
async function* search(
  client: Client,
  base: string,
  filter: string,
  pages: boolean,
  most: number,
  asked = attributes,
): AsyncGenerator<Entry> {
  let count = 0
  const options = {
    scope: 'sub' as const,
    filter,
    attributes: asked,
    ...(pages && { paged: { pageSize: Math.min(pageSize, most) } }),
  }
  for await (const entry of searched(client, base, options)) {
    yield entry
    if (++count >= most) return
  }
}

type Waiting = { resolve: (result: IteratorResult<Entry>) => void; reject: (error: unknown) => void }

/** ldapjs's events as a sequence; ended early, the rest is let go with the connection. */
function searched(client: Client, base: string, options: ldapjs.SearchOptions): AsyncIterable<Entry> {
  const ready: Entry[] = []
  let waiting: Waiting | undefined
  let end: { error?: unknown } | undefined
  const wake = () => {
    if (!waiting) return
    const { resolve, reject } = waiting
    const entry = ready.shift()
    if (entry) resolve({ value: entry, done: false })
    else if (end?.error) reject(end.error)
    else if (end) resolve({ value: undefined, done: true })
    else return
    waiting = undefined
  }
  const finish = (error?: unknown) => {
    end ??= { error }
    wake()
  }
  client.search(base, options, (error, found) => {
    if (error) return finish(error)
    found.on('searchEntry', (entry) => {
      ready.push(entryOf(entry))
      wake()
    })
    found.on('error', finish)
    found.on('end', () => finish())
  })
  const next = () =>
    new Promise<IteratorResult<Entry>>((resolve, reject) => {
      waiting = { resolve, reject }
      wake()
    })
  return { [Symbol.asyncIterator]: () => ({ next }) }
}

/** Values are read as bytes: ldapjs makes text of them that may not be. */
function entryOf(entry: ldapjs.SearchEntry): Entry {
  const found: Entry = { line: 0, dn: String(entry.objectName), attributes: new Map() }
  for (const { type, buffers } of entry.attributes as unknown as { type: string; buffers: Buffer[] }[]) {
    const values = buffers.flatMap((bytes) => textOf(bytes) ?? [])
    const name = (type.split(';')[0] ?? '').toLowerCase()
    if (values.length > 0) found.attributes.set(name, [...(found.attributes.get(name) ?? []), ...values])
  }
  return found
}
