import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { userByUsername } from '../../server/accounts/users.ts'
import { synchronizationKey } from '../../server/mode/key.ts'
import { freePorts, startMaster, type TestNode, until } from '../support/node.ts'
import { program, run, runJson } from './run.ts'

let folder: string
let data: string
let keyFile: string
let master: TestNode
let node: ChildProcess | undefined
let ports: string[]

const host = () => `127.0.0.1:${master.ports().sync}`

async function flags(): Promise<string[]> {
  const [web, ldap, ldaps, sync, files] = await freePorts(5)
  return [
    '--web-port',
    `${web}`,
    '--ldap-port',
    `${ldap}`,
    '--ldaps-port',
    `${ldaps}`,
    '--sync-port',
    `${sync}`,
    '--files-port',
    `${files}`,
  ]
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'))
  data = join(folder, 'slave')
  keyFile = join(folder, 'key')
  master = await startMaster()
  await writeFile(keyFile, `${await synchronizationKey(master.db)}\n`, { mode: 0o600 })
})

after(async () => {
  node?.kill('SIGKILL')
  await master.close()
  await rm(folder, { recursive: true, force: true })
})

describe('a slave from the command line', { concurrency: false }, () => {
  test('a master that nobody answers for is one clear line, and the node stays fresh', async () => {
    const [port] = await freePorts(1)
    const { code, err } = await run(data, [
      'setup',
      '--mode',
      'slave',
      '--master',
      `127.0.0.1:${port}`,
      '--key-file',
      keyFile,
    ])
    assert.equal(code, 1)
    assert.match(err, /(^|\n)master: Nothing answers at 127\.0\.0\.1:\d+\.[^\n]*\n$/)
  })

  test('setup stays until the first replication is proved equal', async () => {
    const args = ['setup', '--mode', 'slave', '--master', host(), '--key-file', keyFile, '--name', 'gw-malmo']
    const { code, out, err } = await run(data, args)
    assert.equal(code, 0, err)
    assert.match(out, /^This node is a slave, equal to the master \S+ at change \d+: 1 users, 1 groups\.\n$/)
    assert.match(err, /Key\s.*\nPin\s.*\nEnrolled\s.*\nReceived\s.*\nEqual\s/)
  })

  test('serve runs it; commands then go through its socket', async () => {
    ports = await flags()
    node = spawn(process.execPath, [...program, 'serve', '--data', data, ...ports], { stdio: 'ignore' })
    await until(() => existsSync(join(data, 'admin.sock')), 15_000)
    const status = await runJson(data, ['status'])
    assert.deepEqual([status.mode, status.name, status.stateHash], ['slave', 'gw-malmo', master.db.position.hash])
    assert.ok(status.startedAt)
  })

  test('a second node on the same directory is refused', async () => {
    const { code, err } = await run(data, ['serve', ...(await flags())])
    assert.equal(code, 1)
    assert.match(err, /^A node is already running on .*\n$/)
  })

  test('every change is refused with the name of the master', async () => {
    const file = join(folder, 'people.csv')
    await writeFile(file, 'core.username,core.first_name,core.last_name\ngosta,Gösta,Ek\n')
    for (const args of [
      ['user', 'add', 'gosta', '--first', 'G', '--last', 'E', '--no-password'],
      ['import', file],
    ]) {
      const { code, err } = await run(data, args)
      assert.equal(code, 1)
      assert.match(err, /^This node is a slave of master\.example\.lan\. [^\n]*\n$/)
    }
    await assert.rejects(userByUsername(master.db, 'gosta'))
  })

  test('a port that is in use is one clear line', async () => {
    const { code, err } = await run(join(folder, 'other'), ['serve', ...ports])
    assert.equal(code, 1)
    assert.match(err, /^.*is in use by another program\..*\n$/)
  })

  test('SIGTERM ends it cleanly', async () => {
    const ended = new Promise<number | null>((resolve) => node?.once('exit', (code) => resolve(code)))
    node?.kill('SIGTERM')
    assert.equal(await ended, 0)
    assert.equal(existsSync(join(data, 'admin.sock')), false)
  })
})
