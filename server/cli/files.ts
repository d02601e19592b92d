import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Args } from '../api/commands.ts'
import { call } from './call.ts'
import { collect, dataOf, pairsOf } from './options.ts'
import { bold, moment, printFacts, printJson, printTable, say } from './output.ts'

type Given = {
  include?: string[]
  exclude?: string[]
  device?: string[]
  allDevices?: boolean
  whole?: boolean
  service?: string[]
  json?: boolean
}

export function filesCommands(program: Command): void {
  const files = program.command('files').description('files that follow the accounts')

  files
    .command('list')
    .description('every set, where it lies here, and on how many slaves it is up to date')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const sets = await call(dataOf(command), 'file-set-list', {})
      if (json) return printJson(sets)
      printTable(
        ['SET', 'KIND', 'FILES', 'DIRECTORY HERE', 'SLAVES', 'TROUBLE'],
        sets.map((one) => [
          one.name,
          one.kind,
          one.files,
          one.place?.dir,
          `${one.nodes.filter(({ state }) => state === 'equal').length} of ${one.nodes.length}`,
          one.state?.problem ?? awayIn(one.nodes),
        ]),
      )
    })

  files
    .command('show <set>')
    .description('one set, and how it is on each slave')
    .option('--json', 'print JSON')
    .action(showSet)

  withValues(
    files
      .command('add <set>')
      .description('add a set')
      .option('--kind <kind>', 'custom, netlogon or certificates', 'custom'),
  ).action(async (name: string, { kind, json, ...given }: Given & { kind: string }, command: Command) => {
    const args = { name, kind: kind as 'custom', ...values(given) }
    const added = await call(dataOf(command), 'file-set-add', args)
    if (json) printJson(added)
    else say(`Added the set ${added.name}. Say where it lies with: account-sync files place ${added.name} DIRECTORY`)
  })

  withValues(files.command('change <set>').description('change a set'))
    .option('--all-devices', 'every slave gets it')
    .option('--no-whole', 'files change one by one')
    .action(async (set: string, { json, ...given }: Given, command: Command) => {
      if (Object.keys(given).length === 0) command.error('error: name something to change; --help lists what')
      const changed = await call(dataOf(command), 'file-set-change', { set, ...values(given) })
      if (json) printJson(changed)
      else say(`Changed the set ${changed.name}.`)
    })

  files
    .command('remove <set>')
    .description('remove a set; its files go from the slaves and stay on the master')
    .action(async (name: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'file-set-remove', { name })
      say(`Removed the set ${name}.`)
    })

  files
    .command('place <set> <directory>')
    .description('say where a set lies on this node; on the master, where it comes from')
    .option('--edits <what>', 'what becomes of files that were changed here: restore or report')
    .option('--afterwards <what>', 'nothing, reload-samba, reload-nslcd or unit:NAME')
    .action(async (set: string, dir: string, given: { edits?: 'restore'; afterwards?: string }, command: Command) => {
      const place = await call(dataOf(command), 'file-place-set', { set, dir: resolve(dir), ...given })
      say(`The set ${set} lies in ${place.dir} on this node.`)
    })

  files
    .command('no-place <set>')
    .description('look after a set on this node no longer; what lies there stays')
    .action(async (set: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'file-place-remove', { set })
      say(`The set ${set} has no directory on this node any more.`)
    })

  files
    .command('allow [key=value...]')
    .description(
      'what this machine allows: roots=DIR,DIR units=UNIT,UNIT kilobytesPerSecond=N maxFiles=N maxMegabytes=N',
    )
    .option('--json', 'print JSON')
    .action(async (pairs: string[], { json }: { json?: boolean }, command: Command) => {
      const data = dataOf(command)
      if (pairs.length > 0) await call(data, 'file-allowed-change', allowedIn(command, pairs))
      const now = await call(data, 'file-allowed-show', {})
      if (json) printJson(now)
      else
        printFacts({
          ...now,
          roots: now.roots.join(','),
          units: now.units.join(','),
          receives: now.receives ? 'yes' : 'no',
        })
    })

  files
    .command('receive <on|off>')
    .description('on a slave: place sets that are meant for it in its own directory for files, also later ones')
    .action(async (given: string, _options: unknown, command: Command) => {
      if (given !== 'on' && given !== 'off') command.error('error: say on or off')
      await call(dataOf(command), 'file-receiving-set', { receives: given === 'on' })
      const [own] = (await call(dataOf(command), 'file-allowed-show', {})).roots
      if (given === 'on') say(`File sets that are meant for this node are placed in ${own} from now on.`)
      else say('File sets are no longer placed by themselves. Those that lie here stay.')
    })

  files
    .command('versions <set> <path>')
    .description('the versions of a file that are kept')
    .option('--json', 'print JSON')
    .action(async (set: string, path: string, { json }: { json?: boolean }, command: Command) => {
      const versions = await call(dataOf(command), 'file-versions', { set, path })
      if (json) return printJson(versions)
      printTable(
        ['VERSION', 'PUBLISHED', 'BYTES', 'MODE', 'SHA-256'],
        versions.map((one) => [one.version, moment(one.at), one.size, one.mode.toString(8), one.sha256]),
      )
    })

  files
    .command('diff <set> <path>')
    .description('what the latest version has that the one before had not')
    .option('--from <n>', 'an earlier version')
    .option('--to <n>', 'a later version')
    .action(async (set: string, path: string, given: { from?: string; to?: string }, command: Command) => {
      const { from, to, lines } = await call(dataOf(command), 'file-diff', { set, path, ...given })
      say(bold(`${path}: version ${from} and version ${to}`))
      const sign = { same: ' ', added: '+', removed: '-', skipped: '@' }
      for (const { is, text } of lines) say(`${sign[is]}${text}`)
    })

  files
    .command('restore <set> <path> <version>')
    .description('make an earlier version the one of now')
    .action(async (set: string, path: string, version: string, _options: unknown, command: Command) => {
      const now = await call(dataOf(command), 'file-restore', { set, path, version: Number(version) })
      say(`Restored version ${version} of ${path}, as version ${now.version}.`)
    })

  files
    .command('renew-certificates [node]')
    .description('make the certificates of services anew, for one node or for all')
    .action(async (node: string | undefined, _options: unknown, command: Command) => {
      const { issued } = await call(dataOf(command), 'certificates-renew', { ...(node && { node }) })
      say(`Made ${issued} certificates anew.`)
    })
}

/** On the master: what is wrong on a slave, and on which. */
function awayIn(nodes: { name: string; problem?: string | undefined }[]): string | undefined {
  const away = nodes.find(({ problem }) => problem)
  return away && `${away.name}: ${away.problem}`
}

const withValues = (command: Command): Command =>
  command
    .option('--include <pattern>', 'what is published, as *.bat (again for more); without: everything', collect)
    .option('--exclude <pattern>', 'what is not (again for more)', collect)
    .option('--device <name>', 'a slave that gets it (again for more); without: every one', collect)
    .option('--whole', 'all of it changes at once for who reads it')
    .option('--service <name>', 'certificates: a service that each node gets one for (again for more)', collect)
    .option('--json', 'print JSON')

const values = ({ include, exclude, device, allDevices, whole, service }: Given) => ({
  include,
  exclude,
  devices: allDevices ? null : device,
  whole,
  services: service,
})

function allowedIn(command: Command, pairs: string[]): Args<'file-allowed-change'> {
  const values: Args<'file-allowed-change'> = {}
  for (const [key, value] of pairsOf(command, pairs)) {
    if (key === 'roots' || key === 'units') values[key] = value.split(',').filter(Boolean)
    else if (key === 'kilobytesPerSecond' || key === 'maxFiles' || key === 'maxMegabytes') values[key] = Number(value)
    else
      command.error(`error: there is no ${key}; there are roots, units, kilobytesPerSecond, maxFiles and maxMegabytes`)
  }
  return values
}

async function showSet(name: string, { json }: { json?: boolean }, command: Command): Promise<void> {
  const set = await call(dataOf(command), 'file-set-show', { name })
  if (json) return printJson(set)
  printFacts({
    name: set.name,
    kind: set.kind,
    files: set.files,
    include: set.include.join(' '),
    exclude: set.exclude.join(' '),
    devices: set.devices?.join(', ') ?? 'every slave',
    'switched at once': set.whole ? 'yes' : 'no',
    services: set.services.join(', '),
    'directory here': set.place?.dir,
    'changed here': set.place && (set.place.edits === 'restore' ? 'put right' : 'left and reported'),
    afterwards: set.place?.afterwards,
    state: set.state?.problem ?? set.state?.state,
  } as Record<string, string | number | undefined>)
  if (set.nodes.length === 0) return
  say('')
  printTable(
    ['SLAVE', 'STATE', 'TO COME', 'CHANGE', 'TROUBLE'],
    set.nodes.map((one) => [one.name, one.state, one.missing, one.seq, one.problem]),
  )
}
