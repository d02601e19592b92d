// Kills nodes at random moments under a load of changes, and then asks whether anything that was answered is lost and whether
// every node holds the same. usage: npm run torture -- [--seconds 30] [--slaves 2] [--seed N]
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { until } from '../support/node.ts'
import { command, endProcess, type NodeProcess, run, startProcess } from '../support/process.ts'
import { aFolder } from '../support/store.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, slaves: { type: 'string' }, seed: { type: 'string' } },
})
const seconds = Number(values.seconds ?? 30)
const slaveCount = Number(values.slaves ?? 2)
let seed = Number(values.seed ?? Date.now() % 1_000_000)
console.log(`${seconds} s, ${slaveCount} slaves, --seed ${seed}`)

/** xorshift32: the same seed gives the same choices. */
function below(limit: number): number {
  seed ^= seed << 13
  seed ^= seed >>> 17
  seed ^= seed << 5
  return (seed >>> 0) % limit
}

const dir = aFolder('torture')
await command(dir, ['setup', '--mode', 'master', '--domain', 'example.lan', '--admin', 'admin'], 'a-long-password-1\n')
let master = await startProcess(dir)
const key = join(dir, 'key.txt')
writeFileSync(key, await command(dir, ['key', 'show']), { mode: 0o600 })
const slaves: NodeProcess[] = []
for (let index = 0; index < slaveCount; index++) {
  const slave = await startProcess()
  await command(slave.dir, [
    'setup',
    '--mode',
    'slave',
    '--master',
    `127.0.0.1:${master.ports.sync}`,
    '--key-file',
    key,
    '--name',
    `gw-${index}`,
  ])
  slaves.push(slave)
}

const answered = new Set<string>()
const counts = { changes: 0, refused: 0, masterKills: 0, slaveKills: 0 }
const end = Date.now() + seconds * 1000

async function change(writer: number): Promise<void> {
  for (let number = 0; Date.now() < end; number++) {
    const name = `w${writer}n${number}`
    const { code } = await run(dir, [
      'user',
      'add',
      name,
      '--first',
      'Some',
      '--last',
      `Body ${number}`,
      '--no-password',
    ])
    if (code === 0) answered.add(name)
    counts[code === 0 ? 'changes' : 'refused']++
  }
}

async function kill(): Promise<void> {
  while (Date.now() < end) {
    await wait(200 + below(1500))
    const victim = below(slaveCount + 1)
    if (victim === slaveCount) {
      counts.masterKills++
      await endProcess(master, 'SIGKILL')
      master = await startProcess(dir, master.ports.sync)
    } else {
      counts.slaveKills++
      await endProcess(slaves[victim] as NodeProcess, 'SIGKILL')
      slaves[victim] = await startProcess((slaves[victim] as NodeProcess).dir)
    }
  }
}

await Promise.all([change(0), change(1), kill()])

type Status = { seq: number; stateHash: string }
const status = async (node: NodeProcess): Promise<Status> => JSON.parse(await command(node.dir, ['status', '--json']))
const wanted = await status(master)
await until(
  async () =>
    (await Promise.all(slaves.map(status))).every(
      ({ seq, stateHash }) => seq === wanted.seq && stateHash === wanted.stateHash,
    ),
  90_000,
  () => 'the slaves did not become equal',
)
for (const node of [master, ...slaves]) {
  const users: { username: string }[] = JSON.parse(await command(node.dir, ['user', 'list', '--json']))
  const names = new Set(users.map(({ username }) => username))
  const lost = [...answered].filter((name) => !names.has(name))
  assert.deepEqual(lost, [], 'answered and then lost')
}
await command(dir, ['audit', '--verify'])
for (const node of [master, ...slaves]) {
  await endProcess(node)
  rmSync(node.dir, { recursive: true, force: true })
}
console.log(`${JSON.stringify(counts)}: nothing answered is lost, every node equal at ${wanted.seq}`)
process.exit(0)
