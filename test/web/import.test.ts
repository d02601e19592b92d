import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { importDone } from '../../server/accounts/import.ts'
import { addOwnExtension, removeOwnExtension } from '../../server/accounts/own-extensions.ts'
import { signIn } from '../../server/accounts/sign-in.ts'
import { countUsers, userByUsername } from '../../server/accounts/users.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, type Fields, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Awaited<ReturnType<typeof aWebApp>>
let admin: Browser

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  admin = await signedIn(app)
})
after(() => store.close())

const csv = `core.username,core.first_name,core.last_name,groups
aek,Åsa,Ek,sales
no good,Bad,Name,sales
gek,Gösta,Ek,"sales,support"
`

const idOf = (location: string | undefined): string => location?.split('/').at(-1) ?? ''

/** What the selects of the columns page say, as a browser would send them. */
function chosenIn(html: string): Fields {
  const chosen: Fields = {}
  for (const [, name = '', options = ''] of html.matchAll(/<select[^>]* name="(column-\d+)"[^>]*>(.*?)<\/select>/gs))
    chosen[name] = /<option value="([^"]*)" selected>/.exec(options)?.[1] ?? ''
  return chosen
}

/** Uploads a file, takes the columns as they were guessed, and waits for the dry run. */
async function tried(name: string, text: string, options: Fields = {}) {
  const uploaded = await admin.upload('/import', name, text)
  assert.equal(uploaded.status, 303, textOf(uploaded.text))
  const columns = uploaded.headers.location as string
  const page = await admin.get(columns)
  const answer = await admin.post(columns, { mode: 'add', ...chosenIn(page.text), ...options })
  assert.equal(answer.status, 303, textOf(answer.text))
  const at = answer.headers.location as string
  const job = await importDone(idOf(at))
  return { at, job, columns, page }
}

async function begun(at: string) {
  const { headers } = await admin.post(`${at}/begin`)
  return { at: headers.location as string, job: await importDone(idOf(headers.location)) }
}

test('a file is tried out first, says each problem with its line, and is then imported', async () => {
  const { at } = await tried('people.csv', csv)
  const page = textOf((await admin.get(at)).text)
  assert.match(page, /2 people would be added; 1 row would be left out/)
  assert.match(page, /3 no good .*core\.username/)
  assert.match(page, /Groups that would be made/)
  assert.doesNotMatch(page, /turned into hashes/)
  assert.equal(await countUsers(store.db), 1)
  const done = await begun(at)
  assert.equal(await countUsers(store.db), 3)
  assert.match(textOf((await admin.part(done.at)).text), /Imported.*2 added, 0 changed, 1 refused/)
  assert.match(textOf((await admin.get('/import')).text), /people\.csv Imported 2 added/)
})

test('a file is imported once: its text is not kept', async () => {
  const { at, columns } = await tried('people.csv', csv.replaceAll('ek,', 'ek2,'))
  await begun(at)
  const second = await admin.post(`${at}/begin`)
  assert.equal(second.headers.location, '/import')
  assert.equal((await admin.get(columns)).status, 404)
})

test('columns with other names are guessed, and can be given another meaning', async () => {
  const text = 'Login,Vorname,Nachname,E-Mail,Handy,Bemerkung\nkarl,Karl,Groß,karl@example.lan,+49 30 1234,neu\n'
  const uploaded = await admin.upload('/import', 'leute.csv', text)
  const columns = uploaded.headers.location as string
  const page = (await admin.get(columns)).text
  assert.match(textOf(page), /5 of 6 columns are read/)
  const chosen = chosenIn(page)
  assert.deepEqual(Object.values(chosen), [
    'core.username',
    'core.first_name',
    'core.last_name',
    'extensions.contact.mail',
    'extensions.contact.mobile',
    '',
  ])
  const twice = await admin.post(columns, { ...chosen, 'column-5': 'core.last_name', mode: 'add' })
  assert.equal(twice.status, 422)
  assert.match(textOf(twice.text), /“Nachname” and “Bemerkung” are all read as “Last name”/)
  // What was chosen is still there.
  assert.equal(chosenIn(twice.text)['column-5'], 'core.last_name')
  const answer = await admin.post(columns, { ...chosen, 'column-5': 'extensions.contact.title', mode: 'add' })
  await importDone(idOf(answer.headers.location))
  await begun(answer.headers.location as string)
  const karl = await userByUsername(store.db, 'karl')
  assert.deepEqual(karl.extensions.contact, { mail: 'karl@example.lan', mobile: '+49 30 1234', title: 'neu' })
})

test('a dry run shows field by field what would change, and the import does exactly that', async () => {
  await aUser(store.db, { username: 'vera', first: 'Vera', last: 'Old', extensions: { contact: { city: 'Lund' } } })
  const text =
    'core.username,core.first_name,core.last_name,extensions.contact.city,plugins.ftp\nvera,Vera,New,Malmö,1\nnils,Nils,New,,\n'
  const { at } = await tried('both.csv', text, { mode: 'both' })
  const page = textOf((await admin.get(`${at}?show=changed`)).text)
  assert.match(page, /core\.last_name Old New/)
  assert.match(page, /extensions\.contact\.city Lund Malmö/)
  assert.match(page, /plugins\.ftp 0 1/)
  const done = await begun(at)
  assert.deepEqual([done.job.added, done.job.changed], [1, 1])
  assert.equal((await userByUsername(store.db, 'vera')).last, 'New')
})

test('a whole import is undone from its page', async () => {
  await aUser(store.db, { username: 'ulla', first: 'Ulla', last: 'Before' })
  const text = 'core.username,core.first_name,core.last_name,groups\nulla,Ulla,After,undone\nursula,Ursula,Ny,undone\n'
  const { at } = await tried('undo.csv', text, { mode: 'both' })
  const done = await begun(at)
  const page = (await admin.get(done.at)).text
  const undo = /href="(\/audit\/batch\/[^"]+\/undo)"/.exec(page)?.[1] as string
  assert.match(textOf((await admin.get(undo)).text), /Undo 3 changes/)
  assert.equal((await admin.post(undo)).status, 303)
  assert.equal((await userByUsername(store.db, 'ulla')).last, 'Before')
  await assert.rejects(userByUsername(store.db, 'ursula'))
})

test('first passwords are made, handed out once, and must be changed', async () => {
  const text = 'core.username,core.first_name,core.last_name\nfia,Fia,First\n'
  const { at } = await tried('first.csv', text, { newPasswords: 'yes' })
  const done = await begun(at)
  assert.match(textOf((await admin.get(done.at)).text), /1 first password was made/)
  const file = await admin.post(`${done.at}/passwords`)
  const [, made = ''] = /^fia,(.+)$/m.exec(file.text) ?? []
  assert.equal(file.headers['cache-control'], 'no-store')
  assert.equal((await signIn(store.db, 'fia', made.trim())).username, 'fia')
  assert.equal((await userByUsername(store.db, 'fia')).mustChange, true)
  const again = await admin.post(`${done.at}/passwords`)
  assert.equal(again.status, 303)
  assert.doesNotMatch((await admin.get('/audit')).text, new RegExp(made.trim()))
})

test('passwords of a file are nowhere on its pages', async () => {
  const text = 'core.username,core.password,core.first_name,core.last_name\nsecret1,Very-secret-77,Some,Body\n'
  const { at, page } = await tried('secret.csv', text)
  assert.doesNotMatch(page.text, /Very-secret-77/)
  assert.match((await admin.get(at)).text, /a minute per 2,000 people/)
  const done = await begun(at)
  for (const path of [at, done.at, '/audit']) assert.doesNotMatch((await admin.get(path)).text, /Very-secret-77/)
  assert.equal((await signIn(store.db, 'secret1', 'Very-secret-77')).username, 'secret1')
})

test('LDIF is read in the same way', async () => {
  const ldif = `version: 1

dn: uid=lina,ou=people,dc=old,dc=lan
objectClass: inetOrgPerson
uid: lina
cn:: TGluYSDDhWJlcmc=
sn:: w4ViZXJn
mail: lina@old.lan
userPassword: {SSHA}JI6UfqbaGOgYtaJeh1BvZtdAcgsv6YBh

dn: cn=Sea Folk,ou=groups,dc=old,dc=lan
objectClass: groupOfNames
cn: Sea Folk
description: At
  sea
member: uid=lina,ou=people,dc=old,dc=lan
`
  const { at, page } = await tried('old.ldif', ldif)
  assert.doesNotMatch(page.text, /JI6Ufqba/)
  await begun(at)
  const lina = await userByUsername(store.db, 'lina')
  assert.deepEqual([lina.first, lina.last, lina.extensions.contact], ['Lina', 'Åberg', { mail: 'lina@old.lan' }])
  assert.match(textOf((await admin.get('/groups/sea_folk')).text), /At sea.*lina/)
})

test('what is no file of people at all is refused at its field', async () => {
  const picture = await admin.upload('/import', 'picture.csv', '\u0000\u0001\u0002')
  assert.equal(picture.status, 422)
  assert.match(picture.text, /id="f-file-problem"/)
  const nothing = await admin.upload('/import', '', '')
  assert.equal(nothing.status, 422)
  assert.match(textOf(nothing.text), /Choose a CSV or LDIF file first/)
  assert.equal((await admin.post('/import', {})).status, 422)
})

const large: [string, () => string, RegExp][] = [
  ['50 MB', () => `${csv}${'x'.repeat(50 * 1024 * 1024)}`, /larger than 20 MB/],
  ['a million rows', () => `${csv}${'a,b,c,d\n'.repeat(1_000_000)}`, /more than 200,000 rows/],
  ['a quotation mark that is never closed', () => `"core.username,${'x,y\n'.repeat(1_000_000)}`, /quotation mark/],
]
for (const [name, text, sentence] of large)
  test(`a file with ${name} is refused, and nobody is added`, async () => {
    const people = await countUsers(store.db)
    const body = text()
    const answer = await admin.upload('/import', 'large.csv', body)
    assert.equal(answer.status, 422)
    assert.match(textOf(answer.text), sentence)
    assert.equal(await countUsers(store.db), people)
  })

test('the template has the columns of what is turned on, and can be imported', async () => {
  assert.doesNotMatch((await admin.get('/import/template.csv')).text, /extensions\.mail\./)
  await setExtensionOn(store.db, me, 'mail', true)
  const types = ['text', 'email', 'telephone', 'number', 'switch', 'date', 'list'] as const
  await addOwnExtension(store.db, me, {
    title: 'Staff',
    name: 'staff',
    fields: [
      ...types.map((type) => ({ label: type, name: type, type, required: true })),
      { label: 'Colour', name: 'colour', type: 'choice', options: ['red', 'blue'], required: true },
    ],
  })
  const { text, headers } = await admin.get('/import/template.csv')
  assert.match(headers['content-disposition'] ?? '', /people\.csv/)
  assert.match(text, /"core\.username","core\.password".*"extensions\.mail\.aliases".*"plugins\.ftp".*"groups"\r\n/)
  const { job } = await tried('template.csv', text)
  assert.deepEqual([job.added, job.refused], [1, []])
  await removeOwnExtension(store.db, me, 'staff')
})

test('an auditor may export and not import; a person may do neither', async () => {
  await aUser(store.db, { username: 'auditor1', role: 'auditor', password })
  const auditor = await signedIn(app, 'auditor1')
  const ldif = await auditor.get('/export/accounts.ldif')
  assert.equal(ldif.status, 200)
  assert.match(ldif.text, /dn: uid=aek,ou=Users,ou=Accounts,dc=example,dc=lan/)
  assert.doesNotMatch(ldif.text, /argon2|userPassword/i)
  assert.equal((await auditor.get('/export/users.csv')).status, 200)
  assert.equal((await auditor.get('/import')).status, 403)
  assert.equal((await auditor.upload('/import', 'people.csv', csv)).status, 403)
  await aUser(store.db, { username: 'person0', password })
  const person = await signedIn(app, 'person0')
  for (const path of [
    '/import',
    '/import/template.csv',
    '/import/directory',
    '/export/users.csv',
    '/export/accounts.ldif',
  ])
    assert.equal((await person.get(path)).status, 403, path)
})

test('a file and a directory that one administrator looks at are nobody else’s', async () => {
  await aUser(store.db, { username: 'admin2', role: 'administrator', password })
  const other = await signedIn(app, 'admin2')
  const { headers } = await admin.upload('/import', 'mine.csv', csv)
  const columns = headers.location as string
  const theirs = await other.upload('/import', 'theirs.csv', csv)
  assert.equal((await other.get(columns)).status, 404)
  assert.equal((await admin.get(columns)).status, 200)
  assert.equal((await other.get(theirs.headers.location as string)).status, 200)
  const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const url = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  const typed = { url, security: 'plain', bindDn: 'cn=reader,dc=old,dc=lan', password: 'x' }
  const asking = admin.post('/import/directory', typed).then((answer) => answer)
  await once(silent, 'connection')
  assert.doesNotMatch((await other.get('/import/directory')).text, /cn=reader/)
  assert.equal((await other.post('/import/directory/read')).headers.location, '/import/directory')
  silent.close()
  asking.catch(() => {})
})

test('a directory that does not answer is said at the field, with what was typed kept', async () => {
  const answer = await admin.post('/import/directory', {
    url: '127.0.0.1:1',
    security: 'plain',
    bindDn: 'cn=admin,dc=old,dc=lan',
    password: 'Very-secret-88',
  })
  assert.equal(answer.status, 422)
  assert.match(textOf(answer.text), /127\.0\.0\.1, port 1, refuses the connection/)
  assert.match(answer.text, /value="cn=admin,dc=old,dc=lan"/)
  assert.doesNotMatch(answer.text, /Very-secret-88/)
})
