import type { PolicyInput } from '../accounts/policy-changes.ts'
import { Invalid } from '../errors.ts'
import type { PolicyBody, WindowsBody } from '../store/bodies.ts'

const daySeconds = 86_400

/** Rules of the domain that say nothing of passwords: must log on to change one, log off when hours end, fixed machine passwords. */
const own = ['sambaLogonToChgPwd', 'sambaForceLogoff', 'sambaRefuseMachinePwdChange'] as const

export const firstSettings: WindowsBody['settings'] = {
  sambaLogonToChgPwd: 0,
  sambaForceLogoff: -1,
  sambaRefuseMachinePwdChange: 0,
}

/** The policy of everyone as Samba reads it. Were one missing, Samba would write its own default. */
export function sambaPolicies(policy: PolicyBody, settings: WindowsBody['settings']): Record<string, number> {
  return {
    sambaMinPwdLength: policy.minLength,
    sambaPwdHistoryLength: policy.history,
    sambaMaxPwdAge: policy.maxAgeDays === 0 ? -1 : (policy.maxAgeDays + policy.graceDays) * daySeconds,
    sambaMinPwdAge: policy.minAgeDays * daySeconds,
    sambaLockoutDuration: policy.lockMinutes === 0 ? -1 : policy.lockMinutes,
    sambaLockoutObservationWindow: policy.lockWindowMinutes,
    sambaLockoutThreshold: policy.lockAfter,
    ...Object.fromEntries(own.map((name) => [name, settings[name] ?? firstSettings[name]!])),
  }
}

export type PolicyChanges = { policy: PolicyInput; settings: WindowsBody['settings'] }

/** What Samba has changed of them. Ages are whole days here; what is no rule of ours is kept with the domain. */
export function policyChanges(values: ReadonlyMap<string, number>, was: PolicyBody): PolicyChanges {
  const policy: PolicyInput = {}
  const settings: WindowsBody['settings'] = {}
  for (const [name, value] of values) {
    switch (name) {
      case 'sambaMinPwdLength':
        policy.minLength = String(value)
        break
      case 'sambaPwdHistoryLength':
        policy.history = String(value)
        break
      case 'sambaMaxPwdAge':
        policy.maxAgeDays = String(hasNoEnd(value) ? 0 : Math.max(1, days(value) - was.graceDays))
        break
      case 'sambaMinPwdAge':
        policy.minAgeDays = String(hasNoEnd(value) ? 0 : days(value))
        break
      case 'sambaLockoutDuration':
        policy.lockMinutes = String(hasNoEnd(value) ? 0 : value)
        break
      case 'sambaLockoutObservationWindow':
        policy.lockWindowMinutes = String(value)
        break
      case 'sambaLockoutThreshold':
        policy.lockAfter = String(value)
        break
      default:
        if (!(own as readonly string[]).includes(name))
          throw new Invalid({ [name]: `${name} is no rule of the domain.` })
        settings[name] = value
    }
  }
  return { policy, settings }
}

const days = (seconds: number): number => Math.ceil(seconds / daySeconds)

/** -1, and the same in 32 bits without a sign. */
const hasNoEnd = (value: number): boolean => value < 0 || value === 2 ** 32 - 1
