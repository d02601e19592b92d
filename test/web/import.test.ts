import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { importDone } from '../../server/accounts/import.ts'
import { countUsers } from '../../server/accounts/users.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let admin: Browser

before(async () => {
  store = await aMasterStore()
  admin = await signedIn(await aWebApp(store.db))
})
after(() => store.close())

const csv = `core.username,core.first_name,core.last_name,groups
aek,Åsa,Ek,sales
no good,Bad,Name,sales
gek,Gösta,Ek,"sales,support"
`

const idOf = (location: string | undefined): string => location?.split('/').at(-1) ?? ''

test('a file is tried out first, says each problem with its line, and is then imported', async () => {
  const tried = await admin.upload('/import', 'people.csv', csv)
  assert.equal(tried.status, 303)
  await importDone(idOf(tried.headers.location))
  const result = await admin.get(tried.headers.location as string)
  const page = textOf(result.text)
  assert.match(page, /2 people can be added; 1 row would be left out/)
  assert.match(page, /3 no good core\.username/)
  assert.match(page, /Groups that would be made/)
  assert.equal(await countUsers(store.db), 1)
  const begun = await admin.post(`${tried.headers.location}/begin`)
  await importDone(idOf(begun.headers.location))
  assert.equal(await countUsers(store.db), 3)
  assert.match(textOf((await admin.part(begun.headers.location as string)).text), /Imported.*2 added, 1 problem/)
  assert.match(textOf((await admin.get('/import')).text), /people\.csv : imported/)
})

test('a file is imported once: its text is not kept', async () => {
  const tried = await admin.upload('/import', 'people.csv', csv.replaceAll('ek,', 'ek2,'))
  await importDone(idOf(tried.headers.location))
  const first = await admin.post(`${tried.headers.location}/begin`)
  await importDone(idOf(first.headers.location))
  const second = await admin.post(`${tried.headers.location}/begin`)
  assert.equal(second.headers.location, '/import')
})

test('what is no CSV file at all is refused at its field', async () => {
  const picture = await admin.upload('/import', 'picture.csv', '\u0000\u0001\u0002')
  assert.equal(picture.status, 422)
  assert.match(picture.text, /id="f-file-problem"/)
  const nothing = await admin.upload('/import', '', '')
  assert.equal(nothing.status, 422)
  assert.match(textOf(nothing.text), /Choose a CSV file first/)
  assert.equal((await admin.post('/import', {})).status, 422)
})

test('a file that is too large is refused without being kept', async () => {
  const { status, text } = await admin.upload('/import', 'large.csv', `${csv}${'x'.repeat(21 * 1024 * 1024)}`)
  assert.equal(status, 422)
  assert.match(textOf(text), /larger than 20 MB/)
})
