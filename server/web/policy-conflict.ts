import { numberRules, type PolicyInput } from '../accounts/policy-changes.ts'
import type { PolicyBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { type ChangedField, type ChangedList, type Conflict, conflictOf } from './conflict.ts'
import { fieldId } from './form.ts'

/** What is saved of a policy beside what was typed; `typed` is changed to hold what only others touched. */
export function policyConflict(
  db: Db,
  kept: { id: string; policy: PolicyBody },
  typed: PolicyInput,
  since: number,
  said: string,
): Promise<Conflict> {
  return conflictOf(db, { id: kept.id, since, said }, (name, base) => {
    if (name === 'blocklist') return wordsOf(kept.policy, typed)
    if (name === 'mustChange') return switchOf(base, kept.policy, typed)
    return ruleOf(name, base, kept.policy, typed)
  })
}

function ruleOf(name: string, base: string, policy: PolicyBody, typed: PolicyInput): ChangedField | undefined {
  const found = numberRules.find(({ rule }) => rule === name)
  if (!found) return undefined
  const { rule, label } = found
  const saved = String(policy[rule])
  const take = () => Object.assign(typed, { [rule]: saved })
  return { label, id: fieldId(rule), base, saved, typed: (typed[rule] ?? saved).trim(), take }
}

const yes = (on: boolean | undefined): string => (on ? 'yes' : 'no')

function switchOf(base: string, { mustChange }: PolicyBody, typed: PolicyInput): ChangedField {
  const take = () => Object.assign(typed, { mustChange })
  const label = 'A new password at the next sign-in'
  return { label, id: '', base: yes(base === 'true'), saved: yes(mustChange), typed: yes(typed.mustChange), take }
}

function wordsOf({ blocklist = [] }: PolicyBody, typed: PolicyInput): ChangedList {
  const words = (typed.blocklist ?? '').toLowerCase().split(/[\s,;]+/)
  const take = (merged: string[]) => Object.assign(typed, { blocklist: merged.sort().join('\n') })
  return { label: 'Words', saved: blocklist, typed: words.filter(Boolean), take }
}
