import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Actor } from '../../server/audit/actor.ts'
import { masterName, readCa } from '../../server/mode/certificates.ts'
import { epochName } from '../../server/mode/epoch.ts'
import { canonical } from '../../server/store/canonical.ts'
import { closeDb, type Db, openDb } from '../../server/store/db.ts'
import { liveObjects } from '../../server/store/objects.ts'
import { write } from '../../server/store/write.ts'
import { statusOf } from '../pairs/account-sync.ts'
import { type Node, openNode } from '../pairs/node.ts'
import { makeMaster } from '../pairs/store.ts'
import { usernameOf } from '../people.ts'
import { cpuSecondsOf, memoryOf, until } from '../processes.ts'
import { atMostAbsolute, duration, megabytes, plain, type Row } from '../report.ts'
import { openSlaves, type Slaves } from '../slaves.ts'
import { percentile } from '../stats.ts'
import type { OwnMeasure, Surroundings } from './measure.ts'

const actor: Actor = { name: 'bench', via: 'command line' }
const behind = 1000
const changes = 40
const idleSeconds = 20

/** One master with very many slaves, all over TLS. */
export const fleet: OwnMeasure = async (given) => {
  const rows: Row[] = []
  for (const count of [200, 1000]) rows.push(...(await withSlaves(given, count)))
  return rows
}

async function withSlaves(given: Surroundings, count: number): Promise<Row[]> {
  const { users, say } = given
  say(`fleet: ${users} people and ${count} slaves`)
  const dir = join(given.folder, `fleet-${count}`)
  mkdirSync(dir)
  await makeMaster(dir, users)
  const db = await openDb(dir)
  const credentials = await addDevices(db, count)
  const { seq, hash, clusterId } = db.position
  const from = { seq, hash, epoch: epochName(db.position) }
  // The slaves stand here; what comes now is what they are behind.
  await changeSome(db, behind)
  await closeDb(db)
  const master = await openNode(`fleet-${count}`, dir, given.profile)
  const ca = readCa(dir) ?? ''
  const url = `https://127.0.0.1:${master.ports.sync}`
  const slaves = openSlaves({ url, ca, servername: masterName(clusterId), clusterId, credentials, from })
  try {
    const began = performance.now()
    await master.start()
    const started = performance.now()
    await allEqual(master, slaves, count)
    const herdMs = performance.now() - began
    const problems = slaves.problems().length
    say(`fleet: all equal after ${duration(herdMs)}, of that ${duration(started - began)} until LDAP answers`)
    const arrivals = await oneByOne(master, slaves, count)
    const cpu = await idle(master)
    const memory = memoryOf(master.server())
    await allEqual(master, slaves, count)
    const late = slaves.problems().length
    return [
      plain(`${count} slaves, ${behind} changes behind: all equal after a start`, herdMs, undefined, duration),
      ...(count >= 1000
        ? [
            atMostAbsolute('  the same, as a bar', herdMs, undefined, 15_000, duration),
            atMostAbsolute('  errors meanwhile', problems, undefined, 0, String),
          ]
        : []),
      count >= 1000
        ? plain('  one change reaches them, p99', percentile(arrivals, 0.99), undefined, duration)
        : atMostAbsolute('  one change reaches them, p99', percentile(arrivals, 0.99), undefined, 100, duration),
      plain('  one change reaches them, p50', percentile(arrivals, 0.5), undefined, duration),
      atMostAbsolute('  the master while nothing happens, of a core', cpu, undefined, 0.02, share),
      atMostAbsolute('  its memory, RSS', memory.rss, undefined, 500, megabytes),
      atMostAbsolute('  errors afterwards', late - problems, undefined, 0, String),
    ]
  } finally {
    await slaves.stop()
    await master.close()
  }
}

const share = (of: number): string => `${(of * 100).toFixed(2)} %`

async function addDevices(db: Db, count: number): Promise<string[]> {
  const credentials: string[] = []
  for (let at = 0; at < count; at += 200)
    await write(db, actor, async (change) => {
      for (let number = at; number < Math.min(at + 200, count); number++) {
        const deviceId = `D-BENC-H000-${String(number).padStart(4, '0')}`
        const token = randomBytes(32).toString('base64url')
        credentials.push(`${deviceId}.${token}`)
        const tokenHash = createHash('sha256').update(token).digest('hex')
        const joined = new Date().toISOString()
        await change.put('device', randomUUID(), {
          deviceId,
          name: `gw-${number}`,
          tokenHash,
          status: 'active',
          joined,
        })
      }
    })
  return credentials
}

/** As many changes of as many people, each in a commit of its own. */
async function changeSome(db: Db, count: number): Promise<void> {
  let left = count
  for await (const rows of liveObjects(db)) {
    const people = rows.flatMap(({ kind, id, body }) => (kind === 'user' && body ? [{ id, body }] : []))
    await Promise.all(
      people
        .slice(0, left)
        .map(({ id, body }) =>
          write(db, actor, (change) =>
            change.move([{ kind: 'user', id, body: canonical({ ...body, first: `Behind ${left}` }) }]),
          ),
        ),
    )
    left -= Math.min(left, people.length)
    if (left === 0) return
  }
}

async function allEqual(master: Node, slaves: Slaves, count: number): Promise<void> {
  const isSo = async () => {
    const status = await statusOf(master.admin)
    return status !== undefined && slaves.at(status.seq, status.stateHash) === count
  }
  await until(`The equality of ${count} slaves`, isSo, 20, master.server())
}

/** From before a change is sent to the master until each of the slaves holds it. */
async function oneByOne(master: Node, slaves: Slaves, count: number): Promise<number[]> {
  const times: number[] = []
  for (let number = 0; number < changes; number++) {
    const began = performance.now()
    slaves.onArrival((_, atMs) => times.push(atMs - began))
    const name = usernameOf(number)
    await master.admin.call('user-change', { name, extensions: { contact: { title: `One by one ${number}` } } })
    await allEqual(master, slaves, count)
    slaves.onArrival(undefined)
    await wait(20 + Math.random() * 30)
  }
  return times
}

async function idle(master: Node): Promise<number> {
  await wait(3000)
  const before = cpuSecondsOf(master.server())
  await wait(idleSeconds * 1000)
  return (cpuSecondsOf(master.server()) - before) / idleSeconds
}
