import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Refused } from '../../server/errors.ts'
import { formatKey, keyEnrols, parseKey, rotateKey, synchronizationKey } from '../../server/mode/key.ts'
import { setMode } from '../../server/mode/mode.ts'
import { setUpOwn } from '../../server/mode/set-up.ts'
import { nodeStatus } from '../../server/replication/status.ts'
import { me, password } from '../support/people.ts'
import { aMasterStore, aStore } from '../support/store.ts'

const aKey = () => ({
  clusterId: randomUUID(),
  pin: randomBytes(32),
  keyId: randomBytes(4).toString('hex'),
  secret: randomBytes(16).toString('hex'),
})

const keyOf = (text: string) => {
  const parsed = parseKey(text)
  return 'key' in parsed ? parsed.key : assert.fail(parsed.problem)
}

describe('the Synchronization Key', () => {
  test('what is written is read back, however it is typed', () => {
    for (let round = 0; round < 50; round++) {
      const key = aKey()
      const text = formatKey(key)
      assert.match(text, /^ask1(-[0-9a-z]{1,5})+$/)
      assert.deepEqual(keyOf(text), key)
      assert.deepEqual(keyOf(`  ${text.toUpperCase().replaceAll('-', ' - ')}\n`), key)
      assert.deepEqual(keyOf(text.replaceAll('0', 'O').replaceAll('1', 'l').replace('askl', 'ask1')), key)
    }
  })

  test('any one wrong character is found before anything is sent', () => {
    const text = formatKey(aKey())
    const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
    for (let at = 5; at < text.length; at++) {
      if (text[at] === '-') continue
      for (const other of alphabet) {
        if (other === text[at]) continue
        assert.ok('problem' in parseKey(text.slice(0, at) + other + text.slice(at + 1)), `place ${at}`)
      }
    }
  })

  test('any other text gets one sentence and never an exception', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `ask1-${text}`),
        ),
        (text) => {
          const parsed = parseKey(text)
          assert.ok('problem' in parsed && parsed.problem.length > 10)
        },
      ),
    )
  })

  test('a new key ends the old one; both name the same cluster and pin', async () => {
    const { db, close } = await aMasterStore()
    const before = keyOf(await synchronizationKey(db))
    const after = keyOf(await rotateKey(db, me))
    assert.equal(keyEnrols(db.dir, before.keyId, before.secret), false)
    assert.equal(keyEnrols(db.dir, after.keyId, after.secret), true)
    assert.deepEqual([before.clusterId, before.pin], [after.clusterId, after.pin])
    await close()
  })
})

describe('modes', () => {
  test('standalone becomes master, and back, without touching accounts', async () => {
    const { db, close } = await aMasterStore('standalone')
    await assert.rejects(synchronizationKey(db), Refused)
    const before = db.position
    await setMode(db, me, 'master')
    assert.ok(keyOf(await synchronizationKey(db)))
    await setMode(db, me, 'standalone')
    assert.deepEqual(db.position, before)
    await close()
  })

  test('two people who set one node up at the same moment: one does, the other is told', async () => {
    const { db, close } = await aStore()
    const setUp = (admin: string) => setUpOwn(db, me, { mode: 'master', domain: 'example.lan', admin, password })
    const results = await Promise.allSettled([setUp('first_one'), setUp('second_one')])
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.equal((await nodeStatus(db)).users, 1)
    await assert.rejects(setUp('third_one'), /set up already/)
    await close()
  })

  test('what is wrong with a set-up is said for each field, and nothing is kept', async () => {
    const { db, close } = await aStore()
    const input = { mode: 'master' as const, domain: 'nodots', admin: 'root', password: 'short', name: '-x' }
    await assert.rejects(setUpOwn(db, me, input), (error: { problems: object }) => {
      assert.deepEqual(Object.keys(error.problems).sort(), ['admin', 'domain', 'name', 'password'])
      return true
    })
    assert.equal(db.local.mode, undefined)
    assert.equal(db.position.objects, 0)
    await close()
  })
})
