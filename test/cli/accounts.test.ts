import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { addClient } from '../../server/accounts/clients.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { addUser } from '../../server/accounts/users.ts'
import { openAdminSocket } from '../../server/api/socket.ts'
import { setUpOwn } from '../../server/mode/set-up.ts'
import { closeDb, type Db, openDb } from '../../server/store/db.ts'
import { startMaster } from '../support/node.ts'
import { me, password } from '../support/people.ts'
import { run, runJson } from './run.ts'

let folder: string
let data: string
let db: Db
let socket: { close(): Promise<void> }

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'))
  data = join(folder, 'node')
  db = await openDb(data)
  await setUpOwn(db, me, { mode: 'master', domain: 'example.lan', admin: 'admin', password })
  socket = await openAdminSocket(db)
})

after(async () => {
  await socket.close()
  await closeDb(db)
  await rm(folder, { recursive: true, force: true })
})

/** Runs a command that must succeed; what it printed. */
async function ok(args: string[], stdin = ''): Promise<string> {
  const { code, out, err } = await run(data, args, stdin)
  assert.equal(code, 0, `${args.join(' ')}: ${err}`)
  return out
}

describe('people', { concurrency: false }, () => {
  test('a person is added from a profile, with a password that is made and stands alone on stdout', async () => {
    await ok(['group', 'add', 'sales'])
    await ok([
      'profile',
      'add',
      'Seller',
      '--group',
      'sales',
      '--plugin',
      'ftp',
      '--set',
      'contact.mail={username}@example.lan',
    ])
    const args = ['user', 'add', 'gek', '--first', 'Gösta', '--last', 'Ek', '--profile', 'seller', '--generate']
    const made = await ok([...args, '--must-change', '--valid-from', '2020-01-01', '--valid-until', '2999-12-31'])
    assert.match(made, /^\S{10,}\n$/)
    const user = await runJson(data, ['user', 'show', 'gek'])
    assert.deepEqual([user.groups, user.plugins, user.extensions.contact.mail], [['sales'], ['ftp'], 'gek@example.lan'])
    assert.deepEqual([user.mustChange, user.state, user.validUntil.slice(0, 4)], [true, 'enabled', '3000'])
    assert.equal(JSON.stringify(user).includes(made.trim()), false)
  })

  test('role and validity are changed; a person whose time is over may use nothing, and why is said', async () => {
    await ok(['user', 'change', 'gek', '--role', 'helpdesk', '--no-must-change', '--valid-until', '2021-01-01'])
    const why = await runJson(data, ['user', 'why', 'gek', 'ftp'])
    assert.equal(why.may, false)
    assert.match(await ok(['user', 'why', 'gek', 'ftp']), /^gek may not use ftp\.\n(.*\n)* {3}no {2}/)
    assert.match(await ok(['user', 'show', 'gek']), /enabled, and now expired/)
    await ok(['user', 'change', 'gek', '--valid-until', '', '--role', 'person'])
    assert.equal((await runJson(data, ['user', 'show', 'gek'])).state, 'enabled')
  })

  test('a password is made and printed once; a link is, too', async () => {
    assert.match(await ok(['user', 'password', 'gek', '--generate']), /^\S{10,}\n$/)
    const { out, err } = await run(data, ['user', 'invite', 'gek'])
    assert.match(out, /^\/welcome\/\S{20,}\n$/)
    assert.match(err, /^It opens once, until \d{4}-/)
    const audit = await ok(['audit', '--json'])
    assert.equal(audit.includes(out.trim().slice(9)), false)
  })

  test('unlock opens what the policy locked', async () => {
    await ok(['user', 'lock', 'gek'])
    assert.equal(await ok(['user', 'unlock', 'gek']), 'gek is enabled.\n')
    await ok(['user', 'disable', 'gek'])
    const { code, err } = await run(data, ['user', 'unlock', 'gek'])
    assert.deepEqual([code, err], [1, 'status: The account is disabled, not locked. Enable it instead.\n'])
    await ok(['user', 'enable', 'gek'])
  })

  test('a removed person comes back, under another name when the old one is taken; or goes for good', async () => {
    await ok(['user', 'remove', 'gek'])
    assert.deepEqual(
      (await runJson(data, ['bin', 'list'])).map((one: { name: string }) => one.name),
      ['gek'],
    )
    await ok(['user', 'add', 'gek', '--first', 'Other', '--last', 'One', '--no-password'])
    const taken = await run(data, ['user', 'undelete', 'gek'])
    assert.equal(taken.code, 1)
    assert.match(taken.err, /^name: .*gek.*\n$/)
    assert.equal(await ok(['user', 'undelete', 'gek', '--name', 'gek2']), 'gek2 is back.\n')
    assert.deepEqual((await runJson(data, ['user', 'show', 'gek2'])).groups, ['sales'])
    await ok(['user', 'remove', 'gek'])
    assert.equal((await run(data, ['bin', 'purge', 'gek'])).code, 2)
    await ok(['bin', 'purge', 'gek', '--yes'])
    assert.deepEqual(await runJson(data, ['bin', 'list']), [])
  })
})

describe('groups, plugins, extensions, policies, settings', { concurrency: false }, () => {
  test('a group is in a group, has owners, and comes back', async () => {
    await ok(['group', 'add', 'crew'])
    assert.equal(await ok(['group', 'add-member', 'crew', '--group', 'sales']), 'sales added to crew.\n')
    assert.equal((await run(data, ['group', 'add-member', 'sales', '--group', 'crew'])).code, 1)
    assert.equal((await run(data, ['group', 'add-member', 'crew'])).code, 2)
    assert.equal(await ok(['group', 'owner', 'add', 'crew', 'gek2']), 'Owners of crew: gek2.\n')
    const crew = await runJson(data, ['group', 'show', 'crew'])
    assert.deepEqual([crew.groups, crew.members, crew.owners], [['sales'], [], ['gek2']])
    await ok(['group', 'owner', 'remove', 'crew', 'gek2'])
    await ok(['group', 'remove', 'crew'])
    assert.equal(await ok(['group', 'undelete', 'crew']), 'The group crew is back.\n')
    assert.deepEqual((await runJson(data, ['group', 'show', 'crew'])).groups, ['sales'])
  })

  test('a plugin of one’s own is made, used and removed', async () => {
    assert.match(
      await ok(['plugin', 'add', 'Wiki', '--name', 'wiki', '--summary', 'Our wiki']),
      /^Made the plugin wiki \(number \d+\)\.\n$/,
    )
    await ok(['plugin', 'enable', 'wiki', 'gek2'])
    assert.match(await ok(['plugin', 'disable', 'wiki', '--group', 'allusers']), /^wiki is off for 1 more person\.\n$/)
    assert.match(await ok(['plugin', 'enable', 'wiki', '--group', 'allusers']), /^wiki is on for \d+ more people\.\n$/)
    await ok(['plugin', 'disable', 'wiki', '--group', 'allusers'])
    await ok(['plugin', 'enable', 'wiki', 'gek2'])
    assert.equal((await run(data, ['plugin', 'enable', 'wiki'])).code, 2)
    await ok(['plugin', 'turn-off', 'wiki'])
    assert.match(await ok(['user', 'why', 'gek2', 'wiki']), / no {2}Wiki is turned off for everyone\. An administrator/)
    await ok(['plugin', 'change', 'wiki', '--title', 'The wiki'])
    const wiki = (await runJson(data, ['plugin', 'list'])).find((one: { name: string }) => one.name === 'wiki')
    assert.deepEqual([wiki.title, wiki.on, wiki.users], ['The wiki', false, 1])
    assert.equal(await ok(['plugin', 'remove', 'wiki', '--yes']), 'Removed the plugin wiki; 1 person had it.\n')
  })

  test('an extension of one’s own is made from a file, filled, changed and removed', async () => {
    const file = join(folder, 'badge.json')
    await writeFile(
      file,
      JSON.stringify({ name: 'badge', title: 'Badge', fields: [{ name: 'colour', label: 'Colour', type: 'text' }] }),
    )
    await ok(['extension', 'add', file])
    await ok(['user', 'change', 'gek2', '--set', 'badge.colour=red'])
    const { own } = await runJson(data, ['extension', 'show', 'badge'])
    await writeFile(file, JSON.stringify({ ...own, by: undefined, added: undefined, title: 'Badges' }))
    await ok(['extension', 'change', 'badge', file])
    const fields = [{ ...own.fields[0], pattern: '[a-z]{4,}', patternHelp: 'Four letters or more.' }]
    await writeFile(file, JSON.stringify({ title: 'Badges', fields }))
    assert.match(await ok(['extension', 'change', 'badge', file]), /1 person has a value that does not fit it now/)
    assert.match(
      await ok(['extension', 'misfits', 'badge']),
      /gek2 +Colour +red +Four letters or more\.\n1 person\.\n$/,
    )
    await ok(['extension', 'disable', 'badge'])
    assert.equal(
      await ok(['extension', 'remove-values', 'badge', '--yes']),
      'Removed the values of 1 person and 0 groups.\n',
    )
    await ok(['extension', 'remove', 'badge', '--yes'])
    await writeFile(join(folder, 'none.json'), '{ title: }')
    const { code, err } = await run(data, ['extension', 'add', join(folder, 'none.json')])
    assert.deepEqual([code, /cannot be read as JSON/.test(err)], [1, true])
  })

  test('the policy of a group is stricter for its members', async () => {
    await ok(['policy', 'set', 'minLength=9', 'blocklist=summer,winter'])
    await ok(['policy', 'set', 'minLength=14', 'blocklist=invoice', '--group', 'sales'])
    assert.equal((await runJson(data, ['policy', 'show'])).minLength, 9)
    const { policy, from } = await runJson(data, ['policy', 'show', '--user', 'gek2'])
    assert.deepEqual([policy.minLength, from.minLength, from.history], [14, 'sales', ''])
    assert.deepEqual(policy.blocklist, ['summer', 'winter', 'invoice'])
    const short = await run(data, ['user', 'password', 'gek2'], 'Nine-9-xy\n')
    assert.equal(short.code, 1)
    assert.match(short.err, /^password: .*14.*\n$/)
    await ok(['policy', 'remove', '--group', 'sales'])
    assert.equal((await runJson(data, ['policy', 'list'])).length, 1)
    assert.equal((await run(data, ['policy', 'set', 'bogus=1'])).code, 2)
    assert.match((await run(data, ['policy', 'set', 'minLength=3'])).err, /^minLength: .*from 8 to 128\.\n$/)
  })

  test('settings are shown and changed', async () => {
    await ok(['settings', 'set', 'binDays=7', 'ownFields=contact.mobile'])
    const found = await runJson(data, ['settings', 'show'])
    assert.deepEqual([found.binDays, found.ownFields], [7, ['contact.mobile']])
    assert.equal((await run(data, ['settings', 'set', 'bogus=1'])).code, 2)
    assert.match((await run(data, ['settings', 'set', 'binDays=many'])).err, /^binDays: /)
  })

  test('a token is made and printed once, listed and removed', async () => {
    const made = await ok(['token', 'add', 'hr', '--role', 'auditor', '--days', '3'])
    assert.match(made, /^ast_[\w-]{43}\n$/)
    const listed = await ok(['token', 'list', '--json'])
    assert.equal(listed.includes(made.trim()), false)
    assert.deepEqual(
      JSON.parse(listed).map((one: { name: string; role: string }) => [one.name, one.role]),
      [['hr', 'auditor']],
    )
    await ok(['token', 'remove', 'hr'])
    assert.deepEqual(await runJson(data, ['token', 'list']), [])
  })
})

describe('in, out, and back', { concurrency: false }, () => {
  test('an import adds and updates, with columns of other names and new passwords, and is taken back', async () => {
    const file = join(folder, 'people.csv')
    await writeFile(file, 'login,Vorname,core.last_name\ngek2,Gustav,Ek\nnewone,New,One\n')
    const passwords = join(folder, 'passwords.csv')
    const args = ['import', file, '--mode', 'both', '--map', 'login=core.username', '--map', 'Vorname=core.first_name']
    assert.equal(
      await ok([...args, '--dry-run']),
      '1 person would be added; 1 would be changed. Nothing was changed.\n',
    )
    const job = await runJson(data, [...args, '--new-passwords', passwords])
    assert.deepEqual([job.added, job.changed, job.state], [1, 1, 'done'])
    assert.match(await readFile(passwords, 'utf8'), /newone,\S{10,}/)
    assert.equal((await stat(passwords)).mode & 0o777, 0o600)
    assert.equal((await runJson(data, ['user', 'show', 'gek2'])).first, 'Gustav')
    assert.match(await ok(['import', 'undo', job.id]), /^\d changes undone\.\n$/)
    assert.equal((await runJson(data, ['user', 'show', 'gek2'])).first, 'Gösta')
    assert.equal((await run(data, ['user', 'show', 'newone'])).code, 1)
    assert.match(await ok(['import', 'template']), /core\.username/)
  })

  test('what is exported as LDIF holds people and no hash', async () => {
    const ldif = await ok(['export', '--format', 'ldif'])
    assert.match(ldif, /^dn: uid=gek2,/m)
    assert.doesNotMatch(ldif, /userPassword|argon2/)
  })

  test('the people of another directory are looked at, and come over', async () => {
    const other = await startMaster()
    try {
      await addGroup(other.db, me, { name: 'movers', description: '' })
      await addUser(other.db, me, { username: 'moved', first: 'Mo', last: 'Ved', groups: ['movers'] })
      const { dn, password } = await addClient(other.db, me, { name: 'mover', role: 'read' })
      const url = `ldap://127.0.0.1:${other.ports().ldap}`
      const args = ['import-directory', '--url', url, '--security', 'plain', '--bind-dn', dn]
      const look = await ok([...args, '--look'], `${password}\n`)
      assert.match(look, /^base +dc=example,dc=lan$/m)
      assert.match(look, /^ {2}moved {2}Mo Ved/m)
      const tried = await run(data, [...args, '--mode', 'both', '--dry-run'], `${password}\n`)
      assert.match(tried.out, /would be added/)
      await run(data, [...args, '--mode', 'both'], `${password}\n`)
      const moved = await runJson(data, ['user', 'show', 'moved'])
      assert.deepEqual([moved.first, moved.last, moved.groups], ['Mo', 'Ved', ['movers']])
    } finally {
      await other.close()
    }
  })

  test('what a file says is no command to the terminal', async () => {
    const file = join(folder, 'escape.csv')
    await writeFile(
      file,
      `core.username,core.first_name,core.last_name,\u001b]0;x\u0007\nbad\u001b[2Jname,A,B,\u202ec\n`,
    )
    const { code, out, err } = await run(data, ['import', file])
    assert.equal(code, 1)
    for (const text of [out, err]) assert.doesNotMatch(text, /(?!\n)[\p{Cc}\u202e]/u)
    const json = await run(data, ['import', file, '--json'])
    assert.doesNotMatch(json.out, /(?!\n)[\p{Cc}\u202e]/u)
    assert.equal(JSON.parse(json.out).refused[0].username, 'bad\u001b[2Jname')
  })

  test('a file that cannot be read is one clear line', async () => {
    const missing = '/no/such/file.csv'
    for (const args of [
      ['import', missing],
      ['extension', 'add', missing],
    ])
      assert.deepEqual(await run(data, args).then(({ code, err }) => [code, err]), [
        1,
        `There is no file ${missing}.\n`,
      ])
    assert.match((await run(data, ['import', data])).err, /^\S+ is a folder, not a file\.\n$/)
  })

  test('a directory that is not there is one clear line, and its password is never in it', async () => {
    const args = [
      'import-directory',
      '--url',
      'ldap://127.0.0.1:1',
      '--security',
      'plain',
      '--bind-dn',
      'cn=a',
      '--base',
      'dc=b',
    ]
    const { code, err } = await run(data, args, 'Secret-123\n')
    assert.equal(code, 1)
    assert.match(err, /^[^\n]+\n$/)
    assert.doesNotMatch(err, /Secret-123/)
  })

  test('the audit is filtered, proved, and undoes a row', async () => {
    await ok(['user', 'change', 'gek2', '--first', 'Wrong'])
    const [row] = await runJson(data, ['audit', '--kind', 'user', '--limit', '1', '--since', '2020-01-01'])
    assert.match(row.sentence, /Wrong/)
    assert.deepEqual(await runJson(data, ['audit', '--until', '2020-01-01']), [])
    assert.equal((await run(data, ['audit', '--since', 'yesterday'])).code, 1)
    assert.match(await ok(['audit', 'undo', String(row.id)]), /^Undone: Changed Wrong Ek\.\n$/)
    assert.equal((await runJson(data, ['user', 'show', 'gek2'])).first, 'Gösta')
    assert.match(await ok(['audit', '--verify']), /^The audit is unbroken: \d+ rows\.\n$/)
  })
})
