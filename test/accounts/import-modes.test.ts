import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { addGroup, groupByName } from '../../server/accounts/groups.ts'
import {
  type ImportJob,
  type ImportOptions,
  importDone,
  importedRows,
  startImport,
  takeNewPasswords,
} from '../../server/accounts/import.ts'
import { addProfile } from '../../server/accounts/profiles.ts'
import { signIn } from '../../server/accounts/sign-in.ts'
import { undoBatch } from '../../server/accounts/undo.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { userByUsername } from '../../server/accounts/users.ts'
import { type Invalid, NotFound } from '../../server/errors.ts'
import type { Db } from '../../server/store/db.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let db: Db

before(async () => {
  store = await aMasterStore()
  db = store.db
  await setExtensionOn(db, me, 'mail', true)
})
after(() => store.close())

const header = 'core.username,core.first_name,core.last_name'

async function run(
  text: string,
  options: ImportOptions & { dryRun?: boolean; file?: string } = {},
): Promise<ImportJob> {
  const { file = 'people.csv', dryRun = false, ...rest } = options
  const job = await startImport(db, me, { file, text: Buffer.from(text), dryRun, ...rest })
  return importDone(job.id)
}

const counts = ({ state, added, changed, unchanged, refusedRows }: ImportJob) => ({
  ...{ state, added, changed, unchanged, refusedRows },
})
const done = { state: 'done', added: 0, changed: 0, unchanged: 0, refusedRows: 0 }

describe('modes', () => {
  test('adding refuses who exists, updating refuses who is missing, both does both', async () => {
    await aUser(db, { username: 'mode1', first: 'Mode', last: 'One' })
    const text = `${header}\nmode1,Mode,Changed\nmode2,Mode,Two\n`
    assert.deepEqual(counts(await run(text, { dryRun: true, mode: 'update' })), { ...done, changed: 1, refusedRows: 1 })
    const update = await run(text, { mode: 'update' })
    assert.deepEqual(counts(update), { ...done, changed: 1, refusedRows: 1 })
    assert.equal(update.refused[0]?.reason, 'There is no user “mode2”; nobody was added.')
    assert.deepEqual(counts(await run(text, { mode: 'add' })), { ...done, added: 1, refusedRows: 1 })
    assert.deepEqual(counts(await run(text, { mode: 'both' })), { ...done, unchanged: 2 })
  })

  test('updating needs no column but the username, and leaves what the file does not name', async () => {
    await addGroup(db, me, { name: 'kept', description: '' })
    await aUser(db, {
      username: 'part1',
      groups: ['kept'],
      plugins: ['ftp', 'smtp'],
      extensions: { contact: { city: 'Lund', title: 'Chief' } },
    })
    await run('core.username,extensions.contact.city,plugins.ftp\npart1,Malmö,0\n', { mode: 'update' })
    const user = await userByUsername(db, 'part1')
    assert.deepEqual(user.extensions.contact, { city: 'Malmö', title: 'Chief' })
    assert.deepEqual([user.plugins, user.groups], [['smtp'], [(await groupByName(db, 'kept')).id]])
  })

  test('an empty value changes nothing, unless empty values take away', async () => {
    await aUser(db, { username: 'clear1', first: 'Clear', last: 'One', extensions: { contact: { city: 'Lund' } } })
    const text = `${header},extensions.contact.city\nclear1,,,\n`
    assert.deepEqual(counts(await run(text, { mode: 'update' })), { ...done, unchanged: 1 })
    assert.deepEqual(counts(await run(text, { mode: 'update', clears: true })), { ...done, changed: 1 })
    const user = await userByUsername(db, 'clear1')
    assert.deepEqual([user.first, user.extensions.contact], ['Clear', undefined])
  })

  test('a dry run says what would change, field by field', async () => {
    await aUser(db, { username: 'diff1', first: 'Diff', last: 'One', extensions: { contact: { city: 'Lund' } } })
    const text = `${header},core.valid_until,extensions.contact.city,extensions.mail.aliases,groups\ndiff1,Diff,One,,Malmö,"d1, d2",newgroup\n`
    const job = await run(text, { mode: 'both', dryRun: true })
    assert.deepEqual(importedRows(job.id, 'changed', { page: 1, size: 50 }).rows[0]?.changes, [
      { column: 'extensions.contact.city', before: 'Lund', after: 'Malmö' },
      { column: 'extensions.mail.aliases', before: '', after: 'd1, d2' },
      { column: 'groups', before: '', after: 'newgroup' },
    ])
    assert.equal((await userByUsername(db, 'diff1')).extensions.contact?.city, 'Lund')
  })

  test('the last administrator cannot be taken away by a file, and the other rows go on', async () => {
    const job = await run('core.username,core.role\nadmin,person\nmode1,auditor\n', { mode: 'update' })
    assert.deepEqual([job.changed, job.refusedRows], [1, 1])
    assert.match(job.refused[0]?.reason ?? '', /last administrator/)
  })
})

describe('rows', () => {
  test('numbers are given in the order of the file, without gaps for rows that are refused', async () => {
    const rows = Array.from({ length: 250 }, (_, i) => (i % 7 === 3 ? `bad name ${i},Bad,Row` : `order${i},In,Order`))
    const job = await run([header, ...rows].join('\n'))
    const { rows: found } = await usersPage(db, { search: 'order', size: 500, sort: 'number' })
    assert.equal(found.length, job.added)
    const first = found[0]?.uidNumber ?? 0
    const expected = rows.flatMap((row) => (row.startsWith('order') ? [row.split(',')[0]] : []))
    assert.deepEqual(
      found.map(({ username }) => username),
      expected,
    )
    assert.deepEqual(
      found.map(({ uidNumber }) => uidNumber),
      expected.map((_, i) => first + i),
    )
  })

  test('an alias that two rows want, or a row and a username, is given once', async () => {
    const job = await run(
      `${header},extensions.mail.aliases\nal1,Al,One,sales.office\nal2,Al,Two,Sales.Office\nal3,Al,Three,al1\n`,
    )
    assert.deepEqual(
      job.refused.map(({ line, column, reason }) => [line, column, reason]),
      [
        [3, 'extensions.mail.aliases', '“sales.office” stands already in line 2.'],
        [4, 'extensions.mail.aliases', '“al1” stands already in line 2.'],
      ],
    )
    assert.equal(job.added, 1)
  })

  test('single values that are not possible are left out when that is asked for', async () => {
    const text = `${header},core.password,extensions.contact.telephone,extensions.contact.city\nlen1,Len,One,${password},call me,Lund\n`
    assert.equal((await run(text)).refusedRows, 1)
    const job = await run(text, { lenient: true })
    assert.deepEqual(counts(job), { ...done, added: 1 })
    assert.match(job.notices.join(), /One value of extensions\.contact\.telephone cannot be taken here/)
    assert.deepEqual((await userByUsername(db, 'len1')).extensions.contact, { city: 'Lund' })
  })

  test('a password in the file replaces the one that somebody had', async () => {
    await aUser(db, { username: 'pass1', password })
    const job = await run('core.username,core.password\npass1,another-good-one-7\nmode1,short\n', { mode: 'update' })
    assert.deepEqual([job.changed, job.refused[0]?.column], [1, 'core.password'])
    assert.equal((await signIn(db, 'pass1', 'another-good-one-7')).username, 'pass1')
    await assert.rejects(signIn(db, 'pass1', password))
  })

  test('a hash of another system lets the person sign in; one that is unknown is refused', async () => {
    const text = `core.username,core.first_name,core.last_name,core.password_hash
hash1,Hash,One,{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=
hash2,Hash,Two,{NT}8846F7EAEE8FB117AD06BDD830B7586C
hash3,Hash,Three,{ROT13}frperg
`
    const job = await run(text)
    assert.deepEqual([job.added, job.refused[0]?.column], [2, 'core.password_hash'])
    assert.equal((await signIn(db, 'hash1', 'password')).username, 'hash1')
    assert.equal((await signIn(db, 'hash2', 'password')).username, 'hash2')
  })

  test('a profile gives new people what the file does not', async () => {
    await addProfile(db, me, {
      name: 'Office',
      description: '',
      groups: ['kept'],
      plugins: ['ftp'],
      extensions: { contact: { city: 'Malmö', mail: '{username}@example.lan' } },
    })
    await run(`${header},extensions.contact.city,plugins.smtp\nprof1,Prof,One,Lund,1\nprof2,Prof,Two,,\n`, {
      profile: 'Office',
    })
    const [one, two] = await Promise.all(['prof1', 'prof2'].map((name) => userByUsername(db, name)))
    assert.deepEqual(
      [one?.extensions.contact, one?.plugins],
      [{ city: 'Lund', mail: 'prof1@example.lan' }, ['ftp', 'smtp']],
    )
    assert.deepEqual([two?.extensions.contact?.city, two?.plugins, two?.groups.length], ['Malmö', ['ftp'], 1])
    await assert.rejects(run(`${header}\nx1,X,One\n`, { profile: 'Nowhere' }), NotFound)
  })

  test('first passwords are made for new people without one, and are there once', async () => {
    const job = await run(`${header},core.password\nnew1,New,One,\nnew2,New,Two,${password}\n`, { newPasswords: true })
    assert.equal(job.passwords, 1)
    const [, made = ''] = /^new1,(.+)$/m.exec(takeNewPasswords(job.id) ?? '') ?? []
    assert.equal((await signIn(db, 'new1', made.trim())).username, 'new1')
    assert.deepEqual([takeNewPasswords(job.id), job.passwords], [undefined, 0])
  })

  test('everything that an import did is undone together', async () => {
    await aUser(db, { username: 'back1', first: 'Back', last: 'One', extensions: { contact: { city: 'Lund' } } })
    const job = await run(
      `${header},extensions.contact.city,groups\nback1,Back,Changed,Malmö,backs\nback2,Back,Two,,backs\n`,
      { mode: 'both' },
    )
    assert.deepEqual(counts(job), { ...done, added: 1, changed: 1 })
    assert.deepEqual((await undoBatch(db, me, job.id)).refused, [])
    const back = await userByUsername(db, 'back1')
    assert.deepEqual([back.last, back.extensions.contact?.city, back.groups], ['One', 'Lund', []])
    await assert.rejects(userByUsername(db, 'back2'), NotFound)
    await assert.rejects(groupByName(db, 'backs'), NotFound)
  })
})

describe('columns', () => {
  test('names of other systems are understood, and what was understood is said', async () => {
    const job = await run('Benutzername;Vorname;Nachname;E-Mail-Adresse;PLZ;Schuh\nkurt;Kurt;Weiß;k@x.lan;21120;44\n')
    assert.equal(job.added, 1)
    assert.match(job.notices.join(), /“Benutzername” as core\.username/)
    assert.deepEqual((await userByUsername(db, 'kurt')).extensions.contact, { mail: 'k@x.lan', postalCode: '21120' })
    assert.match(job.notices.join(), /“E-Mail-Adresse” as extensions\.contact\.mail,/)
    assert.match(job.notices.join(), /not known: schuh/)
  })

  test('what is said of some columns counts, and the others are read by their names', async () => {
    const mapping = { Kürzel: 'core.username', Vorname: '' }
    const job = await run('Kürzel,Vorname,First name,Nachname,Schuh\nmapped1,No,Yes,Weiß,44\n', { mapping })
    assert.equal(job.added, 1)
    assert.equal((await userByUsername(db, 'mapped1')).first, 'Yes')
    assert.deepEqual(job.notices, [
      'Read by what they are called: “First name” as core.first_name, “Nachname” as core.last_name.',
      'Ignored, because these columns are not known: schuh.',
    ])
  })

  const wrong: [string, Record<string, string>, RegExp][] = [
    ['a column that the file lacks', { x: 'extensions.contact.city' }, /no column “x” in it\. It has: core\.username/],
    [
      'a meaning that nothing has',
      { town: 'extensions.contact.citty' },
      /“town” cannot be read as “extensions\.contact/,
    ],
    ['a name that every object has', { constructor: 'core.username' }, /no column “constructor”/],
  ]
  for (const [what, mapping, sentence] of wrong)
    test(`${what} is refused, not passed over`, async () => {
      await assert.rejects(run(`${header},town\nwrong1,A,B,Lund\n`, { mapping }), (error: Invalid) => {
        assert.match(error.problems.mapping ?? '', sentence)
        return true
      })
    })

  test('two columns of one meaning are refused', async () => {
    const mapping = { a: 'core.username', b: 'core.username', c: 'core.first_name', d: 'core.last_name' }
    await assert.rejects(run('a,b,c,d\nx,y,X,Y\n', { mapping }), (error: Invalid) => {
      assert.match(error.problems.mapping ?? '', /“a” and “b” are all read as “Username”/)
      return true
    })
  })
})
