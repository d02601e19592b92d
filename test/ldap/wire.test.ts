import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  checkNesting,
  integerTlv,
  Malformed,
  readConstructed,
  readerOf,
  readInteger,
  readOctets,
  readText,
  tag,
  tlv,
} from '../../server/ldap/wire/ber.ts'
import { FilterTooLarge, readFilter } from '../../server/ldap/wire/filter.ts'
import { createFramer } from '../../server/ldap/wire/framer.ts'
import { readMessage } from '../../server/ldap/wire/message.ts'
import { createOutput } from '../../server/ldap/wire/output.ts'
import { recalling } from '../../server/ldap/wire/recall.ts'
import { resultCode, writeResult } from '../../server/ldap/wire/result.ts'
import { encodeFilter, message, searchRequest } from './client.ts'

describe('BER', () => {
  it('integers are read as they were written', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (value) =>
        assert.equal(readInteger(readerOf(integerTlv(value))), value),
      ),
    )
  })

  it('octets of any length are read as they were written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70_000 }), (value) =>
        assert.deepEqual(readOctets(readerOf(tlv(0x04, value))), Buffer.from(value)),
      ),
      { numRuns: 50 },
    )
  })

  it('text is read as it was written, and what is not UTF-8 is refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) =>
        assert.equal(readText(readerOf(tlv(0x04, value))), value),
      ),
    )
    assert.throws(() => readText(readerOf(tlv(0x04, Buffer.of(0xc3, 0x28)))), Malformed)
  })

  it('no bytes make reading a message fail in any other way than Malformed', () => {
    const valid = message(7, searchRequest({ base: 'dc=example', filter: '(&(uid=a*b)(!(cn=x)))', attributes: ['cn'] }))
    const damaged = fc
      .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((changes) => {
        const bytes = Buffer.from(valid)
        for (const [at, value] of changes) bytes[at] = value
        return bytes
      })
    const any = fc.oneof(
      damaged,
      fc.uint8Array({ maxLength: 200 }).map((bytes) => tlv(0x30, bytes)),
    )
    fc.assert(
      fc.property(any, (bytes) => {
        try {
          const { body } = readMessage(bytes)
          readFilter(readConstructed(body, 0xa0), 100, 20)
        } catch (error) {
          assert.ok(error instanceof Malformed || error instanceof FilterTooLarge, String(error))
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('nesting beyond 32 levels, indefinite lengths and long tags are refused without recursion', () => {
    let deep = tlv(0x30)
    for (let i = 0; i < 40; i++) deep = tlv(0x30, deep)
    assert.throws(() => checkNesting(deep), /nested/)
    assert.throws(() => checkNesting(Buffer.of(0x30, 0x80, 0, 0)), /indefinite/)
    assert.throws(() => checkNesting(Buffer.of(0x30, 3, 0x1f, 1, 0)), /tag/)
    assert.throws(() => checkNesting(Buffer.of(0x30, 2, 4, 1)), Malformed)
  })
})

describe('framing', () => {
  it('messages come out whole, however the stream is cut', () => {
    const cut = fc.tuple(
      fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 }),
    )
    fc.assert(
      fc.property(cut, ([bodies, sizes]) => {
        const messages = bodies.map((body) => tlv(0x30, body))
        const stream = Buffer.concat(messages)
        const got: Buffer[] = []
        const framer = createFramer(
          () => 1000,
          (bytes) => got.push(bytes),
        )
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length]!
          framer.push(stream.subarray(at, at + size))
          at += size
        }
        assert.deepEqual(got, messages)
        assert.equal(framer.isPartial(), false)
      }),
    )
  })

  it('a length beyond the limit is refused when its header is there', () => {
    const framer = createFramer(
      () => 1000,
      () => assert.fail(),
    )
    framer.push(Buffer.of(0x30, 0x84, 0x7f))
    assert.throws(() => framer.push(Buffer.of(0xff, 0xff, 0xff)), /bytes/)
  })
})

describe('filters', () => {
  it('keep their values as bytes', () => {
    const filter = readFilter(readerOf(encodeFilter('(cn=a\\2a\\28\\5c\\00\\ff)')), 10, 20)
    assert.deepEqual(filter, {
      kind: 'equal',
      attribute: 'cn',
      value: Buffer.from([0x61, 0x2a, 0x28, 0x5c, 0, 0xff]),
    })
  })

  it('are limited in depth and in number', () => {
    const deep = (levels: number): string => `${'(!'.repeat(levels)}(cn=a)${')'.repeat(levels)}`
    assert.equal(readFilter(readerOf(encodeFilter(deep(19))), 100, 20).kind, 'not')
    assert.throws(() => readFilter(readerOf(encodeFilter(deep(20))), 100, 20), FilterTooLarge)
    const wide = `(|${'(cn=a)'.repeat(100)})`
    assert.throws(() => readFilter(readerOf(encodeFilter(wide)), 100, 20), FilterTooLarge)
  })
})

describe('what comes again and again', () => {
  it('is read once, and then is the very same thing', () => {
    let times = 0
    const read = recalling(({ bytes, at, end }) => {
      times++
      return { text: bytes.toString('latin1', at, end) }
    })
    const message = Buffer.from('ou=Users ou=Users ou=users')
    const first = read(readerOf(message, 0, 8))
    assert.equal(read(readerOf(message, 9, 17)), first)
    assert.deepEqual([read(readerOf(message, 18, 26)), times], [{ text: 'ou=users' }, 2])
  })

  it('is read for what it is, whatever came before it', () => {
    const read = recalling(({ bytes, at, end }) => bytes.toString('latin1', at, end))
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 600, unit: 'binary-ascii' })), (texts) => {
        for (const text of [...texts, ...texts]) assert.equal(read(readerOf(Buffer.from(text, 'latin1'))), text)
      }),
    )
  })

  it('may be overwritten once it was read', () => {
    const read = recalling(({ bytes, at, end }) => bytes.toString('latin1', at, end))
    const message = Buffer.from('cn')
    read(readerOf(message))
    message.write('sn')
    assert.deepEqual([read(readerOf(message)), read(readerOf(Buffer.from('cn')))], ['sn', 'cn'])
  })
})

describe('results', () => {
  it('are the bytes that RFC 4511 asks for, whatever is in them', () => {
    const field = tlv(0x8a, '1.2.3')
    const control = tlv(tag.sequence, tlv(tag.octetString, '1.2.4'))
    for (const id of [1, 127, 128, 255, 256, 32767, 32768, 2 ** 31 - 1])
      for (const code of Object.values(resultCode))
        for (const long of ['', 'ö', 'x'.repeat(300)]) {
          const output = createOutput(8)
          writeResult(output, id, 0x65, { code, message: long, matchedDn: long && 'dc=x' })
          writeResult(output, id, 0x78, { code, fields: [field, field], controls: [control] })
          const plain = tlv(
            0x65,
            integerTlv(code, tag.enumerated),
            tlv(tag.octetString, long && 'dc=x'),
            tlv(tag.octetString, long),
          )
          const nothing = tlv(tag.octetString)
          const full = tlv(0x78, integerTlv(code, tag.enumerated), nothing, nothing, field, field)
          const expected = [
            tlv(tag.sequence, integerTlv(id), plain),
            tlv(tag.sequence, integerTlv(id), full, tlv(0xa0, control)),
          ]
          assert.deepEqual(output.bytes.subarray(0, output.length), Buffer.concat(expected))
        }
  })
})
