import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../server/version.ts'
import { openRelay } from '../counting.ts'
import { insideProgram } from '../inside.ts'
import { anything, type Ldap, openLdap, searchRequest } from '../ldap.ts'
import { usernameOf } from '../people.ts'
import { freePorts, run, type Server, start, stop, until } from '../processes.ts'
import { type Admin, openAdmin } from './admin.ts'
import type { Pair } from './pair.ts'
import { type Further, makeMaster } from './store.ts'

export type NodePorts = { web: number; ldap: number; ldaps: number; sync: number; files: number }
export type NodeStatus = { mode?: string; seq: number; stateHash: string; objects: number }

const program = join(root, 'bin', 'account-sync.js')
// As the first line of the program has it, where it is not started through that line.
const nodeFlags = (readFileSync(program, 'utf8').split('\n')[0] ?? '')
  .split(' ')
  .filter((word) => word.startsWith('--'))

export async function nodePorts(): Promise<NodePorts> {
  const [web = 0, ldap = 0, ldaps = 0, sync = 0, files = 0] = await freePorts(5)
  return { web, ldap, ldaps, sync, files }
}

/** `account-sync serve` as it runs for real: built, with every face open. `told`: it tells what goes on inside. */
export function serveNode(name: string, dir: string, ports: NodePorts, profile?: string, told = false): Server {
  const profiling = profile
    ? ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`]
    : []
  const flags = [
    ...['--data', dir, '--web-port', `${ports.web}`, '--ldap-port', `${ports.ldap}`],
    ...['--ldaps-port', `${ports.ldaps}`, '--sync-port', `${ports.sync}`],
    ...['--files-port', `${ports.files}`],
  ]
  const telling = told ? ['--import', insideProgram] : []
  const args = [...nodeFlags, ...profiling, ...telling, program, 'serve', ...flags]
  return start(`account-sync (${name})`, `${dir}.log`, process.execPath, args, told)
}

export const base = 'dc=example,dc=lan'

/** A command of a person at this machine. */
export const command = (args: string[], input = ''): Promise<string> => run(program, args, input)

/** True once the node answers LDAP and holds a directory. Asked anonymously: the root DSE is open to all. */
export async function hasDirectory(port: number): Promise<boolean> {
  let ldap: Ldap | undefined
  try {
    ldap = await openLdap(port)
    const { entries } = await ldap.send(searchRequest('', 'base', anything, ['namingContexts']))
    return (entries[0]?.get('namingcontexts') ?? []).some((name) => name !== '')
  } catch {
    return false
  } finally {
    ldap?.close()
  }
}

export const statusOf = (admin: Admin): Promise<NodeStatus | undefined> =>
  admin.call<NodeStatus>('status', {}).catch(() => undefined)

export async function accountSyncPair(
  folder: string,
  count: number,
  profile: string | undefined,
  further: Further = {},
): Promise<Pair & { masterDir: string }> {
  const dir = join(folder, 'account-sync')
  mkdirSync(dir)
  const dirs = { master: join(dir, 'master'), joined: join(dir, 'joined'), slave: join(dir, 'slave') }
  const ports = { master: await nodePorts(), slave: await nodePorts() }
  const admins = { master: openAdmin(dirs.master), slave: openAdmin(dirs.slave) }
  const relay = await openRelay(ports.master.sync)
  const reader = await makeMaster(dirs.master, count, further)
  let master: Server | undefined
  let slave: Server | undefined

  /** Joined, and stopped before it received anything: the state that each first replication begins from. */
  async function enrol(): Promise<void> {
    const { key } = await admins.master.call<{ key: string }>('key-show', {})
    const where = ['--master', `127.0.0.1:${relay.port}`, '--name', 'bench-slave']
    await command(['setup', '--mode', 'slave', ...where, '--no-wait', '--data', dirs.joined], `${key}\n`)
  }

  const pair: Pair & { masterDir: string } = {
    name: 'account-sync',
    masterDir: dirs.master,
    // The administrator that set-up made is one of them.
    people: count + 1,
    base,
    usersDn: `ou=Users,ou=Accounts,${base}`,
    groupsDn: `ou=Groups,ou=Accounts,${base}`,
    reader,
    ldapPorts: { master: ports.master.ldap, slave: ports.slave.ldap },
    tlsPort: ports.master.ldaps,
    master: () => master!,
    slave: () => slave,
    startMaster: async () => {
      master = serveNode('master', dirs.master, ports.master, profile)
      await until('The start of the master', () => hasDirectory(ports.master.ldap), 5, master)
    },
    stopMaster: async () => {
      await stop(master)
      master = undefined
    },
    startSlave: () => {
      slave = serveNode('slave', dirs.slave, ports.slave, profile)
    },
    stopSlave: async () => {
      await stop(slave)
      slave = undefined
    },
    emptySlave: async () => {
      rmSync(dirs.slave, { recursive: true, force: true })
      cpSync(dirs.joined, dirs.slave, { recursive: true })
    },
    position: async () => positionOf(await statusOf(admins.master)),
    isSlaveAt: async (position) => {
      if (!(await hasDirectory(ports.slave.ldap))) return false
      const slave = await statusOf(admins.slave)
      if (positionOf(slave) === position) return true
      // The master notes where a slave would answer, which moves it on by itself.
      const isBeyond = slave !== undefined && slave.seq > Number(position.split(' ')[0])
      return isBeyond && positionOf(slave) === positionOf(await statusOf(admins.master))
    },
    openWriter: async () => {
      const admin = openAdmin(dirs.master)
      return {
        setTitle: (index, title) =>
          admin.call('user-change', { name: usernameOf(index), extensions: { contact: { title } } }),
        close: admin.close,
      }
    },
    bytes: relay.bytes,
    close: async () => {
      await pair.stopSlave()
      await pair.stopMaster()
      for (const admin of Object.values(admins)) admin.close()
      await relay.close()
    },
  }
  await pair.startMaster()
  await enrol()
  await pair.stopMaster()
  return pair
}

/** Equal text means equal accounts: seq and the hash over everything. */
const positionOf = (status: NodeStatus | undefined): string => `${status?.seq} ${status?.stateHash}`
