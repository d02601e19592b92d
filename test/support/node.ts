import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import pino from 'pino'
import { readConfig } from '../../server/config.ts'
import { type Running, serve } from '../../server/main.ts'
import { synchronizationKey } from '../../server/mode/key.ts'
import { setUpOwn } from '../../server/mode/set-up.ts'
import { joinMaster } from '../../server/replication/join.ts'
import { workerOf } from '../../server/replication/serving.ts'
import type { Db } from '../../server/store/db.ts'
import { me, password } from './people.ts'
import { aFolder } from './store.ts'

export const silent = pino({ level: process.env.LOGLEVEL ?? 'silent' })

export type TestNode = {
  dir: string
  db: Db
  ports: Running['ports']
  /** LDAP over TLS; the face has two ports. */
  ldapsPort: number
  stop: () => Promise<void>
  close: () => Promise<void>
}

/**
 * Ports that nobody has at this moment. Not from the range that outgoing connections take theirs from, and each test file
 * from a range of its own: a node opens some of its ports only once it is set up, and they must still be free then.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = firstPort + (asked++ % portsOfFile)
    if (!ports.includes(port) && (await isFree(port))) ports.push(port)
  }
  return ports
}

const portsOfFile = 200
const firstPort = 10_000 + (process.pid % 100) * portsOfFile
let asked = 0

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

/** A node that is started again has the ports that it had. */
const portsOf = new Map<string, number[]>()

/** A whole node in this process, on free ports of loopback. */
export async function startNode(dir = aFolder(), settings: Record<string, string> = {}): Promise<TestNode> {
  const known = portsOf.get(dir) ?? (await freePorts(5))
  portsOf.set(dir, known)
  const [web, ldap, ldaps = 0, sync, files] = known
  const ports = {
    'web-port': `${web}`,
    'ldap-port': `${ldap}`,
    'ldaps-port': `${ldaps}`,
    'sync-port': `${sync}`,
    'files-port': `${files}`,
  }
  const running = await serve(readConfig({ data: dir, ...ports, ...settings }, {}), silent)
  const stop = () => running.close()
  return {
    dir,
    db: running.db,
    ports: running.ports,
    ldapsPort: ldaps,
    stop,
    close: async () => {
      await stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export async function startMaster(dir?: string): Promise<TestNode> {
  const node = await startNode(dir)
  if (!node.db.local.mode)
    await setUpOwn(node.db, me, {
      mode: 'master',
      domain: 'example.lan',
      admin: 'admin',
      password,
      name: 'master.example.lan',
    })
  await until(() => node.ports().sync !== undefined)
  return node
}

/** A slave that has joined and is equal to its master. */
export async function startSlave(master: TestNode, name = 'gw-malmo', port = master.ports().sync): Promise<TestNode> {
  const node = await startNode()
  await joinMaster(node.db, me, {
    master: `127.0.0.1:${port}`,
    key: await synchronizationKey(master.db),
    name,
  })
  await caughtUp(node, master)
  return node
}

export const isEqual = (slave: TestNode, master: TestNode): boolean =>
  slave.db.position.seq === master.db.position.seq && slave.db.position.hash === master.db.position.hash

export const caughtUp = (slave: TestNode, master: TestNode): Promise<void> =>
  until(
    () => isEqual(slave, master),
    10_000,
    () => `slave at ${slave.db.position.seq}, master at ${master.db.position.seq}: ${workerOf(slave.db)?.line.problem}`,
  )

/** Waits until something is so; fails with `why` when it does not become so in time. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  ms = 5000,
  why = () => 'it did not come about in time',
): Promise<void> {
  for (const end = Date.now() + ms; !(await isSo()); ) {
    if (Date.now() > end) throw new Error(why())
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
