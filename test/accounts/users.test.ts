import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { purge } from '../../server/accounts/bin.ts'
import { extensionList, setExtensionOn } from '../../server/accounts/extensions.ts'
import { addMembers, membersPage, removeMembers } from '../../server/accounts/group-members.ts'
import { addGroup, changeGroup, groupByName, groupsPage, removeGroup } from '../../server/accounts/groups.ts'
import { mayUse } from '../../server/accounts/may-use.ts'
import { groupNameProblem, usernameProblem } from '../../server/accounts/names.ts'
import { hashPassword, passwordProblem, verifyPassword } from '../../server/accounts/passwords.ts'
import { disablePlugin, enablePlugin, pluginList, pluginUsers } from '../../server/accounts/plugins.ts'
import { confirmPassword, signIn } from '../../server/accounts/sign-in.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { addUser, changeUser, removeUser, setPassword, userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { Invalid, NotFound, Refused, Unavailable } from '../../server/errors.ts'
import type { NumbersBody } from '../../server/store/bodies.ts'
import { closeDb, type Db, openDb } from '../../server/store/db.ts'
import { objectsOf } from '../../server/store/objects.ts'
import { write } from '../../server/store/write.ts'
import { aUser, me, password, somebody } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

const problemsOf = async (work: Promise<unknown>): Promise<Record<string, string>> =>
  work.then(
    () => assert.fail('it was accepted'),
    (error) => (error instanceof Invalid ? error.problems : assert.fail(error)),
  )

describe('accounts', () => {
  let db: Db
  let close: () => Promise<void>
  before(async () => ({ db, close } = await aMasterStore()))
  after(() => close())

  test('a name has one spelling, and belongs to one user or group', async () => {
    assert.equal((await aUser(db, { username: ' FNystrom ' })).username, 'fnystrom')
    await addGroup(db, me, { name: 'Shared', description: '' })
    for (const username of ['fnystrom', 'FNYSTROM', 'ｆnystrom', 'shared'])
      assert.match((await problemsOf(aUser(db, { username }))).username ?? '', /already exists/)
    assert.match(
      (await problemsOf(addGroup(db, me, { name: 'fnystrom', description: '' }))).name ?? '',
      /already exists/,
    )
  })

  test('names that cannot be are refused with the reason', () => {
    for (const name of [
      '',
      'a',
      'a b',
      'root',
      'nobody',
      '-x',
      '.x',
      'ä',
      'x'.repeat(33),
      '2024',
      'ws1$',
      'a\u0000b',
      'uid=x',
      'domain_users',
      'ftp_plugin',
    ])
      assert.ok(usernameProblem(name), name)
    for (const name of ['ab', 'o.nguyen', 'x-y_z', '1a']) assert.equal(usernameProblem(name), undefined, name)
    for (const name of [
      'allusers',
      'ftp_plugin',
      'domain_admins',
      'allowed_rodc_password_replication_group',
      'sudo',
      'a b',
      '7',
    ])
      assert.ok(groupNameProblem(name), name)
  })

  test('two people may share a full name', async () => {
    const [one, two] = [await aUser(db, { first: 'Åsa', last: 'Ek' }), await aUser(db, { first: 'Åsa', last: 'Ek' })]
    assert.notEqual(one.id, two.id)
    assert.equal((await usersPage(db, { search: 'ek asa' })).total, 2)
  })

  test('every problem is said beside its field, at once', async () => {
    const problems = await problemsOf(
      addUser(db, me, {
        username: 'x y',
        first: '',
        last: 'a:b',
        password: 'short',
        groups: ['no_such'],
        plugins: ['no_such'],
        extensions: { contact: { mail: 'nobody', telephone: '#1', no: 'x' }, none: { a: 'b' } },
      }),
    )
    assert.deepEqual(Object.keys(problems).sort(), [
      'contact.mail',
      'contact.no',
      'contact.telephone',
      'first',
      'groups',
      'last',
      'none',
      'password',
      'plugins',
      'username',
    ])
  })

  test('a name can be seen, and no two look alike that differ; scripts that need joiners have them', async () => {
    const invisible = ['A\u200bnna', 'A\u2060nna', '\u200e', '\u00ad', 'A\ud800', 'A\u{e0041}']
    for (const first of invisible)
      assert.match((await problemsOf(addUser(db, me, somebody({ first })))).first ?? '', /^First name (must|is needed)/)
    const city = 'Lun\u200bd'
    const problems = await problemsOf(addUser(db, me, somebody({ extensions: { contact: { city } } })))
    assert.match(problems['contact.city'] ?? '', /^City must be one line/)
    const farhad = await addUser(db, me, somebody({ first: 'می\u200cخواهم', last: '\u05d0\u200f-x' }))
    assert.equal(farhad.first, 'می\u200cخواهم')
  })

  test('a renamed user keeps number, groups and password; a changed field leaves the others', async () => {
    await addGroup(db, me, { name: 'keepers', description: '' })
    const input = somebody({
      username: 'maiden',
      password,
      groups: ['keepers'],
      extensions: { contact: { city: 'Lagos', unit: 'sales' } },
    })
    const user = await addUser(db, me, input)
    const renamed = await changeUser(db, me, user.id, { username: 'married', extensions: { contact: { city: '' } } })
    assert.equal(renamed.uidNumber, user.uidNumber)
    assert.deepEqual(renamed.groups, user.groups)
    assert.deepEqual(renamed.extensions, { contact: { unit: 'sales' } })
    assert.equal((await signIn(db, 'married', password)).id, user.id)
    await assert.rejects(userByUsername(db, 'maiden'), NotFound)
  })

  test('a form that was filled from an older state is refused, and nothing is changed', async () => {
    const user = await aUser(db)
    await changeUser(db, me, user.id, { first: 'Second' }, user.seq)
    const problems = await problemsOf(changeUser(db, me, user.id, { first: 'Third' }, user.seq))
    assert.match(problems[''] ?? '', /someone else changed/)
    assert.equal((await userByUsername(db, user.username)).first, 'Second')
  })

  test('the last administrator who can sign in can be neither locked nor removed nor demoted', async () => {
    const admin = await userByUsername(db, 'admin')
    for (const work of [
      setStatus(db, me, admin.id, 'locked'),
      removeUser(db, me, admin.id),
      changeUser(db, me, admin.id, { role: 'person' }),
      changeUser(db, me, admin.id, { validFrom: '2099-01-01' }),
      changeUser(db, me, admin.id, { validUntil: '2099-01-01' }),
    ])
      assert.match((await problemsOf(work))[''] ?? '', /last administrator/)
    await aUser(db, { role: 'administrator' })
    await aUser(db, { role: 'administrator', password, validUntil: '2099-01-01' })
    const work = removeUser(db, me, admin.id)
    assert.match((await problemsOf(work))[''] ?? '', /last administrator/, 'none of the others could sign in for good')
    assert.equal((await userByUsername(db, 'admin')).status, 'enabled')
  })

  test('numbers step over those that are fixed, and a purge or a restart gives none again', async () => {
    const store = await aMasterStore()
    const set = (numbers: NumbersBody) =>
      write(store.db, me, async (change) => {
        const [object] = await objectsOf(change.trx, 'numbers')
        await change.put('numbers', object?.id ?? '', numbers)
      })
    await set({ uidNumber: 59_999, gidNumber: 62_999 })
    const people = [await aUser(store.db), await aUser(store.db)]
    assert.deepEqual(
      people.map(({ uidNumber }) => uidNumber),
      [59_999, 200_000],
    )
    const groups = [
      await addGroup(store.db, me, { name: 'before', description: '' }),
      await addGroup(store.db, me, { name: 'behind', description: '' }),
    ]
    assert.deepEqual(
      groups.map(({ gidNumber }) => gidNumber),
      [62_999, 63_001],
    )
    await removeUser(store.db, me, people[1]?.id ?? '')
    await removeGroup(store.db, me, groups[1]?.id ?? '')
    for (const { id } of [people[1], groups[1]] as { id: string }[]) await purge(store.db, me, id)
    await closeDb(store.db)
    const db = await openDb(store.db.dir)
    assert.equal((await aUser(db)).uidNumber, 200_001)
    assert.equal((await addGroup(db, me, { name: 'next', description: '' })).gidNumber, 63_002)
    await closeDb(db)
    rmSync(db.dir, { recursive: true })
  })

  test('membership is shown from both sides and survives renaming the group', async () => {
    const group = await addGroup(db, me, { name: 'site_malmo', description: 'Malmö' })
    const users = await Promise.all([aUser(db), aUser(db), aUser(db)])
    await addMembers(db, me, group.id, { usernames: users.map(({ username }) => username) })
    await changeGroup(db, me, group.id, { name: 'site_lund' })
    assert.equal((await membersPage(db, group.id, {})).total, 3)
    await removeMembers(db, me, group.id, { usernames: [users[0]?.username ?? ''] })
    assert.equal((await usersPage(db, { group: 'site_lund' })).total, 2)
    assert.match(
      (await problemsOf(addMembers(db, me, group.id, { usernames: ['no_such_one'] }))).members ?? '',
      /no_such_one/,
    )
    const listed = (await groupsPage(db, { search: 'lund' })).rows
    assert.deepEqual(
      listed.map(({ name, members }) => [name, members]),
      [['site_lund', 2]],
    )
    await removeGroup(db, me, group.id)
    await assert.rejects(groupByName(db, 'site_lund'), NotFound)
  })

  test('allusers holds everyone and cannot be changed', async () => {
    const everyone = await groupByName(db, 'allusers')
    assert.equal(everyone.gidNumber, 63000)
    assert.equal((await membersPage(db, everyone.id, {})).total, (await usersPage(db, {})).total)
    await assert.rejects(removeGroup(db, me, everyone.id), Refused)
    await assert.rejects(addMembers(db, me, everyone.id, { usernames: ['admin'] }), Refused)
  })

  test('a plugin is a switch per person, and says who may use it and why not', async () => {
    const user = await aUser(db, { password })
    await enablePlugin(db, me, 'pptpd', [user.username])
    assert.equal((await pluginUsers(db, 'pptpd', {})).total, 1)
    const pptp = (await pluginList(db)).find(({ name }) => name === 'pptpd') ?? assert.fail()
    assert.equal(pptp.users, 1)
    assert.equal((await mayUse(db, await userByUsername(db, user.username), pptp)).may, true)
    const locked = await setStatus(db, me, user.id, 'locked')
    assert.deepEqual(
      (await mayUse(db, locked, pptp)).reasons.filter(({ ok }) => !ok).map(({ text }) => text),
      ['Account is locked'],
    )
    await disablePlugin(db, me, 'pptpd', [user.username])
    assert.equal((await pluginUsers(db, 'pptpd', {})).total, 0)
  })

  test('an extension that is turned off keeps its values', async () => {
    const user = await aUser(db, { extensions: { contact: { city: 'Kept' } } })
    await setExtensionOn(db, me, 'contact', false)
    assert.equal((await extensionList(db)).find(({ name }) => name === 'contact')?.on, false)
    assert.equal((await userByUsername(db, user.username)).extensions.contact?.city, 'Kept')
    await setExtensionOn(db, me, 'contact', true)
  })

  test('pages are sorted as asked, whatever is typed into the search', async () => {
    for (const search of ["' OR 1=1--", '%', '_', '\\', 'no\u0000body', 'x'.repeat(10_000), '(?:a+)+$'])
      assert.ok((await usersPage(db, { search })).total <= 1, search.slice(0, 20))
    const numbers = (await usersPage(db, { sort: 'number', order: 'desc', size: 5 })).rows.map(
      ({ uidNumber }) => uidNumber,
    )
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => b - a),
    )
    const first = await usersPage(db, { size: 2, page: 1 })
    const second = await usersPage(db, { size: 2, page: 2 })
    assert.equal(new Set([...first.rows, ...second.rows].map(({ id }) => id)).size, 4)
    assert.equal((await usersPage(db, { group: 'no_such_group' })).total, 0)
  })

  test('the audit names fields and never a secret', async () => {
    const user = await aUser(db, { password: 'a-secret-of-mine-1' })
    await setPassword(db, me, user.id, 'another-secret-2')
    const { rows } = await auditPage(db, { object: user.id })
    assert.match(rows[0]?.sentence ?? '', /^Set the password of/)
    const text = JSON.stringify(rows)
    assert.ok(!/a-secret-of-mine|another-secret|argon2/.test(text))
    assert.ok(text.includes('changed; never shown'))
  })
})

describe('signing in', () => {
  let db: Db
  let close: () => Promise<void>
  before(async () => ({ db, close } = await aMasterStore()))
  after(() => close())

  test('the right password opens, everything else is one and the same refusal', async () => {
    const user = await aUser(db, { username: 'ann', password })
    await aUser(db, { username: 'without' })
    assert.equal((await signIn(db, 'ANN', password)).id, user.id)
    const messages = new Set<string>()
    for (const [name, typed] of [
      ['ann', 'wrong-password'],
      ['no_such', password],
      ['without', ''],
      ['ann', ''],
      ['ann', 'x'.repeat(70_000)],
    ] as const)
      await assert.rejects(
        signIn(db, name, typed),
        (error: Error) => error instanceof Refused && !!messages.add(error.message),
      )
    await setStatus(db, me, user.id, 'disabled')
    await assert.rejects(
      signIn(db, 'ann', password),
      (error: Error) => error instanceof Refused && !!messages.add(error.message),
    )
    assert.equal(messages.size, 1)
  })

  test('a changed password counts at once, also for what was remembered', async () => {
    const user = await aUser(db, { password })
    assert.equal(await confirmPassword(db, user.id, password), true)
    await setPassword(db, me, user.id, 'quite-another-1')
    assert.equal(await confirmPassword(db, user.id, password), false)
    assert.equal(await confirmPassword(db, user.id, 'quite-another-1'), true)
  })

  test('more sign-ins than the line holds are told to come back, and the others are served', async () => {
    const hash = await hashPassword(password)
    const results = await Promise.allSettled(
      Array.from({ length: 90 }, (_, index) => verifyPassword(hash, `wrong ${index}`)),
    )
    const refused = results.filter((result) => result.status === 'rejected')
    assert.ok(refused.length > 0 && refused.length < 90)
    for (const { reason } of refused) assert.ok(reason instanceof Unavailable)
  })

  test('a stored hash with monstrous parameters is not computed', async () => {
    const phc = '$argon2id$v=19$m=4194304,t=1000,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g'
    assert.equal(await verifyPassword(phc, password), false)
    assert.equal(await verifyPassword('{SSHA}unknown', password), false)
  })

  test('passwords that cannot be are refused with the reason', () => {
    assert.match(passwordProblem('short') ?? '', /at least 8/)
    assert.match(passwordProblem('x'.repeat(600)) ?? '', /512 bytes/)
    assert.match(passwordProblem('username1', 'username1') ?? '', /not be the username/)
    assert.equal(passwordProblem('pässwörd-✓'), undefined)
  })
})
