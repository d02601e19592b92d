import assert from 'node:assert/strict'
import { existsSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { endPlace, setPlace } from '../../server/filesync/places.ts'
import { addFileSet, changeFileSet, removeFileSet } from '../../server/filesync/sets.ts'
import { synchronizationKey } from '../../server/mode/key.ts'
import { joinMaster } from '../../server/replication/join.ts'
import { places } from '../../server/store/file-places.ts'
import { write } from '../../server/store/write.ts'
import { run } from '../cli/run.ts'
import { aSet, dirOn, holds, problemOf, put } from '../support/files.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'
import { aFolder } from '../support/store.ts'
import { signedIn, textOf } from '../support/web.ts'

describe('a slave that was told to receive files when it joined', () => {
  let master: TestNode
  let slave: TestNode
  before(async () => {
    master = await startMaster()
    await aSet(master, 'scripts')
    put(dirOn(master, 'scripts'), 'logon.bat', 'one')
    slave = await startNode()
    await joinMaster(slave.db, me, {
      master: `127.0.0.1:${master.ports().sync}`,
      key: await synchronizationKey(master.db),
      name: 'gw-malmo',
      receiveFiles: true,
    })
    await caughtUp(slave, master)
  })
  after(async () => {
    await slave?.close()
    await master?.close()
  })

  const placedHere = async () => (await places(slave.db.reader)).map(({ setName }) => setName)
  const pages = () => signedIn(`http://127.0.0.1:${slave.ports().web}`)

  test('has what is meant for it in its own directory, also a set that is made later', async () => {
    await holds(dirOn(slave, 'scripts'), { 'logon.bat': 'one' })
    await aSet(master, 'later', { whole: true })
    put(dirOn(master, 'later'), 'a', 'two')
    await holds(dirOn(slave, 'later'), { a: 'two' })
    assert.deepEqual(await placedHere(), ['later', 'scripts'])
  })

  test('leaves logon scripts to Samba, certificates where they lie anyway, and gets nothing that is for others', async () => {
    const other = await startSlave(master, 'gw-lund')
    try {
      await addFileSet(master.db, me, { name: 'netlogon', kind: 'netlogon' })
      await addFileSet(master.db, me, { name: 'certificates', kind: 'certificates' })
      await addFileSet(master.db, me, { name: 'for-lund', devices: ['gw-lund'] })
      await aSet(master, 'last')
      put(dirOn(master, 'last'), 'a', 'three')
      await holds(dirOn(slave, 'last'), { a: 'three' })
      await until(() => existsSync(join(slave.dir, 'certificates', 'ldap.pem')))
      assert.deepEqual(await placedHere(), ['last', 'later', 'scripts'])
      assert.deepEqual(
        readdirSync(join(slave.dir, 'files'))
          .filter((name) => !name.startsWith('.'))
          .sort(),
        ['last', 'later', 'scripts'],
      )
      assert.deepEqual(await places(other.db.reader), [], 'who was not told to receive places nothing')
    } finally {
      await other.close()
    }
  })

  test('a directory that the administrator names stays, and what is looked after no longer does not come back', async () => {
    const dir = join(slave.dir, 'files', 'elsewhere')
    await setPlace(slave.db, me, 'scripts', { dir })
    await holds(dir, { 'logon.bat': 'one' })
    await endPlace(slave.db, me, 'last')
    put(dirOn(master, 'scripts'), 'logon.bat', 'four')
    await holds(dir, { 'logon.bat': 'four' })
    assert.deepEqual(await placedHere(), ['later', 'scripts'])
    await setPlace(slave.db, me, 'last', { dir: dirOn(slave, 'last') })
    await endPlace(slave.db, me, 'last')
  })

  test('a set that is removed and made again takes over the directory of the one before', async () => {
    const set = await aSet(master, 'again')
    put(dirOn(master, 'again'), 'old', 'x')
    await holds(dirOn(slave, 'again'), { old: 'x' })
    await removeFileSet(master.db, me, set.id)
    await holds(dirOn(slave, 'again'), {})
    put(dirOn(master, 'again'), 'new', 'y')
    await setPlaceOfNew()
    await holds(dirOn(slave, 'again'), { new: 'y', old: 'x' })

    async function setPlaceOfNew(): Promise<void> {
      await addFileSet(master.db, me, { name: 'again' })
      await setPlace(master.db, me, 'again', { dir: dirOn(master, 'again') })
    }
  })

  test('no name from the wire leads out of its own directory, by dots or by a link', async () => {
    const outside = aFolder('outside')
    symlinkSync(outside, dirOn(slave, 'linked'))
    const hostile = ['../up', '/etc/evil', 'a/b', '..', '.', 'x\u0000y', 'UPPER']
    const { id: _, seq: __, ...body } = await aSet(master, 'template')
    for (const [n, name] of hostile.entries())
      await write(master.db, me, (change) =>
        change.put('file-set', `00000000-0000-4000-8000-00000000000${n}`, { ...body, name }),
      )
    const linked = await addFileSet(master.db, me, { name: 'linked' })
    for (const n of hostile.keys())
      await until(() =>
        /Not placed by itself: Its name is none/.test(
          problemOf(slave, `00000000-0000-4000-8000-00000000000${n}`) ?? '',
        ),
      )
    await until(() =>
      /Not placed by itself: .* is not below a directory that is allowed here/.test(problemOf(slave, linked.id) ?? ''),
    )
    assert.deepEqual(readdirSync(outside), [])
    assert.ok((await placedHere()).every((name) => /^[a-z]+$/.test(name)))
    const page = textOf((await (await pages()).get('/files')).text)
    assert.match(page, /Not placed by itself/)
    for (const n of hostile.keys())
      await write(master.db, me, (change) => change.remove('file-set', `00000000-0000-4000-8000-00000000000${n}`))
  })

  test('the page Files says so and stops it, and starts it again', async () => {
    const admin = await pages()
    assert.match(textOf((await admin.get('/files')).text), /Received by itself\. .*Receive nothing by itself/)
    assert.equal((await admin.post('/files', { receives: 'maybe' })).status, 422)
    assert.equal((await admin.post('/files', { receives: 'no' })).status, 303)
    assert.match(textOf((await admin.get('/files')).text), /Nothing is received by itself/)
    const set = await aSet(master, 'waits')
    put(dirOn(master, 'waits'), 'a', 'five')
    await until(() => slave.db.position.seq === master.db.position.seq)
    await until(async () => /waits Files of your own No directory/.test(textOf((await admin.get('/files')).text)))
    assert.ok(!existsSync(dirOn(slave, 'waits')))
    assert.equal((await run(slave.dir, ['files', 'receive', 'on'])).code, 0)
    await holds(dirOn(slave, 'waits'), { a: 'five' })
    await changeFileSet(master.db, me, set.id, { devices: ['gw-lund'] })
    await holds(dirOn(slave, 'waits'), {})
    const refused = await run(master.dir, ['files', 'receive', 'on'])
    assert.match(refused.err, /Only a slave receives files/)
  })
})

test('setup on the command line receives files unless it is told not to', async () => {
  const master = await startMaster()
  try {
    await aSet(master, 'scripts')
    const key = await synchronizationKey(master.db)
    for (const [name, option] of [
      ['gw-one', []],
      ['gw-two', ['--no-receive-files']],
    ] as const) {
      const dir = aFolder('slave')
      const where = ['--master', `127.0.0.1:${master.ports().sync}`, '--name', name]
      const made = await run(dir, ['setup', '--mode', 'slave', ...where, ...option], `${key}\n`)
      assert.equal(made.code, 0, made.err)
      const allowed = await run(dir, ['files', 'allow', '--json'])
      assert.equal(JSON.parse(allowed.out).receives, name === 'gw-one', allowed.err)
    }
  } finally {
    await master.close()
  }
})
