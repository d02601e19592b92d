// Three nodes or more under a load of changes, of whom some are killed, whose lines are cut and whose clocks jump, at random;
// and then: is anything that was answered lost, did anything come back that was removed, and does every node hold the same?
// usage: npm run torture -- [--seconds 600] [--slaves 2] [--seed N]
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { until } from '../support/node.ts'
import { command, endProcess, type NodeProcess, startProcess } from '../support/process.ts'
import { openRelay, type Relay } from '../support/relay.ts'
import { aFolder } from '../support/store.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, slaves: { type: 'string' }, seed: { type: 'string' } },
})
const seconds = Number(values.seconds ?? 600)
const slaveCount = Number(values.slaves ?? 2)
const seed = Number(values.seed ?? 1 + (Date.now() % 1_000_000))
console.log(`${seconds} s, ${slaveCount} slaves, --seed ${seed}`)

/** xorshift32: the same seed gives the same choices. Each who chooses has a row of numbers of their own. */
function chooser(name: number): (limit: number) => number {
  let state = seed * 31 + name + 1
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}

const years = 365 * 86_400_000
const clock = fileURLToPath(new URL('clock.js', import.meta.url))
const clockOf = (dir: string) => `${dir}.clock`
const start = (dir: string, sync?: number) =>
  startProcess(dir, sync, { env: { NODE_OPTIONS: `--import ${clock}`, TORTURE_CLOCK: clockOf(dir) } })

const dir = aFolder('torture')
await command(dir, ['setup', '--mode', 'master', '--domain', 'example.lan', '--admin', 'admin'], 'a-long-password-1\n')
let master = await start(dir)
const key = `${dir}.key`
writeFileSync(key, await command(dir, ['key', 'show']), { mode: 0o600 })
const slaves: NodeProcess[] = []
const relays: Relay[] = []
for (let index = 0; index < slaveCount; index++) {
  const relay = await openRelay(master.ports.sync)
  const slave = await start(aFolder('torture-slave'))
  const where = ['--master', `127.0.0.1:${relay.port}`, '--key-file', key, '--name', `gw-${index}`]
  await command(slave.dir, ['setup', '--mode', 'slave', ...where])
  relays.push(relay)
  slaves.push(slave)
}

/** A command to the master over its admin socket: its answer, or undefined when there was none. */
const agent = new Agent({ keepAlive: true, maxSockets: 8 })
function ask(name: string, args: object): Promise<{ status: number } | undefined> {
  return new Promise((resolve) => {
    const sent = request(
      {
        agent,
        socketPath: join(dir, 'admin.sock'),
        method: 'POST',
        path: `/v1/${name}`,
        headers: { 'content-type': 'application/json' },
      },
      (answer) => {
        answer.resume()
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0 }))
        answer.once('error', () => resolve(undefined))
      },
    )
    sent.once('error', () => resolve(undefined))
    sent.end(JSON.stringify(args))
  })
}

/** What was answered: the title that somebody has, or that they are gone. Undefined: nobody knows what came of the last. */
const answered = new Map<string, string | 'gone' | undefined>()
const counts = { changes: 0, unanswered: 0, masterKills: 0, slaveKills: 0, cuts: 0, jumps: 0 }
const end = performance.now() + seconds * 1000
const isOver = () => performance.now() > end

async function write(writer: number): Promise<void> {
  const below = chooser(writer)
  for (let number = 0; !isOver(); number++) {
    const name = `w${writer}n${below(40)}`
    const was = answered.get(name)
    const title = `Title ${number}`
    const extensions = { contact: { title } }
    const remove = typeof was === 'string' && was !== 'gone' && below(6) === 0
    const isThere = typeof was === 'string' && was !== 'gone'
    answered.set(name, undefined)
    const answer = remove
      ? await ask('user-remove', { name })
      : isThere
        ? await ask('user-change', { name, extensions })
        : await ask('user-add', { username: name, first: 'Some', last: `Body ${number}`, extensions })
    if (answer?.status === 200) {
      counts.changes++
      answered.set(name, remove ? 'gone' : title)
    } else {
      counts.unanswered++
      if (!answer) await wait(50)
    }
  }
}

async function kill(): Promise<void> {
  const below = chooser(100)
  while (!isOver()) {
    await wait(300 + below(2000))
    const victim = below(slaveCount + 1)
    if (victim === slaveCount) {
      counts.masterKills++
      await endProcess(master, 'SIGKILL')
      master = await start(dir, master.ports.sync)
    } else {
      counts.slaveKills++
      const slave = slaves[victim] as NodeProcess
      await endProcess(slave, 'SIGKILL')
      slaves[victim] = await start(slave.dir)
    }
  }
}

async function cut(): Promise<void> {
  const below = chooser(200)
  while (!isOver()) {
    const relay = relays[below(slaveCount)] as Relay
    relay.cutAfter(2000 + below(30_000))
    await wait(100 + below(1500))
    relay.cutAfter(undefined)
    relay.hold(below(8) === 0)
    await wait(100 + below(800))
    relay.hold(false)
  }
}

async function jump(): Promise<void> {
  const below = chooser(300)
  while (!isOver()) {
    await wait(500 + below(3000))
    const dirs = [dir, ...slaves.map((slave) => slave.dir)]
    const offset = (below(5) - 2) * below(2 * years)
    writeFileSync(clockOf(dirs[below(dirs.length)] as string), String(offset))
    counts.jumps++
  }
}

await Promise.all([write(0), write(1), write(2), kill(), cut(), jump()])
for (const relay of relays) {
  counts.cuts += relay.cuts()
  relay.cutAfter(undefined)
  relay.hold(false)
}

type Status = { seq: number; stateHash: string; master?: { problem?: string } }
const status = async (node: NodeProcess): Promise<Status> => JSON.parse(await command(node.dir, ['status', '--json']))
let wanted = await status(master)
let found: Status[] = []
await until(
  async () => {
    // Asked each time: the master changes things by itself, as where a slave answers that came back with another address.
    wanted = await status(master)
    found = await Promise.all(slaves.map(status))
    return found.every(({ seq, stateHash }) => seq === wanted.seq && stateHash === wanted.stateHash)
  },
  120_000,
  () => `the slaves did not become equal: master at ${wanted.seq}, ${JSON.stringify(found)}`,
)
for (const node of [master, ...slaves]) {
  // The state hash is carried on from change to change: here it is worked out from every row, and the tables from the feed.
  const { mended }: { mended: string[] } = JSON.parse(await command(node.dir, ['check', '--json']))
  assert.deepEqual(mended, [], `tables of ${node.dir} were not as the feed has them`)
  const users: { username: string; extensions: { contact?: { title?: string } } }[] = JSON.parse(
    await command(node.dir, ['user', 'list', '--json']),
  )
  const titles = new Map(users.map(({ username, extensions }) => [username, extensions.contact?.title]))
  for (const [name, was] of answered) {
    if (was === undefined) continue
    if (was === 'gone') assert.ok(!titles.has(name), `${name} was removed and came back at ${node.dir}`)
    else assert.equal(titles.get(name), was, `${name} at ${node.dir}: answered and then lost`)
  }
}
await command(dir, ['audit', '--verify'])
agent.destroy()
for (const node of [master, ...slaves]) {
  await endProcess(node)
  for (const name of [node.dir, clockOf(node.dir)]) rmSync(name, { recursive: true, force: true })
}
for (const relay of relays) await relay.close()
rmSync(key)
console.log(`${JSON.stringify(counts)}: nothing answered is lost, every node equal at ${wanted.seq}`)
process.exit(0)
