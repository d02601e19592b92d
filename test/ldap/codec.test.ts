import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { listViewResponse, readListView } from '../../server/ldap/controls/list-view.ts'
import { pageResponse, readPage } from '../../server/ldap/controls/paged.ts'
import { policyError, policyResponse } from '../../server/ldap/controls/password-policy.ts'
import { readAttributeList, readEntryResponse } from '../../server/ldap/controls/read-entry.ts'
import { readSortKeys, sortResponse } from '../../server/ldap/controls/sort.ts'
import {
  doneControl,
  idSet,
  readSyncRequest,
  refreshDone,
  stateControls,
  syncState,
} from '../../server/ldap/controls/sync.ts'
import { cookieOf, csnOf, parseCookie, parseCsn } from '../../server/ldap/csn.ts'
import {
  atEnd,
  booleanTlv,
  integerTlv,
  Malformed,
  peekTag,
  type Reader,
  readBoolean,
  readConstructed,
  readerOf,
  readInteger,
  readOctets,
  readText,
  tlv,
} from '../../server/ldap/wire/ber.ts'
import { type Control, readControls } from '../../server/ldap/wire/controls.ts'
import { type Filter, partsOf, readFilter } from '../../server/ldap/wire/filter.ts'
import { readMessage } from '../../server/ldap/wire/message.ts'
import { createOutput } from '../../server/ldap/wire/output.ts'
import { type ResultCode, resultCode, writeResult } from '../../server/ldap/wire/result.ts'
import { controls, message } from './client.ts'
import { pageControl, sortControl, windowControl } from './list-controls.ts'

// What one side writes the other reads, for everything that stands in a message.

const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((each) => !/\p{Surrogate}/u.test(each))
const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each))
const some = bytes.filter((each) => each.length > 0)
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const natural = fc.nat({ max: 2 ** 31 - 1 })
const oid = fc.array(fc.nat({ max: 9999 }), { minLength: 2, maxLength: 8 }).map((parts) => `1.${parts.join('.')}`)
const code = fc.constantFrom(...Object.values(resultCode)) as fc.Arbitrary<ResultCode>
const uuid = fc.uuid()
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined })

const holds = <T>(of: fc.Arbitrary<T>, check: (value: T) => void, numRuns = 200): void =>
  fc.assert(
    fc.property(of, (value) => check(value)),
    { numRuns },
  )

/** A control as the server finds it in a request. */
const found = ([name, isCritical, value]: [string, boolean, Buffer?]): Control => ({ oid: name, isCritical, value })

/** Of a control of an answer: its OID, and a reader of its value. */
function opened(control: Uint8Array): { oid: string; value: Reader } {
  const inner = readConstructed(readerOf(Buffer.from(control)), 0x30)
  const name = readText(inner)
  const value = readOctets(inner)
  assert.ok(atEnd(inner))
  return { oid: name, value: readerOf(Buffer.from(value)) }
}

function written(id: number, result: Parameters<typeof writeResult>[3]): Buffer {
  const output = createOutput()
  writeResult(output, id, 0x65, result)
  return output.bytes.subarray(0, output.length)
}

describe('messages', () => {
  it('come back with their id, operation and controls', () => {
    const control = fc.tuple(oid, fc.boolean(), maybe(bytes))
    const given = fc.tuple(
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      fc.constantFrom(0x42, 0x4a, 0x50),
      bytes,
      maybe(fc.array(control, { maxLength: 5 })),
    )
    holds(given, ([id, operation, body, list]) => {
      const read = readMessage(message(id, tlv(operation, body), list && controls(...list)))
      assert.equal(read.id, id)
      assert.equal(read.operation, operation)
      assert.deepEqual(read.body.bytes.subarray(read.body.at, read.body.end), body)
      assert.deepEqual(
        read.controls,
        (list ?? []).map(([name, isCritical, value]) => ({ oid: name, isCritical, value })),
      )
    })
  })

  it('of an answer say what was put in', () => {
    const given = record({ code, message: text, matchedDn: text })
    holds(fc.tuple(natural, given), ([id, result]) => {
      const reader = readConstructed(readerOf(written(id, result)), 0x30)
      assert.equal(readInteger(reader), id)
      const body = readConstructed(reader, 0x65)
      assert.deepEqual({ code: readInteger(body, 0x0a), matchedDn: readText(body), message: readText(body) }, result)
      assert.ok(atEnd(body) && atEnd(reader))
    })
  })
})

function filterTlv(filter: Filter): Buffer {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return tlv(filter.kind === 'and' ? 0xa0 : 0xa1, ...filter.filters.map(filterTlv))
    case 'not':
      return tlv(0xa2, filterTlv(filter.filter))
    case 'present':
      return tlv(0x87, filter.attribute)
    case 'substrings':
      return tlv(
        0xa4,
        tlv(0x04, filter.attribute),
        tlv(
          0x30,
          ...(filter.initial ? [tlv(0x80, filter.initial)] : []),
          ...filter.any.map((piece) => tlv(0x81, piece)),
          ...(filter.final ? [tlv(0x82, filter.final)] : []),
        ),
      )
    case 'extensible':
      return tlv(
        0xa9,
        ...(filter.rule === undefined ? [] : [tlv(0x81, filter.rule)]),
        ...(filter.attribute === undefined ? [] : [tlv(0x82, filter.attribute)]),
        tlv(0x83, filter.value),
        ...(filter.withDnAttributes ? [booleanTlv(true, 0x84)] : []),
      )
    default: {
      const tag = { equal: 0xa3, atLeast: 0xa5, atMost: 0xa6, approximate: 0xa8 }[filter.kind]
      return tlv(tag, tlv(0x04, filter.attribute), tlv(0x04, filter.value))
    }
  }
}

const name = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 })
const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    record({
      kind: fc.constantFrom('equal', 'atLeast', 'atMost', 'approximate'),
      attribute: name,
      value: bytes,
    }) as fc.Arbitrary<Filter>,
    record({ kind: fc.constant('present'), attribute: name }) as fc.Arbitrary<Filter>,
    record({ attribute: name, initial: maybe(some), any: fc.array(some, { maxLength: 4 }), final: maybe(some) })
      .filter(({ initial, any, final }) => initial !== undefined || any.length > 0 || final !== undefined)
      .map(
        ({ initial, final, ...rest }): Filter => ({
          kind: 'substrings',
          ...rest,
          ...(initial && { initial }),
          ...(final && { final }),
        }),
      ),
    record({
      kind: fc.constant('extensible'),
      rule: maybe(name),
      attribute: maybe(name),
      value: bytes,
      withDnAttributes: fc.boolean(),
    }).filter(({ rule, attribute }) => rule !== undefined || attribute !== undefined) as fc.Arbitrary<Filter>,
    record({
      kind: fc.constantFrom('and', 'or'),
      filters: fc.array(tie('filter'), { maxLength: 4 }),
    }) as fc.Arbitrary<Filter>,
    record({ kind: fc.constant('not'), filter: tie('filter') }) as fc.Arbitrary<Filter>,
  ),
}))

describe('filters', () => {
  it('come back as they were', () => {
    holds(filter, (given) => assert.deepEqual(readFilter(readerOf(filterTlv(given)), 10_000, 30), given), 500)
  })

  it('are counted while they are read as they are afterwards', () => {
    holds(filter, (given) => {
      const parts = partsOf(given)
      assert.deepEqual(readFilter(readerOf(filterTlv(given)), parts, 30), given)
      assert.throws(() => readFilter(readerOf(filterTlv(given)), parts - 1, 30), /parts/)
    })
  })
})

describe('controls of a request', () => {
  it('pages', () => {
    holds(fc.tuple(natural, bytes), ([size, cookie]) => {
      const read = readPage(found(pageControl(size, cookie)))
      assert.deepEqual([read.size, Buffer.from(read.cookie, 'latin1')], [size, cookie])
    })
  })

  it('sort keys', () => {
    const key = record({ attribute: name, rule: maybe(name), isReverse: fc.boolean() })
    holds(fc.array(key, { minLength: 1, maxLength: 16 }), (keys) => {
      const given = keys.map(({ rule, ...rest }) => ({ ...rest, ...(rule !== undefined && { rule }) }))
      assert.deepEqual(readSortKeys(found(sortControl(given))), keys)
    })
  })

  it('windows on a list', () => {
    const around = { before: natural, after: natural }
    const window = fc.oneof(record({ ...around, offset: int, count: int }), record({ ...around, value: text }))
    holds(fc.tuple(window, maybe(bytes)), ([given, context]) => {
      const read = readListView(found(windowControl(given, true, context)))
      const target =
        'value' in given ? { value: Buffer.from(given.value) } : { offset: given.offset, count: given.count }
      assert.deepEqual(read, { before: given.before, after: given.after, target, context: context?.toString('latin1') })
    })
  })

  it('what a consumer has', () => {
    holds(
      record({ isPersistent: fc.boolean(), cookie: maybe(some), hint: maybe(fc.boolean()) }),
      ({ isPersistent, cookie, hint }) => {
        const value = tlv(
          0x30,
          integerTlv(isPersistent ? 3 : 1, 0x0a),
          ...(cookie ? [tlv(0x04, cookie)] : []),
          ...(hint === undefined ? [] : [booleanTlv(hint)]),
        )
        assert.deepEqual(readSyncRequest({ oid: '', isCritical: true, value }), { isPersistent, cookie })
      },
    )
  })

  it('attributes to read before and after', () => {
    holds(fc.array(text, { maxLength: 8 }), (names) => {
      const value = tlv(0x30, ...names.map((each) => tlv(0x04, each)))
      assert.deepEqual(readAttributeList({ oid: '', isCritical: true, value }), names)
    })
  })

  it('no bytes make reading them fail in any other way than Malformed', () => {
    const readers = [readPage, readSortKeys, readListView, readSyncRequest, readAttributeList]
    const values = fc.oneof(
      bytes,
      bytes.map((each) => tlv(0x30, each)),
      fc.tuple(int, bytes).map(([number, each]) => tlv(0x30, integerTlv(number), tlv(0x04, each))),
      fc.tuple(int, int, bytes).map(([one, two, each]) => tlv(0x30, integerTlv(one), integerTlv(two), tlv(0xa0, each))),
      fc.array(bytes, { maxLength: 20 }).map((list) => tlv(0x30, ...list.map((each) => tlv(0x30, tlv(0x04, each))))),
    )
    holds(
      fc.tuple(fc.constantFrom(...readers), maybe(values)),
      ([read, value]) => {
        try {
          read({ oid: '1.2', isCritical: true, value })
        } catch (error) {
          assert.ok(error instanceof Malformed, String(error))
        }
      },
      2000,
    )
    holds(bytes, (each) => {
      try {
        readControls(readerOf(tlv(0xa0, each)))
      } catch (error) {
        assert.ok(error instanceof Malformed, String(error))
      }
    })
  })
})

describe('controls of an answer', () => {
  it('pages', () => {
    holds(fc.tuple(natural, bytes), ([total, cookie]) => {
      const { value } = opened(pageResponse(total, cookie.toString('latin1')))
      const page = readConstructed(value, 0x30)
      assert.deepEqual([readInteger(page), readOctets(page)], [total, cookie])
    })
  })

  it('how the sort went', () => {
    holds(fc.tuple(code, maybe(text)), ([given, attribute]) => {
      const inner = readConstructed(opened(sortResponse(given, attribute)).value, 0x30)
      assert.equal(readInteger(inner, 0x0a), given)
      assert.equal(atEnd(inner) ? undefined : readText(inner, 0x80), attribute)
    })
  })

  it('where the window is', () => {
    holds(fc.tuple(natural, natural, code, maybe(bytes)), ([position, count, given, context]) => {
      const inner = readConstructed(
        opened(listViewResponse(position, count, given, context?.toString('latin1'))).value,
        0x30,
      )
      assert.deepEqual([readInteger(inner), readInteger(inner), readInteger(inner, 0x0a)], [position, count, given])
      assert.deepEqual(atEnd(inner) ? undefined : readOctets(inner), context)
    })
  })

  it('what the password policy says', () => {
    const errors = Object.keys(policyError) as (keyof typeof policyError)[]
    holds(fc.tuple(maybe(fc.constantFrom(...errors)), maybe(natural)), ([error, secondsLeft]) => {
      const notice = { ...(error && { error }), ...(secondsLeft !== undefined && { secondsLeft }) }
      const inner = readConstructed(opened(policyResponse(notice)).value, 0x30)
      const left = peekTag(inner) === 0xa0 ? readInteger(readConstructed(inner, 0xa0), 0x80) : undefined
      const told = peekTag(inner) === 0x81 ? readInteger(inner, 0x81) : undefined
      assert.deepEqual([left, told], [secondsLeft, error && policyError[error]])
      assert.ok(atEnd(inner))
    })
  })

  it('an entry as it was', () => {
    holds(fc.tuple(oid, bytes), ([which, entry]) => {
      const read = opened(readEntryResponse(which, entry))
      assert.deepEqual([read.oid, read.value.bytes], [which, entry])
    })
  })

  it('what a consumer is told', () => {
    const states = Object.keys(syncState) as (keyof typeof syncState)[]
    const cookieIn = (from: Reader): Buffer | undefined => (peekTag(from) === 0x04 ? readOctets(from) : undefined)
    holds(fc.tuple(fc.constantFrom(...states), uuid, maybe(some)), ([state, id, cookie]) => {
      const list = readConstructed(readerOf(stateControls(state, id, cookie)), 0xa0)
      const inner = readConstructed(opened(list.bytes.subarray(list.at, list.end)).value, 0x30)
      assert.equal(readInteger(inner, 0x0a), syncState[state])
      assert.equal(readOctets(inner).toString('hex'), id.replaceAll('-', ''))
      assert.deepEqual(cookieIn(inner), cookie)
    })
    holds(fc.tuple(some, fc.boolean(), natural), ([cookie, refreshDeletes, id]) => {
      const done = readConstructed(opened(doneControl(cookie, refreshDeletes)).value, 0x30)
      assert.deepEqual([cookieIn(done), readBoolean(done)], [cookie, refreshDeletes])
      const said = readConstructed(readerOf(refreshDone(id, cookie, refreshDeletes)), 0x30)
      assert.equal(readInteger(said), id)
      const info = readConstructed(said, 0x79)
      readText(info, 0x80)
      const inner = readConstructed(readerOf(readOctets(info, 0x81)), refreshDeletes ? 0xa1 : 0xa2)
      assert.deepEqual(cookieIn(inner), cookie)
    })
    holds(fc.tuple(fc.array(uuid, { maxLength: 300 }), fc.boolean()), ([ids, areGone]) => {
      const said = readConstructed(readerOf(idSet(1, ids, areGone)), 0x30)
      readInteger(said)
      const info = readConstructed(said, 0x79)
      readText(info, 0x80)
      const inner = readConstructed(readerOf(readOctets(info, 0x81)), 0xa3)
      assert.equal(readBoolean(inner), areGone)
      const set = readConstructed(inner, 0x31)
      for (const id of ids) assert.equal(readOctets(set).toString('hex'), id.replaceAll('-', ''))
      assert.ok(atEnd(set))
    })
  })

  it('a position in a cookie, and no other epoch takes it for one of its own', () => {
    const epoch = record({ epochNo: fc.nat({ max: 100_000 }), epochId: uuid })
    holds(
      fc.tuple(epoch, epoch, fc.nat({ max: 2 ** 40 }), fc.integer({ min: 0, max: 999 })),
      ([mine, other, seq, number]) => {
        const rid = String(number).padStart(3, '0')
        const read = parseCookie(cookieOf(csnOf(mine, seq), rid))
        assert.deepEqual(read, { rid, csn: csnOf(mine, seq) })
        assert.equal(parseCsn(read.csn, mine), seq)
        assert.ok(csnOf(mine, seq) < csnOf(mine, seq + 1))
        if (other.epochNo !== mine.epochNo) assert.equal(parseCsn(read.csn, other), undefined)
      },
    )
    holds(bytes, (cookie) => void parseCsn(parseCookie(cookie).csn, { epochNo: 1, epochId: 'x' }))
  })
})
