import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { keepBlob } from '../../server/filesync/blobs.ts'
import { changeAllowed, setPlace } from '../../server/filesync/places.ts'
import { filesOf } from '../../server/store/files-kept.ts'
import { write } from '../../server/store/write.ts'
import { aSet, dirOn, holds, placeOn, problemOf, put, treeOf } from '../support/files.ts'
import { startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'

describe('a master that means harm', () => {
  let master: TestNode
  let slave: TestNode
  let setId: string
  let to: string
  before(async () => {
    master = await startMaster()
    slave = await startSlave(master)
    // Without a directory on the master: what is in the feed is what the test puts there.
    const { addFileSet } = await import('../../server/filesync/sets.ts')
    setId = (await addFileSet(master.db, me, { name: 'evil' })).id
    await placeOn(slave, 'evil')
    to = dirOn(slave, 'evil')
  })
  after(async () => {
    await slave?.close()
    await master?.close()
  })

  async function announce(path: string, given: Record<string, unknown> = {}, content = 'evil'): Promise<string> {
    const { sha256, size } = await keepBlob(master.db.dir, Buffer.from(content))
    const id = randomUUID()
    const body = { set: setId, path, version: 1, sha256, size, mode: 0o644, at: 'now', earlier: [], ...given }
    await write(master.db, me, (change) => change.put('file', id, body as never))
    return id
  }
  const takeBack = (id: string) => write(master.db, me, (change) => change.remove('file', id))

  const paths = [
    '../escaped',
    'a/../../escaped',
    '/etc/escaped',
    'a//b',
    './a',
    'a/.',
    '',
    'nul\0byte',
    'line\nbreak',
    'back\\slash',
    '.account-sync.mine',
    'x'.repeat(201),
    `${'deep/'.repeat(40)}a`,
    'lone\ud800surrogate',
  ]
  for (const path of paths)
    test(`the path ${JSON.stringify(path.slice(0, 40))} is not taken, and is said`, async () => {
      const id = await announce(path)
      await until(() => /is not taken/.test(problemOf(slave, setId) ?? ''))
      assert.deepEqual(treeOf(to), {})
      assert.ok(!existsSync(join(slave.dir, 'files', 'escaped')) && !existsSync(join(slave.dir, 'escaped')))
      await takeBack(id)
      await until(() => problemOf(slave, setId) === undefined)
    })

  test('names that a shell would read are taken literally', async () => {
    const names = ['$(touch pwned)', '-rf', '"quoted"', "it's", 'a b;c&d', '…ünï']
    const ids = []
    for (const name of names) ids.push(await announce(name, {}, name))
    await until(() => Object.keys(treeOf(to)).length === names.length)
    for (const name of names) assert.equal(readFileSync(join(to, name), 'utf8'), name)
    for (const id of ids) await takeBack(id)
    await holds(to, {})
  })

  test('modes give no rights', async () => {
    const id = await announce('suid', { mode: 0o6777 })
    await until(() => existsSync(join(to, 'suid')))
    assert.equal(statSync(join(to, 'suid')).mode & 0o7777, 0o755)
    await takeBack(id)
    await holds(to, {})
  })

  test('a link on the way leads nowhere', async () => {
    const outside = join(slave.dir, 'outside')
    mkdirSync(outside)
    symlinkSync(outside, join(to, 'linked'))
    const id = await announce('linked/escaped')
    await until(() => /a folder on the way is a link/.test(problemOf(slave, setId) ?? ''))
    assert.deepEqual(treeOf(outside), {})
    await takeBack(id)
    rmSync(join(to, 'linked'))
    await until(() => problemOf(slave, setId) === undefined)
  })

  test('a link in the place of a file is replaced, not written through', async () => {
    const outside = join(slave.dir, 'outside', 'kept')
    writeFileSync(outside, 'mine')
    symlinkSync(outside, join(to, 'file'))
    const id = await announce('file')
    await until(() => existsSync(join(to, 'file')) && readFileSync(join(to, 'file'), 'utf8') === 'evil')
    assert.equal(readFileSync(outside, 'utf8'), 'mine')
    await takeBack(id)
    await holds(to, {})
  })

  test('a folder in the place of a file is said, and the others arrive', async () => {
    put(to, 'folder/mine', 'mine')
    const ids = [await announce('folder'), await announce('other')]
    await until(() => /a folder of that name lies here/.test(problemOf(slave, setId) ?? ''))
    await holds(to, { 'folder/mine': 'mine', other: 'evil' })
    for (const id of ids) await takeBack(id)
    rmSync(join(to, 'folder'), { recursive: true })
    await holds(to, {})
  })

  test('content that is not what was announced leaves the old file, and nothing beside it', async () => {
    const good = await announce('file', {}, 'good')
    await holds(to, { file: 'good' })
    const { blobPath } = await import('../../server/filesync/blobs.ts')
    const { sha256 } = await keepBlob(master.db.dir, Buffer.from('announced'))
    writeFileSync(blobPath(master.db.dir, sha256), 'different')
    const [file] = await filesOf(master.db.reader, setId)
    const { id, seq, ...body } = file as NonNullable<typeof file>
    await write(master.db, me, (change) => change.put('file', id, { ...body, sha256, size: 9 }))
    await until(() => /is not what was announced/.test(problemOf(slave, setId) ?? ''))
    assert.deepEqual(readdirSync(to), ['file'])
    assert.deepEqual(treeOf(to), { file: 'good' })
    await takeBack(good)
    await holds(to, {})
  })

  test('content longer than announced is not written', async () => {
    const id = await announce('long', { size: 3 })
    await until(() => /longer than the 3 bytes/.test(problemOf(slave, setId) ?? ''))
    assert.deepEqual(treeOf(to), {})
    await takeBack(id)
    await until(() => problemOf(slave, setId) === undefined)
  })

  test('sizes and counts are bounded before anything is fetched', async () => {
    const big = await announce('big', { size: 10_000_000_000_000 })
    await until(() => /MB are allowed on this node/.test(problemOf(slave, setId) ?? ''))
    await takeBack(big)
    await changeAllowed(slave.db, me, { maxFiles: 2 })
    const ids = []
    for (const path of ['a', 'b', 'c']) ids.push(await announce(path))
    await until(() => problemOf(slave, setId) === 'It has 3 files; 2 are allowed on this node.')
    for (const id of ids) await takeBack(id)
    await changeAllowed(slave.db, me, { maxFiles: 1000 })
    await holds(to, {})
  })

  test('a file and a folder of one name: the folder is not taken', async () => {
    const ids = [await announce('one'), await announce('one/two')]
    await until(() => /“one\/two” is not taken/.test(problemOf(slave, setId) ?? ''))
    assert.deepEqual(treeOf(to), { one: 'evil' })
    for (const id of ids) await takeBack(id)
    await holds(to, {})
  })

  test('no place is outside what the machine allows, also by a link', async () => {
    for (const dir of ['/etc/account-sync', join(slave.dir, 'files', '..', 'escaped'), slave.dir, 'relative'])
      await assert.rejects(setPlace(slave.db, me, 'evil', { dir }), /not below a directory|must be a whole path/)
    symlinkSync('/etc', join(slave.dir, 'files', 'etc'))
    await assert.rejects(setPlace(slave.db, me, 'evil', { dir: dirOn(slave, 'etc/sub') }), /not below a directory/)
    const web = { name: 'admin', via: 'web', role: 'administrator' } as const
    await assert.rejects(changeAllowed(slave.db, web, { roots: ['/srv'] }), /at the machine itself/)
    await assert.rejects(changeAllowed(slave.db, me, { roots: [slave.dir] }), /holds keys/)
    await assert.rejects(setPlace(slave.db, me, 'evil', { dir: to, afterwards: 'unit:sshd' }), /may be done here/)
  })
})

describe('a directory on the master with what cannot be carried', () => {
  let master: TestNode
  before(async () => {
    master = await startMaster()
  })
  after(() => master?.close())

  test('links, pipes and names that are not UTF-8 are left out and said', async () => {
    const set = await aSet(master, 'odd')
    const dir = dirOn(master, 'odd')
    writeFileSync(join(master.dir, 'audit-like'), 'secret')
    symlinkSync(join(master.dir, 'audit.key'), join(dir, 'key'))
    symlinkSync(master.dir, join(dir, 'data'))
    execFileSync('mkfifo', [join(dir, 'pipe')])
    writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0xfe])]), 'x')
    writeFileSync(join(dir, 'good'), 'good')
    await until(async () => (await filesOf(master.db.reader, set.id)).length === 1)
    await until(() => /is left out/.test(problemOf(master, set.id) ?? ''))
    assert.deepEqual(
      (await filesOf(master.db.reader, set.id)).map(({ path }) => path),
      ['good'],
    )
  })

  test('a directory that is gone takes nothing from the slaves', async () => {
    const set = await aSet(master, 'gone')
    put(dirOn(master, 'gone'), 'a', 'one')
    await until(async () => (await filesOf(master.db.reader, set.id)).length === 1)
    rmSync(dirOn(master, 'gone'), { recursive: true })
    await until(() => /is not there any more/.test(problemOf(master, set.id) ?? ''))
    assert.equal((await filesOf(master.db.reader, set.id)).length, 1)
  })

  test('a file that is written to while it is read is published as one state of it', async () => {
    const set = await aSet(master, 'growing')
    const path = join(dirOn(master, 'growing'), 'log')
    const { appendFile } = await import('node:fs/promises')
    for (let n = 0; n < 60; n++) {
      await appendFile(path, 'x'.repeat(50_000))
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const { hash } = await import('node:crypto')
    const wanted = hash('sha256', readFileSync(path))
    await until(async () => (await filesOf(master.db.reader, set.id))[0]?.sha256 === wanted)
  })
})
