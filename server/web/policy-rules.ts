import type { By } from '../accounts/policies.ts'
import type { PolicyBody } from '../store/bodies.ts'
import { count, span } from './say.ts'

const strengths = ['', '', 'Not easy to guess.', 'Hard to guess.', 'Very hard to guess.']

/** What a policy asks for, one sentence a rule; rules that ask for nothing are left out. */
export const policyRules = (policy: PolicyBody): string[] => [...passwordRules(policy), ...lockRule(policy)]

/** Those that somebody keeps who sets a password; the first is its length. Age and history are for one's own. */
function passwordRules(policy: PolicyBody, { by }: By = { by: 'self' }): string[] {
  const rules = [`At least ${count(policy.minLength, 'character')}.`]
  const strength = strengths[policy.minStrength]
  if (strength) rules.push(strength)
  if (policy.blocklist?.length) rules.push('Without the words that are refused here.')
  if (by === 'other') return rules
  if (policy.history > 0) rules.push(`Differs from the last ${policy.history}.`)
  if (policy.minAgeDays > 0) rules.push(`Is kept for ${count(policy.minAgeDays, 'day')} at least.`)
  if (policy.maxAgeDays > 0)
    rules.push(`Ends after ${count(policy.maxAgeDays, 'day')}, and ${count(policy.graceDays, 'day')} of grace.`)
  return rules
}

/** The rules as the fields for a new password show them (views/partials/new-password.eta). */
export const shownRules = (policy: PolicyBody, by?: By): { list: string[]; least: number } => ({
  list: passwordRules(policy, by),
  least: policy.minLength,
})

function lockRule({ lockAfter, lockWindowMinutes, lockMinutes }: PolicyBody): string[] {
  if (lockAfter === 0) return []
  const end = lockMinutes > 0 ? `for ${lockMinutes} min` : 'until somebody unlocks it'
  return [`${lockAfter} wrong ones within ${lockWindowMinutes} min lock the account ${end}.`]
}

/** When a password is too old, seen from today; undefined: it does not end. */
export function passwordEnds(
  { maxAgeDays }: PolicyBody,
  changed: string | undefined,
  now = Date.now(),
): string | undefined {
  if (maxAgeDays === 0 || !changed) return undefined
  const end = Date.parse(changed) + maxAgeDays * 86_400_000
  return end > now ? `ends in ${span(end - now)}` : `ended ${span(now - end)} ago`
}
