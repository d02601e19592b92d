import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { binPage, purge, undelete } from '../../server/accounts/bin.ts'
import { addClient } from '../../server/accounts/clients.ts'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { changeMembers } from '../../server/accounts/group-members.ts'
import { addGroup, allGroups, changeGroup, removeGroup } from '../../server/accounts/groups.ts'
import { setPluginOn } from '../../server/accounts/plugins.ts'
import { changeUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { createDirectory } from '../../server/ldap/directory.ts'
import { feedOf, followFeed } from '../../server/ldap/follow.ts'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { moveHorizon } from '../../server/replication/horizon.ts'
import type { Db } from '../../server/store/db.ts'
import { type Chance, chance } from '../interop/chance.ts'
import { silent } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { type Client, connectTo, controls, type SearchGiven } from './client.ts'
import { type Copy, copyOf } from './copy.ts'
import { type LdapNode, startLdapNode } from './node.ts'
import { base, groups, startServer, users } from './sample.ts'

// Whoever keeps a copy by RFC 4533 has, after any changes, what a search finds: no entry too many, none too few, none stale.

const dayMs = 86_400_000
const crew = `cn=crew0,${groups}`

const contents: SearchGiven[] = [
  { base, attributes: ['*', '+'] },
  { base: users, scope: 'one', filter: '(l=Lund)', attributes: ['*', 'entryUUID'] },
  { base, filter: `(memberOf=${crew})`, attributes: ['uid', 'memberOf'] },
  { base, filter: '(objectClass=posixGroup)', attributes: ['cn', 'member', 'memberUid'] },
  { base, filter: '(!(title=Clerk))', attributes: ['cn', 'title'] },
  { base: `uid=c1,${users}`, scope: 'base', attributes: ['*', '+'] },
  { base: users, filter: '(uid>=c2)', attributes: ['*'] },
]

const names = Array.from({ length: 6 }, (_, i) => `c${i}`)
const crews = ['crew0', 'crew1', 'crew2']

async function aChange(db: Db, by: Chance): Promise<unknown> {
  const groupId = async (name: string): Promise<string> =>
    (await allGroups(db)).find((group) => group.name === name)?.id ?? ''
  const username = by.pick(names)
  const name = by.pick(crews)
  const userId = async () => (await userByUsername(db, username)).id
  const contact = by.pick<Record<string, string>>([
    { city: 'Lund' },
    { city: 'Ystad' },
    { city: '' },
    { title: 'Clerk' },
    { title: '' },
  ])
  switch (by.below(16)) {
    case 0:
      return aUser(db, { username, extensions: { contact } })
    case 1:
      return removeUser(db, me, await userId())
    case 2:
      return changeUser(db, me, await userId(), { username: by.pick([...names, 'cx']) })
    case 3:
      return changeUser(db, me, await userId(), { plugins: by.oneIn(2) ? ['ftp'] : [] })
    case 4:
      return changeUser(db, me, await userId(), { groups: by.some(crews, 3) })
    case 5:
      return addGroup(db, me, { name, description: '' })
    case 6:
      return removeGroup(db, me, await groupId(name))
    case 7:
      return changeGroup(db, me, await groupId(name), { name: by.pick(crews), description: `${by.below(9)}` })
    case 8:
      return by.oneIn(2)
        ? changeMembers(db, me, await groupId(name), { groups: [by.pick(crews)] }, {})
        : changeMembers(db, me, await groupId(name), {}, { groups: [by.pick(crews)] })
    case 9:
      return setExtensionOn(db, me, 'contact', by.oneIn(2))
    case 10:
      return setPluginOn(db, me, 'ftp', by.oneIn(2))
    case 11: {
      const { rows } = await binPage(db, {})
      const id = rows.length === 0 ? '' : by.pick(rows).id
      return by.oneIn(2) ? undelete(db, me, id) : purge(db, me, id)
    }
    case 12:
      return by.oneIn(3) ? moveHorizon(db, Date.now() + 100 * dayMs) : undefined
    default:
      return changeUser(db, me, await userId(), { extensions: { contact } })
  }
}

describe('copies of what a search finds', () => {
  for (const seed of [12, 15, 21, 23])
    it(`are right after any changes: ${seed}`, async () => {
      const by = chance(seed)
      const { db, close } = await aMasterStore()
      const reader = await addClient(db, me, { name: 'copier', role: 'read' })
      const open = async () => {
        const directory = createDirectory()
        const stop = await followFeed(db, directory, silent)
        const server = await startServer({ directory, verify: () => true, feed: feedOf(db) })
        const clients: Client[] = []
        const signIn = async (): Promise<Client> => {
          const client = connectTo(server.port)
          clients.push(client)
          assert.equal(await client.bind(reader.dn, reader.password), 0)
          return client
        }
        return {
          signIn,
          client: await signIn(),
          async close() {
            for (const client of clients) client.end()
            stop()
            await server.close()
          },
        }
      }
      const live = await open()
      const polling: Copy[] = contents.map((given) => copyOf(given))
      const staying: Copy[] = contents.map((given) => copyOf(given))
      // One connection may have no more than four that stay open.
      for (const [i, copy] of staying.entries()) if (i !== 5) await copy.stay(await live.signIn())
      const said: string[] = []
      for (let step = 0; step < 40; step++) {
        for (let left = by.below(4); left >= 0; left--)
          await aChange(db, by).then(
            () => {},
            () => {},
          )
        const after = by.oneIn(5) ? await open() : undefined
        for (const [i, copy] of polling.entries()) {
          if (!by.oneIn(3)) continue
          const client = after?.client ?? live.client
          const code = await copy.refresh(client)
          said.push(String(code))
          if (code === 32) continue
          await copy.mustBe(
            live.client,
            `seed ${seed}, step ${step}, ${after ? 'restarted, ' : ''}copy ${i} by polling`,
          )
        }
        for (const [i, copy] of staying.entries())
          if (i !== 5) await copy.mustSoonBe(live.client, `seed ${seed}, step ${step}, copy ${i} that stays open`)
        await after?.close()
      }
      assert.ok(said.includes('0'))
      await live.close()
      await close()
    })

  describe('of somebody', () => {
    let node: LdapNode
    let c: Client
    before(async () => {
      node = await startLdapNode()
      c = await node.reader()
    })
    after(() => node.close())

    it('are of a group by its name, whichever group has it', async () => {
      const { db } = node
      const copy = copyOf({ base, filter: `(memberOf=${crew})`, attributes: ['uid'] })
      await copy.stay(c)
      await aUser(db, { username: 'kim' })
      const { id } = await addGroup(db, me, { name: 'crew0', description: '' })
      await changeMembers(db, me, id, { usernames: ['kim'] }, {})
      await copy.mustSoonBe(c, 'in a group that was not there')
      assert.equal(copy.size(), 1)
      await changeGroup(db, me, id, { name: 'crew1' })
      await copy.mustSoonBe(c, 'that has another name')
      assert.equal(copy.size(), 0)
      const other = await addGroup(db, me, { name: 'crew0', description: '' })
      await changeMembers(db, me, other.id, { usernames: ['admin'] }, {})
      await copy.mustSoonBe(c, 'while another one has it')
      assert.equal(copy.size(), 1)
    })

    it('tell nothing of entries that one may not see, not even that they have changed', async () => {
      const { db, server } = node
      const { id } = await aUser(db, { username: 'mona', password })
      const { id: other } = await aUser(db, { username: 'nils' })
      const gone = await aUser(db, { username: 'olga' })
      const mona = connectTo(server.port)
      assert.equal(await mona.bind(`uid=mona,${users}`, password), 0)
      const given: SearchGiven = { base, attributes: ['*'] }
      const copy = copyOf(given)
      assert.equal(await copy.refresh(mona), 0)
      await changeUser(db, me, other, { first: 'Nisse' })
      await removeUser(db, me, gone.id)
      assert.equal(await copy.refresh(mona), 0)
      assert.deepEqual([...copy.told], [id.replaceAll('-', '')])
      await changeUser(db, me, id, { role: 'administrator' })
      assert.equal(await copy.refresh(mona), 0)
      await copy.mustBe(mona, 'an administrator sees what was there before as well')
      assert.ok(copy.size() > 3)
      mona.end()
    })

    it('have to be begun again when the entry that they begin at is another one', async () => {
      const { db } = node
      const { id } = await aUser(db, { username: 'lea' })
      const staying: [string, boolean, Buffer] = ['1.3.6.1.4.1.4203.1.9.1.1', true, tlv(0x30, integerTlv(3, 0x0a))]
      const given: SearchGiven = { base: `uid=lea,${users}`, scope: 'base', attributes: ['*'] }
      const polling = copyOf(given)
      assert.equal(await polling.refresh(c), 0)
      const ended = c.search({ ...given, controls: controls(staying) })
      await changeUser(db, me, id, { first: 'Lea' })
      await changeUser(db, me, id, { username: 'leah' })
      assert.equal((await ended).code, 4096)
      await aUser(db, { username: 'lea' })
      assert.equal(await polling.refresh(c), 0)
      await polling.mustBe(c, 'whoever has the name now, and nobody else')
    })
  })
})
