import type { PolicyBody } from '../store/bodies.ts'
import { count } from './say.ts'

const strengths = ['', '', 'not easy to guess', 'hard to guess', 'very hard to guess']

/** What a policy asks for, one sentence a rule; rules that ask for nothing are left out. */
export function policyRules(policy: PolicyBody): string[] {
  const rules = [`At least ${count(policy.minLength, 'character')}${strength(policy)}.`]
  if (policy.history > 0) rules.push(`Differs from the last ${policy.history}.`)
  if (policy.minAgeDays > 0) rules.push(`Is kept for ${count(policy.minAgeDays, 'day')} at least.`)
  if (policy.maxAgeDays > 0)
    rules.push(`Ends after ${count(policy.maxAgeDays, 'day')}, and ${count(policy.graceDays, 'day')} of grace.`)
  if (policy.lockAfter > 0)
    rules.push(
      `${policy.lockAfter} wrong ones within ${policy.lockWindowMinutes} min lock the account${policy.lockMinutes > 0 ? ` for ${policy.lockMinutes} min` : ' until somebody unlocks it'}.`,
    )
  return rules
}

const strength = ({ minStrength }: PolicyBody): string => {
  const words = strengths[minStrength]
  return words ? `, ${words}` : ''
}
