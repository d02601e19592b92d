import assert from 'node:assert/strict'
import { randomUUID, type UUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { GroupBody, Status, UserBody } from '../../server/store/bodies.ts'
import { canonical } from '../../server/store/canonical.ts'
import type { Db } from '../../server/store/db.ts'
import { objectById } from '../../server/store/objects.ts'
import {
  countFilled,
  countPeople,
  holdPeople,
  memberCounts,
  peopleMatching,
  stateCounts,
} from '../../server/store/people.ts'
import { states } from '../../server/store/state.ts'
import { type UsersQuery, usersMatching } from '../../server/store/users.ts'
import { commit } from '../../server/store/write.ts'
import { me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let db: Db
let number = 5000
const groups = ['sales', 'service', 'night-shift', 'everywhere'].map((name) => ({ name, id: randomUUID() }))
const plugins = ['ftp', 'smtp', 'web_proxy']
const now = new Date().toISOString()
const moments = [undefined, '2001-01-01T00:00:00.000Z', '2999-01-01T00:00:00.000Z']

before(async () => {
  store = await aMasterStore()
  db = store.db
  // “everywhere” holds “sales”, which holds “night-shift”.
  const inside: Record<string, string[]> = { sales: ['everywhere'], 'night-shift': ['sales'] }
  await commit(db, me, async (change) => {
    for (const [index, { id, name }] of groups.entries()) {
      const body: GroupBody = {
        name,
        description: '',
        gidNumber: 61_000 + index,
        type: 'normal',
        added: now,
        changed: now,
      }
      const above = inside[name]?.map((other) => idOf(other))
      await change.put('group', id, above ? { ...body, groups: above } : body)
    }
  })
})

after(() => store.close())

const idOf = (name: string) => groups.find((group) => group.name === name)?.id as UUID

const names = fc.constantFrom(
  'Åsa',
  'asa',
  'Ann',
  'Bengt',
  'Łucja',
  'O’Neil',
  'Dahl',
  'dahlberg',
  'Ek',
  '100%',
  'under_score',
  'Weiß',
)
const person = fc.record({
  id: fc.constantFrom(...Array.from({ length: 25 }, () => randomUUID())),
  isGone: fc.boolean(),
  first: names,
  last: names,
  status: fc.constantFrom<Status>('enabled', 'enabled', 'enabled', 'disabled', 'locked'),
  validFrom: fc.constantFrom(...moments),
  validUntil: fc.constantFrom(...moments),
  lockedUntil: fc.constantFrom(...moments),
  groups: fc.subarray(groups.map(({ id }) => id)),
  plugins: fc.subarray(plugins),
  mail: fc.constantFrom(undefined, 'ann@example.lan'),
  rename: fc.boolean(),
})
type Person = typeof person extends fc.Arbitrary<infer T> ? T : never

const query: fc.Arbitrary<UsersQuery> = fc.record({
  search: fc.constantFrom('', 'a', 'as', 'dahl', 'ek ann', '%', '_', 'example.lan', 'zzzz', 'Å', 'w1'),
  status: fc.constantFrom(undefined, ...states),
  of: fc.constantFrom(
    undefined,
    idOf('sales'),
    'plugin:ftp',
    'plugin:nothing',
    groups.map(({ id }) => id),
    [],
  ),
  alsoOf: fc.constantFrom(undefined, undefined, 'plugin:smtp'),
  sort: fc.constantFrom(undefined, 'name', 'username', 'status', 'number'),
  order: fc.constantFrom(undefined, 'asc', 'desc'),
  page: fc.constantFrom(1, 2, 3),
  size: fc.constantFrom(3, 50),
}) as fc.Arbitrary<UsersQuery>

/** So much in one commit that everybody is to be read anew. */
async function letGo(): Promise<void> {
  await commit(db, me, async (change) => {
    change.head.many = true
    const group = await objectById(change.trx, 'group', idOf('service'))
    if (group) await change.put('group', group.id, { ...group.body, description: `${number++}` })
  })
}

/** Puts people as they shall be, in one commit; the same person may come twice. */
async function put(people: readonly Person[]): Promise<void> {
  await commit(db, me, async (change) => {
    for (const { id, isGone, rename, mail, ...rest } of people) {
      const [row] = await change.trx('users').where({ id }).select('username', 'uid_number')
      const body: UserBody = {
        ...rest,
        username: row && !rename ? row.username : `w${number}`,
        role: 'person',
        uidNumber: row?.uid_number ?? number,
        extensions: mail ? { contact: { mail } } : {},
        added: now,
        changed: now,
      }
      number++
      await change.move([{ kind: 'user', id, body: isGone ? undefined : canonical(body) }])
    }
  })
}

test('everybody in memory is found, sorted and counted as SQL does it, through any change', async () => {
  await put(fc.sample(person, 40))
  await holdPeople(db)
  await fc.assert(
    fc.asyncProperty(
      fc.array(person, { maxLength: 8 }),
      fc.array(query, { minLength: 10, maxLength: 10 }),
      async (people, queries) => {
        await put(people)
        for (const one of queries) assert.deepEqual(await peopleMatching(db, one), await usersMatching(db.reader, one))
      },
    ),
    { numRuns: 60 },
  )
})

test('counts are the same from memory and from SQL', async () => {
  const counts = async () => ({
    people: await countPeople(db),
    states: await stateCounts(db),
    filled: await countFilled(db, ['contact', 'shell']),
    members: await memberCounts(db),
  })
  await put(fc.sample(person, 30).map((one) => ({ ...one, isGone: false })))
  await holdPeople(db)
  const fromMemory = await counts()
  await letGo()
  const fromSql = await counts()
  const sorted = ({ members, ...rest }: typeof fromSql) => ({
    ...rest,
    direct: [...members.direct].filter(([, n]) => n > 0).sort(),
    inEffect: [...members.inEffect].filter(([, n]) => n > 0).sort(),
  })
  assert.deepEqual(sorted(fromMemory), sorted(fromSql))
  assert.equal(fromSql.people > 10, true)
})

test('somebody in a group that is in another counts once in both', async () => {
  const [one] = fc.sample(person, 1) as [Person]
  const before = (await memberCounts(db)).inEffect
  const id = randomUUID()
  await put([{ ...one, id, isGone: false, groups: [idOf('night-shift'), idOf('everywhere')] }])
  for (const hold of [false, true]) {
    if (hold) await holdPeople(db)
    const { direct, inEffect } = await memberCounts(db)
    for (const name of ['night-shift', 'sales', 'everywhere'])
      assert.equal(inEffect.get(idOf(name)), (before.get(idOf(name)) ?? 0) + 1, name)
    assert.equal((direct.get(idOf('sales')) ?? 0) < (inEffect.get(idOf('sales')) ?? 0), true)
  }
})

test('changes that are made while everybody is read are not lost', async () => {
  await letGo()
  const holding = holdPeople(db)
  await put(fc.sample(person, 20))
  await holding
  for (const one of fc.sample(query, 50))
    assert.deepEqual(await peopleMatching(db, one), await usersMatching(db.reader, one))
})
