import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Express } from 'express'
import { undelete } from '../../server/accounts/bin.ts'
import { membersPage } from '../../server/accounts/group-members.ts'
import { addGroup, changeGroup, type Group, groupByName } from '../../server/accounts/groups.ts'
import { changeSettings } from '../../server/accounts/settings.ts'
import { undoChange } from '../../server/accounts/undo.ts'
import type { UserInput } from '../../server/accounts/user-input.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { changeUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { sessionsOf } from '../../server/store/sessions.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aBrowser, aWebApp, type Browser, signedIn } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let desk: Browser
let owner: Browser
let group: Group

const chosen = 'green-harbour-lamp'
const twice = { password: chosen, password2: chosen }

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  await aUser(store.db, { username: 'desk', role: 'helpdesk', password })
  await aUser(store.db, { username: 'owner', password })
  group = await addGroup(store.db, me, { name: 'sales', description: '', owners: ['owner'] })
  await addGroup(store.db, me, { name: 'secret', description: '' })
  desk = await signedIn(app, 'desk')
  owner = await signedIn(app, 'owner')
})
after(() => store.close())

const named = (username: string) => userByUsername(store.db, username)
const change = async (username: string, input: Partial<UserInput>) =>
  changeUser(store.db, me, (await named(username)).id, input)
const members = async (name: string) =>
  (await membersPage(store.db, (await groupByName(store.db, name)).id, {})).rows.map(({ username }) => username)

/** The link that the help desk makes for somebody. */
async function linkFor(username: string, by = desk): Promise<string> {
  const { text } = await by.post(`/users/${username}/password/invite`)
  return /(\/welcome\/[A-Za-z0-9_-]{54})/.exec(text)?.[1] ?? assert.fail('no link')
}

describe('first-password links', { concurrency: false }, () => {
  test('a link that was made for a person does not open an administrator', async () => {
    for (const role of ['administrator', 'auditor', 'helpdesk'] as const) {
      await aUser(store.db, { username: `up-${role}` })
      const link = await linkFor(`up-${role}`)
      await change(`up-${role}`, { role })
      assert.equal((await aBrowser(app).get(link)).status, 410, role)
      assert.equal((await aBrowser(app).post(link, twice)).status, 410, role)
      assert.equal((await named(`up-${role}`)).hasPassword, false)
    }
  })

  test('a link does not open who is an administrator again by undo', async () => {
    await aUser(store.db, { username: 'again', role: 'administrator' })
    await change('again', { role: 'person' })
    const [row] = (await auditPage(store.db, { search: 'again' })).rows
    const link = await linkFor('again')
    await undoChange(store.db, me, row?.id ?? 0)
    assert.equal((await named('again')).role, 'administrator')
    assert.equal((await aBrowser(app).post(link, twice)).status, 410)
  })

  test('of two who use one link at once, one sets the password', async () => {
    await aUser(store.db, { username: 'raced' })
    const link = await linkFor('raced')
    const other = 'blue-window-stone'
    const answers = await Promise.all([
      aBrowser(app).post(link, twice),
      aBrowser(app).post(link, { password: other, password2: other }),
    ])
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 410])
    const works = answers[0]?.status === 303 ? chosen : other
    await signedIn(app, 'raced', works)
    assert.equal((await aBrowser(app).get(link)).status, 410)
  })

  test('a link is dead after the person was disabled, locked for good, removed, or has ended', async () => {
    for (const [username, shut] of [
      ['shut-disabled', async (id: string) => void (await setStatus(store.db, me, id, 'disabled'))],
      ['shut-locked', async (id: string) => void (await setStatus(store.db, me, id, 'locked'))],
      ['shut-removed', (id: string) => removeUser(store.db, me, id)],
      ['shut-ended', async (id: string) => void (await changeUser(store.db, me, id, { validUntil: '2020-01-01' }))],
    ] as const) {
      const { id } = await aUser(store.db, { username })
      const link = await linkFor(username)
      await shut(id)
      assert.equal((await aBrowser(app).get(link)).status, 410, username)
      assert.equal((await aBrowser(app).post(link, twice)).status, 410, username)
      if (username !== 'shut-removed') continue
      await undelete(store.db, me, id)
      assert.equal((await aBrowser(app).post(link, twice)).status, 410, 'back from the bin')
    }
  })

  test('a link of one person with the secret of another opens nothing', async () => {
    for (const username of ['mixed1', 'mixed2']) await aUser(store.db, { username })
    const [one, two] = [await linkFor('mixed1'), await linkFor('mixed2')]
    const mixed = one.slice(0, '/welcome/'.length + 22) + two.slice('/welcome/'.length + 22)
    assert.equal((await aBrowser(app).post(mixed, twice)).status, 410)
    for (const odd of ['%00', '..%2f..', `${one}x`.slice(9), encodeURIComponent("' or 1=1--"), '_'.repeat(5000)])
      assert.equal((await aBrowser(app).get(`/welcome/${odd}`)).status, 410, odd.slice(0, 20))
  })
})

describe('the help desk', { concurrency: false }, () => {
  test('touches nobody with a role, itself included', async () => {
    for (const role of ['helpdesk', 'auditor', 'administrator'] as const) {
      await aUser(store.db, { username: `big-${role}`, role })
      for (const username of [`big-${role}`, `BIG-${role}`, `%20big-${role}`])
        for (const [path, fields] of [
          ['password', twice],
          ['password/generate', {}],
          ['password/invite', {}],
          ['status', { status: 'locked' }],
        ] as const)
          assert.equal((await desk.post(`/users/${username}/${path}`, fields)).status, 403, `${username} ${path}`)
      assert.equal((await desk.get(`/users/big-${role}/password`)).status, 403)
      assert.equal((await named(`big-${role}`)).hasPassword, false)
    }
    assert.equal((await desk.post('/users/desk/password', twice)).status, 403)
  })

  test('a form for one person with the id of somebody who has a role touches neither', async () => {
    const person = await aUser(store.db, { username: 'led-on' })
    const { id } = await aUser(store.db, { username: 'big-by-id', role: 'administrator' })
    for (const [path, fields] of [
      ['password', { ...twice, id }],
      ['password/generate', { id }],
      ['password/invite', { id }],
      ['status', { status: 'locked', id }],
    ] as const) {
      const { headers } = await desk.post(`/users/led-on/${path}`, fields)
      assert.doesNotMatch(headers.location ?? '', /password/, path)
    }
    const big = await named('big-by-id')
    assert.deepEqual([big.hasPassword, big.status, big.invitedUntil], [false, 'enabled', undefined])
    assert.equal((await named('led-on')).seq, person.seq)
  })

  test('what comes along with a password or a lock is not read', async () => {
    const was = await aUser(store.db, { username: 'carried' })
    const more = { role: 'administrator', username: 'other', validUntil: '', groups: 'secret', plugins: 'ftp' }
    await desk.post('/users/carried/password', { ...twice, ...more })
    await desk.post('/users/carried/password/generate', more)
    await desk.post('/users/carried/password/invite', more)
    await desk.post('/users/carried/status', { status: 'locked', ...more })
    const { role, username, groups, plugins, status } = await named('carried')
    assert.deepEqual(
      [role, username, groups, plugins, status],
      ['person', 'carried', was.groups, was.plugins, 'locked'],
    )
  })

  test('who is disabled is not enabled by a lock in between', async () => {
    const { id } = await aUser(store.db, { username: 'off1' })
    await setStatus(store.db, me, id, 'disabled')
    for (const status of ['locked', 'enabled']) await desk.post('/users/off1/status', { status })
    assert.equal((await named('off1')).status, 'disabled')
  })
})

describe('the owner of a group', { concurrency: false }, () => {
  test('changes the people of their own group and nothing else of it', async () => {
    await aUser(store.db, { username: 'seller' })
    const more = { name: 'other', owners: 'seller', 'join-groups': 'secret', groups: 'secret', description: 'mine' }
    assert.equal((await owner.post('/groups/sales/members', { join: 'seller', ...more })).status, 303)
    assert.deepEqual(await members('sales'), ['seller'])
    const { name, description, owners } = await groupByName(store.db, 'sales')
    assert.deepEqual([name, description, owners], ['sales', '', group.owners])
    assert.deepEqual((await groupByName(store.db, 'secret')).groups ?? [], [])
    for (const other of ['secret', 'SECRET', 'sales%2f..%2fsecret', '%20secret', 'domain_admins', 'allusers'])
      assert.equal((await owner.post(`/groups/${other}/members`, { join: 'owner' })).status, 403, other)
    assert.deepEqual(await members('secret'), [])
  })

  test('is none from the moment somebody else is, in a session that is open', async () => {
    await changeGroup(store.db, me, group.id, { owners: [] })
    assert.equal((await owner.post('/groups/sales/members', { join: 'owner' })).status, 403)
    assert.equal((await owner.get('/groups/sales')).status, 403)
  })
})

describe('a person', { concurrency: false }, () => {
  test('changes the fields that the settings name, of themselves', async () => {
    await changeSettings(store.db, me, { ownFields: ['contact.mobile'] })
    await aUser(store.db, { username: 'other1' })
    const was = await named('owner')
    const hostile = {
      'contact.mobile': '+46 40 1',
      'contact.title': 'Chief',
      'shell.uidNumber': '0',
      'shell.loginShell': '/bin/bash',
      'shown-switches': ['mail.distributionList', 'samba.isOn'],
      username: 'other1',
      id: (await named('other1')).id,
      role: 'administrator',
      status: 'enabled',
      groups: 'secret',
      plugins: 'ftp',
      password: chosen,
      validUntil: '',
      mustChange: 'no',
      seq: '1',
    }
    assert.equal((await owner.post('/account/fields', hostile)).status, 303)
    const { seq, changed, extensions, ...rest } = await named('owner')
    const { seq: s, changed: c, extensions: before, ...kept } = was
    assert.deepEqual(rest, kept)
    assert.deepEqual(extensions, { ...before, contact: { ...before.contact, mobile: '+46 40 1' } })
    assert.deepEqual((await named('other1')).extensions.contact ?? {}, {})
  })

  test('ends no session of anybody else', async () => {
    await signedIn(app, 'desk')
    const sessions = await sessionsOf(store.db, (await named('desk')).id)
    for (const { id } of sessions) await owner.post('/account/sessions/end', { id, userId: 'x', username: 'desk' })
    await owner.post('/account/sessions/end', {})
    assert.equal((await sessionsOf(store.db, (await named('desk')).id)).length, sessions.length)
    assert.equal((await desk.get('/users')).status, 200)
  })

  test('loses a role at once, in a session that is open', async () => {
    await aUser(store.db, { username: 'fallen', role: 'administrator', password })
    const browser = await signedIn(app, 'fallen')
    assert.equal((await browser.get('/settings')).status, 200)
    await change('fallen', { role: 'person' })
    assert.equal((await browser.get('/settings')).status, 403)
    assert.equal((await browser.post('/settings', { binDays: '1' })).status, 403)
    const [row] = (await auditPage(store.db, { search: 'fallen' })).rows
    assert.equal((await browser.post(`/audit/${row?.id}/undo`)).status, 403)
  })
})
