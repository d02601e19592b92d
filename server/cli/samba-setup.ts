import { setTimeout as wait } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Result } from '../api/commands.ts'
import { Refused, Unavailable } from '../errors.ts'
import { check, serviceHere } from '../samba/setup/checks.ts'
import { type ConfOptions, netlogonFolder } from '../samba/setup/conf.ts'
import { type FileChange, isChange, shownChange, writeChange } from '../samba/setup/files.ts'
import {
  confProblem,
  keptPassword,
  knowsPeople,
  planFiles,
  settingsFinding,
  settledBefore,
} from '../samba/setup/plan.ts'
import { type Finding, probe } from '../samba/setup/probe.ts'
import { sambaVersion } from '../samba/setup/programs.ts'
import { holdsSecrets, keepSecrets } from '../samba/setup/secrets.ts'
import { commandsByHand, hasSystemd, isRunning, restart, servicesOf } from '../samba/setup/services.ts'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { bold, printJson, say, tableLines, tell } from './output.ts'
import { confOptions, type SambaOptions } from './samba-options.ts'

type Options = SambaOptions & { newSecrets?: boolean; wait: string; yes?: boolean }
type Shown = Result<'windows-show'>

/** What is to be done, all of it known before anything is. */
type Plan = {
  conf: ConfOptions
  /** The domain is made first, on the master. */
  newDomain: boolean
  newSecrets: boolean
  ownService: boolean
  files: FileChange[]
}

export async function setUpSamba(options: Options, command: Command): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Refused('This changes settings of the machine. Run it as root: sudo account-sync samba setup', 'not-root')
  const data = dataOf(command)
  const shown = await untilDomain(data, Number(options.wait) || 0)
  const conf = await confOptions(shown, options, command)
  const findings = await check(conf, options.nameService ?? serviceHere())
  say(bold(`${titles[conf.kind]} ${conf.server} in the Windows domain ${conf.domain}`))
  sayFindings(findings)
  if (findings.some(({ state }) => state === 'bad')) throw new Refused('Nothing was changed.', 'checks')
  const plan = await planned(conf, shown, options)
  sayPlan(plan)
  if (hasWork(plan)) {
    await needYes(options.yes)
    await carryOut(data, plan)
  }
  await serve(data, plan)
}

const titles = { pdc: 'PDC', bdc: 'BDC', 'file-server': 'File server' } as const

/** On a slave the domain comes from the master; that may take as long as it takes there. */
async function untilDomain(data: string, seconds: number): Promise<Shown> {
  for (let waited = 0; ; waited++) {
    const shown = await call(data, 'windows-show', {})
    if (shown.mode !== 'slave' || (shown.domain && shown.baseDomain)) return shown
    if (waited === 0) tell('Waiting for the Windows domain to come from the master. It is set up there first.')
    if (waited >= seconds)
      throw new Unavailable(
        'The Windows domain has not come from the master. Set it up there, and look whether this node receives: account-sync status',
      )
    await wait(1000)
  }
}

async function planned(conf: ConfOptions, shown: Shown, options: Options): Promise<Plan> {
  const ownService = await knowsPeople(shown.administrator)
  const kept = keptPassword()
  const files = planFiles(conf, ownService, kept)
  const needsKept = !ownService && conf.nameService === 'nslcd'
  // Of another name it is another computer.
  const isSame = settledBefore().server === conf.server && (kept !== undefined || !needsKept)
  const holds = isSame && shown.domain !== undefined && (await holdsSecrets(shown.domain.sid))
  return {
    conf,
    newDomain: shown.domain === undefined,
    newSecrets: options.newSecrets === true || !holds,
    ownService,
    files,
  }
}

const hasWork = ({ newDomain, newSecrets, files }: Plan): boolean => newDomain || newSecrets || files.some(isChange)

function sayPlan(plan: Plan): void {
  const { conf, newDomain, newSecrets, ownService, files } = plan
  say(hasWork(plan) ? '\nThis is done:' : '\nEverything is written as it should be.')
  if (newDomain) say(`  The Windows domain ${conf.domain} is made, with its groups and its administrator`)
  if (newSecrets)
    say(
      `  Samba gets secrets of its own, kept in its secrets.tdb: as ${conf.adminDn}, and as the computer ${conf.server}`,
    )
  if (ownService) say('  This machine knows the people already: its name service stays as it is')
  for (const file of files.filter(isChange)) for (const line of shownChange(file)) say(line)
}

async function needYes(yes: boolean | undefined): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY)
    throw new Refused('Nothing was changed. To do this without being asked, add --yes.', 'not-asked')
  const { confirm, isCancel } = await import('@clack/prompts')
  const answer = await confirm({ message: 'Do this?', output: process.stderr })
  if (isCancel(answer) || !answer) throw new Refused('Nothing was changed.', 'cancelled')
}

async function carryOut(data: string, { conf, newDomain, newSecrets, ownService }: Plan): Promise<void> {
  if (newDomain) {
    await call(data, 'windows-set-up', { name: conf.domain })
    say('\nComputers join with the password of winadmin: account-sync user password winadmin')
  }
  const secrets = newSecrets ? await call(data, 'samba-secrets', { server: conf.server }) : undefined
  if (secrets && Math.abs(secrets.aheadSeconds) > 30)
    tell(`The clocks of this machine and of the master differ by ${Math.abs(secrets.aheadSeconds)} s: set up NTP.`)
  const { mkdirSync } = await import('node:fs')
  if (conf.kind !== 'file-server') mkdirSync(netlogonFolder, { recursive: true, mode: 0o755 })
  for (const file of planFiles(conf, ownService, secrets?.names.password ?? keptPassword()))
    if (isChange(file)) writeChange(file)
  const problem = await confProblem()
  if (problem) throw new Error(`Samba does not take its settings: ${problem}`)
  if (secrets) await keepSecrets({ ...secrets, domain: conf.domain, sid: (await target(data, conf)).sid })
  say('\nDone.')
}

/** Starts what is to run, or says how; and looks whether it serves. */
async function serve(data: string, plan: Plan): Promise<void> {
  const services = servicesOf(plan.conf.kind, plan.ownService ? undefined : plan.conf.nameService)
  const isUp = services.every(({ daemon }) => isRunning(daemon as 'smbd'))
  if (!isUp || hasWork(plan)) {
    if (!hasSystemd()) {
      say('\nThere is no systemd here. Run these, in this order, then “account-sync samba status”:')
      for (const line of commandsByHand(services)) say(`  ${line}`)
      return
    }
    say(`\nStarting ${services.map(({ unit }) => unit).join(', ')}.`)
    await restart(services)
  }
  const findings = await settled(await target(data, plan.conf))
  await tellNode(data, plan.conf, findings)
  say('')
  sayFindings(findings)
  if (findings.some(({ state }) => state === 'bad'))
    throw new Error('Samba does not serve yet; what is wrong stands above.')
}

/** What has just started needs some seconds until it answers. */
async function settled(given: Parameters<typeof probe>[0]): Promise<Finding[]> {
  for (let tries = 0; ; tries++) {
    const findings = await probe(given)
    if (tries === 10 || findings.every(({ state }) => state === 'good')) return findings
    await wait(2000)
  }
}

async function target(data: string, { kind, server, domain }: ConfOptions): Promise<Parameters<typeof probe>[0]> {
  const shown = await call(data, 'windows-show', {})
  return { kind, domain, server, sid: shown.domain?.sid ?? 'none', machine: `${server.toLowerCase()}$` }
}

/** For the pages of this node, and of its master. */
async function tellNode(data: string, { kind, server }: ConfOptions, findings: readonly Finding[]): Promise<void> {
  const version = (await sambaVersion()) ?? 'unknown'
  const lines = findings.map((finding) => ({ ...finding, says: finding.says.slice(0, 500) }))
  await call(data, 'samba-report', {
    report: { at: new Date().toISOString(), kind, server, version, findings: lines },
  })
}

const signs = { good: '✓', doubt: '!', bad: '✗' } as const

function sayFindings(findings: readonly Finding[]): void {
  for (const line of tableLines(findings.map(({ what, state, says }) => [`${signs[state]} ${what}`, says]))) say(line)
}

export async function showSambaStatus(options: SambaOptions & { json?: boolean }, command: Command): Promise<void> {
  const data = dataOf(command)
  const shown = await call(data, 'windows-show', {})
  const conf = await confOptions(shown, options, command)
  if (settledBefore().server === undefined)
    throw new Unavailable('Samba is not set up on this machine: account-sync samba setup')
  const findings = await probe(await target(data, conf))
  // Others than root see less than is there.
  if (process.getuid?.() === 0) {
    findings.push(settingsFinding(conf, await knowsPeople(shown.administrator)))
    await tellNode(data, conf, findings)
  }
  const { kind, server, domain } = conf
  if (options.json) return printJson({ kind, server, domain, findings })
  say(bold(`${titles[kind]} ${server} in the Windows domain ${domain}`))
  sayFindings(findings)
  if (findings.some(({ state }) => state === 'bad')) process.exitCode = 1
}
