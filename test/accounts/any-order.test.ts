import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { binPage, purge, undelete } from '../../server/accounts/bin.ts'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { addMembers, removeMembers } from '../../server/accounts/group-members.ts'
import { addGroup, changeGroup, removeGroup } from '../../server/accounts/groups.ts'
import { addOwnPlugin, removeOwnPlugin } from '../../server/accounts/own-plugins.ts'
import { undoChange } from '../../server/accounts/undo.ts'
import { changeUser, removeUser } from '../../server/accounts/users.ts'
import { auditPage, verifyAudit } from '../../server/audit/audit.ts'
import { Invalid, NotFound, Refused } from '../../server/errors.ts'
import type { Db } from '../../server/store/db.ts'
import { namesOf } from '../../server/store/names.ts'
import { objectsOf } from '../../server/store/objects.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

type Step = { does: keyof typeof doings; a: number; b: number }
type Here = Awaited<ReturnType<typeof hereOf>> & { db: Db; a: number; b: number }

const words = ['ann', 'bob', 'cyd', 'red', 'green', 'blue']
const word = (n: number): string => words[n % words.length] as string
const one = <T>(list: readonly T[], n: number): T | undefined => list[n % Math.max(1, list.length)]

async function hereOf(db: Db) {
  const [users, groups] = await Promise.all([objectsOf(db.reader, 'user'), objectsOf(db.reader, 'group')])
  return {
    users: users.filter(({ body }) => body.role === 'person'),
    groups: groups.filter(({ body }) => body.type === 'normal'),
  }
}

/** What somebody may do; most of it is refused now and then, and then nothing must have changed. */
const doings = {
  addPerson: ({ db, groups, a, b }: Here) =>
    aUser(db, {
      username: word(a),
      groups: groups.slice(0, b % 3).map(({ body }) => body.name),
      extensions: b % 2 ? { mail: { aliases: word(b) } } : {},
    }),
  addGroup: ({ db, users, a }: Here) =>
    addGroup(db, me, { name: word(a), description: '', owners: users.slice(0, 1).map(({ body }) => body.username) }),
  renamePerson: ({ db, users, a, b }: Here) =>
    changeUser(db, me, one(users, a)?.id ?? '', { username: word(b), extensions: { mail: { aliases: word(a + b) } } }),
  renameGroup: ({ db, groups, a, b }: Here) =>
    changeGroup(db, me, one(groups, a)?.id ?? '', { name: word(b), owners: [] }),
  takePlugin: ({ db, users, a }: Here) => changeUser(db, me, one(users, a)?.id ?? '', { plugins: ['wiki'] }),
  join: ({ db, users, groups, a, b }: Here) =>
    addMembers(db, me, one(groups, a)?.id ?? '', {
      usernames: users.slice(0, b % 3).map(({ body }) => body.username),
      groups: groups.slice(b % 2, 1 + (b % 2)).map(({ body }) => body.name),
    }),
  leave: ({ db, users, groups, a, b }: Here) =>
    removeMembers(db, me, one(groups, a)?.id ?? '', { usernames: [one(users, b)?.body.username ?? ''] }),
  removePerson: ({ db, users, a }: Here) => removeUser(db, me, one(users, a)?.id ?? ''),
  removeGroup: ({ db, groups, a }: Here) => removeGroup(db, me, one(groups, a)?.id ?? ''),
  undelete: async ({ db, a, b }: Here) =>
    undelete(db, me, one((await binPage(db, {})).rows, a)?.id ?? '', b % 2 ? { name: word(b) } : {}),
  purge: async ({ db, a }: Here) => purge(db, me, one((await binPage(db, {})).rows, a)?.id ?? ''),
  makePlugin: ({ db }: Here) => addOwnPlugin(db, me, { name: 'wiki', title: 'Wiki' }),
  dropPlugin: ({ db }: Here) => removeOwnPlugin(db, me, 'wiki'),
  undo: async ({ db, a }: Here) => undoChange(db, me, one((await auditPage(db, { size: 30 })).rows, a)?.id ?? 0),
}

async function sound(db: Db): Promise<void> {
  const [users, groups, removed, plugins] = await Promise.all([
    objectsOf(db.reader, 'user'),
    objectsOf(db.reader, 'group'),
    objectsOf(db.reader, 'removed'),
    objectsOf(db.reader, 'plugin'),
  ])
  const away = removed.flatMap(({ body }) => (body.kind === 'user' ? [body.body] : []))
  const taken = [...users, ...groups].flatMap(({ id, body }) => namesOf(body).map((name) => `${name} ${id}`))
  const kept: { name: string; owner: string }[] = await db.reader('names')
  assert.deepEqual(kept.map(({ name, owner }) => `${name} ${owner}`).sort(), taken.sort(), 'names')
  const numbers = [...users.map(({ body }) => body), ...away].map(({ uidNumber }) => uidNumber)
  assert.equal(new Set(numbers).size, numbers.length, 'numbers')
  const ids = new Set([...users, ...groups, ...removed].map(({ id }) => id))
  const links = [
    ...users.flatMap(({ body }) => body.groups),
    ...groups.flatMap(({ body }) => [...(body.groups ?? []), ...(body.owners ?? [])]),
  ]
  assert.deepEqual(
    links.filter((id) => !ids.has(id)),
    [],
    'nobody keeps an id of what is gone for good',
  )
  const above = new Map(groups.map(({ id, body }) => [id, body.groups ?? []]))
  const walk = (id: string, way: string[]): void => {
    assert.equal(way.includes(id), false, 'a circle')
    for (const of of above.get(id) ?? []) walk(of, [...way, id])
  }
  for (const id of above.keys()) walk(id, [])
  const made = new Set(plugins.map(({ body }) => body.name))
  for (const { plugins: has } of [...users.map(({ body }) => body), ...away])
    assert.deepEqual(
      has.filter((name) => !made.has(name)),
      [],
      'a plugin that is gone',
    )
  assert.equal((await verifyAudit(db)).fault, undefined)
}

const step: fc.Arbitrary<Step> = fc.record({
  does: fc.constantFrom(...(Object.keys(doings) as Step['does'][])),
  a: fc.nat(30),
  b: fc.nat(30),
})

test('in whatever order things are done and undone, names, numbers, links and the record are sound', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 80 }), async (steps) => {
      const { db, close } = await aMasterStore()
      try {
        await setExtensionOn(db, me, 'mail', true)
        for (const { does, a, b } of steps) {
          const here = { db, a, b, ...(await hereOf(db)) }
          await Promise.resolve(doings[does](here)).catch((error) => {
            if (!(error instanceof Invalid || error instanceof NotFound || error instanceof Refused)) throw error
          })
        }
        await sound(db)
      } finally {
        await close()
      }
    }),
    { numRuns: 8, seed: 20261123 },
  )
})
