import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../support/node.ts'
import { command, endProcess, type NodeProcess, run, startProcess } from '../support/process.ts'
import { aFolder } from '../support/store.ts'

const password = 'long-enough-1'
const slow = 60_000

type Status = { mode: string; seq: number; stateHash: string; epoch: { no: number } }
const status = async (node: NodeProcess): Promise<Status> => JSON.parse(await command(node.dir, ['status', '--json']))
const add = (node: NodeProcess, name: string) =>
  command(node.dir, ['user', 'add', name, '--first', 'Some', '--last', 'Body', '--no-password'])
const has = async (node: NodeProcess, name: string) => (await run(node.dir, ['user', 'show', name])).code === 0

/** Processes on one machine, each found again at the port it had. */
async function aCluster() {
  const master = await startProcess(aFolder('master'))
  const setup = ['setup', '--mode', 'master', '--domain', 'example.lan', '--admin', 'admin', '--name', 'master']
  await command(master.dir, setup, `${password}\n`)
  const key = await command(master.dir, ['key', 'show'])
  const join = async (name: string) => {
    const slave = await startProcess(aFolder(name))
    const args = ['setup', '--mode', 'slave', '--master', `127.0.0.1:${master.ports.sync}`, '--name', name]
    await command(slave.dir, args, key)
    return slave
  }
  return { master, malmo: await join('gw-malmo'), berlin: await join('gw-berlin') }
}

const equal = async (one: NodeProcess, other: NodeProcess) => {
  const [a, b] = await Promise.all([status(one), status(other)])
  return a.epoch.no === b.epoch.no && a.seq === b.seq && a.stateHash === b.stateHash
}

test('a master that is killed is restored and heals its slaves, is replaced by command, comes back, and is master again', async () => {
  const { master, malmo, berlin } = await aCluster()
  const nodes = [master, malmo, berlin]
  const [safe, fresh] = [aFolder('safe'), aFolder('fresh')]
  try {
    const code = join(safe, 'code')
    writeFileSync(code, await command(master.dir, ['mode', 'recovery-code']), { mode: 0o600 })
    const phrase = join(safe, 'passphrase')
    writeFileSync(phrase, 'correct horse battery staple\n', { mode: 0o600 })
    await add(master, 'early')
    const file = join(safe, 'backup')
    await command(master.dir, ['backup', file, '--passphrase-file', phrase])
    await add(master, 'late')
    await until(async () => (await equal(malmo, master)) && (await equal(berlin, master)), slow)

    await endProcess(master, 'SIGKILL')
    const tried = await command(malmo.dir, ['mode', 'promote', '--dry-run'])
    assert.match(tried, /Other slaves: gw-berlin/)
    assert.match(tried, /Nothing was changed/)
    await command(fresh, ['restore', file, '--passphrase-file', phrase])
    const restored = await startProcess(fresh, master.ports.sync)
    nodes.push(restored)
    await until(async () => (await equal(malmo, restored)) && (await equal(berlin, restored)), slow)
    assert.ok((await has(malmo, 'early')) && !(await has(malmo, 'late')))
    assert.match(await command(malmo.dir, ['mode', 'unshipped']), /user +late +added/)

    await endProcess(restored, 'SIGKILL')
    await until(async () => /does not answer/.test(await command(malmo.dir, ['mode', 'promote', '--dry-run'])), slow)
    await command(malmo.dir, ['mode', 'promote', '--code-file', code])
    await add(malmo, 'since')
    await until(
      async () => (await has(berlin, 'since')) && (await equal(berlin, malmo)),
      slow,
      () => JSON.stringify(berlin.output.slice(-20)),
    )

    const back = await startProcess(fresh, master.ports.sync)
    nodes.push(back)
    let said = ''
    await until(
      async () => {
        const args = ['user', 'add', `stray-${Date.now()}`, '--first', 'A', '--last', 'B', '--no-password']
        said = (await run(back.dir, args)).stderr
        return said.includes('gw-malmo is master now')
      },
      slow,
      () => `${said} ${[...back.output, ...malmo.output.slice(-20)].join('')}`,
    )
    await command(back.dir, ['mode', 'rejoin'])
    await until(() => equal(back, malmo), slow)
    await command(malmo.dir, ['mode', 'hand-over', 'master'])
    assert.equal((await status(back)).mode, 'master')
    await add(back, 'home')
    await until(async () => (await equal(malmo, back)) && (await equal(berlin, back)), slow)
  } finally {
    for (const node of nodes) if (node.child.exitCode === null) await endProcess(node)
    for (const dir of [master.dir, malmo.dir, berlin.dir, safe, fresh]) rmSync(dir, { recursive: true, force: true })
  }
})
