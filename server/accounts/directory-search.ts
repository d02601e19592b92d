import type ldapjs from 'ldapjs'
import { answerMs, type Client } from './directory-connection.ts'
import type { Entry } from './entries.ts'
import { textOf } from './ldif.ts'

type Root = { kind: string; bases: string[]; pages: boolean }

/** RFC 4512 section 5.1: what the server says of itself. */
export async function rootOf(client: Client): Promise<Root> {
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

const pageSize = 500
/** Not among `*` everywhere. */
const attributes = ['*', 'nsAccountLock', 'pwdAccountLockedTime', 'userPassword']

/** Entries below a base, at most so many, in pages where the server has them (RFC 2696). */
export async function* search(
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
    clearTimeout(patience)
    end ??= { error }
    wake()
  }
  // ldapjs waits for a first answer only; a directory may fall silent after it.
  const late = () => finish(Object.assign(new Error('silence'), { name: 'TimeoutError' }))
  const patience = setTimeout(late, answerMs)
  client.search(base, options, (error, found) => {
    if (error) return finish(error)
    found.on('searchEntry', (entry) => {
      patience.refresh()
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
  const stop = async () => {
    finish()
    return { value: undefined, done: true as const }
  }
  return { [Symbol.asyncIterator]: () => ({ next, return: stop }) }
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
