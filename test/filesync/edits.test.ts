import assert from 'node:assert/strict'
import { mkdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { aSet, dirOn, holds, placeOn, problemOf, put } from '../support/files.ts'
import { startMaster, startSlave, type TestNode, until } from '../support/node.ts'

// Far below the twenty seconds after which a slave looks by itself.
const soonMs = 8000

describe('what is edited on a slave is found while it happens', () => {
  let master: TestNode
  let slave: TestNode
  before(async () => {
    master = await startMaster()
    slave = await startSlave(master)
  })
  after(async () => {
    await slave?.close()
    await master?.close()
  })

  for (const whole of [false, true])
    test(`in a set that is switched ${whole ? 'at once' : 'file by file'}`, async () => {
      const name = whole ? 'at-once' : 'by-file'
      await aSet(master, name, { whole })
      for (const path of ['a', 'deep/down/b', 'deep/c']) put(dirOn(master, name), path, 'one')
      await placeOn(slave, name)
      const to = dirOn(slave, name)
      const all = { a: 'one', 'deep/c': 'one', 'deep/down/b': 'one' }
      await holds(to, all)
      const edits: (() => void)[] = [
        () => writeFileSync(join(to, 'a'), 'edited'),
        () => unlinkSync(join(to, 'deep', 'down', 'b')),
        () => rmSync(join(to, 'deep'), { recursive: true }),
        // The folder is another one by now.
        () => writeFileSync(join(to, 'deep', 'down', 'b'), 'edited'),
        () => writeFileSync(join(to, 'deep', 'c'), 'edited'),
      ]
      for (const [n, edit] of edits.entries()) {
        edit()
        await holds(to, all, soonMs).catch((error) => assert.fail(`edit ${n}: ${error.message}`))
      }
    })

  test('or reported, and no more of it once it is put right by hand', async () => {
    const set = await aSet(master, 'reported')
    put(dirOn(master, 'reported'), 'a', 'one')
    await placeOn(slave, 'reported', 'report')
    const to = dirOn(slave, 'reported')
    await holds(to, { a: 'one' })
    writeFileSync(join(to, 'a'), 'mine')
    await until(() => problemOf(slave, set.id) === '“a” was changed on this node and is left so.', soonMs)
    writeFileSync(join(to, 'a'), 'one')
    await until(() => problemOf(slave, set.id) === undefined, soonMs)
  })

  test('what was in the way of a file is noticed to be gone', async () => {
    const set = await aSet(master, 'blocked')
    put(dirOn(master, 'blocked'), 'a', 'one')
    await placeOn(slave, 'blocked')
    const to = dirOn(slave, 'blocked')
    await holds(to, { a: 'one' })
    unlinkSync(join(to, 'a'))
    mkdirSync(join(to, 'a', 'of-somebody'), { recursive: true })
    await until(() => /a folder of that name lies here/.test(problemOf(slave, set.id) ?? ''), soonMs)
    rmSync(join(to, 'a'), { recursive: true })
    await holds(to, { a: 'one' }, soonMs)
  })
})
