import { z } from 'zod'
import { inForce, policies } from '../accounts/policies.ts'
import { changePolicy, numberRules, type PolicyInput, removePolicy } from '../accounts/policy-changes.ts'
import { userByUsername } from '../accounts/users.ts'
import { NotFound } from '../errors.ts'
import type { PolicyBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { type Call, command } from './command.ts'
import { expected, none, nothing, text, texts } from './shapes.ts'
import { unlessChanged } from './unless-changed.ts'

const rules = {
  minLength: z.int(),
  minStrength: z.int().meta({ description: '0 to 4, as zxcvbn scores; 0 does not ask.' }),
  history: z.int().meta({ description: 'How many earlier passwords must not come back.' }),
  minAgeDays: z.int(),
  maxAgeDays: z.int().meta({ description: '0: passwords do not end.' }),
  graceDays: z.int().meta({ description: 'Days after the end in which the password still signs in.' }),
  lockAfter: z.int().meta({ description: 'Wrong passwords until the account is locked; 0: never.' }),
  lockWindowMinutes: z.int().meta({ description: 'Minutes in which they must fall.' }),
  lockMinutes: z.int().meta({ description: 'Minutes until it opens by itself; 0: somebody has to unlock.' }),
  mustChange: z
    .boolean()
    .meta({ description: 'A password that somebody else set must be changed at the next sign-in.' }),
}

const shownPolicy = z
  .object({
    seq: z.int().optional().meta({ description: 'Of its last change; absent where several are in force together.' }),
    group: z.string().optional().meta({ description: 'Absent: the policy of everyone.' }),
    ...rules,
    blocklist: z.array(z.string()).optional().meta({ description: 'Words that must not stand in a password.' }),
  })
  .meta({ id: 'Policy', description: 'A password policy. Of several, the strictest of each rule holds.' })

const shown = (policy: PolicyBody, group?: string, seq?: number): z.input<typeof shownPolicy> => ({
  ...policy,
  seq,
  group: group === undefined || group === '' ? undefined : group,
})

async function policyList(db: Db): Promise<z.input<typeof shownPolicy>[]> {
  const { first, ofGroups } = await policies(db)
  return [shown(first.policy, '', first.seq), ...ofGroups.map(({ name, policy, seq }) => shown(policy, name, seq))]
}

async function showPolicy(db: Db, group: string | undefined): Promise<z.input<typeof shownPolicy>> {
  const found = (await policyList(db)).find((one) => one.group === group)
  if (!found) throw new NotFound(`The group ${group} has no password policy of its own.`)
  return found
}

const changes = {
  ...Object.fromEntries(numberRules.map(({ rule }) => [rule, rules[rule].optional()])),
  mustChange: z.boolean().optional(),
  blocklist: texts.optional().meta({ description: 'The whole list.' }),
} as { [K in (typeof numberRules)[number]['rule']]: z.ZodOptional<z.ZodInt> } & {
  mustChange: z.ZodOptional<z.ZodBoolean>
  blocklist: z.ZodOptional<typeof texts>
}

type Changes = { [K in (typeof numberRules)[number]['rule']]?: number | undefined } & {
  mustChange?: boolean | undefined
  blocklist?: string[] | undefined
}

/** The domain judges what is typed. */
const typed = ({ mustChange, blocklist, ...numbers }: Changes): PolicyInput => ({
  ...Object.fromEntries(
    Object.entries(numbers).map(([rule, value]) => [rule, value === undefined ? undefined : String(value)]),
  ),
  ...(mustChange !== undefined && { mustChange }),
  ...(blocklist && { blocklist: blocklist.join('\n') }),
})

async function change({ db, actor }: Call, group: string | undefined, input: PolicyInput, expectedSeq?: number) {
  const read = async () => ({ seq: 0, ...(await policyList(db)).find((one) => one.group === group) })
  await unlessChanged(expectedSeq, read, () => changePolicy(db, actor, input, group, expectedSeq))
  return showPolicy(db, group)
}

export const policyCommands = {
  'policy-list': command('read', none, z.array(shownPolicy), ({ db }) => policyList(db)),
  'policy-show': command('read', z.strictObject({ group: text.optional() }), shownPolicy, ({ db }, { group }) =>
    showPolicy(db, group),
  ),
  'policy-change': command(
    'change',
    z.strictObject({
      ...expected,
      ...changes,
      blocklist: texts.optional().meta({ description: 'The whole list.' }),
    }),
    shownPolicy,
    (call, { expectedSeq, blocklist, ...rest }) => {
      const words = blocklist && { blocklist: blocklist.join('\n') }
      return change(call, undefined, { ...typed(rest), ...words }, expectedSeq)
    },
  ),
  'group-policy-change': command(
    'change',
    z.strictObject({ ...expected, group: text, ...changes }),
    shownPolicy,
    (call, { expectedSeq, group, ...rest }) => change(call, group, typed(rest), expectedSeq),
  ),
  'policy-remove': command('change', z.strictObject({ group: text }), nothing, ({ db, actor }, { group }) =>
    removePolicy(db, actor, group),
  ),
  'user-policy': command(
    'read',
    z.strictObject({ name: text }),
    z.object({
      policy: shownPolicy,
      from: z
        .record(z.string(), z.string())
        .meta({ description: 'Rule -> the group that asks for it; empty: everyone.' }),
    }),
    async ({ db }, { name }) => {
      const { policy, from } = inForce(await policies(db), await userByUsername(db, name))
      return { policy: shown(policy), from }
    },
  ),
}
