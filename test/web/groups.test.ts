import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { extensionList } from '../../server/accounts/extensions.ts'
import { changeGroup, groupByName } from '../../server/accounts/groups.ts'
import { pluginList } from '../../server/accounts/plugins.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aBrowser, aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let admin: Browser

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  admin = await signedIn(app)
  await aUser(store.db, { username: 'aek', first: 'Åsa', last: 'Ek' })
  await aUser(store.db, { username: 'gek', first: 'Gösta', last: 'Ek' })
})
after(() => store.close())

test('a group is added, gets members by search, loses them, is renamed and removed', async () => {
  assert.equal(
    (await admin.post('/groups/new', { name: 'site_malmo', description: 'Malmö' })).headers.location,
    '/groups/site_malmo',
  )
  const found = await admin.part('/groups/site_malmo?part=candidates&add=ek')
  assert.match(found.text, /^<div id="candidates"/)
  assert.match(textOf(found.text), /Åsa Ek aek.*Add/)
  await admin.post('/groups/site_malmo/members', { join: ['aek', 'gek'] })
  assert.match(textOf((await admin.get('/groups/site_malmo')).text), /2 people added in site_malmo\..*Members 2/)
  assert.match(textOf((await admin.get('/groups/site_malmo?add=asa')).text), /already in it/)
  assert.match(textOf((await admin.part('/groups/site_malmo?search=gosta')).text), /1–1 of 1/)
  await admin.post('/groups/site_malmo/members', { leave: 'gek' })
  assert.match(textOf((await admin.get('/groups/site_malmo')).text), /1 person taken out in site_malmo\./)
  assert.equal(
    (await admin.post('/groups/site_malmo', { name: 'malmo', description: 'New' })).headers.location,
    '/groups/malmo',
  )
  assert.equal((await admin.post('/groups/malmo/remove')).status, 303)
  await assert.rejects(groupByName(store.db, 'malmo'))
})

test('groups are put into groups; the page shows the way, and counts everyone once', async () => {
  for (const name of ['europe', 'site_lund', 'nordic']) await admin.post('/groups/new', { name, description: '' })
  await admin.post('/groups/site_lund/members', { join: ['aek', 'gek'] })
  await admin.post('/groups/europe/members', { join: 'aek', 'join-groups': 'site_lund' })
  await admin.post('/groups/nordic/members', { 'join-groups': 'europe' })
  const page = textOf((await admin.get('/groups/europe')).text)
  assert.match(page, /2 people: 1 direct, 1 only through 1 nested group/)
  assert.match(page, /site_lund group, 2 people .* Nested group/)
  assert.match(page, /Contained in nordic/)
  assert.match(page, /Direct 2 Everyone, flattened 2/)
  const all = textOf((await admin.get('/groups/europe?view=all')).text)
  assert.match(all, /Ek, Åsa aek Direct .* Ek, Gösta gek Through site_lund/)
  assert.match(textOf((await admin.part('/groups/site_lund/inside')).text), /Ek, Åsa aek .*Ek, Gösta gek/)
  assert.match(textOf((await admin.get('/groups')).text), /europe 2 1 \+ groups/)
})

test('the picker says of everyone why they cannot be added, or may as well not', async () => {
  const people = textOf((await admin.part('/groups/europe?part=candidates&add=ek')).text)
  assert.match(people, /Åsa Ek aek [^+]* already in it/)
  assert.match(people, /Gösta Ek gek .* in it through site_lund Add/)
  const groups = textOf((await admin.part('/groups/europe?part=candidates&add=nordic')).text)
  assert.match(groups, /nordic group, 2 people would make a circle: it contains europe/)
  assert.match(textOf((await admin.part('/groups/europe?part=candidates&add=allus')).text), /holds everyone/)
  assert.match(textOf((await admin.part('/groups/europe?part=candidates&add=zzz')).text), /Nobody and no group matches/)
  const circle = await admin.post('/groups/europe/members', { 'join-groups': 'nordic' })
  assert.equal(circle.status, 422)
  assert.match(textOf(circle.text), /that would be a circle/)
})

test('several changes of members are saved together, or none of them', async () => {
  await aUser(store.db, { username: 'third', first: 'Ida', last: 'Third' })
  const both = { join: 'third', leave: 'aek', 'leave-groups': 'site_lund' }
  assert.equal((await admin.post('/groups/europe/members', { ...both, 'join-groups': 'nowhere' })).status, 422)
  assert.match(textOf((await admin.get('/groups/europe')).text), /1 direct/)
  await admin.post('/groups/europe/members', both)
  const page = textOf((await admin.get('/groups/europe')).text)
  assert.match(page, /1 person added, 1 person and 1 group taken out in europe\./)
  assert.match(page, /Third, Ida third Direct/)
  assert.doesNotMatch(page, /Ek, Åsa|site_lund group/)
})

test('what is typed about a group and who joins or leaves are saved together, undone together, or kept for another try', async () => {
  const group = await groupByName(store.db, 'europe')
  const fields = { name: 'europe', description: 'Four sites', seq: String(group.seq) }
  const refused = await admin.post('/groups/europe', { ...fields, join: 'gek', leave: 'nobody' })
  assert.equal(refused.status, 422)
  assert.match(refused.text, /value="Four sites"/)
  assert.match(refused.text, /name="join" value="gek" data-pending="gek" data-label="add gek"/)
  assert.equal((await groupByName(store.db, 'europe')).description, '')
  await admin.post('/groups/europe', { ...fields, join: 'gek', leave: 'third' })
  const page = (await admin.get('/groups/europe')).text
  assert.match(textOf(page), /Group europe is saved: 1 person added, 1 person taken out\./)
  assert.match(textOf(page), /Four sites.*Ek, Gösta gek Direct/)
  const undo = /action="(\/audit\/batch\/[^"]+\/undo)"/.exec(page)?.[1] ?? 'no undo'
  await admin.post(undo, { back: '/groups/europe' })
  const undone = textOf((await admin.get('/groups/europe')).text)
  assert.match(undone, /Third, Ida third Direct/)
  assert.doesNotMatch(undone, /Four sites|Ek, Gösta/)
})

test('what was saved together is undone together, from the note about it', async () => {
  const before = await groupByName(store.db, 'europe')
  await admin.post('/groups/europe/members', { join: 'gek', leave: 'third', 'join-groups': 'site_lund' })
  const { text } = await admin.get('/groups/europe')
  const action = /action="(\/audit\/batch\/[0-9a-f-]{36}\/undo)"/.exec(text)?.[1] ?? assert.fail('no undo')
  await admin.post(action, { back: '/groups/europe' })
  const page = textOf((await admin.get('/groups/europe')).text)
  assert.match(page, /3 changes undone\..* Third, Ida third Direct/)
  assert.doesNotMatch(page, /Ek, Gösta|site_lund group/)
  assert.deepEqual((await groupByName(store.db, 'europe')).owners, before.owners)
})

test('two who change one group at once: the other’s field is taken over, the same field shows both values', async () => {
  await admin.post('/groups/new', {
    name: 'both_at_once',
    description: 'Both',
    'add-owner': 'aek',
    'shown-owners': '1',
  })
  const { id, seq } = await groupByName(store.db, 'both_at_once')
  await changeGroup(store.db, me, id, { name: 'renamed_first', description: 'Theirs', owners: ['aek', 'gek'] })
  const mine = { seq: String(seq), name: 'both_at_once', description: 'Mine', owners: 'aek', 'shown-owners': '1' }
  const late = await admin.post('/groups/renamed_first', { ...mine, join: 'gek' })
  assert.equal(late.status, 422)
  assert.match(textOf(late.text), /someone else changed group renamed_first first\. the test did/)
  assert.match(textOf(late.text), /Taken over below.*: (Group name and Owners|Owners and Group name)\./)
  assert.match(textOf(late.text), /Description Theirs Mine/)
  assert.match(late.text, /name="name" type="text" value="renamed_first"/)
  assert.match(late.text, /name="description" type="text" value="Mine" data-saved="Theirs"/)
  assert.match(late.text, /name="owners" value="gek"[^>]* checked/)
  assert.match(late.text, /name="join" value="gek"/)
  assert.equal((await groupByName(store.db, 'renamed_first')).description, 'Theirs')
})

test('a form that was open while the group was renamed still saves that group, and none that took the name', async () => {
  await admin.post('/groups/new', { name: 'open_one', description: 'One' })
  const page = (await admin.get('/groups/open_one')).text
  const hidden = (name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1] ?? assert.fail(name)
  const { id } = await groupByName(store.db, 'open_one')
  await changeGroup(store.db, me, id, { name: 'open_two' })
  await admin.post('/groups/new', { name: 'open_one', description: 'Another' })
  const mine = { id: hidden('id'), seq: hidden('seq'), name: 'open_one', description: 'Mine', 'shown-owners': '1' }
  const late = await admin.post('/groups/open_one', mine)
  assert.equal(late.status, 422)
  assert.match(textOf(late.text), /someone else changed group open_two first/)
  assert.match(late.text, /id="group-form" method="post" action="\/groups\/open_two"/)
  await admin.post('/groups/open_one/remove', { id, name: 'open_two' })
  assert.equal((await groupByName(store.db, 'open_one')).description, 'Another')
  const gone = await admin.post('/groups/open_one', mine)
  assert.equal(gone.status, 404)
  assert.match(textOf(gone.text), /What was group “open_one” when this page was opened does not exist any more/)
})

test('an owner changes the members of a group, and nothing else', async () => {
  await aUser(store.db, { username: 'owner', first: 'Olle', last: 'Owner', password })
  const group = await groupByName(store.db, 'europe')
  const unknown = await admin.post('/groups/europe', { name: 'europe', 'shown-owners': '1', 'add-owner': 'nobody1' })
  assert.match(unknown.text, /id="f-owners-problem"/)
  await admin.post('/groups/europe', {
    name: 'europe',
    description: 'Sites',
    seq: String(group.seq),
    'shown-owners': '1',
    'add-owner': 'owner',
  })
  const owner = await signedIn(app, 'owner')
  const begins = await aBrowser(app).post('/login', { username: 'owner', password })
  assert.equal(begins.headers.location, '/my-groups')
  assert.match(textOf((await owner.get('/my-groups')).text), /europe Sites 1/)
  const page = await owner.get('/groups/europe?add=gek')
  assert.match(textOf(page.text), /Gösta Ek gek Add/)
  assert.doesNotMatch(page.text, /name="description"|\/remove"|join-groups|href="\/users/)
  assert.equal((await owner.post('/groups/europe/members', { join: 'gek', leave: 'third' })).status, 303)
  assert.match(textOf((await owner.get('/groups/europe')).text), /Ek, Gösta gek/)
  await owner.post('/groups/europe/members', { join: 'third', 'join-groups': 'site_lund' })
  assert.doesNotMatch(textOf((await admin.get('/groups/europe')).text), /site_lund group/)
  for (const path of ['/groups/nordic/members', '/groups/europe', '/groups/europe/remove', '/users/new'])
    assert.equal((await owner.post(path, { join: 'gek', name: 'mine' })).status, 403, path)
  for (const path of ['/groups', '/groups/nordic', '/users', '/users/gek'])
    assert.equal((await owner.get(path)).status, 403, path)
})

test('fields that extensions give to groups are on the form while the extension is on', async () => {
  await admin.post('/extensions/mail', { on: 'yes', back: '/extensions' })
  assert.match((await admin.get('/groups/new')).text, /name="mail.distributionList" value="yes"[^>]* checked/)
  const fields = { name: 'europe', 'shown-switches': 'mail.distributionList', 'mail.mail': 'eu@example.com' }
  await admin.post('/groups/europe', { ...fields, description: '', 'mail.distributionList': 'yes' })
  assert.deepEqual((await groupByName(store.db, 'europe')).extensions, {
    mail: { distributionList: true, mail: 'eu@example.com' },
  })
  const { text } = await admin.get('/groups/europe')
  assert.match(text, /name="mail.distributionList" value="yes"[^>]* checked/)
  const wrong = await admin.post('/groups/europe', { ...fields, description: '', 'mail.mail': 'not mail' })
  assert.equal(wrong.status, 422)
  assert.match(wrong.text, /value="not mail"/)
  await aUser(store.db, { username: 'looker', role: 'auditor', password })
  const looker = await signedIn(app, 'looker')
  assert.match(
    textOf((await looker.get('/groups/europe')).text),
    /Distribution list Yes E-mail of the group eu@example/,
  )
  await admin.post('/extensions/mail', { on: 'no', back: '/extensions' })
  assert.doesNotMatch((await admin.get('/groups/europe')).text, /mail\.mail/)
})

test('Windows groups take members, keep their names and cannot be removed', async () => {
  await admin.post('/extensions/samba', { on: 'yes', back: '/extensions' })
  assert.match(textOf((await admin.get('/groups?type=windows')).text), /domain_admins Windows/)
  const { text } = await admin.get('/groups/domain_admins')
  assert.match(text, /id="group-form"/)
  assert.doesNotMatch(text, /name="name"|\/remove"/)
  const fields = { name: 'mine', description: 'Who may', 'shown-owners': '1', 'add-owner': 'aek' }
  assert.equal((await admin.post('/groups/domain_admins', fields)).headers.location, '/groups/domain_admins')
  const { description, owners } = await groupByName(store.db, 'domain_admins')
  assert.deepEqual([description, owners?.length], ['Who may', 1])
  await admin.post('/groups/domain_admins/members', { join: 'aek' })
  assert.match(textOf((await admin.get('/groups/domain_admins')).text), /Ek, Åsa aek Direct/)
  assert.equal((await admin.post('/groups/domain_admins/remove', { name: 'domain_admins' })).status, 403)
})

test('a group with several members is removed only after its name is typed', async () => {
  await admin.post('/groups/new', { name: 'folders', description: '' })
  await admin.post('/groups/folders/members', { join: ['aek', 'gek'] })
  assert.equal((await admin.post('/groups/folders/remove', { name: 'folder' })).status, 422)
  assert.equal((await admin.post('/groups/folders/remove', { name: 'folders' })).status, 303)
})

test('a name that cannot be is said at its field, with what was typed', async () => {
  const { status, text } = await admin.post('/groups/new', { name: 'with space', description: 'Kept' })
  assert.equal(status, 422)
  assert.match(text, /id="f-name-problem"/)
  assert.match(text, /value="with space"/)
  assert.match(text, /value="Kept"/)
})

test('the built-in group has its members and no way to change them', async () => {
  const { text } = await admin.get('/groups/allusers')
  assert.match(textOf(text), /\d people/)
  assert.doesNotMatch(text, /members-form|group-form|Save changes/)
  assert.equal((await admin.post('/groups/allusers/members', { join: 'aek' })).status, 403)
})

test('a plugin is enabled and disabled for people from its own page', async () => {
  await admin.post('/plugins/ftp/users/add', { usernames: 'aek' })
  const page = textOf((await admin.get('/plugins/ftp')).text)
  assert.match(page, /FTP Server enabled for 1 person\./)
  assert.match(page, /Ek, Åsa aek/)
  await admin.post('/plugins/ftp/users/remove', { usernames: 'aek' })
  assert.match(textOf((await admin.get('/plugins/ftp')).text), /Nobody has it yet/)
  const unknown = await admin.post('/plugins/ftp/users/add', { usernames: 'nobody' })
  assert.equal(unknown.status, 422)
  assert.match(textOf(unknown.text), /There is no user “nobody”/)
})

test('extensions and plugins are turned off and on for everyone; off takes them from the form', async () => {
  await admin.post('/extensions/contact', { on: 'no', back: '/extensions' })
  assert.equal((await extensionList(store.db)).find(({ name }) => name === 'contact')?.on, false)
  assert.doesNotMatch((await admin.get('/users/aek')).text, /contact\.city/)
  await admin.post('/extensions/contact', { on: 'yes', back: '/extensions' })
  await admin.post('/plugins/smtp', { on: 'no', back: '/plugins' })
  assert.equal((await pluginList(store.db)).find(({ name }) => name === 'smtp')?.on, false)
  assert.doesNotMatch((await admin.get('/users/aek')).text, /smtp_plugin/)
})
