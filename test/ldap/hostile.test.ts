import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { bindRequest, connectTo, controls, message, searchRequest } from './client.ts'
import {
  aDirectory,
  aUser,
  base,
  change,
  organisation,
  reader,
  type Started,
  startServer,
  users,
  uuid,
  verify,
} from './sample.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const anonymousBind = bindRequest('', '')

function nested(levels: number): Buffer {
  // Built by hand: a recursive encoder would be the first to fall.
  const lengths: number[] = []
  let length = 6
  for (let i = 0; i < levels; i++) {
    lengths.push(length)
    length += length < 128 ? 2 : length < 256 ? 3 : length < 65_536 ? 4 : 5
  }
  const headers = lengths.reverse().map((each) => {
    const bytes =
      each < 128
        ? [each]
        : each < 256
          ? [0x81, each]
          : each < 65_536
            ? [0x82, each >> 8, each & 255]
            : [0x83, each >> 16, (each >> 8) & 255, each & 255]
    return Buffer.of(0xa2, ...bytes)
  })
  return Buffer.concat([...headers, hex('87 04 75 69 64 78')])
}

const searchWith = (filter: Buffer): Buffer =>
  tlv(0x63, tlv(0x04, base), hex('0a 01 02 0a 01 00 02 01 00 02 01 00 01 01 00'), filter, tlv(0x30))

/** Bytes that nobody should send, and whether the connection is closed for it (with the code of the notice). */
const attacks: [string, Buffer, 'closed' | 'open'][] = [
  ['telnet ^C', hex('ff f4 ff fd 06'), 'closed'],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'closed'],
  ['a TLS hello', hex('16 03 01 02 00 01 00 01 fc 03 03'), 'closed'],
  ['an empty message', hex('30 00'), 'closed'],
  ['a length of 2^32-1', hex('30 84 ff ff ff ff 02 01 01 42 00 02 01 01 42'), 'closed'],
  ['a length of 2 GB', hex('30 84 7f ff ff ff'), 'closed'],
  ['a length of five octets', hex('30 85 00 00 00 00 05 02 01 01 42 00'), 'closed'],
  ['an indefinite length', hex('30 80 02 01 01 42 00 00 00'), 'closed'],
  ['a message just over the anonymous limit', hex('30 83 04 00 00'), 'closed'],
  ['a control of one byte', tlv(0x30, integerTlv(1), anonymousBind, hex('a0 01 30')), 'closed'],
  ['a control that ends early', tlv(0x30, integerTlv(1), anonymousBind, hex('a0 02 30 05')), 'closed'],
  ['an empty control', tlv(0x30, integerTlv(1), anonymousBind, hex('a0 02 30 00')), 'closed'],
  ['a requested attribute longer than its message', message(1, searchWithAttributes(hex('04 7f'))), 'closed'],
  ['a substring piece longer than its message', message(1, searchWith(hex('a4 08 04 02 63 6e 30 02 81 7f'))), 'closed'],
  [
    'an add with a value longer than its message',
    message(1, tlv(0x68, tlv(0x04, 'cn=x'), hex('30 08 30 06 04 01 61 31 02 04 7f'))),
    'closed',
  ],
  ['a message id below zero', tlv(0x30, integerTlv(-1), anonymousBind), 'closed'],
  ['message id 0', tlv(0x30, integerTlv(0), anonymousBind), 'closed'],
  ['a message id of five octets', tlv(0x30, hex('02 05 01 00 00 00 00'), anonymousBind), 'closed'],
  ['an operation nobody knows', message(1, hex('50 00 ').fill(0x7e, 0, 1)), 'closed'],
  ['something after the message', tlv(0x30, integerTlv(1), anonymousBind, hex('a0 00'), hex('04 00')), 'closed'],
  ['a NOT nested 20,000 deep', message(1, searchWith(nested(20_000))), 'closed'],
  ['a NOT nested 2,000 deep', message(1, searchWith(nested(2000))), 'closed'],
  ['a NOT nested 25 deep', message(1, searchWith(nested(25))), 'open'],
  ['a filter of an unknown kind', message(1, searchWith(hex('ab 02 04 00'))), 'open'],
  ['an empty substring filter', message(1, searchWith(hex('a4 06 04 02 63 6e 30 00'))), 'open'],
  ['an empty NOT', message(1, searchWith(hex('a2 00'))), 'open'],
  ['a search that ends after its base', message(1, tlv(0x63, tlv(0x04, base))), 'open'],
  ['a scope that does not exist', message(1, tlv(0x63, tlv(0x04, base), hex('0a 01 09'))), 'open'],
  ['a bind that is empty', message(1, tlv(0x60)), 'open'],
  ['a name that is not UTF-8', message(1, tlv(0x60, integerTlv(3), tlv(0x04, hex('c3 28')), tlv(0x80, 'x'))), 'open'],
  ['a DN that makes other parsers loop', message(1, bindRequest('cn=#0403666f6f x', 'x')), 'open'],
  [
    'a password policy control without value',
    message(1, anonymousBind, controls(['1.3.6.1.4.1.42.2.27.8.5.1', false])),
    'open',
  ],
  ['an abandon of nothing', message(1, hex('50 01 63')), 'open'],
  ['an abandon that is empty', message(1, hex('50 00')), 'closed'],
  ['an abandon of many bytes', message(1, tlv(0x50, Buffer.alloc(300))), 'closed'],
]

function searchWithAttributes(list: Buffer): Buffer {
  return tlv(
    0x63,
    tlv(0x04, base),
    hex('0a 01 02 0a 01 00 02 01 00 02 01 00 01 01 00'),
    hex('87 02 63 6e'),
    tlv(0x30, list),
  )
}

describe('hostile input', () => {
  let server: Started
  const faults: unknown[] = []
  before(async () => {
    const log = pino({ level: 'error' }, { write: (line: string) => void faults.push(line) })
    server = await startServer({ log })
  })
  after(() => server.close())

  for (const [what, bytes, expected] of attacks) {
    it(`${what}: ${expected === 'closed' ? 'the connection is closed' : 'an answer'}, and others are served`, async () => {
      const attacker = connectTo(server.port)
      attacker.send(bytes)
      if (expected === 'closed') {
        const notice = await attacker.closed
        assert.match(notice ?? '', /^2 /)
      } else {
        const after = await attacker.search({ base: '', scope: 'base' })
        assert.equal(after.entries.length, 1)
      }
      const other = connectTo(server.port)
      assert.equal(await other.bind(reader, 'reader'), 0)
      attacker.end()
      other.end()
      assert.deepEqual(faults, [])
    })
  }

  it('an OR of 100,000 terms is closed for strangers and refused to those who are bound', async () => {
    const terms = Buffer.concat(
      Array.from({ length: 100_000 }, (_, i) => tlv(0xa3, tlv(0x04, 'uid'), tlv(0x04, `user${i}`))),
    )
    const request = searchWith(tlv(0xa1, terms))
    const stranger = connectTo(server.port)
    stranger.send(message(1, request))
    assert.match((await stranger.closed) ?? '', /^2 .*bytes/)
    const known = connectTo(server.port)
    await known.bind(reader, 'reader')
    assert.equal((await known.request(request)).code, 11)
    known.end()
  })

  it('a drip of 64 MB behind a huge length is cut at the header', async () => {
    const attacker = connectTo(server.port)
    attacker.send(hex('30 84 04 00 00 00'))
    const piece = Buffer.alloc(64 * 1024)
    const pump = setInterval(() => attacker.socket.writable && attacker.send(piece), 1)
    await attacker.closed
    clearInterval(pump)
    assert.equal(attacker.socket.bytesWritten < 8e6, true)
  })

  it('a message of 4 MB from somebody who is bound, byte by byte at first, is answered', async () => {
    const c = connectTo(server.port)
    await c.bind(reader, 'reader')
    const big = message(
      50,
      tlv(0x6e, tlv(0x04, `cn=${'a'.repeat(3_900_000)}`), tlv(0x30, tlv(0x04, 'cn'), tlv(0x04, 'x'))),
    )
    for (let i = 0; i < 200; i++) c.send(big.subarray(i, i + 1))
    for (let at = 200; at < big.length; at += 1400) c.send(big.subarray(at, at + 1400))
    assert.equal((await c.search({ base: '', scope: 'base' })).entries.length, 1)
    c.end()
  })

  it('10,000 small pipelined requests are all answered, and others are not kept waiting', async () => {
    const c = connectTo(server.port)
    const other = connectTo(server.port)
    await other.bind('', '')
    let answered = 0
    const done = new Promise<void>((resolve) => {
      c.socket.on('data', (chunk: Buffer) => {
        answered += chunk.length
        if (answered >= 10_000 * 14) resolve()
      })
    })
    c.send(Buffer.concat(Array.from({ length: 10_000 }, (_, i) => message((i % 100) + 1, anonymousBind))))
    await other.whoAmI()
    await done
    const abandons = Buffer.concat(Array.from({ length: 10_000 }, () => message(1, hex('50 01 05'))))
    c.send(abandons)
    assert.equal(await c.whoAmI(), '')
    c.end()
    other.end()
  })

  it('10,000 unbinds, or operations nobody knows, end the connection once', async () => {
    for (const operation of [tlv(0x42), tlv(0x77, tlv(0x80, '1.2.3')), hex('7e 00')]) {
      const c = connectTo(server.port)
      c.send(Buffer.concat(Array.from({ length: 10_000 }, (_, i) => message(i + 1, operation))))
      if (operation[0] === 0x77) assert.equal(await c.whoAmI(), '')
      else await c.closed
      c.end()
    }
    const other = connectTo(server.port)
    assert.equal(await other.bind(reader, 'reader'), 0)
    other.end()
    assert.deepEqual(faults, [])
  })

  it('10,000 requested attributes are answered', async () => {
    const c = connectTo(server.port)
    await c.bind(reader, 'reader')
    const attributes = Array.from({ length: 10_000 }, (_, i) => `attribute${i}`)
    assert.equal((await c.search({ base: users, attributes: [...attributes, 'uid'] })).entries.length, 6)
    c.end()
  })

  it('a client that does not read is not buffered for without bound', async () => {
    const many = Array.from({ length: 2000 }, (_, i) =>
      change('user', uuid(5000 + i), aUser({ username: `m${i}`, uidNumber: 5000 + i, first: 'x'.repeat(120) })),
    )
    const own = await startServer({ directory: aDirectory([...organisation(), ...many]), limits: { stalledMs: 400 } })
    const c = connectTo(own.port)
    await c.bind(reader, 'reader')
    c.socket.pause()
    const before = process.memoryUsage().rss
    for (let i = 0; i < 2000; i++) c.send(message(100 + i, searchRequest({ base })))
    await sleep(200)
    assert.equal(process.memoryUsage().rss - before < 120e6, true)
    const other = connectTo(own.port)
    assert.equal(await other.bind(reader, 'reader'), 0)
    other.end()
    for (let i = 0; i < 40 && own.connections() > 0; i++) await sleep(50)
    assert.equal(own.connections(), 0, 'it is dropped when it takes nothing for too long')
    c.end()
    await own.close()
  })

  it('silence is closed: before the first message, in the middle of one, and after', async () => {
    const own = await startServer({ limits: { messageMs: 150, idleMs: { anonymous: 300, bound: 60_000 } } })
    const silent = connectTo(own.port)
    const halfway = connectTo(own.port)
    const drip = connectTo(own.port)
    const quiet = connectTo(own.port)
    const bound = connectTo(own.port)
    await quiet.bind('', '')
    await bound.bind(reader, 'reader')
    halfway.send(hex('30 0c 02'))
    const dripping = setInterval(
      () => drip.socket.writable && drip.send(Buffer.of(drip.socket.bytesWritten ? 0x20 : 0x30)),
      40,
    )
    assert.match((await silent.closed) ?? '', /^52 /)
    assert.match((await halfway.closed) ?? '', /^52 /)
    await drip.closed
    clearInterval(dripping)
    assert.match((await quiet.closed) ?? '', /^52 .*silence/)
    assert.equal(await bound.whoAmI(), `dn:${reader}`)
    bound.end()
    await own.close()
  })

  it('too many connections are told so', async () => {
    const own = await startServer({ limits: { maxConnections: 3 } })
    const held = [connectTo(own.port), connectTo(own.port), connectTo(own.port)]
    for (const each of held) assert.equal(await each.bind('', ''), 0)
    const extra = connectTo(own.port)
    assert.match((await extra.closed) ?? '', /^51 /)
    held[0]!.end()
    await sleep(50)
    const next = connectTo(own.port)
    assert.equal(await next.bind('', ''), 0)
    for (const each of [...held, next]) each.end()
    await own.close()
  })

  it('a fault of ours is answered with 80 and logged, and the connection lives', async () => {
    const lines: string[] = []
    const own = await startServer({
      log: pino({ level: 'error' }, { write: (line: string) => void lines.push(line) }),
      async verify(hash, password) {
        if (password === 'fault') throw new TypeError('x is not a function')
        return verify(hash, password)
      },
    })
    const c = connectTo(own.port)
    assert.equal(await c.bind(reader, 'fault'), 80)
    assert.equal(await c.bind(reader, 'reader'), 0)
    assert.equal(lines.length, 1)
    assert.match(lines[0]!, /LDAP bind failed/)
    assert.equal(lines[0]!.includes('fault"'), false)
    c.end()
    await own.close()
  })

  it('clients that vanish in the middle of things do no harm', async () => {
    for (let i = 0; i < 50; i++) {
      const c = connectTo(server.port)
      c.send(message(1, bindRequest(reader, 'reader')))
      c.send(message(2, searchRequest({ base })))
      if (i % 2) await sleep(1)
      if (i % 3) c.socket.resetAndDestroy()
      else c.end()
    }
    const c = connectTo(server.port)
    assert.equal(await c.bind(reader, 'reader'), 0)
    c.end()
    await sleep(50)
    assert.deepEqual(faults, [])
  })
})

describe('the server', () => {
  it('says good-bye when it stops, and may be stopped twice', async () => {
    const server = await startServer()
    const c = connectTo(server.port)
    await c.bind(reader, 'reader')
    await Promise.all([server.close(), server.close()])
    assert.match((await c.closed) ?? '', /^52 .*stopping/)
    assert.equal(server.connections(), 0)
  })

  it('refuses writes where nothing can be written with 53, and unknown extended operations with 2', async () => {
    const server = await startServer()
    const c = connectTo(server.port)
    await c.bind(reader, 'reader')
    const writes = [
      tlv(0x68, tlv(0x04, `uid=x,${users}`), tlv(0x30)),
      tlv(0x66, tlv(0x04, `uid=karl,${users}`), tlv(0x30)),
      tlv(0x4a, `uid=karl,${users}`),
      tlv(0x6c, tlv(0x04, `uid=karl,${users}`), tlv(0x04, 'uid=y'), hex('01 01 ff')),
    ]
    for (const write of writes) {
      const answer = await c.request(write)
      assert.equal(answer.code, 53)
      assert.match(answer.message, /Nothing can be changed here/)
    }
    assert.equal((await c.request(tlv(0x77, tlv(0x80, '1.2.3')))).code, 2)
    // There is no certificate to begin TLS with.
    assert.equal((await c.request(tlv(0x77, tlv(0x80, '1.3.6.1.4.1.1466.20037')))).code, 52)
    c.end()
    await server.close()
  })

  it('ends the connection on unbind, after what came before it', async () => {
    const server = await startServer()
    const c = connectTo(server.port)
    const found = c.bind(reader, 'reader')
    c.send(message(99, tlv(0x42)))
    assert.equal(await found, 0)
    assert.equal(await c.closed, undefined)
    await server.close()
  })
})
