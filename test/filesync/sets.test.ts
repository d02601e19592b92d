import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { undoChange } from '../../server/accounts/undo.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { changeFileSet, removeFileSet } from '../../server/filesync/sets.ts'
import { filesOf } from '../../server/store/files-kept.ts'
import { wrongProjections } from '../../server/store/projection-check.ts'
import { aSet, dirOn, holds, placeOn, problemOf, put, sameTrees } from '../support/files.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'

describe('files follow the accounts', () => {
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

  test('folders are open to those whom the files are for, whatever the umask of the service is', async () => {
    const before = process.umask(0o077)
    try {
      await aSet(master, 'open')
      put(dirOn(master, 'open'), 'deep/down/logon.bat', 'one', 0o644)
      chmodSync(join(dirOn(master, 'open'), 'deep/down/logon.bat'), 0o644)
      await placeOn(slave, 'open')
      await holds(dirOn(slave, 'open'), { 'deep/down/logon.bat': 'one' })
      for (const [path, mode] of [
        ['', 0o755],
        ['deep', 0o755],
        ['deep/down', 0o755],
        ['deep/down/logon.bat', 0o644],
      ] as const)
        assert.equal(statSync(join(dirOn(slave, 'open'), path)).mode & 0o777, mode, path)
    } finally {
      process.umask(before)
    }
  })

  test('a change, a rename and a removal arrive', async () => {
    const set = await aSet(master, 'scripts')
    const from = dirOn(master, 'scripts')
    put(from, 'logon.bat', 'net use h:')
    put(from, 'policies/deep/a.pol', 'one')
    await placeOn(slave, 'scripts')
    const to = dirOn(slave, 'scripts')
    await holds(to, { 'logon.bat': 'net use h:', 'policies/deep/a.pol': 'one' })
    put(from, 'logon.bat', 'net use g:')
    await holds(to, { 'logon.bat': 'net use g:', 'policies/deep/a.pol': 'one' })
    renameSync(join(from, 'policies'), join(from, 'rules'))
    await holds(to, { 'logon.bat': 'net use g:', 'rules/deep/a.pol': 'one' })
    assert.ok(!existsSync(join(to, 'policies')), 'folders that are empty go as well')
    rmSync(join(from, 'rules'), { recursive: true })
    await holds(to, { 'logon.bat': 'net use g:' })
    const [file] = await filesOf(master.db.reader, set.id)
    assert.deepEqual([file?.version, file?.earlier.length], [2, 1])
    await caughtUp(slave, master)
  })

  test('the feed proves them, and the projections fit', async () => {
    await caughtUp(slave, master)
    for (const { db } of [master, slave]) {
      const trx = await db.reader.transaction()
      assert.deepEqual(await wrongProjections(trx), [])
      await trx.rollback()
    }
  })

  test('an undo brings the earlier version back, on the master too', async () => {
    const from = dirOn(master, 'scripts')
    put(from, 'logon.bat', 'a mistake')
    await holds(dirOn(slave, 'scripts'), { 'logon.bat': 'a mistake' })
    const { rows } = await auditPage(master.db, { size: 1 })
    assert.equal(rows[0]?.sentence, 'Published a new version of logon.bat in scripts')
    await undoChange(master.db, me, rows[0]?.id as number)
    await holds(from, { 'logon.bat': 'net use g:' })
    await sameTrees(from, dirOn(slave, 'scripts'))
  })

  test('modes travel, without what would give rights', async () => {
    const from = dirOn(master, 'scripts')
    put(from, 'run.sh', '#!/bin/sh')
    chmodSync(join(from, 'run.sh'), 0o4777)
    await until(() => existsSync(join(dirOn(slave, 'scripts'), 'run.sh')))
    assert.equal(statSync(join(dirOn(slave, 'scripts'), 'run.sh')).mode & 0o7777, 0o755)
    chmodSync(join(from, 'run.sh'), 0o640)
    await until(() => (statSync(join(dirOn(slave, 'scripts'), 'run.sh')).mode & 0o7777) === 0o640)
    rmSync(join(from, 'run.sh'))
    await sameTrees(from, dirOn(slave, 'scripts'))
  })

  test('patterns choose what is published', async () => {
    const set = await aSet(master, 'chosen', { include: ['*.bat', 'keep'], exclude: ['draft-*'] })
    const from = dirOn(master, 'chosen')
    for (const path of ['a.bat', 'x/b.bat', 'x/draft-c.bat', 'keep/anything', 'no.txt']) put(from, path, path)
    await placeOn(slave, 'chosen')
    const to = dirOn(slave, 'chosen')
    await holds(to, { 'a.bat': 'a.bat', 'keep/anything': 'keep/anything', 'x/b.bat': 'x/b.bat' })
    await changeFileSet(master.db, me, set.id, { exclude: ['x'] })
    await holds(to, { 'a.bat': 'a.bat', 'keep/anything': 'keep/anything' })
  })

  test('what was changed on the slave is put right', async () => {
    const to = dirOn(slave, 'scripts')
    writeFileSync(join(to, 'logon.bat'), 'changed here')
    writeFileSync(join(to, 'of-somebody-else'), 'stays')
    await placeOn(slave, 'scripts')
    await holds(to, { 'logon.bat': 'net use g:', 'of-somebody-else': 'stays' })
    rmSync(join(to, 'of-somebody-else'))
  })

  test('or left and reported, where that is settled', async () => {
    const set = await aSet(master, 'reported')
    put(dirOn(master, 'reported'), 'a', 'one')
    put(dirOn(master, 'reported'), 'b', 'one')
    await placeOn(slave, 'reported', 'report')
    const to = dirOn(slave, 'reported')
    await holds(to, { a: 'one', b: 'one' })
    writeFileSync(join(to, 'a'), 'mine')
    put(dirOn(master, 'reported'), 'b', 'two')
    await holds(to, { a: 'mine', b: 'two' })
    await until(() => problemOf(slave, set.id) === '“a” was changed on this node and is left so.')
    await placeOn(slave, 'reported', 'restore')
    await holds(to, { a: 'one', b: 'two' })
    await until(() => problemOf(slave, set.id) === undefined)
  })

  test('a set that is removed goes from the slave, and not from the master', async () => {
    const set = await aSet(master, 'short-lived')
    put(dirOn(master, 'short-lived'), 'a', 'one')
    await placeOn(slave, 'short-lived')
    await holds(dirOn(slave, 'short-lived'), { a: 'one' })
    await removeFileSet(master.db, me, set.id)
    await holds(dirOn(slave, 'short-lived'), {})
    assert.ok(existsSync(join(dirOn(master, 'short-lived'), 'a')))
  })

  test('a set that is switched at once is never seen in part', async () => {
    await aSet(master, 'whole', { whole: true })
    const from = dirOn(master, 'whole')
    for (let n = 0; n < 40; n++) put(from, `f${n}`, 'one')
    await placeOn(slave, 'whole')
    const to = dirOn(slave, 'whole')
    await sameTrees(from, to)
    const seen = new Set<string>()
    let isOver = false
    const watching = (async () => {
      const { readFile, readlink } = await import('node:fs/promises')
      while (!isOver) {
        // One directory, held by its own name, as a reader holds what it has open.
        const target = join(to, '..', await readlink(to))
        const all = await Promise.all(
          Array.from({ length: 40 }, (_, n) => readFile(join(target, `f${n}`), 'latin1').catch(() => 'gone')),
        )
        if (!all.includes('gone')) seen.add([...new Set(all)].join())
      }
    })()
    mkdirSync(join(master.dir, 'files', 'ready'))
    for (let n = 0; n < 40; n++) writeFileSync(join(from, `f${n}`), 'two')
    await sameTrees(from, to)
    isOver = true
    await watching
    assert.ok(seen.has('two') || seen.has('one'))
    rmSync(join(from, 'f7'))
    await sameTrees(from, to)
  })

  test('a set becomes one that is switched at once, and an ordinary one again, with what others have put there', async () => {
    const set = await aSet(master, 'turning')
    const from = dirOn(master, 'turning')
    put(from, 'deep/a', 'one')
    await placeOn(slave, 'turning')
    const to = dirOn(slave, 'turning')
    await holds(to, { 'deep/a': 'one' })
    put(to, 'deep/mine', 'stays')
    symlinkSync('deep/a', join(to, 'link'))
    for (const [whole, content] of [
      [true, 'two'],
      [true, 'three'],
      [false, 'four'],
    ] as const) {
      await changeFileSet(master.db, me, set.id, { whole })
      put(from, 'deep/a', content)
      await holds(to, { 'deep/a': content, 'deep/mine': 'stays', link: content })
      await until(() => lstatSync(to, { throwIfNoEntry: false })?.isSymbolicLink() === whole)
      // As after a kill between the two steps of a turn.
      if (whole) unlinkSync(to)
    }
    assert.deepEqual(
      readdirSync(join(slave.dir, 'files')).filter((name) => name.includes('turning')),
      ['turning'],
    )
    await changeFileSet(master.db, me, set.id, { whole: true })
    await until(() => lstatSync(to, { throwIfNoEntry: false })?.isSymbolicLink() === true)
    rmSync(join(to, 'link'))
    await removeFileSet(master.db, me, set.id)
    await holds(to, { 'deep/mine': 'stays' })
    assert.ok(!lstatSync(to).isSymbolicLink())
  })

  test('a slave that is not among the devices of a set knows nothing of it', async () => {
    const other = await startSlave(master, 'gw-other')
    try {
      const set = await aSet(master, 'private', { devices: ['gw-malmo'] })
      put(dirOn(master, 'private'), 'secret.txt', 'for one only')
      await placeOn(slave, 'private')
      await holds(dirOn(slave, 'private'), { 'secret.txt': 'for one only' })
      const [file] = await filesOf(master.db.reader, set.id)
      await until(() => other.db.position.seq === master.db.position.seq)
      const kept = JSON.stringify(await other.db.reader('objects'))
      assert.ok(!kept.includes('secret.txt') && !kept.includes(file?.sha256 ?? '-'))
      const { openFileLine } = await import('../../server/filesync/line.ts')
      await until(() => other.db.local.masterFilesPort !== undefined)
      const line = openFileLine(other.db, () => 0)
      const wanted = { path: 'secret.txt', sha256: file?.sha256 ?? '', size: 12, mode: 0o644 }
      await assert.rejects(line.source(wanted, 0, new AbortController().signal), /There is no such file/)
      line.close()
      await changeFileSet(master.db, me, set.id, { devices: null })
      await placeOn(other, 'private')
      await holds(dirOn(other, 'private'), { 'secret.txt': 'for one only' })
      await changeFileSet(master.db, me, set.id, { devices: ['gw-malmo'] })
      await holds(dirOn(other, 'private'), {})
      await until(async () => !JSON.stringify(await other.db.reader('objects')).includes('secret.txt'))
      await changeFileSet(master.db, me, set.id, { devices: null })
      await holds(dirOn(other, 'private'), { 'secret.txt': 'for one only' })
      await changeFileSet(master.db, me, set.id, { devices: [] })
      for (const node of [slave, other]) await holds(dirOn(node, 'private'), {})
    } finally {
      await other.close()
    }
  })
})
