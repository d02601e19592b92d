import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createDirectory, type Directory } from '../../server/ldap/directory.ts'
import type { Changed } from '../../server/store/bodies.ts'
import { type Client, connectTo, type FoundEntry } from './client.ts'
import {
  aClient,
  aGroup,
  aUser,
  base,
  change,
  groups,
  ids,
  organisation,
  reader,
  type Started,
  startServer,
  users,
  uuid,
} from './sample.ts'

const frida = `uid=fnystrom,${users}`

async function* chunks(...list: Changed[][]): AsyncGenerator<Changed[]> {
  for (const each of list) {
    await new Promise((resolve) => setImmediate(resolve))
    yield each
  }
}

describe('the directory', () => {
  let server: Started
  let directory: Directory
  let c: Client
  const all = async (): Promise<Record<string, FoundEntry['attributes']>> => {
    const { entries } = await c.search({ base: '', scope: 'base', attributes: ['namingContexts'] })
    const found = await c.search({ base: entries[0]!.attributes.namingContexts![0]!, attributes: ['*', '+'] })
    return Object.fromEntries(found.entries.map(({ dn, attributes }) => [dn, attributes]))
  }
  const one = async (dn: string): Promise<FoundEntry['attributes'] | undefined> =>
    (await c.search({ base: dn, scope: 'base' })).entries[0]?.attributes
  const find = async (filter: string, within = base): Promise<string[]> =>
    (await c.search({ base: within, filter })).entries.map(({ dn }) => dn)

  before(async () => {
    directory = createDirectory()
    directory.apply(organisation())
    server = await startServer({ directory })
    c = connectTo(server.port)
    await c.bind(reader, 'reader')
  })
  after(async () => {
    c.end()
    await server.close()
  })

  it('is the same whatever the order in which objects come', async () => {
    const first = await all()
    const normalised = (entries: typeof first): unknown =>
      Object.entries(entries)
        .map(([dn, attributes]) => [dn, Object.entries(attributes).map(([name, values]) => [name, [...values].sort()])])
        .sort()
    for (let i = 0; i < 5; i++) {
      const shuffled = organisation()
        .map((each) => [Math.sin(each.seq * (i + 1)), each] as const)
        .sort((a, b) => a[0] - b[0])
      await directory.load(chunks(...shuffled.map(([, each]) => [each])))
      assert.deepEqual(normalised(await all()), normalised(first))
    }
  })

  it('a renamed user is renamed wherever it is a member', async () => {
    const values = { groups: [ids.sales], plugins: ['ftp'] }
    directory.apply([change('user', ids.frida, aUser({ ...values, username: 'frida' }))])
    const renamed = `uid=frida,${users}`
    assert.equal(await one(frida), undefined)
    assert.deepEqual((await one(renamed))!.uid, ['frida'])
    for (const name of ['sales', 'ftp_plugin', 'allusers']) {
      const group = (await one(`cn=${name},${groups}`))!
      assert.ok(group.member!.includes(renamed) && !group.member!.includes(frida), name)
      assert.ok(group.memberUid!.includes('frida') && !group.memberUid!.includes('fnystrom'), name)
    }
    assert.deepEqual(await find('(uid=fnystrom)'), [])
    assert.deepEqual(await find(`(&(cn=sales)(member=${renamed}))`), [`cn=sales,${groups}`])
    directory.apply([change('user', ids.frida, aUser(values))])
  })

  it('a renamed group is renamed with its members, and a removed one leaves them', async () => {
    directory.apply([change('group', ids.sales, aGroup({ name: 'selling' }))])
    assert.equal((await one(frida))!.memberOf!.includes(`cn=selling,${groups}`), true)
    assert.deepEqual((await find(`(memberOf=cn=selling,${groups})`)).length, 2)
    directory.apply([change('group', ids.sales, undefined)])
    assert.deepEqual((await one(frida))!.memberOf, [`cn=allusers,${groups}`, `cn=ftp_plugin,${groups}`])
    assert.deepEqual(await find('(cn=selling)'), [])
    directory.apply([change('group', ids.sales, aGroup())])
    assert.equal((await one(frida))!.memberOf!.includes(`cn=sales,${groups}`), true)
    assert.equal((await one(`cn=sales,${groups}`))!.member!.length, 2)
  })

  it('joining and leaving changes both sides', async () => {
    directory.apply([change('user', ids.olle, aUser({ username: 'olle', uidNumber: 2003, groups: [ids.nobody] }))])
    const olle = `uid=olle,${users}`
    assert.deepEqual((await one(`cn=empty,${groups}`))!.member, [olle])
    assert.deepEqual((await one(olle))!.memberOf, [`cn=allusers,${groups}`, `cn=empty,${groups}`])
    directory.apply([change('user', ids.olle, aUser({ username: 'olle', uidNumber: 2003 }))])
    assert.equal((await one(`cn=empty,${groups}`))!.member, undefined)
    assert.deepEqual((await one(olle))!.memberOf, [`cn=allusers,${groups}`])
  })

  it('a removed user is gone from every list', async () => {
    directory.apply([change('user', ids.karl, undefined)])
    assert.deepEqual(await find('(memberUid=karl)'), [])
    assert.deepEqual(await find('(|(uid=karl)(cn=karl berg)(uidNumber=2001)(mail=karl.berg@example.lan))'), [])
    assert.equal((await one(`cn=allusers,${groups}`))!.memberUid!.includes('karl'), false)
    assert.equal((await one(`cn=engineers,${groups}`))!.memberUid, undefined)
  })

  it('two users may swap their names in one commit', async () => {
    const [a, b] = [uuid(801), uuid(802)]
    directory.apply([
      change('user', a, aUser({ username: 'a', uidNumber: 3001 })),
      change('user', b, aUser({ username: 'b', uidNumber: 3002 })),
    ])
    directory.apply([
      change('user', a, aUser({ username: 'b', uidNumber: 3001 })),
      change('user', b, aUser({ username: 'a', uidNumber: 3002 })),
    ])
    assert.deepEqual((await one(`uid=a,${users}`))!.uidNumber, ['3002'])
    assert.deepEqual((await one(`uid=b,${users}`))!.uidNumber, ['3001'])
    assert.deepEqual(await find('(uid=a)'), [`uid=a,${users}`])
    directory.apply([change('user', a, undefined), change('user', b, undefined)])
    assert.deepEqual(await find('(|(uid=a)(uid=b))'), [])
  })

  it('an extension that is turned off hides what it gave, and gives it back', async () => {
    const extended = aUser({
      extensions: { contact: { mail: 'f@example.lan' }, shell: { loginShell: '/bin/sh', home: '/srv/f' } },
    })
    directory.apply([change('user', ids.frida, extended)])
    assert.deepEqual((await one(frida))!.homeDirectory, ['/srv/f'])
    directory.apply([
      change('extension', ids.shell, { name: 'shell', on: false }),
      change('extension', ids.contact, { name: 'contact', on: false }),
    ])
    const plain = (await one(frida))!
    assert.deepEqual(
      [plain.homeDirectory, plain.loginShell, plain.mail],
      [['/home/fnystrom'], ['/sbin/nologin'], undefined],
    )
    assert.deepEqual(await find('(mail=f@example.lan)'), [])
    assert.deepEqual(await find('(mail=*)'), [])
    assert.deepEqual(await find('(loginShell=/bin/sh)'), [])
    assert.deepEqual(await find('(homeDirectory=/home/fnystrom)'), [frida])
    assert.equal(await c.compare(frida, 'mail', 'f@example.lan'), 16)
    directory.apply([
      change('extension', ids.shell, { name: 'shell', on: true }),
      change('extension', ids.contact, { name: 'contact', on: true }),
    ])
    const again = (await one(frida))!
    assert.deepEqual([again.homeDirectory, again.loginShell, again.mail], [['/srv/f'], ['/bin/sh'], ['f@example.lan']])
    assert.deepEqual(await find('(homeDirectory=/home/fnystrom)'), [])
  })

  it('a plugin that is turned on appears with its members, and goes when it is turned off', async () => {
    directory.apply([change('user', ids.frida, aUser({ plugins: ['smtp'] }))])
    const group = `cn=smtp_plugin,${groups}`
    assert.equal(await one(group), undefined)
    directory.apply([change('plugin', ids.smtp, { name: 'smtp', on: true, gidNumber: 61001 })])
    assert.deepEqual((await one(group))!.memberUid, ['fnystrom'])
    assert.equal((await one(frida))!.memberOf!.includes(group), true)
    directory.apply([change('plugin', ids.smtp, { name: 'smtp', on: false, gidNumber: 61001 })])
    assert.equal(await one(group), undefined)
    assert.equal((await one(frida))!.memberOf!.includes(group), false)
  })

  it('another domain renames everything at once', async () => {
    directory.apply([change('domain', ids.domain, { baseDomain: 'Branch.Example.org', added: '2026-05-04T08:00:00Z' })])
    const entries = await all()
    const other = 'dc=Branch,dc=Example,dc=org'
    for (const [dn, attributes] of Object.entries(entries)) {
      assert.ok(dn.endsWith(other), dn)
      assert.deepEqual(attributes.entryDN, [dn])
      for (const name of [...(attributes.member ?? []), ...(attributes.memberOf ?? [])]) assert.ok(entries[name], name)
    }
    assert.equal((await c.search({ base })).code, 32)
    assert.equal((await c.search({ base: 'DC=branch,DC=example,DC=ORG', scope: 'base' })).entries.length, 1)
    directory.apply([change('domain', ids.domain, { baseDomain: 'example.lan', added: '2026-05-04T08:00:00Z' })])
    assert.equal((await c.search({ base, scope: 'base' })).code, 0)
  })

  it('a change that is older than what is known is passed over', async () => {
    const older = change('user', ids.frida, aUser({ first: 'Older' }))
    directory.apply([change('user', ids.frida, aUser({ first: 'Newer' }))])
    directory.apply([older])
    assert.deepEqual((await one(frida))!.givenName, ['Newer'])
  })

  it('changes during a load are not lost, and the load appears at once as a whole', async () => {
    const state = organisation()
    const [late, gone] = [
      change('user', uuid(900), aUser({ username: 'late', uidNumber: 4000 })),
      change('user', ids.boss, undefined),
    ]
    const before = directory.size
    async function* slow(): AsyncGenerator<Changed[]> {
      yield state.slice(0, 8)
      assert.equal(directory.size, before)
      directory.apply([late])
      assert.deepEqual(await find('(uid=late)'), [`uid=late,${users}`])
      yield state.slice(8)
      directory.apply([gone])
    }
    await directory.load(slow())
    assert.deepEqual(await find('(uid=late)'), [`uid=late,${users}`])
    assert.deepEqual(await find('(uid=boss)'), [])
    assert.deepEqual((await one(`uid=karl,${users}`))!.uid, ['karl'])
  })

  it('a load that fails leaves everything as it was', async () => {
    const before = await all()
    async function* broken(): AsyncGenerator<Changed[]> {
      yield organisation().slice(0, 3)
      throw new Error('the disk is gone')
    }
    await assert.rejects(directory.load(broken()), /disk is gone/)
    assert.deepEqual(await all(), before)
    directory.apply([change('user', uuid(901), aUser({ username: 'after', uidNumber: 4001 }))])
    assert.deepEqual(await find('(uid=after)'), [`uid=after,${users}`])
  })

  it('a long search shows one state while a load replaces it', async () => {
    const many = Array.from({ length: 3000 }, (_, i) =>
      change('user', uuid(5000 + i), aUser({ username: `m${i}`, uidNumber: 5000 + i })),
    )
    await directory.load(chunks(organisation(), many))
    const dump = c.search({ base: users, scope: 'one', filter: '(uid=m*)' })
    const loading = directory.load(chunks(organisation()))
    assert.equal((await dump).entries.length, 3000)
    await loading
    assert.deepEqual(await find('(uid=m*)'), [])
  })

  it('holds its memory when the same entries change again and again', () => {
    const own = createDirectory()
    own.apply(organisation())
    for (let i = 0; i < 60_000; i++) {
      own.apply([
        change('user', ids.frida, aUser({ first: `F${i}`, extensions: { contact: { title: 'x'.repeat(500) } } })),
      ])
    }
    assert.ok(process.memoryUsage().arrayBuffers < 80e6, `${process.memoryUsage().arrayBuffers}`)
  })

  it('entries with names that need escaping are found by them', async () => {
    directory.apply([change('client', uuid(902), aClient({ name: 'a, b+c "d" #e' }))])
    const dn = `cn=a\\, b\\+c \\"d\\" #e,ou=Internal,${base}`
    assert.deepEqual(await find('(cn=a, b+c "d" #e)'), [dn])
    assert.deepEqual((await one(dn))!.cn, ['a, b+c "d" #e'])
  })
})
