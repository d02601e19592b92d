import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addGroup } from '../../server/accounts/groups.ts'
import { setPluginOn } from '../../server/accounts/plugins.ts'
import { changeProfile, profileByName } from '../../server/accounts/profiles.ts'
import { me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, type Fields, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let admin: Browser

before(async () => {
  store = await aMasterStore()
  admin = await signedIn(await aWebApp(store.db))
  await addGroup(store.db, me, { name: 'sales', description: '' })
})
after(() => store.close())

const sales: Fields = {
  name: 'Sales, Malmö',
  description: 'People who sell',
  'add-group': 'sales',
  'shown-plugins': ['ftp', 'smtp'],
  plugins: ['smtp'],
  'contact.mail': '{f}{last}@example.lan',
  'contact.country': 'SE',
}

test('a profile is added, shown, changed and removed', async () => {
  assert.match(textOf((await admin.get('/profiles')).text), /No profiles yet/)
  assert.equal((await admin.post('/profiles/new', sales)).headers.location, '/profiles')
  assert.match(textOf((await admin.get('/profiles')).text), /Sales, Malmö People who sell sales SMTP 2/)
  const page = '/profiles/Sales%2C%20Malm%C3%B6'
  const { text } = await admin.get(page)
  assert.match(text, /name="contact.mail" type="text" value="\{f\}\{last\}@example\.lan"/)
  assert.match(text, /<option value="SE" selected>/)
  const profile = await profileByName(store.db, 'Sales, Malmö')
  const changed = { ...sales, name: 'Sales', seq: String(profile.seq), groups: ['sales'], 'contact.mail': '' }
  await admin.post(page, changed)
  const now = await profileByName(store.db, 'Sales')
  assert.deepEqual([now.groupNames, now.extensions], [['sales'], { contact: { country: 'SE' } }])
  const late = await admin.post('/profiles/Sales', { ...changed, description: 'Late' })
  assert.equal(late.status, 422)
  assert.match(textOf(late.text), /someone else changed profile Sales first/)
  await admin.post('/profiles/Sales/remove')
  assert.equal((await admin.get('/profiles/Sales')).status, 404)
})

test('two who change one profile at once: the other’s field is taken over, the same field shows both values', async () => {
  await admin.post('/profiles/new', { ...sales, name: 'Raced' })
  const { id, seq } = await profileByName(store.db, 'Raced')
  const extensions = { contact: { mail: '{f}@example.lan', country: 'NO' } }
  await changeProfile(store.db, me, id, { description: 'Theirs', groups: [], extensions })
  const mine = { ...sales, name: 'Raced', description: 'Mine', 'contact.title': 'Chief', seq: String(seq) }
  const { status, text } = await admin.post('/profiles/Raced', { ...mine, groups: ['sales'] })
  assert.equal(status, 422)
  assert.match(textOf(text), /someone else changed profile Raced first\. the test did/)
  assert.match(textOf(text), /Description Theirs Mine/)
  assert.match(textOf(text), /Taken over below.*E-mail/)
  assert.match(text, /name="contact.mail" type="text" value="\{f\}@example\.lan"/)
  assert.match(text, /<option value="NO" selected>/)
  assert.match(text, /name="contact.title" type="text" value="Chief"/)
  assert.doesNotMatch(text, /name="groups" value="sales"[^>]* checked/)
  await admin.post('/profiles/Raced/remove')
})

test('what is wrong with a profile is said at its field, with what was typed', async () => {
  const { status, text } = await admin.post('/profiles/new', {
    ...sales,
    name: '',
    'add-group': 'nowhere',
    'contact.title': '{boss}',
  })
  assert.equal(status, 422)
  for (const id of ['f-name-problem', 'f-groups-problem', 'f-contact-title-problem']) assert.match(text, new RegExp(id))
  assert.match(text, /value="\{boss\}"/)
  assert.match(textOf(text), /There is no placeholder \{boss\}/)
})

test('a plugin that is off is not on the form, and stays in the profile', async () => {
  await admin.post('/profiles/new', { ...sales, name: 'Kept', plugins: ['ftp', 'smtp'] })
  await setPluginOn(store.db, me, 'ftp', false)
  const { text } = await admin.get('/profiles/Kept')
  assert.doesNotMatch(text, /value="ftp"/)
  await admin.post('/profiles/Kept', { ...sales, name: 'Kept', 'shown-plugins': ['smtp'], plugins: [] })
  assert.deepEqual((await profileByName(store.db, 'Kept')).plugins, ['ftp'])
  await setPluginOn(store.db, me, 'ftp', true)
})
