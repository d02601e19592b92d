import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { extensionList, setExtensionOn } from '../../server/accounts/extensions.ts'
import { addOwnExtension, changeOwnExtension, removeOwnExtension } from '../../server/accounts/own-extensions.ts'
import { addOwnPlugin } from '../../server/accounts/own-plugins.ts'
import { changeUser } from '../../server/accounts/users.ts'
import type { OwnExtension } from '../../server/extensions/own.ts'
import { createDirectory } from '../../server/ldap/directory.ts'
import { followFeed } from '../../server/ldap/follow.ts'
import type { ExtensionBody } from '../../server/store/bodies.ts'
import { objectById, objectsOf } from '../../server/store/objects.ts'
import { write } from '../../server/store/write.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { type Client, connectTo, type FoundEntry } from './client.ts'
import { aClient, groups, aUser as person, reader, startServer, users, uuid } from './sample.ts'

const log = pino({ level: 'silent' })

/** A node with its store, its directory and a client that may read all of it. */
async function aNode() {
  const { db, close } = await aMasterStore('standalone')
  const directory = createDirectory()
  const stop = await followFeed(db, directory, log)
  const server = await startServer({ directory })
  await write(db, me, (change) => change.put('client', uuid(700), aClient()))
  const c: Client = connectTo(server.port)
  assert.equal(await c.bind(reader, 'reader'), 0)
  const one = async (username: string, attributes?: string[]): Promise<FoundEntry['attributes']> =>
    (await c.search({ base: `uid=${username},${users}`, scope: 'base', attributes })).entries[0]?.attributes ?? {}
  const find = async (filter: string): Promise<string[]> =>
    (await c.search({ base: users, filter, attributes: ['uid'] })).entries.map(({ attributes }) => attributes.uid![0]!)
  const schema = async (): Promise<string> => {
    const answer = await c.search({ base: 'cn=Subschema', scope: 'base', attributes: ['+'] })
    const { attributeTypes = [], objectClasses = [] } = answer.entries[0]!.attributes
    return [...attributeTypes, ...objectClasses].join('\n')
  }
  return {
    db,
    directory,
    one,
    find,
    schema,
    compare: (username: string, attribute: string, value: string) =>
      c.compare(`uid=${username},${users}`, attribute, value),
    group: async (cn: string) => (await c.search({ base: `cn=${cn},${groups}`, scope: 'base' })).entries[0]?.attributes,
    put: (id: string, body: ExtensionBody | undefined) =>
      write(db, me, (change) => (body ? change.put('extension', id, body) : change.remove('extension', id))),
    async end() {
      c.end()
      stop()
      await server.close()
      await close()
    },
  }
}

type Node = Awaited<ReturnType<typeof aNode>>

/** What is described again is so a moment after the commit. */
async function soon(claim: () => Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (await claim()) return
    await sleep(10)
  }
  assert.fail(what)
}

const card = {
  name: 'card',
  title: 'Staff card',
  objectClass: 'exampleStaffCard',
  fields: [
    { name: 'number', label: 'Card number', type: 'number', attribute: 'exampleCardNumber' },
    { name: 'doors', label: 'Doors', type: 'list', attribute: 'exampleDoors' },
    { name: 'isGuest', label: 'Guest', type: 'switch', attribute: 'exampleIsGuest' },
    { name: 'badge', label: 'Badge', type: 'text', attribute: 'employeeNumber' },
    { name: 'until', label: 'Valid until', type: 'date', attribute: 'exampleUntil' },
  ],
}

const colour = (attribute: string, type: OwnExtension['fields'][number]['type'] = 'text'): OwnExtension => ({
  title: 'Colour',
  summary: '',
  objectClass: 'exampleColour',
  fields: [{ name: 'colour', label: 'Colour', type, attribute }],
})

describe('an extension made in the pages, over LDAP', () => {
  let node: Node
  let id: string
  before(async () => {
    node = await aNode()
    await addOwnExtension(node.db, me, card)
    const anna = await aUser(node.db, {
      username: 'anna',
      extensions: {
        card: { number: '4711', doors: 'north\nsouth', isGuest: 'yes', badge: 'A-17', until: '2027-03-31' },
      },
    })
    await aUser(node.db, { username: 'berit' })
    id = anna.id
  })
  after(() => node.end())

  it('appears in the entry with its object class, and in nobody else’s', async () => {
    const anna = await node.one('anna')
    assert.deepEqual(anna.exampleCardNumber, ['4711'])
    assert.deepEqual(anna.exampleDoors, ['north', 'south'])
    assert.deepEqual(anna.exampleIsGuest, ['TRUE'])
    assert.deepEqual(anna.employeeNumber, ['A-17'])
    assert.equal(anna.objectClass!.includes('exampleStaffCard'), true)
    assert.equal((await node.one('berit')).objectClass!.includes('exampleStaffCard'), false)
    assert.deepEqual(Object.keys(await node.one('anna', ['EXAMPLEdoors'])), ['exampleDoors'])
  })

  it('is found by each of its values with the rule of its type', async () => {
    for (const filter of [
      '(exampleCardNumber=4711)',
      '(exampleCardNumber>=4000)',
      '(exampleDoors=NORTH)',
      '(exampleDoors=so*)',
      '(exampleIsGuest=TRUE)',
      '(exampleIsGuest=true)',
      '(employeeNumber=a-17)',
      '(objectClass=exampleStaffCard)',
      '(exampleUntil>=2027-01-01)',
      '(&(exampleUntil>=2027-03-31)(exampleUntil<=2027-03-31))',
      '(exampleDoors=*)',
    ])
      assert.deepEqual(await node.find(filter), ['anna'], filter)
    const nobody = [
      '(exampleIsGuest=1)',
      '(exampleUntil<=2027-03-30)',
      '(exampleUntil>=2027-04-01)',
      '(exampleCardNumber=04711)',
    ]
    for (const filter of nobody) assert.deepEqual(await node.find(filter), [], filter)
    assert.deepEqual(await node.find('(&(uid=*)(!(exampleIsGuest=TRUE)))'), ['admin', 'berit'])
    assert.equal(await node.compare('anna', 'exampleDoors', 'south'), 6)
    assert.equal(await node.compare('anna', 'exampleDoors', 'west'), 5)
  })

  it('stands in the schema: types with their rules, lists with many values, and the class', async () => {
    const schema = await node.schema()
    assert.match(schema, /NAME 'exampleCardNumber' EQUALITY integerMatch .*SINGLE-VALUE/)
    assert.match(schema, /NAME 'exampleIsGuest' EQUALITY booleanMatch SYNTAX 1\.3\.6\.1\.4\.1\.1466\.115\.121\.1\.7 /)
    assert.match(schema, /NAME 'exampleDoors' (?!.*SINGLE-VALUE)/)
    assert.match(
      schema,
      /NAME 'exampleStaffCard' SUP top AUXILIARY MAY \( exampleCardNumber \$ exampleDoors \$ exampleIsGuest \$ employeeNumber \$ exampleUntil \)/,
    )
    assert.equal(schema.match(/'employeeNumber'/g)?.length, 1)
  })

  it('is hidden while it is turned off, and comes back with its values', async () => {
    await setExtensionOn(node.db, me, 'card', false)
    const anna = await node.one('anna')
    assert.equal(anna.exampleDoors, undefined)
    assert.equal(anna.employeeNumber, undefined)
    assert.equal(anna.objectClass!.includes('exampleStaffCard'), false)
    assert.deepEqual(await node.find('(exampleCardNumber=4711)'), [])
    assert.deepEqual(await node.find('(objectClass=exampleStaffCard)'), [])
    assert.doesNotMatch(await node.schema(), /exampleDoors|exampleStaffCard/)
    await setExtensionOn(node.db, me, 'card', true)
    assert.deepEqual((await node.one('anna')).exampleDoors, ['north', 'south'])
    assert.deepEqual(await node.find('(exampleCardNumber=4711)'), ['anna'])
  })

  it('follows its values when they are changed', async () => {
    await changeUser(node.db, me, id, { extensions: { card: { doors: 'west', number: '', badge: 'A-17' } } })
    assert.deepEqual((await node.one('anna')).exampleDoors, ['west'])
    assert.deepEqual(await node.find('(exampleDoors=north)'), [])
    assert.deepEqual(await node.find('(exampleDoors=west)'), ['anna'])
  })

  it('serves the values that are there under another attribute once the attribute is changed', async () => {
    const input = structuredClone(card)
    input.fields[1]!.attribute = 'exampleGates'
    await changeOwnExtension(node.db, me, 'card', input)
    await soon(async () => (await node.find('(exampleGates=west)')).length === 1, 'the new attribute is not served')
    assert.equal((await node.one('anna')).exampleDoors, undefined)
    assert.deepEqual(await node.find('(exampleDoors=west)'), [])
    assert.doesNotMatch(await node.schema(), /exampleDoors/)
  })

  it('is gone everywhere when it is removed', async () => {
    await removeOwnExtension(node.db, me, 'card')
    const anna = await node.one('anna')
    assert.deepEqual([anna.exampleGates, anna.employeeNumber], [undefined, undefined])
    assert.equal(anna.objectClass!.includes('exampleStaffCard'), false)
    assert.deepEqual(await node.find('(objectClass=exampleStaffCard)'), [])
    assert.doesNotMatch(await node.schema(), /exampleGates|exampleStaffCard/)
    assert.equal(
      (await extensionList(node.db)).some(({ name }) => name === 'card'),
      false,
    )
  })

  it('a plugin made in the pages is a group with its own summary', async () => {
    const plugin = await addOwnPlugin(node.db, me, { title: 'Canteen', badge: 'Food', summary: 'Lets people eat.' })
    await changeUser(node.db, me, id, { plugins: [plugin.name] })
    const group = await node.group(`${plugin.name}_plugin`)
    assert.deepEqual([group!.description, group!.memberUid], [['Lets people eat.'], ['anna']])
  })
})

describe('an extension that is learnt after the people who have values of it', () => {
  const values = { colour: { colour: 'blue' } }
  const made = { name: 'colour', on: true, own: colour('exampleColour') }

  /** As a feed may bring it: a person first, the declaration later. */
  async function peopleFirst(node: Node, count: number): Promise<void> {
    await write(node.db, me, async (change) => {
      for (let i = 0; i < count; i++) {
        const body = person({ username: `late${i}`, uidNumber: 5000 + i, extensions: values })
        await change.put('user', uuid(1000 + i), body)
      }
    })
  }

  it('is served for them a moment later, and removed values stay away', async () => {
    const node = await aNode()
    await peopleFirst(node, 450)
    assert.deepEqual(await node.find('(exampleColour=blue)'), [])
    assert.deepEqual(Object.keys(await node.one('late1', ['exampleColour'])), [])
    await node.put(uuid(800), made)
    await soon(async () => (await node.find('(exampleColour=blue)')).length === 450, 'not everybody is found')
    await node.put(uuid(800), { ...made, own: colour('exampleShade', 'list') })
    await soon(async () => (await node.find('(exampleShade=blue)')).length === 450, 'the change is not served')
    assert.deepEqual(await node.find('(exampleColour=blue)'), [])
    assert.doesNotMatch(await node.schema(), /'exampleColour' EQUALITY/)
    await node.put(uuid(800), undefined)
    assert.deepEqual(await node.find('(exampleShade=*)'), [])
    await node.put(uuid(800), made)
    await soon(async () => (await node.find('(exampleColour=blue)')).length === 450, 'it did not come back')
    await node.end()
  })

  it('is served from the start after a load, whatever the order', async () => {
    const node = await aNode()
    await peopleFirst(node, 30)
    await node.put(uuid(800), made)
    const fresh = createDirectory()
    const stop = await followFeed(node.db, fresh, log)
    const server = await startServer({ directory: fresh })
    const c = connectTo(server.port)
    await c.bind(reader, 'reader')
    assert.equal((await c.search({ base: users, filter: '(exampleColour=blue)' })).entries.length, 30)
    c.end()
    await server.close()
    stop()
    await node.end()
  })

  it('is served at once after a full sync that brings it last', async () => {
    const node = await aNode()
    await peopleFirst(node, 30)
    await node.put(uuid(800), made)
    const people = await objectsOf(node.db.reader, 'user')
    const [domain] = await objectsOf(node.db.reader, 'domain')
    const [client] = await objectsOf(node.db.reader, 'client')
    const declaration = await objectById(node.db.reader, 'extension', uuid(800))
    const refill = node.db.refill!()
    await refill.add([{ kind: 'domain', ...domain! }])
    await refill.add([{ kind: 'client', ...client! }])
    await refill.add(people.map((each) => ({ kind: 'user', ...each })))
    await refill.add([{ kind: 'extension', ...declaration! }])
    await refill.done()
    assert.equal((await node.find('(exampleColour=blue)')).length, 30)
    await node.end()
  })

  it('is read again for somebody whose entry was another one since their object was written', async () => {
    const node = await aNode()
    await node.put(uuid(800), made)
    await peopleFirst(node, 1)
    const [somebody] = await objectsOf(node.db.reader, 'user').then((all) => all.slice(-1))
    await write(node.db, me, (change) =>
      change.put('revision', somebody!.id, { changed: new Date().toISOString(), turn: 1 }),
    )
    await node.put(uuid(800), { ...made, own: colour('exampleShade') })
    await soon(async () => (await node.find('(exampleShade=blue)')).length === 1, 'the new attribute')
    await node.end()
  })

  it('keeps old values from breaking anything when the type of the field has changed', async () => {
    const node = await aNode()
    await node.put(uuid(800), { ...made, own: colour('exampleColour', 'list') })
    await peopleFirst(node, 2)
    for (const type of ['text', 'number', 'switch', 'list', 'date', 'choice'] as const) {
      await node.put(uuid(800), { ...made, own: colour('exampleColour', type) })
      await soon(async () => (await node.find('(exampleColour=*)')).length === 2, type)
    }
    await node.end()
  })
})

it('two nodes in one process with different extensions show nothing of each other', async () => {
  const [a, b] = [await aNode(), await aNode()]
  await a.put(uuid(801), { name: 'colour', on: true, own: colour('exampleColour', 'number') })
  await b.put(uuid(802), { name: 'shade', on: true, own: { ...colour('exampleShade'), objectClass: 'exampleShade1' } })
  await b.put(uuid(803), { name: 'colour', on: true, own: colour('exampleColour', 'text') })
  await aUser(a.db, { username: 'anna', extensions: { colour: { colour: '7' } } })
  await aUser(b.db, { username: 'anna', extensions: { colour: { colour: 'Red' }, shade: { colour: 'dark' } } })
  assert.doesNotMatch(await a.schema(), /exampleShade/)
  assert.match(await a.schema(), /'exampleColour' EQUALITY integerMatch/)
  assert.match(await b.schema(), /'exampleColour' EQUALITY caseIgnoreMatch/)
  assert.deepEqual(await a.find('(exampleColour=7)'), ['anna'])
  assert.deepEqual(await b.find('(exampleColour=red)'), ['anna'])
  assert.deepEqual((await a.one('anna')).exampleColour, ['7'])
  assert.deepEqual((await b.one('anna')).exampleShade, ['dark'])
  assert.deepEqual(await a.find('(!(exampleShade=dark))'), [])
  await Promise.all([a.end(), b.end()])
})

it('400 own fields, 300 of them filled in by one person, are all served', async () => {
  const node = await aNode()
  const fields = (from: number): OwnExtension['fields'] =>
    Array.from({ length: 40 }, (_, i) => ({
      name: `f${from + i}`,
      label: `Field ${from + i}`,
      type: 'text',
      attribute: `exampleField${from + i}`,
    }))
  await write(node.db, me, async (change) => {
    for (let i = 0; i < 10; i++) {
      const own = { title: `Many ${i}`, summary: '', objectClass: `exampleMany${i}`, fields: fields(i * 40) }
      await change.put('extension', uuid(810 + i), { name: `many${i}`, on: true, own })
    }
  })
  const many = Array.from({ length: 300 }, (_, i) => [Math.floor(i / 40), `f${i}`] as const)
  const extensions: Record<string, Record<string, string>> = {}
  for (const [extension, field] of many) {
    extensions[`many${extension}`] ??= {}
    extensions[`many${extension}`]![field] = `value ${field}`
  }
  await aUser(node.db, { username: 'anna', extensions })
  const anna = await node.one('anna')
  assert.equal(Object.keys(anna).filter((name) => name.startsWith('exampleField')).length, 300)
  assert.deepEqual(anna.exampleField299, ['value f299'])
  assert.deepEqual(anna.uid, ['anna'])
  assert.deepEqual(await node.find('(exampleField256=value f256)'), ['anna'])
  assert.deepEqual(await node.find('(exampleField399=*)'), [])
  await node.end()
})
