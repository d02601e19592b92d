import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { clientList } from '../../server/accounts/clients.ts'
import { signIn } from '../../server/accounts/sign-in.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { addUser, userByUsername } from '../../server/accounts/users.ts'
import { openAdminSocket } from '../../server/api/socket.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { setUpOwn } from '../../server/mode/set-up.ts'
import { closeDb, type Db, openDb } from '../../server/store/db.ts'
import { run, runJson } from './run.ts'

const actor = { name: 'anna', via: 'this node' } as const

let folder: string
let data: string
let db: Db
let socket: { close(): Promise<void> }

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'))
  data = join(folder, 'node')
  db = await openDb(data)
  await setUpOwn(db, actor, { mode: 'master', domain: 'example.lan', admin: 'anna', password: 'Hello-anna-1' })
  // What a killed process leaves behind: a socket that nobody answers.
  const stale = createServer()
  await new Promise<void>((resolve) => stale.listen(join(folder, 'stale.sock'), resolve))
  await rename(join(folder, 'stale.sock'), join(data, 'admin.sock'))
  await new Promise((resolve) => stale.close(resolve))
  socket = await openAdminSocket(db)
})

after(async () => {
  await socket.close()
  await closeDb(db)
  await rm(folder, { recursive: true, force: true })
})

type Raw = { status?: number; type?: string; body: string }

function post(path: string, body: string, headers: Record<string, string> = {}): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        socketPath: join(data, 'admin.sock'),
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', ...headers },
      },
      async (response) => {
        let text = ''
        for await (const part of response.setEncoding('utf8')) text += part
        resolve({ status: response.statusCode, type: response.headers['content-type'], body: text })
      },
    )
    sent.once('error', reject)
    sent.end(body)
  })
}

describe('the admin socket', () => {
  test('a socket that nobody answers is replaced; only the owner may open the new one', async () => {
    const { mode } = await stat(join(data, 'admin.sock'))
    assert.equal(mode & 0o777, 0o600)
  })

  test('a second node on the same directory is refused', async () => {
    await assert.rejects(openAdminSocket(db), /already running/)
    assert.equal((await post('/v1/status', '{}')).status, 200)
  })

  const problems: [string, string, string, number, string][] = [
    ['an unknown command', '/v1/bogus', '{}', 404, 'not-found'],
    ['a name that every object has', '/v1/constructor', '{}', 404, 'not-found'],
    ['text that is no JSON', '/v1/status', '{', 400, 'request'],
    ['arguments of the wrong kind', '/v1/user-show', '{"name":7}', 400, 'arguments'],
    ['nobody of that name', '/v1/user-show', '{"name":"nobody1"}', 404, 'not-found'],
    ['input that is not valid', '/v1/group-add', '{"name":"a b"}', 422, 'invalid'],
    ['what is refused', '/v1/setup-slave', '{"master":"m","key":"k","wait":false}', 403, 'set-up'],
  ]
  for (const [name, path, body, status, code] of problems)
    test(`${name} is answered as problem+json, and the node lives`, async () => {
      const answer = await post(path, body)
      assert.deepEqual([answer.status, JSON.parse(answer.body).code], [status, code], answer.body)
      assert.match(answer.type ?? '', /^application\/problem\+json/)
    })

  test('a long command tells how far it is, line by line', async () => {
    const csv = 'core.username,core.first_name,core.last_name\nlines1,Lines,One\n'
    const answer = await post(
      '/v1/import',
      JSON.stringify({ file: 'a.csv', content: Buffer.from(csv).toString('base64'), dryRun: true }),
      { accept: 'application/x-ndjson' },
    )
    const lines = answer.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(lines.at(-2), { progress: { done: 1, total: 1 } })
    assert.equal(lines.at(-1).result.added, 1)
  })

  test('a data directory with a path too long for a socket works all the same', async () => {
    const long = join(folder, 'a'.repeat(120))
    await mkdir(long)
    const other = await openDb(long)
    const opened = await openAdminSocket(other)
    try {
      assert.equal((await runJson(long, ['status'])).deviceId, other.local.deviceId)
    } finally {
      await opened.close()
      await closeDb(other)
    }
  })
})

describe('commands while the node runs', { concurrency: false }, () => {
  test('a person is added, shown, changed and removed', async () => {
    const added = await runJson(
      data,
      ['user', 'add', 'gosta', '--first', 'Gösta', '--last', 'Ek', '--plugin', 'ftp', '--set', 'contact.city=Malmö'],
      'Hello-gosta-1\n',
    )
    assert.deepEqual([added.username, added.plugins, added.extensions.contact], ['gosta', ['ftp'], { city: 'Malmö' }])
    assert.equal((await signIn(db, 'gosta', 'Hello-gosta-1')).username, 'gosta')

    await run(data, ['group', 'add', 'sales', '--description', 'Those who sell'])
    const changed = await runJson(data, [
      ...['user', 'change', 'gosta', '--username', 'gosta.ek', '--add-group', 'Sales'],
      ...['--remove-plugin', 'ftp', '--add-plugin', 'smtp', '--set', 'contact.city=', '--set', 'contact.title=Clerk'],
    ])
    assert.deepEqual(
      [changed.username, changed.groups, changed.plugins, changed.extensions.contact, changed.uidNumber],
      ['gosta.ek', ['sales'], ['smtp'], { title: 'Clerk' }, added.uidNumber],
    )
    const { out } = await run(data, ['user', 'list', '--group', 'sales'])
    assert.match(out, /^USERNAME\s+NAME.*\ngosta\.ek\s+Gösta Ek\s+enabled\s+\d+\s+sales\n$/)
    assert.deepEqual(await run(data, ['user', 'remove', 'gosta.ek']).then(({ code, out }) => [code, out]), [
      0,
      'Removed gosta.ek.\n',
    ])
    await assert.rejects(userByUsername(db, 'gosta.ek'))
  })

  test('a password is set from stdin, and a locked person is refused until unlocked', async () => {
    await addUser(db, actor, { username: 'lisa', first: 'Lisa', last: 'Berg', password: 'Hello-lisa-1' })
    await run(data, ['user', 'password', 'lisa'], 'Hello lisa 2\r\n')
    assert.equal((await signIn(db, 'lisa', 'Hello lisa 2')).username, 'lisa')
    await run(data, ['user', 'lock', 'lisa'])
    await assert.rejects(signIn(db, 'lisa', 'Hello lisa 2'))
    assert.equal((await run(data, ['user', 'unlock', 'lisa'])).out, 'lisa is enabled.\n')
    await signIn(db, 'lisa', 'Hello lisa 2')
    await run(data, ['user', 'disable', 'lisa'])
    const refused = await run(data, ['user', 'unlock', 'lisa'])
    assert.deepEqual([refused.code, /disabled, not locked/.test(refused.err)], [1, true])
    assert.equal((await run(data, ['user', 'enable', 'lisa'])).out, 'lisa is enabled.\n')
  })

  test('the audit names who typed the command, and never a password', async () => {
    const { rows } = await auditPage(db, { search: 'password of Lisa Berg' })
    assert.deepEqual([rows[0]?.actor, rows[0]?.via], [userInfo().username, 'command line'])
    assert.doesNotMatch(JSON.stringify(await auditPage(db, { size: 500 })), /Hello/)
    assert.match((await run(data, ['audit', '--verify'])).out, /unbroken: \d+ rows/)
  })

  test('members join and leave; a plugin is turned on for several people at once', async () => {
    await run(data, ['group', 'add-member', 'sales', 'lisa', 'anna'])
    await run(data, ['group', 'remove-member', 'sales', 'anna'])
    assert.deepEqual((await runJson(data, ['group', 'show', 'sales'])).members, ['lisa'])
    await run(data, ['plugin', 'enable', 'pptpd', 'lisa', 'anna'])
    const { rows } = await usersPage(db, { plugin: 'pptpd', sort: 'username' })
    assert.deepEqual(
      rows.map((user) => user.username),
      ['anna', 'lisa'],
    )
  })

  test('a client’s password is shown once, as JSON where asked', async () => {
    const { dn, password } = await runJson(data, ['client', 'add', 'squid', '--role', 'auth'])
    assert.equal(dn, 'cn=squid,ou=Internal,dc=example,dc=lan')
    assert.ok(password.length > 12)
    assert.doesNotMatch(JSON.stringify(await clientList(db)), new RegExp(password))
  })

  test('what is not valid is one line a problem, and exit 1', async () => {
    const { code, out, err } = await run(data, ['user', 'add', 'root', '--first', 'A:', '--last', 'B', '--no-password'])
    assert.deepEqual([code, out], [1, ''])
    assert.equal(
      err,
      'username: “root” is reserved for system use. Choose another username.\nfirst: First name must not contain “:”.\n',
    )
  })

  test('a password is needed: none on stdin is refused before the node is asked', async () => {
    const { code, err } = await run(data, ['user', 'add', 'pelle', '--first', 'P', '--last', 'Q'])
    assert.deepEqual([code, err], [1, 'Password is needed: give it as the first line of standard input.\n'])
    await assert.rejects(userByUsername(db, 'pelle'))
  })

  test('a key file that others can read is warned of; a mistyped key is refused before any network', async () => {
    const key = join(folder, 'key')
    await writeFile(key, 'ask1-00000\n', { mode: 0o644 })
    const fresh = join(folder, 'fresh')
    const args = ['setup', '--mode', 'slave', '--master', '192.0.2.1', '--key-file', key]
    const { code, err } = await run(fresh, args)
    assert.equal(code, 1)
    const [warning, problem, end] = err.split('\n')
    assert.match(warning ?? '', /^Warning: others on this machine can read/)
    assert.match(problem ?? '', /^key: The Synchronization Key is not complete/)
    assert.equal(end, '')
  })

  test('the sample organisation passes a dry run', async () => {
    const sample = fileURLToPath(new URL('../../sample/organisation.csv', import.meta.url))
    const { code, out } = await run(data, ['import', sample, '--dry-run'])
    assert.equal(code, 0)
    assert.match(out, /300 people would be added\. Nothing was changed\.\n$/)
  })
})
