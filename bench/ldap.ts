import { connect } from 'node:net'

/** A small LDAP client for the benchmark: one request at a time, encoded beforehand, with as little of its own as can be. */
export type Ldap = {
  send: (request: Buffer) => Promise<Answer>
  close: () => void
}

/** `entries` of a search, attribute names in lower case. */
export type Answer = { code: number; entries: Entry[] }
export type Entry = Map<string, string[]>

const tag = { bind: 0x60, search: 0x63, modify: 0x66, entry: 0x64, reference: 0x73 } as const

/** Requests of one connection come one after the other, so that all of them may have the same number. */
const messageId = integer(1)

export const bindRequest = (dn: string, password: string): Buffer =>
  request(tlv(tag.bind, integer(3), octets(dn), tlv(0x80, password)))

/** Filters of RFC 4511 section 4.5.1.7, those that are asked with here. */
const present = (attribute: string): Buffer => tlv(0x87, attribute)
export const equal = (attribute: string, value: string): Buffer => tlv(0xa3, octets(attribute), octets(value))
export const contains = (attribute: string, part: string): Buffer =>
  tlv(0xa4, octets(attribute), tlv(0x30, tlv(0x81, part)))
export const allOf = (...filters: Buffer[]): Buffer => tlv(0xa0, ...filters)
export const anyOf = (...filters: Buffer[]): Buffer => tlv(0xa1, ...filters)
export const anything = present('objectClass')

/** Without `attributes` all of them are sent that clients see by default; `limit`: as many entries at most. */
export function searchRequest(
  base: string,
  scope: 'base' | 'sub',
  filter: Buffer,
  attributes: string[] = [],
  limit = 0,
): Buffer {
  const number = { base: 0, sub: 2 }[scope]
  const limits = [tlv(0x0a, Buffer.of(0)), integer(limit), integer(0), tlv(0x01, Buffer.of(0))]
  const wanted = tlv(0x30, ...attributes.map(octets))
  return request(tlv(tag.search, octets(base), tlv(0x0a, Buffer.of(number)), ...limits, filter, wanted))
}

export const replaceRequest = (dn: string, attribute: string, value: string): Buffer =>
  request(
    tlv(
      tag.modify,
      octets(dn),
      tlv(0x30, tlv(0x30, tlv(0x0a, Buffer.of(2)), tlv(0x30, octets(attribute), tlv(0x31, octets(value))))),
    ),
  )

export function openLdap(port: number): Promise<Ldap> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    let rest: Buffer = Buffer.alloc(0)
    let entries: Entry[] = []
    let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined

    const fail = (error: Error) => {
      reject(error)
      waiting?.reject(error)
      waiting = undefined
    }
    socket.on('error', fail)
    socket.on('close', () => fail(new Error(`The server on port ${port} closed the connection.`)))
    socket.on('data', (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      for (;;) {
        const message = elementAt(rest, 0)
        if (!message || message.end > rest.length) return
        take(rest, message)
        rest = rest.subarray(message.end)
      }
    })

    function take(bytes: Buffer, message: Element): void {
      const operation = elementAt(bytes, elementAt(bytes, message.start)!.end)!
      if (operation.tag === tag.entry) {
        entries.push(entryIn(bytes, operation))
      } else if (operation.tag !== tag.reference) {
        const answer = { code: bytes[elementAt(bytes, operation.start)!.start]!, entries }
        entries = []
        const asker = waiting
        waiting = undefined
        asker?.resolve(answer)
      }
    }

    socket.once('connect', () =>
      resolve({
        send: (request) =>
          new Promise((resolve, reject) => {
            waiting = { resolve, reject }
            socket.write(request)
          }),
        close: () => socket.destroy(),
      }),
    )
  })
}

/** A connection that is bound; undefined when the server refuses for now, or does not listen yet. */
export async function openBound(port: number, dn: string, password: string): Promise<Ldap | undefined> {
  let ldap: Ldap | undefined
  try {
    ldap = await openLdap(port)
    if ((await ldap.send(bindRequest(dn, password))).code === 0) return ldap
  } catch {}
  ldap?.close()
  return undefined
}

type Element = { tag: number; start: number; end: number }

/** The element that begins at `at`; undefined while its header is not all there. */
function elementAt(bytes: Buffer, at: number): Element | undefined {
  if (bytes.length < at + 2) return undefined
  const first = bytes[at + 1]!
  if (first < 0x80) return { tag: bytes[at]!, start: at + 2, end: at + 2 + first }
  const size = first & 0x7f
  if (bytes.length < at + 2 + size) return undefined
  const start = at + 2 + size
  return { tag: bytes[at]!, start, end: start + bytes.readUIntBE(at + 2, size) }
}

function* elementsIn(bytes: Buffer, { start, end }: Element): Generator<Element> {
  for (let at = start; at < end; ) {
    const element = elementAt(bytes, at)!
    yield element
    at = element.end
  }
}

const textOf = (bytes: Buffer, { start, end }: Element): string => bytes.toString('utf8', start, end)

function entryIn(bytes: Buffer, operation: Element): Entry {
  const entry: Entry = new Map()
  const [, list] = elementsIn(bytes, operation)
  for (const attribute of elementsIn(bytes, list!)) {
    const [name, values] = elementsIn(bytes, attribute)
    entry.set(
      textOf(bytes, name!).toLowerCase(),
      Array.from(elementsIn(bytes, values!), (value) => textOf(bytes, value)),
    )
  }
  return entry
}

const request = (operation: Buffer): Buffer => tlv(0x30, messageId, operation)
const octets = (text: string): Buffer => tlv(0x04, text)

function integer(value: number): Buffer {
  return tlv(0x02, Buffer.of(value))
}

function tlv(tag: number, ...parts: (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part as Buffer)))
  const { length } = content
  const header = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(header), content])
}
