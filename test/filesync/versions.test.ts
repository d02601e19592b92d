import assert from 'node:assert/strict'
import { existsSync, utimesSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { blobPath, collectBlobs } from '../../server/filesync/blobs.ts'
import { diffOf } from '../../server/filesync/diff.ts'
import { compareVersions, restoreVersion, versionsOf } from '../../server/filesync/versions.ts'
import { aSet, dirOn, holds, put } from '../support/files.ts'
import { startMaster, type TestNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'

describe('versions of a file', () => {
  let master: TestNode
  before(async () => {
    master = await startMaster()
    await aSet(master, 'texts')
  })
  after(() => master?.close())

  const latest = async (): Promise<number> =>
    (await versionsOf(master.db, 'texts', 'a').catch(() => undefined))?.versions[0]?.version ?? 0
  async function publish(content: string | Buffer): Promise<void> {
    const before_ = await latest()
    put(dirOn(master, 'texts'), 'a', content)
    await until(async () => (await latest()) === before_ + 1)
  }

  test('the last ten are kept, and one of them can come back', async () => {
    for (let n = 1; n <= 12; n++) await publish(`version ${n}\n`)
    const { versions } = await versionsOf(master.db, 'texts', 'a')
    assert.deepEqual(
      versions.map(({ version }) => version),
      [12, 11, 10, 9, 8, 7, 6, 5, 4, 3],
    )
    assert.equal(await restoreVersion(master.db, me, 'texts', 'a', 4), 13)
    await holds(dirOn(master, 'texts'), { a: 'version 4\n' })
    await assert.rejects(restoreVersion(master.db, me, 'texts', 'a', 1), /Version 1 of “a” is not kept/)
    const { lines } = await compareVersions(master.db, 'texts', 'a', 12, 13)
    assert.deepEqual(lines, [
      { is: 'removed', text: 'version 12' },
      { is: 'added', text: 'version 4' },
    ])
  })

  test('what is no text is not compared, and the reason is said', async () => {
    await publish(Buffer.from([1, 0, 2]))
    await assert.rejects(compareVersions(master.db, 'texts', 'a'), /is no text/)
  })

  test('what no version needs goes after a month, and nothing else', async () => {
    const { versions } = await versionsOf(master.db, 'texts', 'a')
    const first = versions.at(-1)?.sha256 ?? ''
    for (let n = 0; n < 10; n++) await publish(`again ${n}\n`)
    assert.equal(await collectBlobs(master.db), 0)
    const longAgo = new Date(Date.now() - 31 * 86_400_000)
    const kept = (await versionsOf(master.db, 'texts', 'a')).versions.map(({ sha256 }) => sha256)
    for (const sha256 of [first, ...kept]) utimesSync(blobPath(master.dir, sha256), longAgo, longAgo)
    assert.equal(await collectBlobs(master.db), 1)
    assert.ok(!existsSync(blobPath(master.dir, first)))
    assert.ok(kept.every((sha256) => existsSync(blobPath(master.dir, sha256))))
  })
})

test('a comparison of two texts gives both of them again', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 })
    .map((lines) => lines.map((line) => `${line}\n`).join(''))
  fc.assert(
    fc.property(text, text, (old, fresh) => {
      const lines = diffOf(old, fresh)
      // Only where nothing was left out can all of it be put together again.
      if (lines.some(({ is }) => is === 'skipped')) return
      const side = (not: string) => lines.flatMap(({ is, text }) => (is === not ? [] : [`${text}\n`])).join('')
      assert.equal(side('added'), old)
      assert.equal(side('removed'), fresh)
    }),
    { numRuns: 500 },
  )
})
