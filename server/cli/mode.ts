import { Argument, type Command } from 'commander'
import type { Args } from '../api/commands.ts'
import { call } from './call.ts'
import { dataOf } from './options.ts'
import { count, moment, printJson, printTable, say } from './output.ts'
import { readSecret, readSecretFile } from './secret.ts'

type PromoteOptions = { codeFile?: string; dryRun?: boolean; force?: boolean; json?: boolean }

export function modeCommands(program: Command): void {
  const mode = program.command('mode').description('what this node is, and which node is master')

  mode
    .command('show')
    .description('the mode of this node')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const { mode, master } = await call(dataOf(command), 'status', {})
      if (json) return printJson({ mode: mode ?? null, ...(master && { master: master.url }) })
      say(mode === 'slave' && master ? `slave of ${master.name} (${master.url})` : (mode ?? 'not set up yet'))
    })

  mode
    .command('set')
    .description('a standalone node becomes master, a master standalone; accounts stay as they are')
    .addArgument(new Argument('<mode>').choices(['standalone', 'master']))
    .action(async (mode: Args<'mode-set'>['mode'], _options: unknown, command: Command) => {
      await call(dataOf(command), 'mode-set', { mode })
      say(`This node is ${mode === 'master' ? 'a master' : 'standalone'} now.`)
    })

  mode
    .command('recovery-code')
    .description('on the master: make the code with which a slave is promoted when the master is gone; shown this once')
    .action(async (_options: unknown, command: Command) => say((await call(dataOf(command), 'recovery-code', {})).code))

  mode
    .command('hand-over')
    .description('on the master: a slave becomes master, this node its slave; no change is lost')
    .argument('<device>', 'name or Device ID of the slave')
    .action(async (device: string, _options: unknown, command: Command) => {
      const { name } = await call(dataOf(command), 'hand-over', { device })
      say(`${name} is master now, and this node its slave.`)
    })

  mode
    .command('promote')
    .description('on a slave: become master in place of one that is gone, with the recovery code')
    .option('--dry-run', 'say what would be lost and who follows; change nothing')
    .option('--code-file <file>', 'file with the recovery code; without it the code is asked for, or read from stdin')
    .option('--force', 'although the master answers')
    .option('--json', 'with --dry-run: print JSON')
    .action(async ({ codeFile, dryRun, force, json }: PromoteOptions, command: Command) => {
      const plan = await call(dataOf(command), 'promote-plan', {})
      if (dryRun && json) return printJson(plan)
      tellPlan(plan)
      if (dryRun) return say('Nothing was changed.')
      const code = codeFile ? await readSecretFile(codeFile, 'recovery code') : await readSecret('Recovery code')
      await call(dataOf(command), 'promote', { code, force: force ?? false })
      say('This node is master now. Slaves that can reach it follow by themselves.')
    })

  mode
    .command('follow')
    .description('on a slave: ask another address from now on, if the master of this cluster answers there')
    .argument('<master>', 'address of the master, HOST or HOST:PORT')
    .action(async (master: string, _options: unknown, command: Command) => {
      await call(dataOf(command), 'follow', { master })
      say(`This node follows the master at ${master}.`)
    })

  mode
    .command('rejoin')
    .description('on a master in whose place another node is master: become its slave')
    .argument('[master]', 'address of the new master, where it is not known')
    .action(async (master: string | undefined, _options: unknown, command: Command) => {
      await call(dataOf(command), 'rejoin', { ...(master && { master }) })
      say('This node is a slave now. What the new master does not have is listed by “account-sync mode unshipped”.')
    })

  mode
    .command('detach')
    .description('on a slave: leave the master and be standalone, with the accounts as they are')
    .action(async (_options: unknown, command: Command) => {
      await call(dataOf(command), 'detach', {})
      say('This node is standalone now. On its former master, revoke the device.')
    })

  mode
    .command('unshipped')
    .description('changes that were made here and that the new master never got')
    .option('--forget <file>', 'remove a list that has been gone through')
    .option('--json', 'print JSON')
    .action(async ({ forget, json }: { forget?: string; json?: boolean }, command: Command) => {
      if (forget) return void (await call(dataOf(command), 'unshipped-forget', { file: forget }))
      const lists = await call(dataOf(command), 'unshipped-list', {})
      if (json) return printJson(lists)
      if (lists.length === 0) return say('There are none.')
      for (const { file, kept, changes } of lists) {
        say(`${file}, kept ${moment(kept)}:`)
        printTable(
          ['KIND', 'NAME', 'WHAT'],
          changes.map(({ kind, name, what, fields }) => [
            kind,
            name,
            what === 'changed' ? `${what}: ${fields.map(({ field }) => field).join(', ')}` : what,
          ]),
        )
      }
    })
}

type Plan = {
  master: string
  masterAnswers: boolean
  provedAt?: string | undefined
  missing: number
  isPartial: boolean
  others: { name: string; seq?: number | undefined; has?: 'more' | 'less' | undefined }[]
  othersAt?: string | undefined
  seq: number
  recoveryMade?: string | undefined
}

function tellPlan(plan: Plan): void {
  const { master, masterAnswers, provedAt, missing, isPartial, others, othersAt, recoveryMade } = plan
  say(`In place of: ${master}, which ${masterAnswers ? 'answers' : 'does not answer'}.`)
  say(`Last proved equal: ${provedAt ? moment(provedAt) : 'never'}. What was changed there later would be lost.`)
  if (missing > 0) say(`Known to be lost: ${count(missing, 'change')}.`)
  if (isPartial) say('Not all secrets travel to this node. Those that it has not would be lost at every node.')
  say(`Other slaves: ${others.length > 0 ? others.map(({ name }) => name).join(', ') : 'none'}.`)
  const [ahead, behind, unknown] = (['more', 'less', undefined] as const).map((has) =>
    others.filter((one) => one.has === has),
  )
  if (ahead?.length) say(`Had more than this node, so promote one of these: ${stood(ahead)}.`)
  if (behind?.length) say(`Had less, when the master told (${moment(othersAt)}): ${stood(behind)}. They catch up.`)
  if (unknown?.length)
    say(
      `Whether it has more or less by now, the master did not tell any more: ${stood(unknown)}. This node is at ${plan.seq}; ` +
        `“account-sync status” says it there. Promote the one at the highest change.`,
    )
  say(recoveryMade ? `Recovery code: the one made on ${moment(recoveryMade)}.` : 'No recovery code was ever made.')
}

const stood = (others: Plan['others']): string =>
  others.map(({ name, seq }) => (seq === undefined ? name : `${name} (was at ${seq})`)).join(', ')
