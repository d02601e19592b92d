import type { Command } from 'commander'
import type { Args, Result } from '../api/commands.ts'
import { call } from './call.ts'
import { dataOf, pairsOf } from './options.ts'
import { printFacts, printJson, say } from './output.ts'

type Policy = Result<'policy-show'>
type Changes = Args<'policy-change'>
type Options = { group?: string; user?: string; json?: boolean }

const numbers = [
  'minLength',
  'minStrength',
  'history',
  'minAgeDays',
  'maxAgeDays',
  'graceDays',
  'lockAfter',
  'lockWindowMinutes',
  'lockMinutes',
] as const

export function policyCommands(program: Command): void {
  const policy = program.command('policy').description('password policies: of everyone, and of groups')

  policy
    .command('show')
    .description('the policy of everyone')
    .option('--group <name>', 'the policy of a group')
    .option('--user <name>', 'what is in force for a person')
    .option('--json', 'print JSON')
    .action(showPolicy)

  policy
    .command('list')
    .description('every policy there is')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const policies = await call(dataOf(command), 'policy-list', {})
      if (json) return printJson(policies)
      for (const one of policies) {
        say(one.group === undefined ? 'everyone' : `\ngroup ${one.group}`)
        printPolicy(one)
      }
    })

  policy
    .command('set <key=value...>')
    .description('change rules, as minLength=12 lockAfter=5 mustChange=yes blocklist=summer,winter')
    .option('--group <name>', 'of a group, which gets a policy of its own when it has none')
    .action(async (pairs: string[], { group }: Options, command: Command) => {
      const changes = changesOf(command, pairs)
      if (group === undefined) await call(dataOf(command), 'policy-change', changes)
      else await call(dataOf(command), 'group-policy-change', { group, ...changes })
      say(`The password policy of ${group === undefined ? 'everyone' : `group ${group}`} is changed.`)
    })

  policy
    .command('remove')
    .description('take the policy of a group away; the one of everyone goes on')
    .requiredOption('--group <name>', 'the group')
    .action(async ({ group }: { group: string }, command: Command) => {
      await call(dataOf(command), 'policy-remove', { group })
      say(`The group ${group} has no password policy of its own any more.`)
    })
}

async function showPolicy({ group, user, json }: Options, command: Command): Promise<void> {
  if (user !== undefined) {
    const found = await call(dataOf(command), 'user-policy', { name: user })
    return json ? printJson(found) : printPolicy(found.policy, found.from)
  }
  const found = await call(dataOf(command), 'policy-show', { group })
  return json ? printJson(found) : printPolicy(found)
}

function printPolicy(policy: Policy, from: Record<string, string> = {}): void {
  const because = (rule: string) => (from[rule] ? `  (group ${from[rule]})` : '')
  printFacts({
    ...Object.fromEntries(numbers.map((rule) => [rule, `${policy[rule]}${because(rule)}`])),
    mustChange: `${policy.mustChange ? 'yes' : 'no'}${because('mustChange')}`,
    blocklist: policy.blocklist?.join(','),
  })
}

function changesOf(command: Command, pairs: string[]): Changes {
  const changes: Changes = {}
  for (const [key, value] of pairsOf(command, pairs)) {
    const rule = numbers.find((one) => one === key)
    if (rule) changes[rule] = Number(value)
    else if (key === 'blocklist') changes.blocklist = value.split(',').filter(Boolean)
    else if (key === 'mustChange' && /^(yes|no)$/.test(value)) changes.mustChange = value === 'yes'
    else
      command.error(
        `error: “${key}=${value}” is no rule; there are ${numbers.join(', ')}, mustChange=yes|no, blocklist`,
      )
  }
  return changes
}
