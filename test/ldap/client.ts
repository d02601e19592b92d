import { connect, type Socket } from 'node:net'
import {
  atEnd,
  booleanTlv,
  integerTlv,
  peekTag,
  readBoolean,
  readConstructed,
  readerOf,
  readInteger,
  readOctets,
  readText,
  tlv,
} from '../../server/ldap/wire/ber.ts'
import { createFramer } from '../../server/ldap/wire/framer.ts'

// An LDAP client as small as the protocol allows, so that tests can also send what no library would.

export type FoundEntry = { dn: string; attributes: Record<string, string[]> }
export type Answer = { code: number; matchedDn: string; message: string; entries: FoundEntry[]; response: Buffer }

export type Client = {
  socket: Socket
  send: (bytes: Uint8Array) => void
  /** Sends an operation with a message id of its own and waits for its final response. */
  request: (operation: Buffer, controls?: Buffer) => Promise<Answer>
  bind: (dn: string, password: string) => Promise<number>
  search: (given: SearchGiven) => Promise<Answer>
  compare: (dn: string, attribute: string, value: string) => Promise<number>
  whoAmI: () => Promise<string>
  /** Settles when the server has closed; what it said with message id 0. */
  closed: Promise<string | undefined>
  end: () => void
}

export type SearchGiven = {
  base: string
  scope?: 'base' | 'one' | 'sub' | 'children'
  filter?: string
  attributes?: string[]
  sizeLimit?: number
  timeLimit?: number
  typesOnly?: boolean
  controls?: Buffer
}

export const bindRequest = (dn: string, password: string, version = 3): Buffer =>
  tlv(0x60, integerTlv(version), tlv(0x04, dn), tlv(0x80, password))

export const searchRequest = (given: SearchGiven): Buffer =>
  tlv(
    0x63,
    tlv(0x04, given.base),
    integerTlv(['base', 'one', 'sub', 'children'].indexOf(given.scope ?? 'sub'), 0x0a),
    integerTlv(0, 0x0a),
    integerTlv(given.sizeLimit ?? 0),
    integerTlv(given.timeLimit ?? 0),
    booleanTlv(given.typesOnly ?? false),
    encodeFilter(given.filter ?? '(objectClass=*)'),
    tlv(0x30, ...(given.attributes ?? []).map((name) => tlv(0x04, name))),
  )

export const message = (id: number, operation: Uint8Array, controls?: Uint8Array): Buffer =>
  tlv(0x30, integerTlv(id), operation, ...(controls ? [controls] : []))

/** Controls of a request: [oid, isCritical, value]. */
export const controls = (...list: [string, boolean, Buffer?][]): Buffer =>
  tlv(
    0xa0,
    ...list.map(([oid, isCritical, value]) =>
      tlv(0x30, tlv(0x04, oid), booleanTlv(isCritical), ...(value ? [tlv(0x04, value)] : [])),
    ),
  )

/** RFC 4515. */
export function encodeFilter(text: string): Buffer {
  let at = 0
  const bytesOf = (value: string): Buffer =>
    Buffer.concat(
      value
        .split(/(\\[0-9a-f]{2})/i)
        .map((piece) => (/^\\[0-9a-f]{2}$/i.test(piece) ? Buffer.from(piece.slice(1), 'hex') : Buffer.from(piece))),
    )
  function list(): Buffer[] {
    const filters: Buffer[] = []
    while (text[at] === '(') filters.push(one())
    return filters
  }
  function one(): Buffer {
    at++
    const kind = text[at]
    let filter: Buffer
    if (kind === '&' || kind === '|' || kind === '!') {
      at++
      filter = tlv(kind === '&' ? 0xa0 : kind === '|' ? 0xa1 : 0xa2, ...list())
    } else {
      const end = text.indexOf(')', at)
      filter = item(text.slice(at, end))
      at = end
    }
    at++
    return filter
  }
  function item(given: string): Buffer {
    const [, attribute = '', operator = '', value = ''] = /^([^=~<>]*)([~<>]?=)(.*)$/s.exec(given) ?? []
    if (attribute.endsWith(':')) return extensible(attribute.slice(0, -1), bytesOf(value))
    if (operator === '=' && value === '*') return tlv(0x87, attribute)
    if (operator === '=' && value.includes('*')) {
      const pieces = value.split('*')
      const encoded = pieces.flatMap((piece, i) =>
        piece === '' ? [] : [tlv(i === 0 ? 0x80 : i === pieces.length - 1 ? 0x82 : 0x81, bytesOf(piece))],
      )
      return tlv(0xa4, tlv(0x04, attribute), tlv(0x30, ...encoded))
    }
    const kind = { '=': 0xa3, '>=': 0xa5, '<=': 0xa6, '~=': 0xa8 }[operator] ?? 0xa3
    return tlv(kind, tlv(0x04, attribute), tlv(0x04, bytesOf(value)))
  }
  return one()
}

/** `attribute:dn:rule`, of which each may be missing. */
function extensible(given: string, value: Buffer): Buffer {
  const [attribute = '', ...rest] = given.split(':')
  const withDn = /^dn$/i.test(rest[0] ?? '')
  const rule = rest[withDn ? 1 : 0]
  return tlv(
    0xa9,
    ...(rule ? [tlv(0x81, rule)] : []),
    ...(attribute ? [tlv(0x82, attribute)] : []),
    tlv(0x83, value),
    ...(withDn ? [booleanTlv(true, 0x84)] : []),
  )
}

/** Controls of an answer: value by OID. */
export function controlsOf({ response }: Pick<Answer, 'response'>): Map<string, Buffer> {
  const reader = readConstructed(readerOf(response), 0x30)
  readInteger(reader)
  readConstructed(reader, response[reader.at]!)
  const found = new Map<string, Buffer>()
  if (atEnd(reader)) return found
  const list = readConstructed(reader, 0xa0)
  while (!atEnd(list)) {
    const control = readConstructed(list, 0x30)
    const oid = readText(control)
    if (peekTag(control) === 0x01) readBoolean(control)
    found.set(oid, atEnd(control) ? Buffer.alloc(0) : readOctets(control))
  }
  return found
}

export function connectTo(port: number, socket: Socket = connect(port, '127.0.0.1')): Client {
  // Above what tests number by hand.
  let nextId = 10_000
  let notice: string | undefined
  const waiting = new Map<number, { entries: FoundEntry[]; settle: (answer: Answer) => void }>()

  function onMessage(bytes: Buffer): void {
    const reader = readConstructed(readerOf(bytes), 0x30)
    const id = readInteger(reader)
    const tag = bytes[reader.at]!
    const body = readConstructed(reader, tag)
    // An intermediate response: more is to come.
    if (tag === 0x79) return
    const request = waiting.get(id)
    if (tag === 0x64) {
      request?.entries.push(readEntry(body))
      return
    }
    // An intermediate response.
    if (tag === 0x79) return
    const code = readInteger(body, 0x0a)
    const matchedDn = readText(body)
    const text = readText(body)
    if (id === 0) notice = `${code} ${text}`
    waiting.delete(id)
    request?.settle({ code, matchedDn, message: text, entries: request.entries, response: Buffer.from(bytes) })
  }

  const framer = createFramer(() => 256 * 1024 * 1024, onMessage)
  socket.on('data', (chunk: Buffer) => framer.push(chunk))
  socket.on('error', () => {})
  const closed = new Promise<string | undefined>((resolve) => {
    socket.once('close', () => {
      for (const { settle, entries } of waiting.values()) {
        settle({ code: -1, matchedDn: '', message: 'closed', entries, response: Buffer.alloc(0) })
      }
      resolve(notice)
    })
  })

  function request(operation: Buffer, withControls?: Buffer): Promise<Answer> {
    const id = nextId++
    return new Promise((resolve) => {
      waiting.set(id, { entries: [], settle: resolve })
      socket.write(message(id, operation, withControls))
    })
  }

  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    request,
    bind: async (dn, password) => (await request(bindRequest(dn, password))).code,
    search: (given) => request(searchRequest(given), given.controls),
    compare: async (dn, attribute, value) =>
      (await request(tlv(0x6e, tlv(0x04, dn), tlv(0x30, tlv(0x04, attribute), tlv(0x04, value))))).code,
    async whoAmI() {
      const { response } = await request(tlv(0x77, tlv(0x80, '1.3.6.1.4.1.4203.1.11.3')))
      const at = response.indexOf(Buffer.of(0x8b))
      return at < 0 ? '' : readText(readerOf(response, at), 0x8b)
    },
    closed,
    end: () => socket.destroy(),
  }
}

export function readEntry(body: ReturnType<typeof readerOf>): FoundEntry {
  const dn = readText(body)
  const attributes: Record<string, string[]> = {}
  const list = readConstructed(body, 0x30)
  while (!atEnd(list)) {
    const attribute = readConstructed(list, 0x30)
    const name = readText(attribute)
    const values = readConstructed(attribute, 0x31)
    if (attributes[name]) throw new Error(`${name} twice in ${dn}`)
    attributes[name] = []
    while (!atEnd(values)) attributes[name].push(readOctets(values).toString('utf8'))
  }
  return { dn, attributes }
}

export const names = (answer: Answer): string[] => answer.entries.map((entry) => entry.dn).sort()
