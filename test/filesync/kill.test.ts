import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { until } from '../support/node.ts'
import { command, endProcess, type NodeProcess, startProcess } from '../support/process.ts'
import { aFolder } from '../support/store.ts'

// ACCOUNT_SYNC_KILLS=50 ACCOUNT_SYNC_KILL_MEGABYTES=200 is the long form.
const kills = Number(process.env.ACCOUNT_SYNC_KILLS ?? 6)
const megabytes = Number(process.env.ACCOUNT_SYNC_KILL_MEGABYTES ?? 24)

describe('a slave that is killed while a file comes', () => {
  let master: NodeProcess
  let slave: NodeProcess
  before(async () => {
    const dir = aFolder('files-master')
    await command(
      dir,
      ['setup', '--mode', 'master', '--domain', 'example.lan', '--admin', 'admin'],
      'a-long-password-1\n',
    )
    master = await startProcess(dir)
    const key = `${dir}.key`
    writeFileSync(key, await command(dir, ['key', 'show']), { mode: 0o600 })
    slave = await startProcess(aFolder('files-slave'))
    const where = ['--master', `127.0.0.1:${master.ports.sync}`, '--key-file', key, '--name', 'gw-malmo']
    await command(slave.dir, ['setup', '--mode', 'slave', ...where])
    rmSync(key)
  })
  after(async () => {
    for (const node of [slave, master]) {
      if (!node) continue
      await endProcess(node, 'SIGKILL')
      rmSync(node.dir, { recursive: true, force: true })
    }
  })

  test('has the old file or the new one, whole, after each kill', async () => {
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
    const [from, to] = [join(master.dir, 'files', 'images'), join(slave.dir, 'files', 'images')]
    await command(master.dir, ['files', 'add', 'images'])
    await command(master.dir, ['files', 'place', 'images', from])
    const bytes = randomBytes(megabytes * 1_000_000)
    writeFileSync(join(from, 'image'), bytes)
    const old = digest(bytes)
    await until(
      () =>
        command(slave.dir, ['files', 'place', 'images', to]).then(
          () => true,
          () => false,
        ),
      20_000,
    )
    await until(() => existsSync(join(to, 'image')), 120_000)
    const limit = Math.max(1000, Math.round((megabytes * 1000) / (kills * 0.7)))
    await command(slave.dir, ['files', 'allow', `kilobytesPerSecond=${limit}`])
    bytes.fill(7, 0, 4096)
    writeFileSync(join(from, 'image'), bytes)
    const fresh = digest(bytes)
    const seen: Record<string, number> = { old: 0, new: 0 }
    for (let n = 0; n < kills; n++) {
      await wait(200 + Math.random() * 600)
      await endProcess(slave, 'SIGKILL')
      const is = digest(readFileSync(join(to, 'image')))
      assert.ok(is === old || is === fresh, 'it is neither')
      seen[is === old ? 'old' : 'new'] = (seen[is === old ? 'old' : 'new'] ?? 0) + 1
      slave = await startProcess(slave.dir)
    }
    assert.ok((seen.old ?? 0) > 0, 'it was killed before the file was there')
    await command(slave.dir, ['files', 'allow', 'kilobytesPerSecond=0'])
    await until(() => digest(readFileSync(join(to, 'image'))) === fresh, 120_000)
    await until(() => readdirSync(to).length === 1)
  })

  test('the commands tell how it stands', async () => {
    await until(async () => {
      const { nodes } = JSON.parse(await command(master.dir, ['files', 'show', 'images', '--json']))
      return nodes[0]?.state === 'equal' && nodes[0]?.name === 'gw-malmo'
    }, 20_000)
    assert.match(await command(master.dir, ['files', 'list']), /images +custom +1 +\S+ +1 of 1/)
    const path = join(master.dir, 'files', 'images', 'logon.bat')
    writeFileSync(path, 'one\ntwo\nthree\n')
    const versions = async () =>
      JSON.parse(await command(master.dir, ['files', 'versions', 'images', 'logon.bat', '--json']))
    await until(
      () =>
        versions().then(
          (all) => all.length === 1,
          () => false,
        ),
      10_000,
    )
    writeFileSync(path, 'one\n2\nthree\n')
    await until(async () => (await versions()).length === 2, 10_000)
    assert.match(await command(master.dir, ['files', 'diff', 'images', 'logon.bat']), / one\n-two\n\+2\n three\n/)
    await command(master.dir, ['files', 'restore', 'images', 'logon.bat', '1'])
    await until(() => readFileSync(path, 'utf8') === 'one\ntwo\nthree\n')
    await until(() => existsSync(join(slave.dir, 'files', 'images', 'logon.bat')))
    assert.equal((await versions())[0].version, 3)
  })
})
