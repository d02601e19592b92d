import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import pino from 'pino'
import { importDone } from '../../server/accounts/import.ts'
import { userByUsername } from '../../server/accounts/users.ts'
import { readConfig } from '../../server/config.ts'
import { createWebApp } from '../../server/web/app.ts'
import { anApi } from '../support/api.ts'
import { aUser, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aBrowser, type Browser, type Fields, signedIn } from '../support/web.ts'

// A day of work with every kind of secret, and then a search for them in everything that can be read.

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let api: Awaited<ReturnType<typeof anApi>>
let admin: Browser
let ask: Awaited<ReturnType<typeof api.as>>

const logged: string[] = []
/** What was typed or told once, by what it is. */
const told = new Map<string, string>()

before(async () => {
  store = await aMasterStore()
  const log = pino(
    { level: 'trace' },
    new Writable({ write: (line, _encoding, done) => done(void logged.push(`${line}`)) }),
  )
  app = await createWebApp({ db: store.db, config: readConfig({ data: store.db.dir }, {}), log, secure: false })
  api = await anApi(store.db)
  admin = await signedIn(app)
  ask = await api.as('administrator')
})
after(async () => {
  await api?.close()
  await store?.close()
})

const tell = (what: string, secret: string | undefined): string => {
  assert.equal((secret ?? '').length > 9, true, `no ${what} was told`)
  told.set(what, secret as string)
  return secret as string
}
const typed = (what: string, secret: string): Fields => ({ password: tell(what, secret), password2: secret })
const found = (pattern: RegExp, text: string): string | undefined => pattern.exec(text)?.[1]
const once = /id="password-once">([^<]+)</
const link = /\/welcome\/([\w-]{54})/

const foreign = {
  ssha: '{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9gAAAAA',
  crypt: '{CRYPT}$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/',
}

test('a day of work', async () => {
  const person = { first: 'Day', last: 'Worker' }
  await admin.post('/users/new', { ...person, username: 'typed', ...typed('typed', 'typed-lamp-harbour-7') })
  const generated = await admin.post('/users/new', { ...person, username: 'generated', 'first-password': 'generated' })
  tell('generated', found(once, generated.text))
  const invited = await admin.post('/users/new', { ...person, username: 'invited', 'first-password': 'link' })
  const used = tell('used link', found(link, invited.text))
  await aBrowser(app).get(`/welcome/${used}`)
  const refused = tell('refused with a link', 'welcome-wrong-1')
  await aBrowser(app).post(`/welcome/${used}`, { password: refused, password2: 'differs' })
  const welcomed = await aBrowser(app).post(`/welcome/${used}`, typed('set with a link', 'window-stone-river-3'))
  assert.equal(welcomed.status, 303)
  tell('open link', found(link, (await admin.post('/users/typed/password/invite')).text))

  await aBrowser(app).post('/login', { username: 'typed', password: tell('wrong at sign-in', 'wrong-at-sign-in-9') })
  const own = await signedIn(app, 'invited', told.get('set with a link'))
  const change = { current: told.get('set with a link') ?? '', ...typed('own new', 'cloud-paper-garden-4') }
  assert.equal((await own.post('/account/password', change)).headers.location, '/account')
  await own.post('/account/password', { ...change, current: tell('wrong current', 'wrong-current-77') })
  await admin.post('/users/typed/password', typed('reset', 'forest-copper-bridge-5'))
  await admin.post('/users/typed/password', { ...typed('reset that differs', 'differs-from-other-1'), password2: 'x' })
  tell('generated anew', found(once, (await admin.post('/users/typed/password/generate')).text))

  await imported(
    'core.username,core.password,core.first_name,core.last_name\n' +
      `filed,${tell('of a file', 'Filed-secret-lantern-8')},A,B\nhashed,${foreign.ssha},A,B\nbad name,${tell('of a refused row', 'Refused-row-secret-3')},A,B\n`,
    'day.csv',
  )
  await imported(
    `version: 1\n\ndn: uid=ldifed,ou=x\nobjectClass: inetOrgPerson\nuid: ldifed\ngivenName: A\nsn: B\nuserPassword: ${foreign.crypt}\n\n` +
      `dn: uid=ldifed2,ou=x\nobjectClass: inetOrgPerson\nuid: ldifed2\ngivenName: A\nsn: B\nuserPassword: ${tell('of LDIF', 'Ldif-secret-lantern-8')}\n`,
    'day.ldif',
  )
  const made = await imported('core.username,core.first_name,core.last_name\nfirsty,A,B\n', 'first.csv', {
    newPasswords: 'yes',
  })
  tell('made by an import', found(/^firsty,(\S+)$/m, (await admin.post(`${made}/passwords`)).text))

  tell(
    'token',
    found(/(ast_[\w-]{43})/, (await admin.post('/tokens', { name: 'day', role: 'auditor', days: '9' })).text),
  )
  tell(
    'client',
    found(/id="made-password" value="([^"]+)"/, (await admin.post('/clients', { name: 'day', role: 'read' })).text),
  )
  tell(
    'new password of a client',
    found(/id="made-password" value="([^"]+)"/, (await admin.post('/clients/day/password')).text),
  )
  const typedApi = tell('typed by API', 'typed-by-api-secret-2')
  await ask('POST', '/users', { username: 'apityped', first: 'A', last: 'B', password: typedApi })
  tell(
    'made by API',
    (await ask('POST', '/users', { username: 'apimade', first: 'A', last: 'B', generate: true })).body.password,
  )
  tell('reset by API', (await ask('PUT', '/users/apityped/password', { generate: true })).body.password)
  tell('link by API', found(link, (await ask('POST', '/users/apimade/invitation', {})).text))
  tell('token by API', (await ask('POST', '/tokens', { name: 'day2', role: 'auditor' })).body.token)
  tell('client by API', (await ask('POST', '/clients', { name: 'day2', role: 'auth' })).body.password)
  tell('new password of a client by API', (await ask('POST', '/clients/day2/password')).body.password)

  await aUser(store.db, { username: 'gone', password })
  await admin.post('/users/gone/remove', {})
  await admin.post('/mode/key', { password })
})

/** Uploads, takes the columns as guessed, tries out and begins; the address of the import. */
async function imported(text: string, name: string, options: Fields = {}): Promise<string> {
  const columns = (await admin.upload('/import', name, text)).headers.location ?? assert.fail(`${name} was refused`)
  const page = (await admin.get(columns)).text
  const chosen: Fields = {}
  for (const [, column = '', inner = ''] of page.matchAll(/<select[^>]* name="(column-\d+)"[^>]*>(.*?)<\/select>/gs))
    chosen[column] = /<option value="([^"]*)" selected>/.exec(inner)?.[1] ?? ''
  seen.push(page)
  const tried =
    (await admin.post(columns, { mode: 'add', ...chosen, ...options })).headers.location ?? assert.fail(name)
  await importDone(tried.split('/').at(-1) ?? '')
  seen.push((await admin.get(tried)).text)
  const at = (await admin.post(`${tried}/begin`)).headers.location ?? assert.fail(name)
  await importDone(at.split('/').at(-1) ?? '')
  paths.push(at, `${at}?show=refused`, `${at}?show=added`)
  return at
}

/** Pages that are gone once the import has begun, as they were. */
const seen: string[] = []
const paths = [
  '/',
  '/users',
  '/users?search=day',
  '/audit',
  '/audit/export',
  '/bin',
  '/tokens',
  '/clients',
  '/clients/day',
  '/mode',
  '/import',
]

/** Every hash that the store keeps, and those that came with files. */
async function hashes(): Promise<string[]> {
  const rows: { body: string | null }[] = await store.db.reader('objects').select('body')
  const kept = rows.flatMap(({ body }) => body?.match(/\$argon2id\$[^"\\]+|(?<="tokenHash":")[0-9a-f]{64}/g) ?? [])
  assert.equal(kept.length > 8, true, 'the store keeps hashes')
  return [...kept, foreign.ssha, foreign.crypt]
}

test('nothing that can be read has a secret of it', async () => {
  const people = [
    'typed',
    'generated',
    'invited',
    'filed',
    'hashed',
    'ldifed',
    'ldifed2',
    'firsty',
    'apityped',
    'apimade',
  ]
  const places = new Map<string, string>([
    ['the log', logged.join('')],
    ['the record', JSON.stringify(await store.db.reader('audit').select('*'))],
    ['sessions', JSON.stringify(await store.db.reader('sessions').select('*'))],
    ...seen.map((text, at): [string, string] => [`page ${at} of an import`, text]),
  ])
  for (const path of [...paths, ...people.flatMap((name) => [`/users/${name}`, `/users/${name}/password`])])
    places.set(path, (await answered(admin.get(path))).text)
  for (const path of ['/export/users.csv', '/export/accounts.ldif'])
    places.set(path, (await admin.get(path).buffer(true)).text)
  for (const path of [
    '/users',
    '/bin',
    '/audit?limit=200',
    '/tokens',
    '/clients',
    '/clients/day2',
    '/imports',
    '/export/users.csv',
    '/export/accounts.ldif',
    ...people.map((name) => `/users/${name}`),
  ])
    places.set(`API ${path}`, (await ask('GET', path)).text)
  assert.match(places.get('/export/accounts.ldif') ?? '', /uid=ldifed,/)
  assert.match(places.get('the record') ?? '', /apimade/)

  const secrets = [...told, ...(await hashes()).map((hash): [string, string] => ['a hash', hash])]
  for (const [place, text] of places)
    for (const [what, secret] of secrets)
      assert.equal(
        text.includes(secret) || text.includes(secret.replaceAll('/', '\\/')),
        false,
        `${what} stands in ${place}`,
      )
  for (const [place, text] of places) assert.doesNotMatch(text, /argon2|\{SSHA\}|\{CRYPT\}|tokenHash/, place)
})

const answered = async (asking: ReturnType<Browser['get']>) => {
  const answer = await asking
  assert.equal(answer.status, 200, answer.headers.location)
  return answer
}

test('in the store no secret is in clear', async () => {
  const tables: { name: string }[] = await store.db.reader('sqlite_master').select('name').where({ type: 'table' })
  for (const { name } of tables) {
    const text = JSON.stringify(await store.db.reader(name).select('*'))
    for (const [what, secret] of told) assert.equal(text.includes(secret), false, `${what} stands in ${name}`)
  }
  assert.equal((await userByUsername(store.db, 'hashed')).hasPassword, true)
})

test('the log has no password even when a request breaks', async () => {
  await admin.post('/users/typed/password', { password: ['one-secret-in-a-list', 'x'], password2: 'y' })
  await admin.raw
    .post('/login')
    .set('Sec-Fetch-Site', 'same-origin')
    .type('json')
    .send({ password: 'one-secret-in-a-list' })
  assert.doesNotMatch(logged.join(''), /one-secret-in-a-list/)
})
