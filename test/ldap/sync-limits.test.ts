import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { aUser } from '../support/people.ts'
import { type Answer, type Client, controls, controlsOf } from './client.ts'
import { pageControl, sortControl, windowControl } from './list-controls.ts'
import { type LdapNode, startLdapNode } from './node.ts'
import { users } from './sample.ts'

const oid = '1.3.6.1.4.1.4203.1.9.1'

describe('a copy that is asked for (RFC 4533)', () => {
  let node: LdapNode
  let c: Client
  before(async () => {
    node = await startLdapNode()
    for (let i = 0; i < 4; i++) await aUser(node.db, { username: `copied${i}` })
    c = await node.reader()
  })
  after(() => node.close())

  const once: [string, boolean, Buffer] = [`${oid}.1`, true, tlv(0x30, integerTlv(1, 0x0a))]
  const ask = (sizeLimit: number, ...more: Parameters<typeof controls>): Promise<Answer> =>
    c.search({ base: users, scope: 'one', attributes: ['1.1'], sizeLimit, controls: controls(once, ...more) })

  it('has no more entries than its size limit, and then no cookie', async () => {
    const all = await ask(0)
    assert.deepEqual([all.code, all.entries.length], [0, 5])
    assert.ok(controlsOf(all).has(`${oid}.3`))
    const some = await ask(3)
    assert.deepEqual([some.code, some.entries.length], [4, 3])
    assert.equal(controlsOf(some).size, 0)
    assert.deepEqual([(await ask(5)).code, (await ask(5)).entries.length], [0, 5], 'as many as there are')
  })

  it('is not had in pages, in an order or through a window: who insists is refused', async () => {
    const sort = (isCritical: boolean) => sortControl([{ attribute: 'uidNumber' }], isCritical)
    const window = { before: 0, after: 1, offset: 1, count: 0 }
    const none = Buffer.alloc(0)
    for (const given of [[pageControl(2, none, true)], [sort(true)], [sort(false), windowControl(window, true)]])
      assert.equal((await ask(0, ...given)).code, 12)
    for (const given of [[pageControl(2)], [sort(false)]]) {
      const { code, entries } = await ask(0, ...given)
      assert.deepEqual([code, entries.length], [0, 5])
    }
  })
})
