import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { undelete } from '../../server/accounts/bin.ts'
import { exportUsers } from '../../server/accounts/csv.ts'
import { declared } from '../../server/accounts/declarations.ts'
import { extensionList, removeExtensionValues, setExtensionOn } from '../../server/accounts/extensions.ts'
import { addGroup, groupByName } from '../../server/accounts/groups.ts'
import { exportLdif } from '../../server/accounts/ldif-export.ts'
import { misfits } from '../../server/accounts/misfits.ts'
import type { OwnExtensionInput } from '../../server/accounts/own-extension-input.ts'
import {
  addOwnExtension,
  changeOwnExtension,
  ownExtension,
  removeOwnExtension,
} from '../../server/accounts/own-extensions.ts'
import { addProfile, profileByName } from '../../server/accounts/profiles.ts'
import { changeUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { windowsGroups } from '../../server/accounts/windows-groups.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { Invalid, NotFound, Refused } from '../../server/errors.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, signedIn } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
before(async () => {
  store = await aMasterStore()
})
after(() => store.close())

const card = (more: Partial<OwnExtensionInput> = {}): OwnExtensionInput => ({
  title: 'Staff card',
  summary: 'Cards that open doors',
  fields: [
    { label: 'Card number', type: 'text', attribute: 'employeeNumber', pattern: '[A-Z]{2}[0-9]{4}' },
    { label: 'Level', type: 'choice', options: ['Gold', 'Silver'] },
    { label: 'Valid until', type: 'date' },
  ],
  ...more,
})

async function problemsOf(run: Promise<unknown>): Promise<Record<string, string>> {
  const error = await run.then(() => undefined).catch((error) => error)
  if (!(error instanceof Invalid)) assert.fail(`expected problems, got ${error}`)
  return error.problems
}

const lastNote = async () => (await auditPage(store.db, { size: 1 })).rows[0] ?? assert.fail('no audit row')

test('what is declared and off at first is listed, with its rules and who uses it', async () => {
  const list = await extensionList(store.db)
  assert.deepEqual(
    list.map(({ name, on }) => [name, on]),
    [
      ['contact', true],
      ['mail', false],
      ['samba', false],
      ['shell', true],
      ['zarafa', false],
    ],
  )
  const zarafa = list.find(({ name }) => name === 'zarafa')
  assert.deepEqual(
    [zarafa?.alias?.name, zarafa?.alias?.objectClass, zarafa?.derived.length],
    ['Kopano', 'kopano-user', 3],
  )
  assert.equal(list[1]?.group?.fields[0]?.attribute, 'clearMailDistributionList')
  assert.match(list[0]?.fields[0]?.rule ?? '', /name@example/)
})

test('what goes by another name may be called by it, at every door that takes a name', async () => {
  const { db } = store
  await setExtensionOn(db, me, 'kopano', true)
  assert.equal((await declared(db)).extension('zarafa')?.on, true)
  const user = await aUser(db, { extensions: { kopano: { hardQuota: '500' } } })
  assert.deepEqual(user.extensions, { zarafa: { hardQuota: '500' } })
  const changed = await changeUser(db, me, user.id, { extensions: { kopano: { hardQuota: '', account: 'yes' } } })
  assert.deepEqual(changed.extensions, { zarafa: { account: true } })
  await addProfile(db, me, { name: 'Groupware', extensions: { kopano: { hardQuota: '0' } } })
  assert.deepEqual((await profileByName(db, 'groupware')).extensions, { zarafa: { hardQuota: '0' } })
  await setExtensionOn(db, me, 'kopano', false)
  assert.deepEqual(await removeExtensionValues(db, me, 'kopano'), { people: 1, groups: 0 })
})

test('values are removed only while the extension is off, from people, groups and the recycle bin', async () => {
  const { db } = store
  await setExtensionOn(db, me, 'mail', true)
  const anna = await aUser(db, { extensions: { mail: { aliases: 'sales\ninfo' }, contact: { city: 'Lund' } } })
  const gone = await aUser(db, { extensions: { mail: { aliases: 'office' } } })
  await addGroup(db, me, { name: 'site_lund', description: '', extensions: { mail: { distributionList: 'yes' } } })
  await removeUser(db, me, gone.id)
  const mail = async () => (await extensionList(db)).find(({ name }) => name === 'mail')
  assert.deepEqual([(await mail())?.users, (await mail())?.groups], [1, 1])

  await assert.rejects(removeExtensionValues(db, me, 'mail'), Refused)
  await setExtensionOn(db, me, 'mail', false)
  assert.deepEqual((await userByUsername(db, anna.username)).extensions.mail, { aliases: ['sales', 'info'] })
  assert.deepEqual(await removeExtensionValues(db, me, 'mail'), { people: 1, groups: 1 })
  assert.deepEqual((await userByUsername(db, anna.username)).extensions, { contact: { city: 'Lund' } })
  assert.deepEqual((await groupByName(db, 'site_lund')).extensions, {})
  assert.equal((await mail())?.users, 0)
  const note = await lastNote()
  assert.equal(note.sentence, 'Removed the values of Mail Extension')
  assert.deepEqual(note.changes[0], { field: 'people with values', before: '1' })

  // The names that were aliases are free again.
  await aUser(db, { username: 'sales' })
  await aUser(db, { username: 'office' })
})

test('a name is a user’s, a group’s or an alias, and never two of them', async () => {
  const { db } = store
  await setExtensionOn(db, me, 'mail', true)
  const owner = await aUser(db, {
    username: 'ulla',
    extensions: { mail: { aliases: 'stock\nulla', address: 'Ulla@example.lan' } },
  })
  assert.match(
    (await problemsOf(aUser(db, { username: 'stock' }))).username ?? '',
    /An alias named “stock” already exists/,
  )
  assert.match(
    (await problemsOf(addGroup(db, me, { name: 'stock', description: '' }))).name ?? '',
    /An alias named “stock” already exists/,
  )
  const other = await aUser(db, { username: 'vera' })
  const typed = async (mail: Record<string, string>) =>
    (await problemsOf(changeUser(db, me, other.id, { extensions: { mail } }))) ?? {}
  assert.match((await typed({ aliases: 'stock' }))['mail.aliases'] ?? '', /An alias named “stock”/)
  assert.match((await typed({ aliases: 'ulla' }))['mail.aliases'] ?? '', /A user named “ulla”/)
  assert.match((await typed({ aliases: 'site_lund' }))['mail.aliases'] ?? '', /A group named “site_lund”/)
  assert.match(
    (await typed({ address: 'ulla@example.lan' }))['mail.address'] ?? '',
    /“ulla@example.lan” already exists/,
  )
  await changeUser(db, me, owner.id, { extensions: { mail: { aliases: '', address: '' } } })
  await changeUser(db, me, other.id, { extensions: { mail: { aliases: 'stock', address: 'ulla@example.lan' } } })
  await changeUser(db, me, other.id, { username: 'wilma' })
  assert.match((await problemsOf(aUser(db, { username: 'stock' }))).username ?? '', /An alias/)
  await aUser(db, { username: 'vera' })
  await setExtensionOn(db, me, 'mail', false)
})

test('Windows groups come with the samba extension, once, each with its well-known number', async () => {
  const { db } = store
  await setExtensionOn(db, me, 'mail', true)
  const inTheWay = await aUser(db, { extensions: { mail: { aliases: 'guests' } } })
  const problems = await problemsOf(setExtensionOn(db, me, 'samba', true))
  assert.match(
    problems.on ?? '',
    /brings a group named “guests”\. An alias named “guests” already exists: rename that first\./,
  )
  assert.equal((await declared(db)).extension('samba')?.on, false)
  await changeUser(db, me, inTheWay.id, { extensions: { mail: { aliases: 'visitors' } } })
  await setExtensionOn(db, me, 'mail', false)

  await setExtensionOn(db, me, 'samba', true)
  const admins = await groupByName(db, 'domain_admins')
  assert.deepEqual([admins.type, admins.gidNumber], ['windows', 1_000_512])
  assert.equal((await groupByName(db, 'backup_operators')).gidNumber, 1_000_551)
  for (const { name, description } of windowsGroups)
    assert.equal((await groupByName(db, name)).description, description, name)
  await setExtensionOn(db, me, 'samba', false)
  await setExtensionOn(db, me, 'samba', true)
  assert.equal((await groupByName(db, 'domain_admins')).id, admins.id)
  await setExtensionOn(db, me, 'samba', false)
})

test('an extension that is made here is like a declared one from then on', async () => {
  const { db } = store
  const made = await addOwnExtension(db, me, card())
  assert.equal(made.name, 'staff_card')
  assert.equal(made.own.objectClass, 'exampleStaffCard')
  assert.deepEqual(
    made.own.fields.map(({ name, attribute }) => [name, attribute]),
    [
      ['card_number', 'employeeNumber'],
      ['level', 'exampleLevel'],
      ['valid_until', 'exampleValidUntil'],
    ],
  )
  assert.equal(made.own.by, me.name)
  const anna = await aUser(db, { extensions: { staff_card: { card_number: 'AB1234', level: 'Gold' } } })
  assert.deepEqual(anna.extensions.staff_card, { card_number: 'AB1234', level: 'Gold' })
  const bad = await problemsOf(aUser(db, { extensions: { staff_card: { card_number: 'x', level: 'Tin' } } }))
  assert.deepEqual(Object.keys(bad), ['staff_card.card_number', 'staff_card.level'])
  const listed = (await extensionList(db)).find(({ name }) => name === 'staff_card')
  assert.deepEqual([listed?.isOwn, listed?.on, listed?.users], [true, true, 1])
  assert.equal(listed?.fields[0]?.column, 'extensions.staff_card.card_number')
})

test('everything that is typed about one is judged, each problem beside its field', async () => {
  const { db } = store
  const problems = await problemsOf(
    addOwnExtension(db, me, {
      title: 'Staff card',
      name: 'New',
      objectClass: 'inetOrgPerson',
      summary: 'x'.repeat(201),
      fields: [
        { label: '', type: 'text' },
        { label: 'Card', type: 'text', attribute: 'memberOf' },
        { label: 'card', type: 'hologram' },
        { label: 'Taken', type: 'text', attribute: 'EMPLOYEENUMBER' },
        { label: 'Mail', type: 'email', attribute: 'clearMailAliases' },
        { label: 'Size', type: 'number', least: '9', most: '3' },
        { label: 'Weight', type: 'number', least: 'heavy' },
        { label: 'Colour', type: 'choice', options: ['', ' '] },
        { label: 'Code', type: 'text', pattern: '(?=x)', maxLength: 0 },
        { label: 'Åsa\nEk', type: 'text' },
        { label: 'Twice', type: 'text', attribute: 'exampleTwice' },
        { label: 'Again', type: 'text', attribute: 'exampletwice', help: 'x'.repeat(300) },
        { label: 'Room', name: 'cardRoom', type: 'text' },
        { label: 'Hall', name: 'cardroom', type: 'text' },
        { label: 'Long', type: 'text', pattern: 'a{1000}'.repeat(28) },
      ],
    }),
  )
  assert.deepEqual(Object.keys(problems).sort(), [
    'fields.0.label',
    'fields.1.attribute',
    'fields.11.attribute',
    'fields.11.help',
    'fields.13.name',
    'fields.14.pattern',
    'fields.2.label',
    'fields.2.type',
    'fields.3.attribute',
    'fields.4.attribute',
    'fields.5.most',
    'fields.6.least',
    'fields.7.options',
    'fields.8.maxLength',
    'fields.8.pattern',
    'fields.9.label',
    'name',
    'objectClass',
    'summary',
    'title',
  ])
  for (const sentence of Object.values(problems)) assert.match(sentence, /\.$/)
  assert.match((await problemsOf(addOwnExtension(db, me, { title: 'Empty', fields: [] }))).fields ?? '', /at least one/)
  for (const name of ['contact', 'kopano', 'new', '__proto__', 'a/b', 'x'.repeat(33)]) {
    const refused = await problemsOf(
      addOwnExtension(db, me, card({ title: 'Other', name, fields: [{ label: 'One' }] })),
    )
    assert.match(refused.name ?? '', /\./, name)
  }
})

test('titles and labels in any script get names of their own', async () => {
  const { db } = store
  const made = await addOwnExtension(db, me, {
    title: 'Пропуск',
    fields: [
      { label: 'Номер', type: 'text' },
      { label: 'Дверь 2', type: 'text' },
      { label: '門', type: 'text' },
    ],
  })
  assert.equal(made.name, 'extension_1')
  assert.deepEqual(
    made.own.fields.map(({ name, attribute }) => [name, attribute]),
    [
      ['field_1', 'exampleField1'],
      ['field_2', 'example2'],
      ['field_3', 'exampleField3'],
    ],
  )
  const other = await addOwnExtension(db, me, { title: '鍵', fields: [{ label: '番号', type: 'text' }] })
  assert.deepEqual([other.name, other.own.fields[0]?.attribute], ['extension_2', 'exampleExtension2Field1'])
  await removeOwnExtension(db, me, made.name)
  await removeOwnExtension(db, me, other.name)
})

test('a field that people have values in keeps its type, its chosen options, and goes only with its values', async () => {
  const { db } = store
  const { own } = await ownExtension(db, 'staff_card')
  const [number, level, until] = own.fields
  if (!number || !level || !until) assert.fail('three fields')
  const asNumber = { ...own, fields: [{ ...number, type: 'number' }, level, until] }
  assert.match(
    (await problemsOf(changeOwnExtension(db, me, 'staff_card', asNumber)))['fields.0.type'] ?? '',
    /1 person has a value in “Card number”/,
  )
  const withoutGold = { ...own, fields: [number, { ...level, options: ['Silver'] }, until] }
  assert.match(
    (await problemsOf(changeOwnExtension(db, me, 'staff_card', withoutGold)))['fields.1.options'] ?? '',
    /1 person has “Gold”/,
  )
  const unused = { ...own, fields: [{ ...number, label: 'Card no.' }, level, { ...until, type: 'text' }] }
  const changed = await changeOwnExtension(db, me, 'staff_card', unused)
  assert.deepEqual(
    changed.own.fields.map(({ name, label, type }) => [name, label, type]),
    [
      ['card_number', 'Card no.', 'text'],
      ['level', 'Level', 'choice'],
      ['valid_until', 'Valid until', 'text'],
    ],
  )
  const without = { ...changed.own, fields: changed.own.fields.slice(1) }
  assert.match(
    (await problemsOf(changeOwnExtension(db, me, 'staff_card', without))).removeValues ?? '',
    /1 person has a value in “Card no.”\./,
  )
  await assert.rejects(
    changeOwnExtension(db, me, 'staff_card', without, { expectedSeq: 1, removeValues: true }),
    /changed by somebody else/,
  )
  await changeOwnExtension(db, me, 'staff_card', without, { removeValues: true })
  const holders = (await extensionList(db)).find(({ name }) => name === 'staff_card')
  assert.deepEqual([holders?.users, holders?.fields.length], [1, 2])
  assert.match((await lastNote()).changes.map(({ field }) => field).join(), /Card no\.,people with values/)
})

test('who comes back from the recycle bin may hold a value of the type that the field had then; it breaks nothing', async () => {
  const { db } = store
  const typed = (one: string, other: string) => ({
    title: 'Keys',
    fields: [
      { name: 'one', label: 'One', type: one },
      { name: 'other', label: 'Other', type: other },
    ],
  })
  await addOwnExtension(db, me, typed('text', 'list'))
  const user = await aUser(db, { extensions: { keys: { one: 'AB', other: 'x, y' } } })
  const kinds = ['list', 'number', 'switch', 'date', 'choice', 'email']
  for (const kind of kinds) {
    await removeUser(db, me, user.id)
    const fields = typed(kind, kind).fields.map((field) => ({ ...field, options: ['a'] }))
    await changeOwnExtension(db, me, 'keys', { title: 'Keys', fields })
    await undelete(db, me, user.id)
    let text = ''
    for await (const part of exportUsers(db)) text += part
    for await (const part of exportLdif(db)) text += part
    assert.match(text, /AB|no/, kind)
    const page = await (await signedIn(await aWebApp(db))).get(`/users/${user.username}`)
    assert.equal(page.status, 200, kind)
    assert.equal((await misfits(db, 'keys')).people, kind === 'list' || kind === 'switch' ? 0 : 1, kind)
  }
  await removeOwnExtension(db, me, 'keys')
})

test('removing one takes its values from everybody, and its name is free again', async () => {
  const { db } = store
  assert.deepEqual(await removeOwnExtension(db, me, 'staff_card'), { people: 1 })
  await assert.rejects(ownExtension(db, 'staff_card'), NotFound)
  await assert.rejects(removeOwnExtension(db, me, 'contact'), Refused)
  await addOwnExtension(db, me, card())
  assert.equal((await extensionList(db)).find(({ name }) => name === 'staff_card')?.users, 0)
})

test('only who may change accounts can turn, make or remove one', async () => {
  const { db } = store
  for (const role of ['helpdesk', 'auditor', 'person'] as const) {
    const actor = { ...me, role }
    await assert.rejects(setExtensionOn(db, actor, 'contact', false), Refused)
    await assert.rejects(addOwnExtension(db, actor, card({ title: 'Other' })), Refused)
    await assert.rejects(removeOwnExtension(db, actor, 'staff_card'), Refused)
    await assert.rejects(removeExtensionValues(db, actor, 'contact'), Refused)
  }
})
