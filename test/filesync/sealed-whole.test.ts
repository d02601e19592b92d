import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { until } from '../support/node.ts'
import { command, endProcess, type NodeProcess, startProcess } from '../support/process.ts'
import { aFolder } from '../support/store.ts'

// ACCOUNT_SYNC_KILLS=50 is the long form.
const kills = Number(process.env.ACCOUNT_SYNC_KILLS ?? 6)
const services = ['imap', 'smtp']

describe('a set that is switched at once, with keys that are sealed for one device', () => {
  let master: NodeProcess
  let slave: NodeProcess
  before(async () => {
    master = await startProcess(aFolder('sealed-master'))
    const setup = ['setup', '--mode', 'master', '--domain', 'example.lan', '--admin', 'admin']
    await command(master.dir, setup, 'correct horse 1\n')
    slave = await startProcess(aFolder('sealed-slave'))
    const where = ['--master', `127.0.0.1:${master.ports.sync}`, '--name', 'gw-malmo']
    await command(slave.dir, ['setup', '--mode', 'slave', ...where], await command(master.dir, ['key', 'show']))
    const named = services.flatMap((service) => ['--service', service])
    await command(master.dir, ['files', 'add', 'certificates', '--kind', 'certificates', '--whole', ...named])
    await until(
      () =>
        command(slave.dir, ['files', 'place', 'certificates', placed()]).then(
          () => true,
          () => false,
        ),
      20_000,
    )
    await until(
      () => dirs().every((dir) => problemIn(dir) === undefined),
      20_000,
      () => dirs().map(problemIn).join(),
    )
  })
  after(async () => {
    for (const node of [slave, master]) {
      if (!node) continue
      await endProcess(node, 'SIGKILL')
      rmSync(node.dir, { recursive: true, force: true })
    }
  })

  const placed = () => join(slave.dir, 'files', 'tls')
  /** In the data directory, where each node has its own, and where the administrator has placed them. */
  const dirs = () => [join(slave.dir, 'certificates'), placed()]

  /** What a service that opens the directory now would trip over. */
  function problemIn(dir: string): string | undefined {
    try {
      const at = realpathSync(dir)
      for (const service of services) {
        const certificate = new X509Certificate(readFileSync(join(at, `${service}.pem`)))
        if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(join(at, `${service}.key`)))))
          return `${dir}: the key of ${service} does not fit`
      }
      return lstatSync(dir).isSymbolicLink() ? undefined : `${dir} is no link`
    } catch (error) {
      return String(error)
    }
  }

  const serials = (dir: string) =>
    services.map((service) => new X509Certificate(readFileSync(join(dir, `${service}.pem`))).serialNumber).join()
  const renew = () => command(master.dir, ['files', 'renew-certificates', 'gw-malmo'])

  test('all of them change together, and each node can open its own', async () => {
    const before = serials(placed())
    await renew()
    await until(() => dirs().every((dir) => serials(dir) !== before && serials(dir) === serials(placed())), 20_000)
    for (const dir of dirs()) {
      assert.equal(problemIn(dir), undefined)
      assert.deepEqual(readdirSync(dir).sort(), ['ca.pem', 'imap.key', 'imap.pem', 'smtp.key', 'smtp.pem'])
      for (const service of services) assert.equal(lstatSync(join(dir, `${service}.key`)).mode & 0o777, 0o600)
    }
  })

  test('a slave that is killed while they change has fitting pairs, all the time and afterwards', async () => {
    for (let n = 0; n < kills; n++) {
      await renew()
      // Somewhere between nothing and everything is done.
      const end = Date.now() + Math.random() * 250
      while (Date.now() < end) {
        for (const dir of dirs()) assert.equal(problemIn(dir), undefined)
        await wait(1)
      }
      await endProcess(slave, 'SIGKILL')
      for (const dir of dirs()) assert.equal(problemIn(dir), undefined, 'after it was killed')
      slave = await startProcess(slave.dir)
    }
    const last = serials(placed())
    await renew()
    await until(() => dirs().every((dir) => serials(dir) !== last && serials(dir) === serials(placed())), 20_000)
    await until(async () => {
      const { nodes } = JSON.parse(await command(master.dir, ['files', 'show', 'certificates', '--json']))
      return nodes[0]?.state === 'equal'
    }, 20_000)
  })

  test('nothing of what was made ready is left beside them', async () => {
    const versions = () =>
      [slave.dir, join(slave.dir, 'files')].flatMap((dir) =>
        readdirSync(dir).filter((name) => /^\.(certificates|tls)\.|^\.account-sync/.test(name)),
      )
    await until(
      () => versions().length === 2,
      60_000,
      () => versions().join(),
    )
  })
})
