import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '../support/node.ts'
import { command, endProcess, ldapSignIn, type NodeProcess, run, startProcess } from '../support/process.ts'
import { aFolder } from '../support/store.ts'

// The user's document: 300 people at 10 sites, two systems at each, all managed on one master.
const sites = ['toronto', 'chicago', 'bogota', 'saopaulo', 'london', 'warsaw', 'malmo', 'nairobi', 'lagos', 'capetown']
const people = fileURLToPath(new URL('../../sample/organisation.csv', import.meta.url))

type Status = {
  seq: number
  stateHash: string
  users: number
  groups: number
  master?: { reachable: boolean; since: string }
}

describe('an organisation of 10 sites', () => {
  let master: NodeProcess
  const slaves: NodeProcess[] = []
  before(async () => {
    const dir = aFolder('master')
    await command(
      dir,
      ['setup', '--mode', 'master', '--domain', 'example.lan', '--admin', 'admin'],
      'a-long-password-1\n',
    )
    master = await startProcess(dir)
  })
  after(async () => {
    await Promise.all([master, ...slaves].map((node) => endProcess(node, 'SIGKILL')))
    for (const node of [master, ...slaves]) rmSync(node.dir, { recursive: true, force: true })
  })

  const status = async (node: NodeProcess): Promise<Status> => JSON.parse(await command(node.dir, ['status', '--json']))
  const allEqual = async (): Promise<void> => {
    let found: Status[] = []
    await until(
      async () => {
        // Asked each time: the master notes by itself where a slave answers that came back with another address.
        const wanted = await status(master)
        found = await Promise.all(slaves.map(status))
        return found.every((slave) => slave.stateHash === wanted.stateHash && slave.seq === wanted.seq)
      },
      60_000,
      () => JSON.stringify(found),
    )
  }

  test('the master takes in 300 people', async () => {
    const answer = await run(master.dir, ['import', people])
    assert.equal(answer.code, 0, answer.stderr)
    const { users, groups } = await status(master)
    assert.equal(users, 301)
    assert.equal(groups, 19)
  })

  test('20 slaves join with the Synchronization Key, and every one proves that it is equal', async () => {
    const key = join(master.dir, '..', `${master.dir.split('/').pop()}.key`)
    writeFileSync(key, await command(master.dir, ['key', 'show']), { mode: 0o600 })
    // Two at a time, as two technicians would; each starts, joins, and waits for its first replication.
    const names = sites.flatMap((site) => [`gw-${site}`, `fs-${site}`])
    const join2 = async () => {
      for (let name = names.shift(); name; name = names.shift()) {
        const node = await startProcess()
        slaves.push(node)
        const said = await command(node.dir, [
          'setup',
          '--mode',
          'slave',
          '--master',
          `127.0.0.1:${master.ports.sync}`,
          '--key-file',
          key,
          '--name',
          name,
        ])
        assert.match(said, /equal/i)
      }
    }
    await Promise.all([join2(), join2()])
    rmSync(key)
    assert.equal(slaves.length, 20)
    await allEqual()
    const devices: { name: string; state: string }[] = JSON.parse(
      await command(master.dir, ['device', 'list', '--json']),
    )
    assert.equal(devices.filter(({ state }) => state === 'equal').length, 20)
  })

  test('Users and Groups are there on a slave, and it refuses to change them', async () => {
    const slave = slaves[7] as NodeProcess
    const users: { username: string }[] = JSON.parse(await command(slave.dir, ['user', 'list', '--json']))
    assert.equal(users.length, 301)
    const group = JSON.parse(await command(slave.dir, ['group', 'show', 'site_malmo', '--json']))
    assert.equal(group.name, 'site_malmo')
    const masterName: string = JSON.parse(await command(master.dir, ['status', '--json'])).name
    const refused = await run(slave.dir, ['user', 'lock', 'onguyen'])
    assert.equal(refused.code, 1)
    assert.ok(refused.stderr.includes(masterName), refused.stderr)
  })

  test('everyone signs in at their site with the password from the file', async () => {
    const [, ...rows] = readFileSync(people, 'utf8').trim().split('\n')
    const some = rows
      .filter((_, index) => index % 30 === 0)
      .map((row) => row.split(',').map((cell) => cell.replaceAll('"', '')))
    for (const [index, [username = '', password = '']] of some.entries()) {
      assert.equal(await ldapSignIn((slaves[index * 2] as NodeProcess).ports.ldap, username, password), true, username)
      assert.equal(await ldapSignIn((slaves[index * 2 + 1] as NodeProcess).ports.ldap, username, `${password}!`), false)
    }
  })

  test('a password changed on the master works on every slave within a second', async () => {
    await command(master.dir, ['user', 'password', 'onguyen'], 'Changed-by-onguyen-1\n')
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const answers = await Promise.all(
      slaves.map((slave) => ldapSignIn(slave.ports.ldap, 'onguyen', 'Changed-by-onguyen-1')),
    )
    assert.ok(answers.every(Boolean), JSON.stringify(answers))
    assert.equal(await ldapSignIn((slaves[0] as NodeProcess).ports.ldap, 'onguyen', 'Hello-onguyen-100'), false)
  })

  test('the master is killed, and sign-ins go on at every slave', async () => {
    await endProcess(master, 'SIGKILL')
    const answers = await Promise.all(slaves.map((slave) => ldapSignIn(slave.ports.ldap, 'lroy', 'Hello-lroy-101')))
    assert.ok(answers.every(Boolean))
    const slave = slaves[3] as NodeProcess
    await until(async () => (await status(slave)).master?.reachable === false, 10_000)
    assert.ok((await status(slave)).master?.since)
    const refused = await run(slave.dir, ['user', 'lock', 'lroy'])
    assert.equal(refused.code, 1)
  })

  test('a slave that is killed as well serves again without the master', async () => {
    const old = slaves[5] as NodeProcess
    await endProcess(old, 'SIGKILL')
    const again = await startProcess(old.dir)
    slaves[5] = again
    assert.equal(await ldapSignIn(again.ports.ldap, 'lroy', 'Hello-lroy-101'), true)
  })

  test('the master comes back, changes arrive, and every node’s state hash equals the master’s', async () => {
    master = await startProcess(master.dir, master.ports.sync)
    await command(master.dir, ['user', 'lock', 'lroy'])
    await command(master.dir, ['group', 'add', 'after_the_storm', '--description', 'Made after the return'])
    await allEqual()
    const answers = await Promise.all(slaves.map((slave) => ldapSignIn(slave.ports.ldap, 'lroy', 'Hello-lroy-101')))
    assert.ok(answers.every((answer) => !answer))
    const { rows } = JSON.parse(await command(master.dir, ['audit', '--verify', '--json']))
    assert.ok(rows > 300)
  })
})
