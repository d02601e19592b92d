import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { lockFolder } from '../../server/store/lock.ts'
import { run, runJson } from './run.ts'

let folder: string
let data: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'))
  data = join(folder, 'node')
})

after(() => rm(folder, { recursive: true, force: true }))

describe('without a running node', { concurrency: false }, () => {
  test('a command says that there is no node, and makes none', async () => {
    const { code, out, err } = await run(data, ['status'])
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /^There is no node in .*--data\.\n$/)
    await assert.rejects(stat(data))
  })

  test('setup makes a master; the password comes from stdin', async () => {
    const { code, out, err } = await run(
      data,
      ['setup', '--mode', 'master', '--domain', 'example.lan', '--admin', 'anna'],
      'Hello-anna-1\nnot this line',
    )
    assert.equal(code, 0, err)
    assert.match(out, /the master for example\.lan/)
    assert.equal((await stat(data)).mode & 0o777, 0o700)
    assert.equal((await stat(join(data, 'accounts.db'))).mode & 0o777, 0o600)
    const status = await runJson(data, ['status'])
    assert.deepEqual([status.mode, status.users, status.groups, status.devices], ['master', 1, 1, []])
    assert.match(status.stateHash, /^[0-9a-f]{32}$/)
  })

  test('a second setup is refused, and changes nothing', async () => {
    const args = ['setup', '--mode', 'standalone', '--domain', 'other.lan', '--admin', 'bo']
    const { code, err } = await run(data, args, 'Hello-bo-123\n')
    assert.equal(code, 1)
    assert.match(err, /set up already/)
  })

  test('an import ends with 1 when a row was refused, and names line, column and reason', async () => {
    const file = join(folder, 'people.csv')
    await writeFile(
      file,
      'core.username,core.password,core.first_name,core.last_name,groups\n' +
        'gosta,Hello-gosta-1,Gösta,Ek,sales\nbad,x,Bad,Row,\n',
    )
    const { code, out, err } = await run(data, ['import', file])
    assert.equal(code, 1)
    assert.equal(err, 'line 3, core.password: Password must have at least 8 characters.\n')
    assert.equal(out, 'Groups made, because the file names them: sales.\n1 person added; 1 row refused.\n')
  })

  test('an export prints CSV without passwords', async () => {
    const { code, out } = await run(data, ['export', '--format', 'csv'])
    assert.equal(code, 0)
    assert.equal(out.trimEnd().split('\r\n').length, 3)
    assert.match(out, /"gosta","Gösta","Ek"/)
    assert.doesNotMatch(out, /password|argon2/)
  })

  test('a command waits for another process to leave the directory; the key stands alone on one line', async () => {
    const release = await lockFolder(data)
    assert.ok(release)
    assert.equal(await lockFolder(data), undefined)
    setTimeout(release, 1200)
    const { code, out } = await run(data, ['key', 'show'])
    assert.equal(code, 0)
    assert.match(out, /^ask1-[0-9a-z-]+\n$/)
  })

  test('a database from a newer version is left alone', async () => {
    const { default: sqlite3 } = await import('sqlite3')
    const db = new sqlite3.Database(join(data, 'accounts.db'))
    const sql = "insert into knex_migrations (name, batch, migration_time) values ('999-later', 9, 0)"
    await new Promise<void>((resolve, reject) => db.exec(sql, (error) => (error ? reject(error) : resolve())))
    await new Promise<void>((resolve) => db.close(() => resolve()))
    const { code, err } = await run(data, ['status'])
    assert.equal(code, 1)
    assert.match(err, /^.*is older\. Nothing was changed\.\n$/)
  })

  test('a data directory that cannot be made is one clear line', async () => {
    await writeFile(join(folder, 'file'), '')
    const args = ['setup', '--mode', 'standalone', '--domain', 'example.lan', '--admin', 'anna']
    const { code, err } = await run(join(folder, 'file', 'node'), args, 'Hello-anna-1\n')
    assert.equal(code, 1)
    assert.match(err, /^The data directory .* cannot be written: .*\n$/)
  })
})

describe('usage', { concurrency: 2 }, () => {
  const wrong: [string[], RegExp][] = [
    [['bogus'], /unknown command 'bogus'/],
    [['user', 'add', 'x', '--first', 'A', '--last', 'B', '--password', 'Secret-123'], /unknown option '--password'/],
    [['user', 'add', 'x', '--first', 'A', '--last', 'B', '--set', 'city'], /extension\.field=value/],
    [['setup', '--mode', 'slave'], /--mode slave needs --master/],
    [['serve', '--web-port', 'many'], /web-port must be a number/],
  ]
  for (const [args, sentence] of wrong)
    test(`“${args.join(' ')}” ends with 2 and says why`, async () => {
      const { code, out, err } = await run(join(folder, 'none'), args, 'Secret-123\n')
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, sentence)
      assert.doesNotMatch(err, /Secret-123/)
    })

  test('--help lists the commands of this part and ends with 0', async () => {
    const { code, out } = await run(join(folder, 'none'), ['--help'])
    assert.equal(code, 0)
    for (const name of [
      'serve',
      'setup',
      'status',
      'user',
      'group',
      'plugin',
      'extension',
      'client',
      'import',
      'export',
      'demo',
    ])
      assert.match(out, new RegExp(`^  ${name}\\b`, 'm'))
    assert.match(out, /--data <dir>/)
  })
})
