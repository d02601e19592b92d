import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { until } from '../support/node.ts'
import { command, endProcess, type NodeProcess, run, startProcess } from '../support/process.ts'
import { aFolder } from '../support/store.ts'
import { type Browser, signedIn, textOf } from '../support/web.ts'

// A systemctl that only writes down what it was asked, one argument a line, and fails where it is told to.
const systemctl = (dir: string): string => `#!/bin/sh
{ printf '%s\\n' "$@"; echo .; } >>'${dir}/calls'
if [ -e '${dir}/fails' ]; then
  echo 'Failed to reload dovecot.service: Unit dovecot.service not found.' >&2
  exit 5
fi
while [ -e '${dir}/hangs' ]; do sleep 0.1; done
`

describe('what is done on a slave after a change', () => {
  const fake = aFolder('systemd')
  let master: NodeProcess
  let slave: NodeProcess
  let admin: Browser
  before(async () => {
    for (const [name, text] of [
      ['systemctl', systemctl(fake)],
      ['smbcontrol', systemctl(fake)],
    ] as const) {
      writeFileSync(join(fake, name), text)
      chmodSync(join(fake, name), 0o755)
    }
    master = await startProcess(aFolder('afterwards-master'))
    const setup = ['setup', '--mode', 'master', '--domain', 'example.lan', '--admin', 'admin']
    await command(master.dir, setup, 'correct horse 1\n')
    const key = await command(master.dir, ['key', 'show'])
    slave = await startSlave(aFolder('afterwards-slave'))
    const where = ['--master', `127.0.0.1:${master.ports.sync}`, '--name', 'gw-malmo', '--no-receive-files']
    await command(slave.dir, ['setup', '--mode', 'slave', ...where], key)
    await command(master.dir, ['files', 'add', 'mail'])
    await command(master.dir, ['files', 'place', 'mail', from()])
    publish('dovecot.conf', 'one')
    await command(slave.dir, ['files', 'allow', 'units=dovecot.service,postfix.service'])
    admin = await signedIn(`http://127.0.0.1:${slave.ports.web}`, 'admin', 'correct horse 1')
  })
  after(async () => {
    for (const node of [slave, master]) {
      if (!node) continue
      await endProcess(node)
      rmSync(node.dir, { recursive: true, force: true })
    }
    rmSync(fake, { recursive: true, force: true })
  })

  const startSlave = (dir: string) => startProcess(dir, undefined, { env: { PATH: `${fake}:${process.env.PATH}` } })
  /** How the set is on the slave, as the slave says itself. */
  const here = async () => JSON.parse(await command(slave.dir, ['files', 'show', 'mail', '--json'])).state
  const isEqualHere = async () => (await here())?.state === 'equal'
  const isOwedHere = async () => /not done yet|tried again by itself/.test((await here())?.problem)
  const from = () => join(master.dir, 'files', 'mail')
  const to = () => join(slave.dir, 'files', 'mail')
  const publish = (path: string, text: string) => {
    mkdirSync(join(from(), path, '..'), { recursive: true })
    writeFileSync(join(from(), path), text)
  }
  const has = (path: string, text: string) => () =>
    existsSync(join(to(), path)) && readFileSync(join(to(), path), 'utf8') === text
  /** What was called since the last time, each call as its arguments. */
  const calls = (): string[][] => {
    const text = existsSync(join(fake, 'calls')) ? readFileSync(join(fake, 'calls'), 'utf8') : ''
    rmSync(join(fake, 'calls'), { force: true })
    return text
      .split('\n.\n')
      .filter(Boolean)
      .map((call) => call.split('\n'))
  }
  /** The slave has told the master that it stands behind the change, so whatever it does after it is done. */
  const settled = async (state: 'equal' | 'trouble' = 'equal') => {
    const seq = JSON.parse(await command(master.dir, ['status', '--json'])).seq
    await until(async () => {
      const { nodes } = JSON.parse(await command(master.dir, ['files', 'show', 'mail', '--json']))
      return nodes[0]?.state === state && (state === 'trouble' || nodes[0].seq >= seq)
    }, 20_000)
  }
  const place = (afterwards: string) => run(slave.dir, ['files', 'place', 'mail', to(), '--afterwards', afterwards])
  const page = async () => textOf((await admin.get('/files')).text)
  const reload = (unit: string) => ['try-reload-or-restart', '--', unit]

  test('the unit that was chosen is reloaded once for a change, and no other', async () => {
    await until(async () => (await place('unit:dovecot.service')).code === 0, 20_000)
    await until(has('dovecot.conf', 'one'))
    await settled()
    assert.deepEqual(calls(), [reload('dovecot.service')])
    for (const text of ['two', 'three']) {
      publish('dovecot.conf', text)
      await until(has('dovecot.conf', text))
      await settled()
      assert.deepEqual(calls(), [reload('dovecot.service')], text)
    }
    await command(slave.dir, ['files', 'allow', 'kilobytesPerSecond=0'])
    await settled()
    assert.deepEqual(calls(), [], 'nothing changed')
  })

  test('the fixed choices are the commands that they say', async () => {
    for (const [choice, call] of [
      ['reload-samba', ['smbd', 'reload-config']],
      ['reload-nslcd', ['try-restart', 'nslcd.service']],
    ] as const) {
      assert.equal((await place(choice)).code, 0)
      publish('dovecot.conf', choice)
      await until(has('dovecot.conf', choice))
      await settled()
      assert.deepEqual(calls(), [call])
    }
  })

  test('a unit that the administrator of the machine did not list is never run', async () => {
    for (const odd of [
      'unit:cron.service',
      'unit:',
      'unit:dovecot',
      'unit:dovecot.service;id',
      'dovecot.service',
      '--now',
    ]) {
      const { code, stderr } = await run(slave.dir, ['files', 'place', 'mail', to(), `--afterwards=${odd}`])
      assert.equal(code, 1, odd)
      assert.match(stderr, /is not among what may be done here/)
      const answer = await admin.post('/files/mail/place', { dir: to(), edits: 'restore', afterwards: odd })
      assert.equal(answer.status, 422, odd)
    }
    assert.equal((await run(slave.dir, ['files', 'allow', 'units=--root=/'])).code, 1)
    assert.equal((await place('unit:postfix.service')).code, 0)
    await command(slave.dir, ['files', 'allow', 'units=dovecot.service'])
    publish('dovecot.conf', 'four')
    await until(has('dovecot.conf', 'four'))
    await settled('trouble')
    assert.match(await page(), /“unit:postfix\.service” is not allowed on this node any more/)
    assert.deepEqual(calls(), [])
  })

  test('a reload that fails is said in words and tried again until one succeeds', async () => {
    assert.equal((await place('unit:dovecot.service')).code, 0)
    await settled()
    assert.deepEqual(calls(), [reload('dovecot.service')], 'what was owed is done as it is chosen now')
    writeFileSync(join(fake, 'fails'), '')
    publish('dovecot.conf', 'five')
    await until(has('dovecot.conf', 'five'))
    await settled('trouble')
    const said =
      /The files are there, but systemctl try-reload-or-restart -- dovecot\.service failed: Failed to reload dovecot\.service: Unit dovecot\.service not found\. It is tried again by itself/
    assert.match(await page(), said)
    assert.match(await command(master.dir, ['files', 'list']), /gw-malmo: The files are there/)
    assert.deepEqual(calls()[0], reload('dovecot.service'))
    // Another set has it look again, at this one first: what has failed is still so.
    await command(master.dir, ['files', 'add', 'other'])
    await command(master.dir, ['files', 'place', 'other', join(master.dir, 'files', 'other')])
    writeFileSync(join(master.dir, 'files', 'other', 'a'), 'one')
    const there = join(slave.dir, 'files', 'other')
    await until(async () => (await run(slave.dir, ['files', 'place', 'other', there])).code === 0, 20_000)
    await until(() => existsSync(join(there, 'a')))
    assert.match(await page(), said)
    calls()
    await until(() => calls().length > 0, 20_000)
    rmSync(join(fake, 'fails'))
    await settled()
    assert.doesNotMatch(await page(), /failed/)
    assert.deepEqual(calls().at(-1), reload('dovecot.service'))
    publish('dovecot.conf', 'six')
    await until(has('dovecot.conf', 'six'))
    await settled()
    assert.deepEqual(calls(), [reload('dovecot.service')])
  })

  test('a reload that failed is still owed after a restart, and said until it succeeds', async () => {
    writeFileSync(join(fake, 'fails'), '')
    publish('dovecot.conf', 'seven')
    await until(has('dovecot.conf', 'seven'))
    await settled('trouble')
    await endProcess(slave, 'SIGKILL')
    assert.ok(await isOwedHere(), 'also while nobody looks after the files')
    calls()
    slave = await startSlave(slave.dir)
    await until(() => calls().length > 0, 20_000)
    await until(isOwedHere, 20_000)
    rmSync(join(fake, 'fails'))
    await until(isEqualHere, 20_000)
    assert.deepEqual(calls().at(-1), reload('dovecot.service'))
    await endProcess(slave, 'SIGKILL')
    slave = await startSlave(slave.dir)
    await until(isEqualHere, 20_000)
    assert.deepEqual(calls(), [], 'nothing is owed any more')
  })

  test('a process that is killed between files and reload reloads when it is started again', async () => {
    writeFileSync(join(fake, 'hangs'), '')
    calls()
    publish('dovecot.conf', 'eight')
    await until(() => existsSync(join(fake, 'calls')), 20_000)
    await endProcess(slave, 'SIGKILL')
    rmSync(join(fake, 'hangs'))
    assert.ok(has('dovecot.conf', 'eight')())
    assert.match(await command(slave.dir, ['files', 'list']), /mail .* what follows a change was not done yet/)
    calls()
    slave = await startSlave(slave.dir)
    await until(isEqualHere, 20_000)
    assert.deepEqual(calls(), [reload('dovecot.service')])
  })

  test('nothing of what the master sends is on the command line', async () => {
    const odd = ['--now', '$(touch pwned)', '; id #', '`id`', 'cron.service', '%n']
    for (const path of odd) publish(path, path)
    for (const path of odd) await until(has(path, path))
    await settled()
    const made = calls()
    assert.ok(made.length > 0)
    for (const call of made) assert.deepEqual(call, reload('dovecot.service'))
    for (const path of odd) rmSync(join(from(), path))
    await until(() => !existsSync(join(to(), '%n')))
    await settled()
    assert.ok(calls().every((call) => call.join() === reload('dovecot.service').join()))
  })
})
