import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { addClient } from '../../server/accounts/clients.ts'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { ntHash } from '../../server/accounts/md4.ts'
import { setPassword, userByUsername } from '../../server/accounts/users.ts'
import { makeBackup } from '../../server/mode/backup.ts'
import { restoreNode } from '../../server/mode/restore.ts'
import { handOver } from '../../server/replication/hand-over.ts'
import { nodeStatus } from '../../server/replication/status.ts'
import { setUpDomain } from '../../server/samba/domain.ts'
import { type Client, connectTo } from '../ldap/client.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me } from '../support/people.ts'
import { aFolder } from '../support/store.ts'

const anna = 'uid=anna,ou=Users,ou=Accounts,dc=example,dc=lan'
const secret = 'quiet-river-stone-42'
const hash = ntHash(secret).toString('hex').toUpperCase()

let master: TestNode
let slave: TestNode
let client: { dn: string; password: string }

before(async () => {
  master = await startMaster()
  await setUpDomain(master.db, me, { name: 'EXAMPLE' })
  await aUser(master.db, { username: 'anna', password: secret, extensions: { samba: { account: 'yes' } } })
  client = await addClient(master.db, me, { name: 'samba', role: 'samba' })
  slave = await startSlave(master)
})
after(async () => {
  await slave.close()
  await master.close()
})

async function hashAt(node: TestNode): Promise<string | undefined> {
  const samba: Client = connectTo(node.ports().ldap as number)
  try {
    if ((await samba.bind(client.dn, client.password)) !== 0) return 'no bind'
    const { entries } = await samba.search({ base: anna, scope: 'base', attributes: ['sambaNTPassword'] })
    return entries[0]?.attributes.sambaNTPassword?.[0]
  } finally {
    samba.end()
  }
}

const keyOf = (node: TestNode): string => join(node.dir, 'nt-hash.key')

test('a slave that joins is given the key, in a file of its own that only it can read', async () => {
  assert.equal(readFileSync(keyOf(slave), 'utf8'), readFileSync(keyOf(master), 'utf8'))
  assert.equal(statSync(keyOf(slave)).mode & 0o777, 0o600)
  await until(async () => (await hashAt(slave)) === hash)
})

test('the database of neither has the key, or a hash as it is', async () => {
  const key = readFileSync(keyOf(master), 'utf8').trim()
  for (const { dir } of [master, slave])
    for (const name of ['accounts.db', 'accounts.db-wal']) {
      const bytes = existsSync(join(dir, name)) ? readFileSync(join(dir, name)) : Buffer.alloc(0)
      for (const text of [key, hash, hash.toLowerCase()])
        assert.ok(!bytes.includes(text) && !bytes.includes(Buffer.from(text, 'hex')), `${name} holds it`)
    }
})

test('a slave that has no key yet asks for it, and then knows what it holds already', async () => {
  await slave.stop()
  rmSync(keyOf(slave))
  // In this process the key would still be remembered under the name of the folder.
  const moved = `${slave.dir}-moved`
  renameSync(slave.dir, moved)
  slave = await startNode(moved)
  await caughtUp(slave, master)
  await until(async () => (await hashAt(slave)) === hash)
  assert.equal(readFileSync(keyOf(slave), 'utf8'), readFileSync(keyOf(master), 'utf8'))
})

test('a slave that takes over reads them and makes new ones, which the former master reads; so does a restored node', async () => {
  const { name } = slave.db.local
  await until(async () =>
    (await nodeStatus(master.db)).devices.some((one) => one.name === name && one.state === 'equal'),
  )
  await handOver(master.db, me, name)
  const next = 'another-river-stone-43'
  const wanted = ntHash(next).toString('hex').toUpperCase()
  await setPassword(slave.db, me, (await userByUsername(slave.db, 'anna')).id, next)
  await until(async () => (await hashAt(slave)) === wanted)
  await caughtUp(master, slave)
  await until(async () => (await hashAt(master)) === wanted)

  const file = join(aFolder('backup'), 'node.backup')
  await makeBackup(slave.dir, file, 'a long walk by the sea')
  const dir = aFolder('restored')
  await restoreNode(dir, file, 'a long walk by the sea', me)
  const restored = await startNode(dir)
  assert.equal(readFileSync(keyOf(restored), 'utf8'), readFileSync(keyOf(slave), 'utf8'))
  await until(async () => (await hashAt(restored)) === wanted)
  await restored.close()
  rmSync(join(file, '..'), { recursive: true })

  const back = master.db.local.name
  await until(async () =>
    (await nodeStatus(slave.db)).devices.some((one) => one.name === back && one.state === 'equal'),
  )
  await handOver(slave.db, me, back)
  await caughtUp(slave, master)
})

test('when Windows Networking is turned off, no node has a hash any more', async () => {
  await setExtensionOn(master.db, me, 'samba', false)
  await caughtUp(slave, master)
  for (const node of [master, slave]) {
    assert.equal(await hashAt(node), undefined)
    const kept = await node.db.reader('objects').where({ kind: 'nt-hash', deleted: false })
    assert.deepEqual(kept, [])
  }
})
