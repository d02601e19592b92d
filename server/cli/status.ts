import type { Command } from 'commander'
import type { Result } from '../api/commands.ts'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { count, moment, printFacts, printJson, printTable, say } from './output.ts'

export function statusCommand(program: Command): void {
  program
    .command('status')
    .description('what this node is, and how it stands to its master or its slaves')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const status = await call(dataOf(command), 'status', {})
      if (json) printJson(status)
      else showStatus(status)
    })
}

type Status = Result<'status'>

function showStatus(status: Status): void {
  const { master, newer } = status
  printFacts({
    node: status.name,
    'Device ID': status.deviceId,
    mode: status.mode ?? 'not set up yet',
    'new master': newer && `${newer.name ?? newer.url ?? 'another node'}; nothing is changed here any more`,
    domain: status.baseDomain,
    master: master && `${master.name} (${master.url})`,
    connection: master && standing(master),
    users: status.users,
    groups: status.groups,
    change: status.seq,
    'state hash': status.stateHash,
    epoch: status.epoch.no,
    version: status.version,
  })
  if (status.devices.length === 0) return
  say(`\n${count(status.devices.length, 'slave')}`)
  printTable(
    ['NAME', 'DEVICE ID', 'STATE', 'LAG', 'LAST CONTACT'],
    status.devices.map((one) => [one.name, one.deviceId, one.state, one.lag, moment(one.lastContact)]),
  )
}

function standing(master: NonNullable<Status['master']>): string {
  if (master.problem) return `${master.problem} (since ${moment(master.since)})`
  if (!master.reachable) return `the master is away since ${moment(master.since)}; this node serves on`
  return `the master is reachable; lag ${master.lagSeconds} s`
}
