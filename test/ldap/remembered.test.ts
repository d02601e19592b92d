import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OwnExtension } from '../../server/extensions/own.ts'
import { createDirectory } from '../../server/ldap/directory.ts'
import type { Changed, UserBody } from '../../server/store/bodies.ts'
import { type Chance, chance } from '../interop/chance.ts'
import { until } from '../support/node.ts'
import { type Answer, type Client, connectTo, type SearchGiven } from './client.ts'
import { aClient, aGroup, aUser, base, change, groups, ids, organisation, startServer, users, uuid } from './sample.ts'

// Bases, attribute lists, selections, classes and member lists are remembered from one search to the next. What a directory
// answers after any changes must be what one answers that was built from nothing but their outcome.

const card = (attribute: string, objectClass: string): OwnExtension =>
  ({
    title: 'Card',
    objectClass,
    fields: [
      { name: 'number', label: 'Number', type: 'number', attribute },
      { name: 'doors', label: 'Doors', type: 'list', attribute: 'exampleDoors' },
      { name: 'badge', label: 'Badge', type: 'text', attribute: 'employeeNumber' },
      { name: 'post', label: 'Post', type: 'text', attribute: 'mail' },
    ],
  }) as unknown as OwnExtension

const owns = [
  card('exampleNumber', 'exampleCard'),
  card('exampleCardNumber', 'exampleCard'),
  card('exampleNumber', 'exampleOtherCard'),
]

const others = Array.from({ length: 6 }, (_, i) => uuid(600 + i))
const ownId = uuid(650)

function extensionsOf(by: Chance): UserBody['extensions'] {
  const values: Record<string, Record<string, unknown>> = {}
  if (by.oneIn(2)) values.contact = { mail: `m${by.below(9)}@example.lan`, ...(by.oneIn(2) && { city: 'Lund' }) }
  if (by.oneIn(2)) values.shell = { loginShell: '/bin/bash', home: `/srv/h${by.below(9)}` }
  if (by.oneIn(2)) values.card = { number: String(by.below(9)), doors: ['a', 'b'], badge: 'B1', post: 'p@example.lan' }
  return values as UserBody['extensions']
}

function aChange(by: Chance, publishable: readonly string[]): Changed {
  const person = (id: string, values: Partial<UserBody> = {}): Changed =>
    change(
      'user',
      id,
      aUser({
        groups: by.some([ids.sales, ids.engineers, ids.nobody], 3),
        plugins: by.some(['ftp', 'smtp'], 2),
        extensions: extensionsOf(by),
        ...values,
      }),
    )
  switch (by.below(12)) {
    case 0:
      return change('extension', ids.contact, { name: 'contact', on: by.oneIn(2) })
    case 1:
      return change('extension', ids.shell, { name: 'shell', on: by.oneIn(2) })
    case 2:
    case 3:
      return by.oneIn(6)
        ? change('extension', ownId, undefined)
        : change('extension', ownId, { name: 'card', on: !by.oneIn(3), own: by.pick(owns) })
    case 4:
      return person(ids.frida)
    case 5:
      return change('settings', uuid(90), {
        binDays: 30,
        ownFields: [],
        invitationHours: 72,
        publishedFields: by.some(publishable, 4),
      })
    case 6: {
      const id = by.pick([ids.sales, ids.engineers, ids.nobody])
      const name = `${['sales', 'engineers', 'empty'][[ids.sales, ids.engineers, ids.nobody].indexOf(id)]}${by.below(3)}`
      return change('group', id, by.oneIn(4) ? undefined : aGroup({ name, gidNumber: 60_000 + by.below(9) }))
    }
    case 7:
      return by.oneIn(2)
        ? change('plugin', ids.ftp, { name: 'ftp', on: by.oneIn(2), gidNumber: 61000 })
        : change('plugin', ids.smtp, { name: 'smtp', on: by.oneIn(2), gidNumber: 61001 })
    case 8:
      return change(
        'client',
        ids.finder,
        aClient({ name: 'finder', role: by.pick(['auth', 'read']), password: 'hash:finder' }),
      )
    default: {
      const id = by.pick(others)
      const number = others.indexOf(id)
      if (by.oneIn(4)) return change('user', id, undefined)
      return person(id, {
        username: `o${number}${by.pick(['', 'x'])}`,
        first: 'O',
        last: `N${number}`,
        uidNumber: 3000 + number,
      })
    }
  }
}

const lists = [
  [],
  ['*'],
  ['*', '+'],
  ['uid', 'mail', 'employeeNumber'],
  ['exampleNumber', 'exampleCardNumber', 'exampleDoors', 'cn'],
  ['@exampleCard', '@exampleOtherCard', '@posixAccount'],
  ['memberOf', 'member', 'memberUid', 'objectClass'],
]

const searches: SearchGiven[] = [
  ...lists.map((attributes): SearchGiven => ({ base: users, scope: 'one', attributes })),
  ...lists.map((attributes): SearchGiven => ({ base, attributes, typesOnly: true })),
  { base: groups, attributes: ['*', '+'] },
  { base: `cn=sales0,${groups}`, scope: 'base' },
  { base: `uid=o1,${users}`, scope: 'base', attributes: ['*'] },
  { base: `uid=o1x,${users}`, scope: 'base', attributes: ['*'] },
  { base: 'cn=Subschema', scope: 'base', attributes: ['+'] },
  ...[
    '(objectClass=exampleCard)',
    '(!(objectClass=exampleOtherCard))',
    '(objectClass=shadowAccount)',
    '(objectClass=posixGroup)',
    '(mail=*)',
    '(mail=m3@example.lan)',
    '(mail=p@example.lan)',
    '(exampleNumber>=3)',
    '(exampleCardNumber=3)',
    '(|(exampleDoors=a)(employeeNumber=B1))',
    '(loginShell=/bin/bash)',
    '(!(l=Lund))',
    `(memberOf=cn=sales0,${groups})`,
    `(member=uid=o1,${users})`,
    '(cn=ftp_plugin)',
  ].map((filter): SearchGiven => ({ base, filter, attributes: ['uid', 'cn', 'mail'] })),
]

const shape = ({ code, matchedDn, entries }: Answer) => ({
  code,
  matchedDn,
  entries: entries
    .map(({ dn, attributes }) => [
      dn,
      Object.entries(attributes)
        .map(([name, values]) => [name, [...values].sort()])
        .sort(),
    ])
    .sort(),
})

describe('what is remembered from one search to the next', () => {
  for (const seed of [1, 2, 3])
    it(`is never what was: ${seed}`, async () => {
      const by = chance(seed)
      const latest = new Map<string, Changed>()
      const take = (each: Changed): Changed => {
        latest.set(each.id, each)
        return each
      }
      const open = async (changes: readonly Changed[]) => {
        const directory = createDirectory()
        directory.reread = async (wanted) => wanted.flatMap((id) => latest.get(id) ?? [])
        directory.apply(changes)
        await until(() => directory.tree.stale.size === 0)
        const server = await startServer({ directory })
        const clients: Client[] = []
        for (const [dn, word] of [
          [`cn=reader,ou=Internal,${base}`, 'reader'],
          [`cn=finder,ou=Internal,${base}`, 'finder'],
          [`uid=fnystrom,${users}`, 'secret'],
          [`uid=boss,${users}`, 'secret'],
        ] as const) {
          const client = connectTo(server.port)
          assert.equal(await client.bind(dn, word), 0)
          clients.push(client)
        }
        return {
          directory,
          clients,
          async close() {
            for (const client of clients) client.end()
            await server.close()
          },
        }
      }
      const live = await open(organisation().reverse().map(take))
      const publishable = ['contact.mail', 'contact.city', 'shell.home', 'card.badge', 'card.number', 'card.post']
      for (let step = 0; step < 25; step++) {
        const changes = Array.from({ length: 1 + by.below(3) }, () => take(aChange(by, publishable)))
        live.directory.apply(changes)
        await until(() => live.directory.tree.stale.size === 0)
        // In any order, but the domain is the first thing that a directory has.
        const order = [...latest.values()].sort((a, b) =>
          a.kind === 'domain' ? -1 : b.kind === 'domain' ? 1 : by.below(3) - 1,
        )
        const anew = await open(order)
        for (const [who, client] of live.clients.entries())
          for (const given of searches)
            assert.deepEqual(
              shape(await client.search(given)),
              shape(await anew.clients[who]!.search(given)),
              `step ${step}, client ${who}: ${JSON.stringify(given)} after ${JSON.stringify(changes)}`,
            )
        await anew.close()
      }
      await live.close()
    })

  it('any choice of attributes is that part of all of them, and no byte of a neighbour', async () => {
    const by = chance(4)
    const people = others.map((id, i) =>
      change('user', id, aUser({ username: `o${i}`, uidNumber: 3000 + i, extensions: extensionsOf(by) })),
    )
    const directory = createDirectory()
    directory.apply([
      ...organisation(),
      change('extension', ownId, { name: 'card', on: true, own: owns[0]! }),
      change('settings', uuid(90), {
        binDays: 30,
        ownFields: [],
        invitationHours: 72,
        publishedFields: ['card.badge'],
      }),
      ...people,
    ])
    const server = await startServer({ directory })
    for (const [dn, word] of [
      [`cn=reader,ou=Internal,${base}`, 'reader'],
      [`cn=finder,ou=Internal,${base}`, 'finder'],
      [`uid=fnystrom,${users}`, 'secret'],
    ] as const) {
      const client = connectTo(server.port)
      await client.bind(dn, word)
      const all = (await client.search({ base, attributes: ['*', '+'] })).entries
      const names = [...new Set(all.flatMap(({ attributes }) => Object.keys(attributes)))]
      for (let turn = 0; turn < 150; turn++) {
        const attributes = by
          .some(names, 1 + by.below(names.length))
          .map((name) => (by.oneIn(3) ? name.toUpperCase() : name))
        if (attributes.length === 0) continue
        const wanted = new Set(attributes.map((name) => name.toLowerCase()))
        const typesOnly = by.oneIn(3)
        const answer = await client.search({ base, attributes, typesOnly })
        const expected = all.map(({ dn, attributes: found }) => ({
          dn,
          attributes: Object.fromEntries(
            Object.entries(found)
              .filter(([name]) => wanted.has(name.toLowerCase()))
              .map(([name, values]) => [name, typesOnly ? [] : values]),
          ),
        }))
        assert.deepEqual(answer.entries, expected, `${dn} ${attributes}`)
      }
      client.end()
    }
    await server.close()
  })
})
