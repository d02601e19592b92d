import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { command, hasDirectory, nodePorts, serveNode, statusOf } from '../pairs/account-sync.ts'
import { openAdmin } from '../pairs/admin.ts'
import { makeMaster } from '../pairs/store.ts'
import { stop, until } from '../processes.ts'
import { atMostAbsolute, duration } from '../report.ts'
import { median } from '../stats.ts'
import type { Bench, Measure } from './measure.ts'

const people = 300

/** A fresh node that runs already: from the command that makes it a slave until that reports equality. */
export const first: Measure = async (bench) => {
  const dir = join(bench.folder, 'first-master')
  await makeMaster(dir, people)
  const ports = await nodePorts()
  const master = serveNode('first-master', dir, ports, bench.profile)
  const admin = openAdmin(dir)
  const times: number[] = []
  try {
    await until('The start of the master', () => hasDirectory(ports.ldap), 5, master)
    const { key } = await admin.call<{ key: string }>('key-show', {})
    for (let repeat = 0; repeat < bench.repeats; repeat++) {
      bench.say(`first replication: account-sync, ${repeat + 1} of ${bench.repeats}`)
      times.push(await joined(bench, `127.0.0.1:${ports.sync}`, key, (await statusOf(admin))?.objects ?? 0, repeat))
    }
  } finally {
    admin.close()
    await stop(master)
  }
  return [
    atMostAbsolute(`first replication of ${people} users, set-up included`, median(times), undefined, 2000, duration),
  ]
}

async function joined(bench: Bench, where: string, key: string, objects: number, repeat: number): Promise<number> {
  const dir = join(bench.folder, `first-slave-${repeat}`)
  const server = serveNode(`first-slave-${repeat}`, dir, await nodePorts(), bench.profile)
  const admin = openAdmin(dir)
  try {
    await until('The start of a fresh node', async () => (await statusOf(admin)) !== undefined, 10, server)
    const began = performance.now()
    const set = ['--master', where, '--name', `first-slave-${repeat}`, '--data', dir]
    await command(['setup', '--mode', 'slave', ...set], `${key}\n`)
    const took = performance.now() - began
    const status = await statusOf(admin)
    // Joining puts one object more on the master: the device.
    if (status?.objects !== objects + 1)
      throw new Error(`The slave holds ${status?.objects} objects, the master ${objects + 1}.`)
    return took
  } finally {
    admin.close()
    await stop(server)
    rmSync(dir, { recursive: true, force: true })
  }
}
