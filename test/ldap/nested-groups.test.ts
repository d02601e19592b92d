import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { createDirectory } from '../../server/ldap/directory.ts'
import type { Changed, GroupBody } from '../../server/store/bodies.ts'
import { type Client, connectTo, type FoundEntry } from './client.ts'
import {
  aGroup,
  aUser,
  base,
  change,
  groups,
  organisation,
  reader,
  type Started,
  startServer,
  users,
  uuid,
} from './sample.ts'

// eu > sweden > malmo: who is in malmo is in all three.
const [eu, sweden, malmo, denmark] = [uuid(60), uuid(61), uuid(62), uuid(63)]
const [anna, berit, carl] = [uuid(70), uuid(71), uuid(72)]
const dn = (username: string): string => `uid=${username},${users}`
const cn = (name: string): string => `cn=${name},${groups}`

const group = (id: string, name: string, above: string[] = [], more: Partial<GroupBody> = {}): Changed =>
  change('group', id, aGroup({ name, gidNumber: 60100, description: '', groups: above, ...more }))
const user = (id: string, username: string, uidNumber: number, inGroups: string[]): Changed =>
  change('user', id, aUser({ username, uidNumber, groups: inGroups }))

const nested = (): Changed[] => [
  group(eu, 'eu'),
  group(sweden, 'sweden', [eu]),
  group(malmo, 'malmo', [sweden]),
  group(denmark, 'denmark', [eu]),
  user(anna, 'anna1', 3001, [malmo]),
  user(berit, 'berit', 3002, [sweden]),
  user(carl, 'carl', 3003, [denmark, malmo]),
]

describe('nested groups', () => {
  let server: Started
  let c: Client
  before(async () => {
    server = await startServer({ directory: createDirectory() })
    server.directory.apply(organisation())
    c = connectTo(server.port)
    await c.bind(reader, 'reader')
  })
  beforeEach(() => {
    server.directory.apply([anna, berit, carl].map((id) => change('user', id, undefined)))
    server.directory.apply([eu, sweden, malmo, denmark].map((id) => change('group', id, undefined)))
    server.directory.apply(nested())
  })
  after(async () => {
    c.end()
    await server.close()
  })

  const one = async (name: string): Promise<FoundEntry['attributes']> =>
    (await c.search({ base: name, scope: 'base' })).entries[0]?.attributes ?? {}
  const find = async (filter: string): Promise<string[]> =>
    (await c.search({ base, filter })).entries.map((entry) => entry.dn).sort()

  /** Everything that tells who is in a group must tell the same. */
  async function members(name: string): Promise<string[]> {
    const { memberUid = [], member = [] } = await one(cn(name))
    const uids = [...memberUid].sort()
    assert.deepEqual([...member].sort(), uids.map(dn))
    assert.deepEqual(await find(`(memberOf=${cn(name)})`), uids.map(dn))
    for (const uid of uids) {
      assert.equal((await one(dn(uid))).memberOf!.includes(cn(name)), true, uid)
      for (const filter of [`(memberUid=${uid})`, `(member=${dn(uid)})`])
        assert.equal((await find(filter)).includes(cn(name)), true, filter)
    }
    return uids
  }
  const all = async (): Promise<Record<string, string[]>> => {
    const found: Record<string, string[]> = {}
    for (const name of ['eu', 'sweden', 'malmo', 'denmark']) found[name] = await members(name)
    return found
  }
  const whole = {
    eu: ['anna1', 'berit', 'carl'],
    sweden: ['anna1', 'berit', 'carl'],
    malmo: ['anna1', 'carl'],
    denmark: ['carl'],
  }

  it('a person is in every group that can be reached upwards, and members are people only', async () => {
    assert.deepEqual(await all(), whole)
    assert.deepEqual((await one(dn('anna1'))).memberOf, ['allusers', 'malmo', 'sweden', 'eu'].map(cn))
    assert.deepEqual(await find(`(member=${cn('malmo')})`), [])
    assert.equal((await one(cn('malmo'))).memberOf, undefined)
  })

  it('is the same in whatever order the objects come', async () => {
    const objects = [...organisation(), ...nested()]
    for (let round = 1; round < 8; round++) {
      const shuffled = objects
        .map((each) => [Math.sin(each.seq * round), each] as const)
        .sort((a, b) => a[0] - b[0])
        .map(([, each]) => [each])
      await server.directory.load(
        (async function* () {
          yield* shuffled
        })(),
      )
      assert.deepEqual(await all(), whole)
    }
  })

  it('an edge that comes or goes moves everybody below it', async () => {
    server.directory.apply([group(sweden, 'sweden', [])])
    assert.deepEqual(await all(), { ...whole, eu: ['carl'] })
    server.directory.apply([group(malmo, 'malmo', [denmark])])
    assert.deepEqual(await all(), {
      eu: ['anna1', 'carl'],
      sweden: ['berit'],
      malmo: whole.malmo,
      denmark: whole.malmo,
    })
    server.directory.apply([group(malmo, 'malmo', [sweden]), group(sweden, 'sweden', [eu])])
    assert.deepEqual(await all(), whole)
  })

  it('joining and leaving a group below changes every list above', async () => {
    server.directory.apply([user(anna, 'anna1', 3001, [denmark])])
    assert.deepEqual(await all(), {
      eu: whole.eu,
      sweden: ['berit', 'carl'],
      malmo: ['carl'],
      denmark: ['anna1', 'carl'],
    })
    server.directory.apply([user(anna, 'anna2', 3001, [malmo])])
    assert.deepEqual((await all()).eu, ['anna2', 'berit', 'carl'])
    server.directory.apply([change('user', carl, undefined)])
    assert.deepEqual(await all(), { eu: ['anna2', 'berit'], sweden: ['anna2', 'berit'], malmo: ['anna2'], denmark: [] })
  })

  it('a group in the recycle bin passes nothing on, and does again when it is back', async () => {
    server.directory.apply([change('group', sweden, undefined)])
    assert.deepEqual(await members('eu'), ['carl'])
    assert.deepEqual((await one(dn('anna1'))).memberOf, [cn('allusers'), cn('malmo')])
    server.directory.apply([group(sweden, 'sweden', [eu])])
    assert.deepEqual(await all(), whole)
  })

  it('a Windows group is a group like any other', async () => {
    server.directory.apply([group(eu, 'domain_users', [], { type: 'windows' })])
    assert.deepEqual(await members('domain_users'), whole.eu)
    assert.deepEqual((await one(cn('domain_users'))).objectClass, ['top', 'groupOfMembers', 'posixGroup'])
  })

  it('a circle, which nobody can make, is no end to anything', async () => {
    server.directory.apply([group(eu, 'eu', [malmo])])
    assert.deepEqual(await all(), { eu: whole.eu, sweden: whole.eu, malmo: whole.eu, denmark: ['carl'] })
    server.directory.apply([group(eu, 'eu')])
    assert.deepEqual(await all(), whole)
  })

  it('a group that is renamed is renamed with the people below it', async () => {
    server.directory.apply([group(eu, 'europe')])
    assert.deepEqual(await members('europe'), whole.eu)
    assert.deepEqual(await find(`(memberOf=${cn('eu')})`), [])
  })

  it('with 20,000 members, people leave and an edge is added', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => user(uuid(100_000 + i), `m${i}`, 100_000 + i, [malmo]))
    server.directory.apply(many)
    for (let i = 0; i < 100; i++) server.directory.apply([user(uuid(100_000 + i), `m${i}`, 100_000 + i, [])])
    server.directory.apply([group(malmo, 'malmo', [denmark])])
    assert.equal((await one(cn('denmark'))).memberUid!.length, 19_902)
    assert.equal((await find(`(memberOf=${cn('sweden')})`)).length, 1)
    server.directory.apply(many.map(({ id }) => change('user', id, undefined)))
    server.directory.apply([group(malmo, 'malmo', [sweden]), user(anna, 'anna1', 3001, [malmo])])
    assert.deepEqual((await one(cn('malmo'))).memberUid!.sort(), whole.malmo)
  })
})
