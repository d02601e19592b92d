import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { tlv } from '../../server/ldap/wire/ber.ts'
import { type Answer, type Client, connectTo, controls } from './client.ts'
import {
  pageControl,
  pageCookie,
  placeOf,
  type SortKey,
  sortControl,
  type Window,
  windowControl,
} from './list-controls.ts'
import { aDirectory, change, organisation, reader, type Started, startServer, users, uuid } from './sample.ts'

describe('pages, orders and windows', () => {
  let server: Started
  let c: Client
  before(async () => {
    server = await startServer()
    c = connectTo(server.port)
    await c.bind(reader, 'reader')
  })
  after(async () => {
    c.end()
    await server.close()
  })

  const ask = (client: Client, ...given: Parameters<typeof controls>): Promise<Answer> =>
    client.search({ base: users, scope: 'one', attributes: ['uid'], controls: controls(...given) })
  const uids = ({ entries }: Answer): string[] => entries.map(({ attributes }) => attributes.uid![0]!)
  const sorted = async (...keys: SortKey[]): Promise<string> => uids(await ask(c, sortControl(keys))).join(' ')
  const byNumber = sortControl([{ attribute: 'uidNumber' }])

  it('sorts by rules that are asked for, and by what makes values equal where there is none', async () => {
    assert.equal(await sorted({ attribute: 'uidNumber', isReverse: true }), 'boss olle anna karl fnystrom')
    assert.equal(await sorted({ attribute: 'sn' }), 'karl boss olle fnystrom anna')
    assert.equal(await sorted({ attribute: 'UID', rule: '2.5.13.3' }), 'anna boss fnystrom karl olle')
  })

  it('puts entries without the attribute last, and first in reverse (RFC 2891)', async () => {
    assert.equal(await sorted({ attribute: 'l' }, { attribute: 'uid' }), 'karl fnystrom anna boss olle')
    assert.equal(
      await sorted({ attribute: 'l', isReverse: true }, { attribute: 'uid' }),
      'anna boss olle fnystrom karl',
    )
  })

  it('what cannot be sorted is left as it is, or refused when it must be sorted', async () => {
    const keys = [{ attribute: 'nonsense' }]
    assert.equal((await ask(c, sortControl(keys))).entries.length, 5)
    assert.equal((await ask(c, sortControl(keys, true))).code, 12)
    assert.equal((await ask(c, sortControl([{ attribute: 'userPassword' }], true))).code, 12)
  })

  it('puts nobody in order by what may not be read of them', async () => {
    const changes = [...organisation(), change('settings', uuid(90), { publishedFields: ['contact.city'] } as never)]
    const own = await startServer({ directory: aDirectory(changes) })
    const karl = connectTo(own.port)
    await karl.bind(`uid=karl,${users}`, 'secret')
    for (const attribute of ['uidNumber', 'userPassword'])
      assert.equal((await ask(karl, sortControl([{ attribute }], true))).code, 12)
    assert.equal((await ask(karl, sortControl([{ attribute: 'l' }], true))).entries.length, 5)
    karl.end()
    await own.close()
  })

  const windows: [Window, string, number][] = [
    [{ before: 0, after: 1, offset: 1, count: 0 }, 'fnystrom karl', 1],
    [{ before: 1, after: 1, offset: 3, count: 5 }, 'karl anna olle', 3],
    [{ before: 0, after: 0, offset: 30, count: 50 }, 'anna', 3],
    [{ before: 1, after: 9, offset: 7, count: 7 }, 'olle boss', 5],
    [{ before: 2 ** 31 - 1, after: 2 ** 31 - 1, offset: 2, count: 0 }, 'fnystrom karl anna olle boss', 2],
    [{ before: 0, after: 0, value: '2002' }, 'anna', 3],
    [{ before: 0, after: 0, value: '2004' }, 'boss', 5],
    [{ before: 1, after: 1, value: '9999' }, 'boss', 6],
  ]
  for (const [window, expected, position] of windows)
    it(`${JSON.stringify(window)} shows ${expected}`, async () => {
      const answer = await ask(c, byNumber, windowControl(window))
      assert.equal(answer.code, 0)
      assert.equal(uids(answer).join(' '), expected)
      assert.deepEqual(placeOf(answer), { position, count: 5 })
    })

  it('a place that is not in the list is 61, a window without a sort is 60', async () => {
    for (const [offset, count] of [
      [9, 0],
      [9, 5],
      [-1, 0],
      [2, -5],
    ] as const)
      assert.equal((await ask(c, byNumber, windowControl({ before: 0, after: 0, offset, count }))).code, 61)
    assert.equal((await ask(c, windowControl({ before: 0, after: 0, offset: 1, count: 0 }))).code, 60)
    const both = await ask(c, byNumber, windowControl({ before: 0, after: 0, offset: 1, count: 0 }), pageControl(2))
    assert.equal(both.code, 53)
  })

  it('a cookie is good for the next page of the same search on the same connection, once', async () => {
    const other = connectTo(server.port)
    await other.bind(reader, 'reader')
    const first = await ask(c, pageControl(2))
    const cookie = pageCookie(first)!
    assert.equal((await ask(other, pageControl(2, cookie))).code, 53, 'another connection')
    const second = await ask(c, pageControl(2, cookie))
    assert.equal(second.code, 0)
    assert.equal((await ask(c, pageControl(2, cookie))).code, 53, 'used already')
    const next = pageCookie(second)!
    assert.equal((await ask(c, pageControl(2, next), byNumber)).code, 0, 'controls are not part of what is asked')
    const third = pageCookie(await ask(c, pageControl(2)))!
    const changed = await c.search({ base: users, controls: controls(pageControl(2, third)) })
    assert.equal(changed.code, 53, 'another search')
    const fourth = pageCookie(await ask(c, pageControl(2)))!
    await c.bind(reader, 'reader')
    assert.equal((await ask(c, pageControl(2, fourth))).code, 53, 'bound anew')
    other.end()
  })

  it('a context of another connection is as good as none', async () => {
    const other = connectTo(server.port)
    await other.bind(reader, 'reader')
    const window = { before: 0, after: 1, offset: 1, count: 0 }
    const { response } = await ask(c, byNumber, windowControl(window))
    const answer = await ask(other, byNumber, windowControl(window, false, response.subarray(-12)))
    assert.equal(uids(answer).join(' '), 'fnystrom karl')
    other.end()
  })

  it('a context brings back the list in the order that is asked for, and no other', async () => {
    const window = { before: 0, after: 1, offset: 1, count: 0 }
    const { response } = await ask(c, byNumber, windowControl(window))
    const context = response.subarray(-12)
    const backwards = sortControl([{ attribute: 'uidNumber', isReverse: true }])
    const answer = await ask(c, backwards, windowControl(window, false, context))
    assert.equal(uids(answer).join(' '), 'boss olle')
    assert.notDeepEqual(answer.response.subarray(-12), context)
  })

  it('the root DSE and the schema are there in an order, in a window and on a page, too', async () => {
    for (const at of ['', 'cn=Subschema'])
      for (const given of [
        [sortControl([{ attribute: 'cn' }], true)],
        [sortControl([{ attribute: 'cn' }], true), windowControl({ before: 0, after: 1, offset: 1, count: 0 })],
        [sortControl([{ attribute: 'cn' }], true), pageControl(1)],
        [pageControl(1)],
      ]) {
        const { code, entries } = await c.search({ base: at, scope: 'base', controls: controls(...given) })
        assert.deepEqual([code, entries.map(({ dn }) => dn)], [0, [at]])
      }
  })

  it('values that are no values are 2, and the connection lives', async () => {
    const oids = [
      '1.2.840.113556.1.4.319',
      '1.2.840.113556.1.4.473',
      '2.16.840.1.113730.3.4.9',
      '1.3.6.1.4.1.4203.1.9.1.1',
    ]
    for (const oid of oids)
      for (const value of [
        undefined,
        Buffer.alloc(0),
        tlv(0x30),
        tlv(0x30, tlv(0x30)),
        Buffer.of(0x30, 0x7f),
        Buffer.alloc(9, 0xff),
      ]) {
        const sort = oid.endsWith('3.4.9') ? [byNumber] : []
        const answer = await ask(c, ...sort, value ? [oid, true, value] : [oid, true])
        assert.ok(answer.code === 2 || answer.code === 53, `${oid} ${value?.toString('hex')}: ${answer.code}`)
      }
    assert.equal((await ask(c, pageControl(-1))).code, 2)
    assert.equal((await ask(c, pageControl(2), pageControl(2))).code, 2, 'there twice')
    const many = Array.from({ length: 10_000 }, () => ({ attribute: 'uidNumber' }))
    assert.equal((await ask(c, sortControl(many))).code, 2)
    assert.equal((await ask(c)).entries.length, 5)
  })
})
