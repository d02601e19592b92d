import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { declared } from '../../server/accounts/declarations.ts'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup, changeGroup, groupByName } from '../../server/accounts/groups.ts'
import { enablePlugin, setPluginOn } from '../../server/accounts/plugins.ts'
import { changePolicy } from '../../server/accounts/policy-changes.ts'
import { addProfile } from '../../server/accounts/profiles.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { changeUser, insertUser, userByUsername } from '../../server/accounts/users.ts'
import { write } from '../../server/store/write.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aBrowser, aWebApp, type Browser, type Fields, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let admin: Browser

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  admin = await signedIn(app)
  for (const name of ['sales', 'support']) await addGroup(store.db, me, { name, description: '' })
})
after(() => store.close())

const person = (given: Fields = {}): Fields => ({ username: 'fnystrom', first: 'Freja', last: 'Nyström', ...given })

test('a person is added with groups, services and profile in one form', async () => {
  const answer = await admin.post(
    '/users/new',
    person({
      groups: ['sales'],
      'add-group': 'support',
      plugins: ['ftp', 'smtp'],
      'shown-plugins': ['ftp', 'pptpd', 'print_server', 'smtp', 'web_proxy'],
      'contact.title': 'Operations lead',
      password: 'correct horse 1',
      password2: 'correct horse 1',
    }),
  )
  assert.equal(answer.headers.location, '/users/fnystrom')
  const user = await userByUsername(store.db, 'fnystrom')
  assert.deepEqual(user.plugins, ['ftp', 'smtp'])
  assert.equal(user.groups.length, 2)
  assert.equal(user.extensions.contact?.title, 'Operations lead')
  const page = textOf((await admin.get('/users/fnystrom')).text)
  assert.match(page, /Freja Nyström was added\./)
  await signedIn(app, 'fnystrom', 'correct horse 1')
})

test('a form with problems comes back with everything that was typed, each problem at its field', async () => {
  const { status, text } = await admin.post(
    '/users/new',
    person({
      username: 'fnystrom',
      first: 'Årsa',
      'contact.telephone': '12 #3',
      'contact.city': 'Malmö',
      plugins: ['pptpd'],
      'add-group': 'nowhere',
      role: 'administrator',
    }),
  )
  assert.equal(status, 422)
  assert.match(text, /name="first" type="text" value="Årsa"/)
  assert.match(text, /name="contact.city" type="text" value="Malmö"/)
  assert.match(text, /value="pptpd" data-label="PPTP Server" checked/)
  assert.match(text, /<option value="administrator" selected>/)
  assert.match(text, /href="#f-contact-telephone"/)
  assert.match(
    text,
    /id="f-contact-telephone"[^>]*aria-describedby="f-contact-telephone-problem"[^>]*aria-invalid="true"/,
  )
  assert.match(text, /id="f-username-problem"/)
  assert.match(textOf(text), /There is no group “nowhere”/)
  assert.match(textOf(text), /Not added: 3 fields have problems\./)
})

test('two passwords that differ add nobody', async () => {
  const { status, text } = await admin.post(
    '/users/new',
    person({ username: 'twice', password: 'one-long-1', password2: 'one-long-2' }),
  )
  assert.equal(status, 422)
  assert.match(text, /id="f-password2-problem"/)
  assert.doesNotMatch(text, /one-long/)
  await assert.rejects(userByUsername(store.db, 'twice'))
})

test('a change is saved, a rename moves the page, and what is not on the form stays', async () => {
  const user = await aUser(store.db, { username: 'gek', first: 'Gösta', last: 'Ek', plugins: ['ftp', 'web_proxy'] })
  await setPluginOn(store.db, me, 'web_proxy', false)
  const answer = await admin.post('/users/gek', {
    ...person({ username: 'gosta.ek', first: 'Gösta', last: 'Ek' }),
    seq: String(user.seq),
    'shown-plugins': ['ftp', 'pptpd', 'print_server', 'smtp'],
    plugins: ['smtp'],
    'contact.title': 'Lead',
  })
  assert.equal(answer.headers.location, '/users/gosta.ek')
  const saved = await userByUsername(store.db, 'gosta.ek')
  assert.deepEqual(saved.plugins, ['smtp', 'web_proxy'])
  assert.equal(saved.extensions.contact?.title, 'Lead')
  await setPluginOn(store.db, me, 'web_proxy', true)
})

test('who changes a person that somebody else has changed first is told, and keeps what was typed', async () => {
  const user = await aUser(store.db, { username: 'raced' })
  await changeUser(store.db, me, user.id, { first: 'Other' })
  const { status, text } = await admin.post('/users/raced', {
    ...person({ username: 'raced', first: 'Mine' }),
    seq: String(user.seq),
  })
  assert.equal(status, 422)
  assert.match(textOf(text), /Not saved: someone else changed Other Body \d+ first/)
  assert.match(text, /value="Mine"/)
})

test('the list searches as typed, filters, sorts and pages', async () => {
  for (let i = 0; i < 60; i++)
    await aUser(store.db, {
      username: `many${i}`,
      last: `Many ${i}`,
      groups: ['support'],
      plugins: i % 2 ? ['ftp'] : [],
    })
  const first = textOf((await admin.get('/users?group=support')).text)
  assert.match(first, /1–50 of 61 in support/)
  assert.match(textOf((await admin.get('/users?group=support&page=2')).text), /51–61 of 61/)
  assert.match(textOf((await admin.part('/users?search=many+59')).text), /1–1 of 1/)
  assert.match(textOf((await admin.part('/users?search=nystrom')).text), /Nyström, Freja/)
  assert.match(textOf((await admin.get('/users?search=many&plugin=ftp')).text), /of 30/)
  const sorted = (await admin.get('/users?sort=number&order=desc')).text
  assert.match(sorted, /aria-sort="descending"/)
  assert.match(textOf((await admin.get('/users?search=zzz&group=sales')).text), /Nobody matches “zzz” in sales/)
})

test('a bar over the list locks, disables and enables several people at once', async () => {
  await aUser(store.db, { username: 'bulk1' })
  await aUser(store.db, { username: 'bulk2' })
  const answer = await admin.post('/selected-users', {
    action: 'lock',
    usernames: ['bulk1', 'bulk2', 'gone'],
    back: '/users?group=sales',
  })
  assert.equal(answer.headers.location, '/users?group=sales')
  assert.match(textOf((await admin.get('/users')).text), /2 people locked\./)
  assert.equal((await userByUsername(store.db, 'bulk2')).status, 'locked')
  await admin.post('/selected-users', { action: 'unlock', usernames: 'bulk1', back: '/users' })
  assert.equal((await userByUsername(store.db, 'bulk1')).status, 'enabled')
})

test('unlocking several people lets nobody in who is disabled, and says who', async () => {
  await aUser(store.db, { username: 'shut1', first: 'Dis', last: 'Abled', status: 'disabled' })
  await aUser(store.db, { username: 'shut2', first: 'Loc', last: 'Ked', status: 'locked' })
  const send = (action: string) =>
    admin.post('/selected-users', { action, usernames: ['shut1', 'shut2'], back: '/users' })
  await send('unlock')
  const said = textOf((await admin.get('/users')).text)
  assert.match(said, /1 person unlocked\. Dis Abled: The account is disabled, not locked\. Enable it instead\./)
  assert.equal((await userByUsername(store.db, 'shut1')).status, 'disabled')
  assert.equal((await userByUsername(store.db, 'shut2')).status, 'enabled')
  await send('lock')
  assert.equal((await userByUsername(store.db, 'shut1')).status, 'disabled', 'a lock would make it open by an unlock')
  await send('enable')
  assert.match(
    textOf((await admin.get('/users')).text),
    /Loc Ked: The account is locked, not disabled\. Unlock it instead/,
  )
  assert.equal((await userByUsername(store.db, 'shut2')).status, 'locked')
})

test('a page that still shows somebody as locked does not enable who was disabled since', async () => {
  await aUser(store.db, { username: 'stale', first: 'St', last: 'Ale', status: 'locked' })
  const action =
    /action="(\/users\/stale\/status\?from=locked)"/.exec((await admin.get('/users/stale')).text)?.[1] ?? ''
  await setStatus(store.db, me, (await userByUsername(store.db, 'stale')).id, 'disabled')
  await admin.post(action, { status: 'enabled' })
  assert.match(textOf((await admin.get('/users/stale')).text), /The account is disabled, not locked/)
  assert.equal((await userByUsername(store.db, 'stale')).status, 'disabled')
})

test('removing several people asks for their number, and says who they are', async () => {
  await aUser(store.db, { username: 'leaver1', first: 'Märta', last: 'One' })
  await aUser(store.db, { username: 'leaver2', first: 'Nils', last: 'Two' })
  const both = { usernames: ['leaver1', 'leaver2'], back: '/users' }
  const ask = await admin.post('/selected-users', { action: 'remove', ...both })
  assert.match(textOf(ask.text), /Remove 2 people\?.*Märta One and Nils Two can no longer sign in/)
  const wrong = await admin.post('/selected-users/remove', { ...both, count: '3' })
  assert.equal(wrong.status, 422)
  assert.match(textOf(wrong.text), /Type 2 to remove 2 people/)
  assert.equal((await userByUsername(store.db, 'leaver1')).first, 'Märta')
  assert.equal((await admin.post('/selected-users/remove', { ...both, count: '2' })).status, 303)
  await assert.rejects(userByUsername(store.db, 'leaver1'))
})

test('one edit for many people shows what would change person by person, and is undone at once', async () => {
  await aUser(store.db, { username: 'edit1', first: 'Åsa', last: 'Edit', groups: ['sales'], plugins: ['ftp'] })
  await aUser(store.db, { username: 'edit2', first: 'Nils', last: 'Edit', extensions: { contact: { city: 'Lund' } } })
  const back = '/users?search=edit'
  const edit = {
    usernames: ['edit1', 'edit2'],
    back,
    join: 'support',
    leave: 'sales',
    'plugin-ftp': 'off',
    'field-1': 'contact.city',
    'value-1': 'Lund',
  }
  const preview = await admin.post('/selected-users/preview', edit)
  const said = textOf(preview.text)
  assert.match(said, /2 people change/)
  assert.match(said, /Edit, Åsa edit1 Groups sales support Services FTP Server – City – Lund/)
  assert.match(said, /Edit, Nils edit2 Groups – support/)
  assert.deepEqual((await userByUsername(store.db, 'edit1')).plugins, ['ftp'])
  const again = await admin.post('/selected-users/save', { ...edit, count: '1' })
  assert.equal(again.status, 409)
  assert.match(textOf(again.text), /somebody was changed since you looked/)
  assert.equal((await admin.post('/selected-users/save', { ...edit, count: '2' })).headers.location, back)
  const list = await admin.get(back)
  assert.match(textOf(list.text), /2 people changed\./)
  const now = await userByUsername(store.db, 'edit1')
  assert.deepEqual([now.plugins, now.extensions.contact?.city], [[], 'Lund'])
  const undo = /action="(\/audit\/batch\/[^"]+\/undo)"/.exec(list.text)?.[1] ?? ''
  assert.match(undo, /batch/)
  await admin.post(undo)
  assert.deepEqual((await userByUsername(store.db, 'edit1')).plugins, ['ftp'])
  assert.equal((await userByUsername(store.db, 'edit2')).groups.length, 0)
})

test('an edit for many that cannot be is said before anything is written', async () => {
  const none = await admin.post('/selected-users/preview', { usernames: 'edit1', back: '/users' })
  assert.equal(none.status, 422)
  assert.match(textOf(none.text), /Nothing to change was chosen/)
  const wrong = await admin.post('/selected-users/preview', {
    usernames: 'edit1',
    back: '/users',
    'field-2': 'contact.telephone',
    'value-2': 'call me',
    join: 'support',
  })
  assert.equal(wrong.status, 422)
  assert.match(wrong.text, /id="f-value-2-problem"/)
  assert.match(wrong.text, /name="value-2" type="text" value="call me"/)
  const group = await admin.post('/selected-users/preview', { usernames: 'edit1', back: '/users', join: 'nowhere' })
  assert.match(textOf(group.text), /There is no group “nowhere”/)
})

test('everybody whom a list shows can be changed, also beyond its page', async () => {
  const answer = await admin.post('/selected-users', {
    action: 'lock',
    everyone: 'yes',
    back: '/users?search=many&plugin=ftp',
  })
  assert.equal(answer.status, 303)
  assert.match(textOf((await admin.get('/users')).text), /30 people locked\./)
  assert.match(textOf((await admin.get('/users?search=many&status=locked')).text), /of 30/)
})

test('a search in vain offers the name that comes near', async () => {
  const page = await admin.get('/users?search=nystrmo')
  assert.match(textOf(page.text), /Nobody matches “nystrmo” Did you mean nyström \? 1 person\./)
  assert.match(page.text, /href="\/users\?search=nystr%C3%B6m"/)
})

test('an account that ended, or begins later, says so in the list and on its page, and is found by it', async () => {
  await aUser(store.db, { username: 'ended', first: 'Åke', last: 'Ended', validUntil: '2026-01-31' })
  await aUser(store.db, { username: 'coming', first: 'Ida', last: 'Coming', validFrom: '2099-01-01' })
  assert.match(textOf((await admin.get('/users?status=expired')).text), /Ended, Åke ended Expired since 1 Feb 2026/)
  assert.match(textOf((await admin.get('/users?status=waiting')).text), /Coming, Ida coming Waiting from 1 Jan 2099/)
  assert.match(textOf((await admin.get('/users/ended')).text), /Expired since 1 Feb 2026/)
})

test('validity and role are set on the form, and what was left alone is not rounded', async () => {
  const user = await aUser(store.db, { username: 'valid1', validUntil: '2030-05-01T10:20:30.500Z' })
  const { text } = await admin.get('/users/valid1')
  const shown = /id="f-validUntil"[^>]* value="([^"]+)"/.exec(text)?.[1] ?? ''
  assert.match(shown, /^2030-05-01T\d\d:20$/)
  const form = { ...person({ username: 'valid1' }), seq: String(user.seq), role: 'helpdesk', validUntil: shown }
  await admin.post('/users/valid1', { ...form, validFrom: '2026-01-01T08:00' })
  const saved = await userByUsername(store.db, 'valid1')
  assert.equal(saved.validUntil, '2030-05-01T10:20:30.500Z')
  assert.equal(saved.validFrom, new Date('2026-01-01T08:00').toISOString())
  assert.equal(saved.role, 'helpdesk')
  const wrong = await admin.post('/users/valid1', { ...form, seq: String(saved.seq), validUntil: '2025-01-01T08:00' })
  assert.equal(wrong.status, 422)
  assert.match(wrong.text, /id="f-validUntil-problem"/)
})

test('two who change one person at once: the other’s field is taken over, the same field shows both values', async () => {
  const contact = { city: 'Malmö', title: 'Clerk', unit: 'sales' }
  const user = await aUser(store.db, { username: 'both1', groups: ['sales'], extensions: { contact } })
  await changeUser(store.db, me, user.id, {
    groups: ['sales', 'support'],
    extensions: { contact: { city: 'Lund', title: 'Lead' } },
  })
  const mine = {
    ...person({ username: 'both1', groups: ['sales'] }),
    seq: String(user.seq),
    'contact.city': 'Malmö',
    'contact.title': 'Chief',
    'contact.unit': 'support',
  }
  const { status, text } = await admin.post('/users/both1', mine)
  assert.equal(status, 422)
  assert.match(textOf(text), /someone else changed .* first\. the test did/)
  assert.match(textOf(text), /Taken over below.*: (City and Groups|Groups and City)\./)
  assert.match(textOf(text), /Title Lead Chief/)
  assert.match(text, /name="contact.city" type="text" value="Lund"/)
  assert.match(text, /name="contact.title" type="text" value="Chief" data-saved="Lead"/)
  assert.match(text, /name="contact.unit" type="text" value="support" data-saved="sales"/)
  assert.match(text, /name="groups" value="support"[^>]* checked/)
})

test('two who change somebody who came with many in one write: nothing that only the other touched is undone', async () => {
  const known = await declared(store.db)
  const several = ['several1', 'several2', 'several3'].map((username) => ({
    ...{ username, first: 'Many', last: 'Atonce', groups: ['sales'], plugins: ['ftp'] },
    extensions: { contact: { city: 'Malmö', title: 'Clerk' } },
  }))
  await write(store.db, me, async (change) => {
    for (const input of several) await insertUser(change, known, input, undefined)
  })
  const user = await userByUsername(store.db, 'several1')
  await changeUser(store.db, me, user.id, { plugins: [], extensions: { contact: { city: 'Lund' } } })
  const { text } = await admin.post('/users/several1', {
    ...person({ username: 'several1', first: 'Many', last: 'Atonce', groups: ['sales'] }),
    ...{ seq: String(user.seq), 'shown-plugins': ['ftp', 'smtp'], plugins: ['ftp', 'smtp'] },
    ...{ 'contact.city': 'Malmö', 'contact.title': 'Chief' },
  })
  assert.match(textOf(text), /Taken over below.*: (City and Services|Services and City)\./)
  assert.match(text, /name="contact.city" type="text" value="Lund"/)
  assert.match(text, /name="contact.title" type="text" value="Chief"/)
  assert.doesNotMatch(text, /name="plugins" value="ftp"[^>]* checked/)
  assert.match(text, /name="plugins" value="smtp"[^>]* checked/)
})

test('who was put into a group or given a service on its page, while the person was open, keeps it', async () => {
  const user = await aUser(store.db, { username: 'joined1', groups: ['sales'], plugins: ['ftp'] })
  const page = (await admin.get('/users/joined1')).text
  const was = { 'was-groups': hiddenIn(page, 'was-groups'), 'was-plugins': hiddenIn(page, 'was-plugins') }
  await addMembers(store.db, me, (await groupByName(store.db, 'support')).id, { usernames: ['joined1'] })
  await enablePlugin(store.db, me, 'smtp', ['joined1'])
  const { text } = await admin.post('/users/joined1', {
    ...person({ username: 'joined1', first: 'Mine', groups: ['sales'] }),
    ...{ ...was, seq: String(user.seq), 'shown-plugins': ['ftp', 'smtp'], plugins: [] },
  })
  assert.match(textOf(text), /Taken over below.*Groups and Services\./)
  assert.match(text, /name="groups" value="support"[^>]* checked/)
  assert.match(text, /name="plugins" value="smtp"[^>]* checked/)
  assert.doesNotMatch(text, /name="plugins" value="ftp"[^>]* checked/)
})

test('a profile that was removed while somebody was being added loses nothing that was typed', async () => {
  const fields = person({ username: 'orphan1', first: 'Typed', last: 'Long', profile: 'Gone', groups: ['sales'] })
  const { status, text } = await admin.post('/users/new', fields)
  assert.equal(status, 422)
  assert.match(textOf(text), /Not added: There is no profile “Gone”\. What it filled in is kept/)
  assert.match(text, /name="username"[^>]*value="orphan1"/)
  assert.match(text, /name="groups" value="sales"[^>]* checked/)
  assert.doesNotMatch(text, /name="profile" value="Gone"/)
})

test('the address of somebody who was renamed leads to where they are now', async () => {
  const { id } = await aUser(store.db, { username: 'maiden1' })
  await changeUser(store.db, me, id, { username: 'married1' })
  const answer = await admin.get('/users/maiden1')
  assert.equal(answer.headers.location, '/users/married1')
  assert.match(textOf((await admin.get('/users/married1')).text), /“maiden1” is called married1 now\./)
  await aUser(store.db, { username: 'maiden1', first: 'New', last: 'Comer' })
  assert.match(textOf((await admin.get('/users/maiden1')).text), /New Comer/)
  assert.equal((await admin.get('/users/maiden')).status, 404)
  const group = await addGroup(store.db, me, { name: 'old_site', description: '' })
  await changeGroup(store.db, me, group.id, { name: 'new_site' })
  assert.equal((await admin.get('/groups/old_site')).headers.location, '/groups/new_site')
})

/** The forms of a page, as a browser would send them: what is hidden in them. */
const hiddenIn = (html: string, name: string): string =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? assert.fail(`no ${name}`)

test('a form that was open while the person was renamed still saves that person, and nobody who took the name', async () => {
  const was = await aUser(store.db, { username: 'renamed1', first: 'Rena', last: 'Med' })
  const page = (await admin.get('/users/renamed1')).text
  const asked = (await admin.get('/users/renamed1/password')).text
  const { id } = was
  const fields = { ...person({ username: 'renamed1', first: 'Typed', last: 'Med' }), id: hiddenIn(page, 'id') }
  await changeUser(store.db, me, id, { username: 'renamed2' })
  const late = await admin.post('/users/renamed1', { ...fields, seq: hiddenIn(page, 'seq') })
  assert.equal(late.status, 422)
  assert.match(textOf(late.text), /someone else changed Rena Med first/)
  assert.match(late.text, /action="\/users\/renamed2" class="form-page"/)
  assert.match(late.text, /value="Typed"/)
  const other = await aUser(store.db, { username: 'renamed1', first: 'Some', last: 'Body' })
  const onto = await admin.post('/users/renamed1', { ...fields, seq: hiddenIn(page, 'seq') })
  assert.match(textOf(onto.text), /someone else changed Rena Med first/)
  const set = { password: 'Wonder-bread-77', password2: 'Wonder-bread-77', id: hiddenIn(asked, 'id') }
  assert.equal((await admin.post('/users/renamed1/password', set)).headers.location, '/users/renamed2')
  await admin.post('/users/renamed1/status', { status: 'locked', id })
  await admin.post('/users/renamed1/remove', { id })
  const { seq } = await userByUsername(store.db, 'renamed1')
  assert.equal(seq, other.seq)
  const gone = await admin.post('/users/renamed1', { ...fields, seq: hiddenIn(page, 'seq') })
  assert.equal(gone.status, 404)
  assert.match(textOf(gone.text), /Whoever was “renamed1” when this page was opened does not exist any more/)
})

test('a first password is generated and shown once, or a link is made that opens once', async () => {
  const made = await admin.post('/users/new', person({ username: 'first1', 'first-password': 'generated' }))
  assert.equal(made.status, 200)
  const shown = /id="password-once">([^<]+)</.exec(made.text)?.[1] ?? ''
  await signedIn(app, 'first1', shown)
  const link = await admin.post('/users/new', person({ username: 'first2', 'first-password': 'link' }))
  assert.match(link.text, /aria-label="QR code of the link"/)
  const path = /id="link-once">https?:\/\/[^/]+(\/welcome\/[^<]+)</.exec(link.text)?.[1] ?? ''
  assert.equal((await aBrowser(app).get(path)).status, 200)
  for (const page of ['/users/first1', '/users/first2']) {
    const { text } = await admin.get(page)
    assert.equal(text.includes(shown) || text.includes(path), false, 'a secret is shown a second time')
  }
})

test('a profile fills in the form, its placeholders become the names, and without one everything is off', async () => {
  await addProfile(store.db, me, {
    name: 'Sales, Malmö',
    groups: ['sales'],
    plugins: ['smtp'],
    extensions: { contact: { mail: '{first}.{last}@example.lan', city: 'Malmö' } },
  })
  const plain = await admin.get('/users/new')
  assert.doesNotMatch(plain.text, /name="plugins"[^>]* checked/)
  const { text } = await admin.get(`/users/new?profile=${encodeURIComponent('Sales, Malmö')}`)
  assert.match(text, /name="contact.mail" type="email" value="\{first\}\.\{last\}@example\.lan"/)
  assert.match(text, /value="smtp" data-label="SMTP" checked/)
  const typed = {
    ...person({ username: 'tmpl1', first: 'Åsa', last: 'Öst', groups: ['sales'], plugins: ['smtp'] }),
    profile: 'Sales, Malmö',
    'contact.mail': '{first}.{last}@example.lan',
    'contact.city': 'Lund',
  }
  const wrong = await admin.post('/users/new', { ...typed, username: 'x' })
  assert.equal(wrong.status, 422)
  assert.match(wrong.text, /value="\{first\}\.\{last\}@example\.lan"/)
  await admin.post('/users/new', typed)
  const user = await userByUsername(store.db, 'tmpl1')
  assert.deepEqual(user.extensions.contact, { mail: 'asa.ost@example.lan', city: 'Lund' })
})

test('lists, numbers and switches are typed, kept and shown again; a switch that is off is sent as off', async () => {
  for (const name of ['mail', 'zarafa']) await setExtensionOn(store.db, me, name, true)
  const fields = {
    ...person({ username: 'kinds1' }),
    'mail.aliases': 'hello\r\nwelcome',
    'shown-switches': ['zarafa.account', 'zarafa.administrator'],
    'zarafa.account': 'yes',
  }
  await admin.post('/users/new', fields)
  const user = await userByUsername(store.db, 'kinds1')
  assert.deepEqual(user.extensions.mail?.aliases, ['hello', 'welcome'])
  assert.deepEqual(user.extensions.zarafa, { account: true })
  const { text } = await admin.get('/users/kinds1')
  assert.match(text, />\s*hello\nwelcome<\/textarea>/)
  assert.match(text, /name="zarafa.account" value="yes"[^>]* checked/)
  await admin.post('/users/kinds1', { ...fields, seq: String(user.seq), 'zarafa.account': [] })
  assert.deepEqual((await userByUsername(store.db, 'kinds1')).extensions.zarafa, { account: false })
  for (const name of ['mail', 'zarafa']) await setExtensionOn(store.db, me, name, false)
})

test('the page names the groups that count through others, and the policy in force', async () => {
  await addGroup(store.db, me, { name: 'company', description: '' })
  const { id } = await groupByName(store.db, 'company')
  await addMembers(store.db, me, id, { groups: ['sales'] })
  await aUser(store.db, { username: 'nested1', groups: ['sales'] })
  const page = textOf((await admin.get('/users/nested1')).text)
  assert.match(page, /Also in company through sales, and in allusers as everyone/)
  assert.match(page, /Password policy in force At least 8 characters/)
})

test('the page says until when a password is good', async () => {
  await changePolicy(store.db, me, { maxAgeDays: '90' })
  await aUser(store.db, { username: 'aged', password: 'correct horse battery 7' })
  assert.match(textOf((await admin.get('/users/aged')).text), /Password Set today \d\d:\d\d ; ends in (89|90) days\./)
  await changePolicy(store.db, me, { maxAgeDays: '0' })
})

test('help desk sees people and unlocks them, and has no form that changes more', async () => {
  await aUser(store.db, { username: 'desk', role: 'helpdesk', password })
  await aUser(store.db, { username: 'stuck', status: 'locked' })
  const desk = await signedIn(app, 'desk')
  const { text } = await desk.get('/users')
  assert.doesNotMatch(
    text,
    /selected-users|users\/new|users\/\w+\/remove|name="status" value="disabled"|users\/admin\/(status|password)/,
  )
  assert.match(text, /formaction="\/users\/stuck\/status\?from=locked" name="status" value="enabled"/)
  const page = (await desk.get('/users/stuck')).text
  assert.match(page, />Unlock</)
  assert.doesNotMatch(page, /data-save-form|>Disable<|\/remove"/)
  await desk.post('/users/stuck/status', { status: 'enabled' })
  assert.equal((await userByUsername(store.db, 'stuck')).status, 'enabled')
  assert.equal((await desk.post('/users/stuck', person())).status, 403)
  assert.doesNotMatch((await desk.get('/users/admin')).text, />Lock<|\/users\/admin\/password/)
})

test('who is removed can be brought back from the toast, with everything', async () => {
  await aUser(store.db, { username: 'oops', first: 'Eva', last: 'Back', groups: ['sales'], plugins: ['ftp'] })
  await admin.post('/users/oops/remove')
  const { text } = await admin.get('/users')
  assert.match(textOf(text), /Eva Back is in the recycle bin\./)
  await admin.post(/action="(\/audit\/\d+\/undo)"/.exec(text)?.[1] ?? '')
  const user = await userByUsername(store.db, 'oops')
  assert.deepEqual([user.plugins, user.groups.length], [['ftp'], 1])
})

test('the last administrator cannot be locked or removed, and the page says why', async () => {
  await admin.post('/users/admin/status', { status: 'locked' })
  assert.match(textOf((await admin.get('/users/admin')).text), /is the last administrator who can sign in/)
  const { status, text } = await admin.post('/users/admin/remove')
  assert.equal(status, 422)
  assert.match(textOf(text), /last administrator/)
})

test('a password is set on a page of its own', async () => {
  await aUser(store.db, { username: 'pass1' })
  const short = await admin.post('/users/pass1/password', { password: 'x', password2: 'x' })
  assert.equal(short.status, 422)
  assert.match(textOf(short.text), /at least 8 characters/)
  await admin.post('/users/pass1/password', { password: 'good enough 1', password2: 'good enough 1' })
  await signedIn(app, 'pass1', 'good enough 1')
})

test('the page says why somebody may use a service, or not', async () => {
  await aUser(store.db, { username: 'why1', first: 'Åsa', last: 'Ek', plugins: ['ftp'] })
  const page = textOf((await admin.get('/users/why1?plugin=ftp')).text)
  assert.match(page, /Why can Åsa, or not\?/)
  assert.match(page, /No password is set yet/)
  assert.match(page, /No\. May not use FTP Server now\./)
})

test('each row of the list says when somebody last signed in here, and has what is done most', async () => {
  await aUser(store.db, { username: 'rowdy', first: 'Row', last: 'Dy', password })
  const address = '/users?search=rowdy'
  assert.match(textOf((await admin.get(address)).text), /Dy, Row rowdy Enabled never/)
  await signedIn(app, 'rowdy')
  const { text } = await admin.get(address)
  assert.match(textOf(text), /Dy, Row rowdy Enabled today \d\d:\d\d/)
  assert.match(text, /href="\/users\/rowdy\/password"/)
  assert.match(text, /href="\/users\/rowdy\/remove"/)
  assert.match(text, /formaction="\/users\/rowdy\/status\?from=enabled" name="status" value="locked"/)
  const answer = await admin.post('/users/rowdy/status', { back: address, usernames: 'admin', status: 'locked' })
  assert.equal(answer.headers.location, address)
  assert.equal((await userByUsername(store.db, 'rowdy')).status, 'locked')
  assert.equal((await userByUsername(store.db, 'admin')).status, 'enabled')
  const elsewhere = await admin.post('/users/rowdy/status', { back: '//evil.example', status: 'enabled' })
  assert.equal(elsewhere.headers.location, '/')
})

test('the export of a narrowed list has who is in it', async () => {
  await addGroup(store.db, me, { name: 'exported', description: '' })
  await addGroup(store.db, me, { name: 'within', description: '' })
  await aUser(store.db, { username: 'inside', groups: ['within'] })
  await addMembers(store.db, me, (await groupByName(store.db, 'exported')).id, { groups: ['within'] })
  const page = await admin.get('/users?group=exported')
  assert.match(page.text, /href="\/export\/users\.csv\?group=exported"[^>]* data-export/)
  const { text } = await admin.get('/export/users.csv?group=exported')
  assert.deepEqual(
    text.split('\r\n').map((line) => line.split(',')[0]),
    ['"core.username"', '"inside"', ''],
  )
  assert.equal((await admin.get('/export/users.csv?search=nobody-has-this')).text.split('\r\n').length, 2)
})

test('the export has a header and everyone, and never a password', async () => {
  const { text, headers } = await admin.get('/export/users.csv')
  assert.match(headers['content-disposition'] ?? '', /users\.csv/)
  assert.match(text, /"core\.username"/)
  assert.match(text, /"fnystrom"/)
  assert.doesNotMatch(text, /argon2|core\.password/)
})

test('the list says when somebody last signed in here, and the page leads to where each rule comes from', async () => {
  await aUser(store.db, { username: 'seen1', password })
  await signedIn(app, 'seen1')
  assert.match(
    textOf((await admin.part('/users?search=seen1')).text),
    /seen1 .*Enabled +(Must set a password +)?today \d\d:\d\d/,
  )
  const { text } = await admin.get('/users/seen1')
  const [, href = ''] = /href="(\/password-policy\?[^"#]+)/.exec(text) ?? []
  assert.match(textOf((await admin.get(href)).text), /In force for Some Body/)
})
