import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { addClient } from '../../server/accounts/clients.ts'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { addMembers, removeMembers } from '../../server/accounts/group-members.ts'
import { addGroup, changeGroup, removeGroup } from '../../server/accounts/groups.ts'
import { enablePlugin, setPluginOn } from '../../server/accounts/plugins.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { addUser, changeUser, removeUser } from '../../server/accounts/users.ts'
import { beginEpoch } from '../../server/mode/epoch.ts'
import { connectTo } from '../ldap/client.ts'
import { startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'
import { aFolder } from '../support/store.ts'
import { type Consumer, startConsumer } from './consumer.ts'

// A stock OpenLDAP replicates from a node by RFC 4533 and must hold what the node holds: every entry, every attribute, also
// those that follow from other entries (member, memberOf), through restarts and a restore.

const base = 'dc=example,dc=lan'

/** One line for each value: what differs is then short. */
type Content = string[]

/** Worked out by each server for itself. */
const ofServer = new Set([
  'subschemaSubentry',
  'hasSubordinates',
  'entryDN',
  'contextCSN',
  'structuralObjectClass',
  'creatorsName',
  'modifiersName',
])

async function contentOf(port: number, dn = '', password = ''): Promise<Content> {
  const client = connectTo(port)
  try {
    assert.equal(await client.bind(dn, password), 0)
    const { code, entries } = await client.search({ base, attributes: ['*', '+'] })
    // A consumer that has nothing yet does not know its own base.
    if (code === 32) return []
    assert.equal(code, 0)
    return entries
      .flatMap(({ dn, attributes }) =>
        Object.entries(attributes)
          .filter(([name]) => !ofServer.has(name))
          .flatMap(([name, values]) => values.map((value) => `${dn.toLowerCase()} ${name.toLowerCase()} ${value}`)),
      )
      .sort()
  } finally {
    client.end()
  }
}

for (const type of ['refreshAndPersist', 'refreshOnly'] as const) {
  describe(`an OpenLDAP consumer with ${type}`, () => {
    let master: TestNode
    let consumer: Consumer
    let reader: { dn: string; password: string }

    const isEqual = async (node: TestNode = master): Promise<void> => {
      let differs: string[] = []
      await until(
        async () => {
          const mine = await contentOf(node.ports().ldap!, reader.dn, reader.password)
          const wanted = new Set(mine)
          const theirs = new Set(await contentOf(consumer.port))
          differs = [
            ...mine.filter((line) => !theirs.has(line)).map((line) => `missing ${line}`),
            ...[...theirs].filter((line) => !wanted.has(line)).map((line) => `too much ${line}`),
          ]
          return differs.length === 0
        },
        15_000,
        () => `the consumer does not become equal:\n${differs.slice(0, 10).join('\n')}`,
      )
    }

    const anna = () => ({ username: 'anna', first: 'Anna', last: 'Berg' })

    before(async () => {
      master = await startMaster()
      reader = await addClient(master.db, me, { name: 'consumer', role: 'read' })
      for (let i = 0; i < 30; i++) await addUser(master.db, me, { username: `p${i}`, first: `Åke ${i}`, last: 'Öberg' })
      consumer = await startConsumer({
        provider: `ldap://127.0.0.1:${master.ports().ldap}`,
        base,
        type,
        ...reader,
      })
    })
    after(async () => {
      await consumer?.remove()
      await master?.close()
    })

    it('begins with everything', async () => {
      await isEqual()
    })

    it('follows people and groups that come, change, are renamed, and go', async () => {
      const user = await addUser(master.db, me, { ...anna(), extensions: { contact: { mail: 'anna@example.lan' } } })
      await isEqual()
      await changeUser(master.db, me, user.id, { extensions: { contact: { mail: '', city: 'Malmö' } } })
      await isEqual()
      const group = await addGroup(master.db, me, { name: 'sales', description: 'Sales' })
      await addMembers(master.db, me, group.id, { usernames: ['anna', 'p1', 'p2'] })
      await isEqual()
      await changeUser(master.db, me, user.id, { username: 'anna.berg' })
      await isEqual()
      await changeGroup(master.db, me, group.id, { name: 'selling' })
      await isEqual()
      await setStatus(master.db, me, user.id, 'disabled')
      await isEqual()
      await removeMembers(master.db, me, group.id, { usernames: ['p1'] })
      await isEqual()
      await removeUser(master.db, me, user.id)
      await isEqual()
      await removeGroup(master.db, me, group.id)
      await isEqual()
    })

    it('follows memberships through groups in groups, and through plugins', async () => {
      const [outer, inner] = [
        await addGroup(master.db, me, { name: 'europe', description: '' }),
        await addGroup(master.db, me, { name: 'malmo', description: '' }),
      ]
      await addMembers(master.db, me, inner.id, { usernames: ['p3', 'p4'] })
      await addMembers(master.db, me, outer.id, { groups: ['malmo'] })
      await isEqual()
      await addMembers(master.db, me, inner.id, { usernames: ['p5'] })
      await removeMembers(master.db, me, inner.id, { usernames: ['p3'] })
      await isEqual()
      await removeMembers(master.db, me, outer.id, { groups: ['malmo'] })
      await isEqual()
      await enablePlugin(master.db, me, 'ftp', ['p3', 'p6'])
      await isEqual()
      await setPluginOn(master.db, me, 'ftp', false)
      await isEqual()
      await setPluginOn(master.db, me, 'ftp', true)
      await isEqual()
    })

    it('follows an extension that is turned off and on, and an account that ends by itself', async () => {
      const user = await addUser(master.db, me, {
        username: 'temp',
        first: 'Tem',
        last: 'Porary',
        validUntil: new Date(Date.now() + 1500).toISOString(),
        extensions: { contact: { city: 'Lund' } },
      })
      await isEqual()
      await setExtensionOn(master.db, me, 'contact', false)
      await isEqual()
      await setExtensionOn(master.db, me, 'contact', true)
      await isEqual()
      await until(async () => {
        const mine = await contentOf(master.ports().ldap!, reader.dn, reader.password)
        return mine.includes(`uid=temp,ou=users,ou=accounts,${base} shadowexpire 1`)
      })
      await isEqual()
      await removeUser(master.db, me, user.id)
    })

    it('catches up after it was away, with what was removed meanwhile', async () => {
      await isEqual()
      await consumer.stop()
      const away = await addUser(master.db, me, { username: 'away', first: 'A', last: 'Way' })
      await removeUser(master.db, me, away.id)
      for (const name of ['p10', 'p11']) {
        const { userByUsername } = await import('../../server/accounts/users.ts')
        await removeUser(master.db, me, (await userByUsername(master.db, name)).id)
      }
      await addUser(master.db, me, { username: 'p10', first: 'Another', last: 'One' })
      await consumer.start()
      await isEqual()
    })

    it('goes on after the node was restarted', async () => {
      const { dir } = master
      const ports = {
        'ldap-port': `${master.ports().ldap}`,
        'web-port': '0',
        'ldaps-port': '0',
        'sync-port': `${master.ports().sync}`,
      }
      await master.stop()
      const { startNode } = await import('../support/node.ts')
      master = await startNode(dir, ports)
      await addUser(master.db, me, { username: 'later', first: 'La', last: 'Ter' })
      await isEqual()
    })

    it('is brought back to a restored state, also where that is older than what it has', async () => {
      await isEqual()
      const { dir } = master
      const ports = {
        'ldap-port': `${master.ports().ldap}`,
        'web-port': '0',
        'ldaps-port': '0',
        'sync-port': `${master.ports().sync}`,
      }
      const { startNode } = await import('../support/node.ts')
      await master.stop()
      const backup = aFolder()
      cpSync(dir, backup, { recursive: true, filter: (name) => !name.endsWith('.sock') && !name.endsWith('/ldapi') })
      master = await startNode(dir, ports)
      await addUser(master.db, me, { username: 'lost', first: 'Lo', last: 'St' })
      const group = await addGroup(master.db, me, { name: 'lost_group', description: '' })
      await addMembers(master.db, me, group.id, { usernames: ['p20', 'p21'] })
      await isEqual()
      await master.stop()
      rmSync(dir, { recursive: true, force: true })
      master = await startNode(backup, ports)
      await beginEpoch(master.db, me)
      await addUser(master.db, me, { username: 'newer', first: 'N', last: 'Ewer' })
      await isEqual()
    })

    it('goes on with a slave instead of the master, from where it stood', async () => {
      const slave = await startSlave(master)
      try {
        await consumer.stop()
        const via = await addUser(master.db, me, { username: 'via', first: 'Vi', last: 'A' })
        await removeUser(master.db, me, via.id)
        await addUser(master.db, me, { username: 'via2', first: 'Vi', last: 'B' })
        await until(() => slave.db.position.seq === master.db.position.seq)
        await consumer.start(`ldap://127.0.0.1:${slave.ports().ldap}`)
        await isEqual(slave)
        await addUser(master.db, me, { username: 'further', first: 'Fu', last: 'Rther' })
        await until(() => slave.db.position.seq === master.db.position.seq)
        await isEqual(slave)
      } finally {
        await slave.close()
      }
    })
  })
}
