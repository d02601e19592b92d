import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { exportUsers } from '../../server/accounts/csv.ts'
import { declared } from '../../server/accounts/declarations.ts'
import { extensionList, setExtensionOn } from '../../server/accounts/extensions.ts'
import { ownExtension } from '../../server/accounts/own-extensions.ts'
import { userByUsername } from '../../server/accounts/users.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, type Fields, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let admin: Browser

before(async () => {
  store = await aMasterStore()
  admin = await signedIn(await aWebApp(store.db))
  await aUser(store.db, { username: 'aek', first: 'Åsa', last: 'Ek', extensions: { contact: { city: 'Lund' } } })
})
after(() => store.close())

/** As a browser sends the form: each block with its number. */
const formOf = (head: Record<string, string>, ...blocks: Record<string, string>[]): Fields => ({
  ...head,
  block: blocks.map((_, at) => String(at)),
  ...Object.fromEntries(
    blocks.flatMap((block, at) => Object.entries(block).map(([name, value]) => [`fields.${at}.${name}`, value])),
  ),
})

const shownIn = (html: string, name: string): string | undefined =>
  new RegExp(`name="${name.replaceAll('.', '\\.')}"[^>]* value="([^"]*)"`).exec(html)?.[1]

test('every extension shows what it adds: fields, attributes, object class, columns, and how many use it', async () => {
  const index = textOf((await admin.get('/extensions')).text)
  assert.match(index, /All 13 On 7 Off 6 Made here 0/)
  assert.match(index, /Contact On Provides basic contact information\. E-mail Title .* inetOrgPerson 1 of 2 filled in/)
  assert.match(textOf((await admin.get('/extensions?show=off')).text), /Mail Off .*Zarafa Off/)
  assert.doesNotMatch(textOf((await admin.get('/extensions?show=off')).text), /Contact On/)
  assert.match(textOf((await admin.get('/extensions?show=own')).text), /Nothing was made here yet/)
  const mail = textOf((await admin.get('/extensions/mail')).text)
  assert.match(mail, /Fields of people 3 clearMailAccount/)
  assert.match(mail, /Fields of groups 2 clearMailGroupAccount/)
  assert.match(mail, /clearMailAliases list: at most 50 entries, each .* extensions\.mail\.aliases/)
  assert.match(
    textOf((await admin.get('/extensions/zarafa')).text),
    /Kopano.*Follow from the values zarafaQuotaOverride/,
  )
  assert.equal((await admin.get('/extensions/nothing')).status, 404)
})

test('off hides its fields everywhere and keeps the values; removing them asks for the name', async () => {
  await admin.post('/extensions/contact', { on: 'no', back: '/extensions/contact' })
  assert.doesNotMatch((await admin.get('/users/aek')).text, /contact\.city|Lund/)
  let csv = ''
  for await (const text of exportUsers(store.db)) csv += text
  assert.doesNotMatch(csv, /Lund/)
  const page = textOf((await admin.get('/extensions/contact')).text)
  assert.match(page, /It is off: .* The values of 1 person are kept, .* Remove the values…/)
  const refused = await admin.post('/extensions/contact/values', { name: 'Contact' })
  assert.equal(refused.status, 422)
  assert.match(textOf(refused.text), /Type contact to remove its values\./)
  assert.equal((await userByUsername(store.db, 'aek')).extensions.contact?.city, 'Lund')

  await admin.post('/extensions/contact/values', { name: 'contact' })
  assert.match(
    textOf((await admin.get('/extensions/contact')).text),
    /values of Contact Extension were removed from 1 person/,
  )
  assert.equal((await userByUsername(store.db, 'aek')).extensions.contact, undefined)
  await admin.post('/extensions/contact', { on: 'yes', back: '/extensions' })
  assert.equal((await admin.get('/extensions/contact/values')).status, 403)
})

test('Windows Networking that cannot be turned on says why', async () => {
  await setExtensionOn(store.db, me, 'mail', true)
  await aUser(store.db, { extensions: { mail: { aliases: 'guests' } } })
  const answer = await admin.post('/extensions/samba', { on: 'yes', back: '/extensions' })
  assert.equal(answer.status, 303)
  assert.match(textOf((await admin.get('/extensions')).text), /brings a group named “guests”/)
  assert.equal((await extensionList(store.db)).find(({ name }) => name === 'samba')?.on, false)
})

test('the form of an extension grows by a button and works without scripts', async () => {
  assert.match((await admin.get('/extensions/new')).text, /name="fields\.0\.label"/)
  const first = { label: 'Card number', type: 'text' }
  const grown = await admin.post('/extensions/new', { ...formOf({ title: 'Staff card' }, first), do: 'add' })
  assert.equal(grown.status, 200)
  assert.equal(shownIn(grown.text, 'fields.0.label'), 'Card number')
  assert.equal(shownIn(grown.text, 'fields.1.label'), '')
  assert.match(grown.text, /placeholder="exampleCardNumber"/)
  const second = { label: 'Level', type: 'choice', options: 'Gold\r\nSilver' }
  const turned = await admin.post('/extensions/new', { ...formOf({ title: 'Staff card' }, first, second), do: 'up-1' })
  assert.equal(shownIn(turned.text, 'fields.0.label'), 'Level')
  assert.match(turned.text, /Gold\nSilver<\/textarea>/)
  const less = await admin.post('/extensions/new', {
    ...formOf({ title: 'Staff card' }, first, second),
    do: 'remove-0',
  })
  assert.equal(shownIn(less.text, 'fields.0.label'), 'Level')
  assert.doesNotMatch(less.text, /fields\.1\./)
  assert.equal((await declared(store.db)).extensions.length, 5)
})

test('a preview shows the fields as they will look, with their LDAP and CSV names', async () => {
  const fields = formOf({ title: 'Staff card' }, { label: 'Card number', type: 'text', help: 'On the back' })
  const part = await admin.raw
    .post('/extensions/new')
    .set({ 'Sec-Fetch-Site': 'same-origin', 'HX-Request': 'true', 'HX-Request-Type': 'partial' })
    .type('form')
    .send(
      new URLSearchParams([
        ...Object.entries(fields).flatMap(([k, v]) => [v].flat().map((one) => [k, one] as [string, string])),
        ['do', 'look'],
      ]).toString(),
    )
  assert.match(part.text, /^<section[^>]* id="preview"/)
  assert.match(
    textOf(part.text),
    /How it looks Staff card Card number On the back .*exampleStaffCard.*exampleCardNumber extensions\.staff_card\.card_number/,
  )
})

test('what is typed wrong comes back with everything kept and each problem beside its field', async () => {
  const answer = await admin.post(
    '/extensions/new',
    formOf(
      { title: '<b>Card</b>' },
      { label: '', type: 'text', help: '"kept"' },
      { label: 'Uid', type: 'text', attribute: 'uid' },
    ),
  )
  assert.equal(answer.status, 422)
  assert.match(answer.text, /&lt;b&gt;Card&lt;\/b&gt;/)
  assert.match(answer.text, /value="&quot;kept&quot;"/)
  const text = textOf(answer.text)
  assert.match(text, /2 fields have problems.*Label is needed\..*The attribute “uid” has a meaning of its own here/)
  assert.match(answer.text, /href="#f-fields-1-attribute"/)
  assert.match(answer.text, /id="f-fields-1-attribute-problem"/)
})

test('one that is made here is at once on the form, in CSV and on its own page', async () => {
  const made = await admin.post(
    '/extensions/new',
    formOf(
      { title: 'Staff card', summary: 'Cards that open doors' },
      { label: 'Card number', type: 'text', attribute: 'employeeNumber', pattern: '[A-Z]{2}[0-9]{4}' },
      { label: 'Car park', type: 'switch' },
      { label: 'Rooms', type: 'list' },
    ),
  )
  assert.equal(made.headers.location, '/extensions/staff_card')
  const page = textOf((await admin.get('/extensions/staff_card')).text)
  assert.match(
    page,
    /Staff card was made.*employeeNumber text.*extensions\.staff_card\.card_number.*Made here by admin/,
  )
  assert.match(textOf((await admin.get('/extensions?show=own')).text), /Staff card On .*Made here by admin on/)

  const form = (await admin.get('/users/aek')).text
  assert.match(form, /name="staff_card\.card_number"/)
  const saved = await admin.post('/users/aek', {
    username: 'aek',
    first: 'Åsa',
    last: 'Ek',
    role: 'person',
    'staff_card.card_number': 'AB1234',
    'shown-switches': 'staff_card.car_park',
    'staff_card.car_park': 'yes',
    'staff_card.rooms': 'A1\r\nB2',
  })
  assert.equal(saved.status, 303)
  assert.deepEqual((await userByUsername(store.db, 'aek')).extensions.staff_card, {
    card_number: 'AB1234',
    car_park: true,
    rooms: ['A1', 'B2'],
  })
  let csv = ''
  for await (const text of exportUsers(store.db)) csv += text
  assert.match(csv, /extensions\.staff_card\.card_number/)
  assert.match(csv, /AB1234/)
})

test('rules that become stricter leave what people have; the page names who, and each is saved as before', async () => {
  const { own, seq } = await ownExtension(store.db, 'staff_card')
  const head = { title: 'Staff card', name: 'staff_card' }
  const card = { name: 'card_number', label: 'Card number', type: 'text', attribute: 'employeeNumber' }
  const rest = own.fields.slice(1).map(({ name, label, type }) => ({ name, label, type }))
  const stricter = formOf({ ...head, seq: String(seq) }, { ...card, pattern: '[A-Z]{3}[0-9]{4}' }, ...rest)
  const saved = await admin.post('/extensions/staff_card/edit', stricter)
  assert.equal(saved.headers.location, '/extensions/staff_card/misfits')
  assert.match(
    textOf((await admin.get('/extensions/staff_card/misfits')).text),
    /Staff card is saved\. 1 person has a value that the rules would refuse now\..*1 person .*Ek, Åsa aek Card number AB1234/,
  )
  const person = { username: 'aek', first: 'Åsa', last: 'Ek', role: 'person', 'staff_card.rooms': 'A1\r\nB2' }
  const switches = { 'shown-switches': 'staff_card.car_park', 'staff_card.car_park': 'yes' }
  const typed = { ...person, ...switches, 'contact.city': 'Ystad' }
  assert.equal((await admin.post('/users/aek', { ...typed, 'staff_card.card_number': ' AB1234' })).status, 303)
  const { extensions } = await userByUsername(store.db, 'aek')
  assert.deepEqual([extensions.contact?.city, extensions.staff_card?.card_number], ['Ystad', 'AB1234'])
  assert.equal((await admin.post('/users/aek', { ...typed, 'staff_card.card_number': 'AB1235' })).status, 422)

  const needed = formOf({ ...head }, { ...card, pattern: '[A-Z]{2}[0-9]{4}' }, ...rest, {
    name: 'shoe',
    label: 'Shoe size',
    type: 'number',
    required: 'yes',
  })
  assert.equal((await admin.post('/extensions/staff_card/edit', needed)).headers.location?.endsWith('/misfits'), true)
  assert.match(
    textOf((await admin.get('/extensions/staff_card/misfits')).text),
    /3 people .*Ek, Åsa aek Shoe size none Shoe size is needed/,
  )
  const without = formOf(head, { ...card, pattern: '[A-Z]{2}[0-9]{4}' }, ...rest)
  assert.equal((await admin.post('/extensions/staff_card/edit', without)).headers.location, '/extensions/staff_card')
  assert.match(textOf((await admin.get('/extensions/staff_card/misfits')).text), /Every value fits/)
})

test('a field with values goes only when that is ticked; the extension only when its name is typed', async () => {
  const { seq } = await ownExtension(store.db, 'staff_card')
  const left = formOf(
    { title: 'Staff card', name: 'staff_card', seq: String(seq) },
    { name: 'rooms', label: 'Rooms', type: 'list' },
  )
  const asked = await admin.post('/extensions/staff_card/edit', left)
  assert.equal(asked.status, 422)
  assert.match(
    textOf(asked.text),
    /Remove these values from everybody, too 1 person has a value in “Card number”\. 1 person/,
  )
  const saved = await admin.post('/extensions/staff_card/edit', { ...left, removeValues: 'yes' })
  assert.equal(saved.headers.location, '/extensions/staff_card')
  assert.deepEqual((await userByUsername(store.db, 'aek')).extensions.staff_card, { rooms: ['A1', 'B2'] })
  const late = await admin.post('/extensions/staff_card/edit', { ...left, title: 'Other' })
  assert.match(textOf(late.text), /changed by somebody else in the meantime/)

  assert.match(textOf((await admin.get('/extensions/staff_card/remove')).text), /1 person has a value in it/)
  assert.equal((await admin.post('/extensions/staff_card/remove', { name: 'x' })).status, 422)
  await admin.post('/extensions/staff_card/remove', { name: 'staff_card' })
  assert.match(textOf((await admin.get('/extensions')).text), /Staff card was removed, with the values of 1 person\./)
  assert.equal((await userByUsername(store.db, 'aek')).extensions.staff_card, undefined)
  assert.equal((await admin.get('/extensions/contact/edit')).status, 404)
})

test('hostile forms are refused in words', async () => {
  const many = Array.from({ length: 300 }, (_, at) => ({ label: `Field ${at}`, type: 'text' }))
  const refused = await admin.post('/extensions/new', formOf({ title: 'Many' }, ...many))
  assert.equal(refused.status, 422)
  assert.match(textOf(refused.text), /must not have more than 40 fields/)
  const twice = await admin.post('/extensions/new', { title: ['One', 'Two'], block: '0' })
  assert.equal(twice.status, 422)
  const odd = await admin.post('/extensions/new', {
    ...formOf({ title: 'Odd' }, { label: 'One', type: 'text' }),
    block: ['__proto__', '../..', '0'],
  })
  assert.equal(odd.status, 422)
})

test('turning one off is undone from its toast', async () => {
  await admin.post('/extensions/shell', { on: 'no', back: '/extensions' })
  const undo =
    /action="(\/audit\/\d+\/undo)"/.exec((await admin.get('/extensions')).text)?.[1] ?? assert.fail('no undo')
  await admin.post(undo, { back: '/extensions' })
  assert.equal((await declared(store.db)).extension('shell')?.on, true)
})

test('an auditor sees everything and has no control', async () => {
  await aUser(store.db, { username: 'auditor', role: 'auditor', password, mustChange: false })
  const auditor = await signedIn(await aWebApp(store.db), 'auditor')
  for (const path of ['/extensions', '/extensions/contact', '/plugins', '/plugins/ftp']) {
    const { text, status } = await auditor.get(path)
    assert.equal(status, 200, path)
    const actions = [...text.matchAll(/<form[^>]*method="post"[^>]*action="([^"]*)"/g)].map(([, action]) => action)
    assert.deepEqual(
      actions.filter((action) => action !== '/theme' && action !== '/logout'),
      [],
      path,
    )
    assert.doesNotMatch(text, /href="\/(extensions|plugins)\/new"/, path)
  }
  assert.equal((await auditor.post('/extensions/contact', { on: 'no' })).status, 403)
  assert.equal((await auditor.get('/extensions/new')).status, 403)
})
