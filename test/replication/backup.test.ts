import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { addUser, userByUsername } from '../../server/accounts/users.ts'
import { makeBackup, unpackBackup } from '../../server/mode/backup.ts'
import { restoreNode } from '../../server/mode/restore.ts'
import { auditChain } from '../../server/store/audit-chain.ts'
import { closeDb, openDb } from '../../server/store/db.ts'
import { run } from '../cli/run.ts'
import { caughtUp, isEqual, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { me, somebody } from '../support/people.ts'
import { aFolder } from '../support/store.ts'

const passphrase = 'a long walk by the sea'

describe('backup and restore', () => {
  let master: TestNode
  const folders: string[] = []
  const folder = (name: string) => {
    const made = aFolder(name)
    folders.push(made)
    return made
  }
  before(async () => {
    master = await startMaster()
  })
  after(async () => {
    await master.close()
    for (const made of folders) rmSync(made, { recursive: true, force: true })
  })

  const backup = async (dir = master.dir): Promise<string> => {
    const file = join(folder('backup'), 'node.backup')
    await makeBackup(dir, file, passphrase)
    return file
  }

  test('a backup under load is a state that the node had, with its proof', async () => {
    let isOver = false
    const load = (async () => {
      for (let n = 0; !isOver; n++) await addUser(master.db, me, somebody({ username: `busy${n}` }))
    })()
    await until(() => master.db.position.seq > 20)
    const from = master.db.position.seq
    const file = await backup()
    const to = master.db.position.seq
    isOver = true
    await load
    const dir = folder('restored')
    await unpackBackup(dir, file, passphrase)
    const db = await openDb(dir)
    const { seq, hash, epochNo } = db.position
    assert.ok(from <= seq && seq <= to, `${from} <= ${seq} <= ${to}`)
    assert.equal(epochNo, 1)
    assert.equal((await master.db.reader('positions').where({ seq }).first()).hash, hash)
    await closeDb(db)
  })

  test('the file shows nothing of what it holds, and only its owner may read it', async () => {
    const file = await backup()
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const bytes = readFileSync(file).toString('latin1')
    assert.doesNotMatch(bytes, /argon2|PRIVATE KEY|example\.lan|SQLite/)
    assert.deepEqual(
      readdirSync(master.dir).filter((name) => name.startsWith('.')),
      [],
    )
  })

  test('a wrong passphrase, a flipped byte and a file cut short restore nothing', async () => {
    const file = await backup()
    const good = readFileSync(file)
    const refused = async (bytes: Buffer, words = passphrase) => {
      const bad = join(folder('bad'), 'file')
      writeFileSync(bad, bytes)
      const dir = folder('empty')
      await assert.rejects(unpackBackup(dir, bad, words), /passphrase is wrong, or .* is damaged|is no backup/)
      assert.deepEqual(readdirSync(dir), [])
    }
    await refused(good, 'another long sentence')
    for (const at of [5, 60, 200, Math.floor(good.length / 2), good.length - 1]) {
      const flipped = Buffer.from(good)
      flipped[at] = (flipped[at] as number) ^ 1
      await refused(flipped)
    }
    for (const length of [0, 20, 200, good.length - 1]) await refused(good.subarray(0, length))
  })

  test('a directory that holds anything is not touched, and an existing file is not written over', async () => {
    const file = await backup()
    const dir = folder('full')
    writeFileSync(join(dir, 'accounts.db'), 'precious')
    await assert.rejects(restoreNode(dir, file, passphrase, me), /is not empty \(accounts\.db\)/)
    assert.equal(readFileSync(join(dir, 'accounts.db'), 'utf8'), 'precious')
    await assert.rejects(makeBackup(master.dir, file, passphrase), /exists already/)
    await assert.rejects(makeBackup(master.dir, `${file}2`, 'short'), /at least 12 characters/)
    assert.ok(!existsSync(`${file}2`))
  })

  test('a master restored from an older backup heals its slaves, also one that was ahead', async () => {
    const own = await startMaster()
    const port = own.ports().sync as number
    const slave = await startSlave(own)
    await addUser(own.db, me, somebody({ username: 'kept' }))
    const file = await backup(own.dir)
    await addUser(own.db, me, somebody({ username: 'lost' }))
    await addUser(own.db, me, somebody({ username: 'lost2' }))
    await caughtUp(slave, own)
    await own.close()
    const dir = folder('again')
    const restored = await restoreNode(dir, file, passphrase, me)
    assert.equal(restored.epochNo, 2)
    const again = await startNode(dir, { 'sync-port': `${port}` })
    await addUser(again.db, me, somebody({ username: 'since' }))
    await until(() => isEqual(slave, again), 20_000)
    assert.equal(slave.db.position.epochNo, 2)
    assert.equal(slave.db.position.epochId, again.db.position.epochId)
    await userByUsername(slave.db, 'kept')
    await userByUsername(slave.db, 'since')
    await assert.rejects(userByUsername(slave.db, 'lost'))
    assert.equal((await auditChain(again.db.reader, again.db.auditKey)).fault, undefined)
    await Promise.all([slave.close(), again.close()])
  })

  test('on the command line, with the passphrase in a file or on stdin, while the node runs', async () => {
    const dir = folder('cli')
    const file = join(dir, 'out.backup')
    const words = join(dir, 'words')
    writeFileSync(words, `${passphrase}\n`, { mode: 0o600 })
    const made = await run(master.dir, ['backup', file, '--passphrase-file', words])
    assert.equal(made.code, 0, made.err)
    const rows = await master.db.reader('audit').orderBy('id', 'desc').first()
    assert.equal(rows.sentence, 'Made a backup, out.backup')
    const target = folder('target')
    const wrong = await run(target, ['restore', file], 'not the passphrase\n')
    assert.equal(wrong.code, 1)
    assert.match(wrong.err, /passphrase is wrong/)
    const right = await run(target, ['restore', file], `${passphrase}\n`)
    assert.equal(right.code, 0, right.err)
    assert.match(right.out, /Restored master\.example\.lan \(master\)/)
  })
})
